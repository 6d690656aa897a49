"""Whether a pretrained model is available, checked before anything heavy is imported."""

from pathlib import Path

from xling.config import Model
from xling.data import hub_reachable
from xling.errors import UserError


def require_model(model: Model) -> None:
    """Make sure that a pretrained model is a folder, in the hub's cache, or within reach.

    Raises:
        UserError: it is none of these.
    """
    if model.path is None or Path(model.path).is_dir() or hub_reachable():
        return
    from huggingface_hub import try_to_load_from_cache

    local = Path(model.path).is_absolute() or model.path.startswith((".", "~"))
    if local or model.path.count("/") > 1:
        raise UserError(f"model.path={model.path}: there is no such folder.")
    if not isinstance(
        try_to_load_from_cache(model.path, "config.json", revision=model.revision), str
    ):
        raise UserError(missing_model(model, "the hub does not answer and it is not in its cache"))


def missing_model(model: Model, why: str) -> str:
    """Say how to obtain a model that could not be loaded."""
    pin = f" --revision {model.revision}" if model.revision else ""
    return (
        f"The model {model.path} could not be loaded: {why}.\n"
        f"Fetch it beforehand, where there is a network:  hf download {model.path}{pin}\n"
        "Or name a folder on this machine:               model=local model.path=DIR\n"
        "Or try the program without either:              profile=sample"
    )
