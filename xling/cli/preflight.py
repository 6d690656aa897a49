"""What can be known before anything heavy is imported: whether what a run needs is at hand."""

from xling.config import Config
from xling.data import require_data
from xling.models.available import require_model
from xling.training.ranks import require_processes


def preflight(config: Config) -> None:
    """Make sure within two seconds that processes, data and model are here or can be fetched.

    Raises:
        UserError: naming what is missing, the command that fetches it, and the alternatives.
    """
    require_processes(config.trainer)
    require_data(config)
    require_model(config.model)
