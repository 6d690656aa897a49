"""Whether what a run needs is available, checked before heavy imports."""

from xling.cli.console import quiet_logs, say
from xling.cli.methods import influences
from xling.config import Config
from xling.data import require_data
from xling.data.connection import check_variables
from xling.models.available import require_model
from xling.training.ranks import require_processes


def preflight(config: Config) -> None:
    """Check that processes, data and model are available or can be fetched, and methods are known.

    Without a network, that takes two seconds at most, and one for each 2 GB that are cached.

    Raises:
        UserError: names what is missing, the command that fetches it, and the alternatives.
    """
    quiet_logs()
    check_variables()
    if config.evaluate == "faithfulness":
        influences(config)
    require_processes(config.trainer)
    require_data(config, say)
    require_model(config.model, say)
