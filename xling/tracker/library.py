"""Libraries that come with an extra."""

from importlib import import_module
from types import ModuleType

from xling.errors import UserError


def library(module: str, extra: str) -> ModuleType:
    """Import a tracker's library only when it is asked for.

    Raises:
        UserError: it is not installed, naming the extra that brings it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"tracker={extra} needs a library that is not installed ({error}). Install it by "
            f"`pip install 'xling[{extra}]'`, or in a checkout `pip install -e '.[{extra}]'`; "
            "tracker=none does without."
        ) from None
