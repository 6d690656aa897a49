"""Whether what a run needs is available, checked before heavy imports."""

from pathlib import Path

from xling.cli.console import quiet_logs, say
from xling.config import Config
from xling.data import require_data
from xling.models.available import require_model
from xling.models.files import check_folder
from xling.training.ranks import require_processes


def preflight(config: Config) -> None:
    """Check that processes, data and model are available or can be fetched.

    Without a network, that takes less than two seconds.

    Raises:
        UserError: names what is missing, the command that fetches it, and the alternatives.
    """
    quiet_logs()
    require_processes(config.trainer)
    require_data(config, say)
    require_model(config.model, say)
    if config.model.path and Path(config.model.path).is_dir():
        check_folder(config.model.path)
