"""Libraries that are installed with an extra."""

from importlib import import_module
from types import ModuleType

from xling.errors import UserError


def library(module: str, extra: str) -> ModuleType:
    """Import a tracker's library when the tracker is used.

    Raises:
        UserError: the library is not installed; names the extra that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"tracker={extra} needs a library that is not installed ({error}). Install it with "
            f"`pip install 'xling[{extra}]'`, or in a checkout `pip install -e '.[{extra}]'`; "
            "tracker=none needs no library."
        ) from None
