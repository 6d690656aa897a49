"""Whether what a run needs is available, checked before heavy imports."""

from pathlib import Path

from xling.config import Config
from xling.data import require_data
from xling.models.available import require_model
from xling.models.files import check_folder
from xling.training.ranks import require_processes


def preflight(config: Config) -> None:
    """Check within two seconds that processes, data and model are available or can be fetched.

    Raises:
        UserError: names what is missing, the command that fetches it, and the alternatives.
    """
    require_processes(config.trainer)
    require_data(config)
    require_model(config.model)
    if config.model.path and Path(config.model.path).is_dir():
        check_folder(config.model.path)
