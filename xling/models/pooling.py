"""Which hidden state of a text the classifier reads, and what an encoder does with its input."""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xling.errors import UserError
from xling.models.sentence import module_kind

Pooling = Literal["first", "last", "mean"]

FLAGS = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
"""Sentence-transformers' older switches, one for each way."""

NAMES = {"cls": "first", "lasttoken": "last", "mean": "mean"}
"""Sentence-transformers' newer names."""

NOISE = 1e-5
"""Greatest relative change of a state in float32 that is rounding."""


def states(encoder: nn.Module, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return an encoder's last hidden states, (batch, length, width).

    A mask is for pooling alone if the encoder takes none, as FNet.
    """
    if not _takes_mask(type(encoder)):
        inputs = {key: x for key, x in inputs.items() if key != "attention_mask"}
    return encoder(**inputs).last_hidden_state


@cache
def _takes_mask(kind: type[nn.Module]) -> bool:
    return "attention_mask" in inspect.signature(kind.forward).parameters


def pooled(states: Tensor, mask: Tensor | None, pooling: Pooling) -> Tensor:
    """Return one state for each text.

    Args:
        states: (batch, length, width).
        mask: (batch, length), 0 at the padding, on either side; None: there is none.
        pooling: the first position's state, the last one's that is no padding, or their mean.

    Returns:
        (batch, width).
    """
    if pooling == "first":
        return states[:, 0]
    if mask is None:
        return states[:, -1] if pooling == "last" else states.mean(1)
    if pooling == "last":
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = (mask.ne(0) * positions).amax(1)
        return states[torch.arange(len(states), device=states.device), last]
    weights = mask.ne(0).to(states.dtype)[..., None]
    return (states * weights).sum(1) / weights.sum(1)


@torch.no_grad()
def sees(encoder: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[bool, bool]:
    """Tell whether the first state sees the last token, and the last state the first token.

    What a model does is asked, by changing a token, not what its configuration says: the same class
    reads in both directions or in one, depending on its settings.

    Args:
        inputs: of one text, without padding; input_ids (1, length), of at least two tokens.
    """
    ids = inputs["input_ids"]
    before = states(encoder, inputs)
    seen = []
    for changed, read in ((-1, 0), (0, -1)):
        other = ids.clone()
        other[:, changed] = ids[:, 1]  # any other token that the model knows
        change = (states(encoder, {**inputs, "input_ids": other}) - before).abs()
        seen.append(bool(change[:, read].max() > NOISE * change.max()))
    return seen[0], seen[1]


def stored_pooling(name: str, modules: Any, config: Any) -> Pooling | None:
    """Return the pooling that a model of sentence-transformers was trained with.

    Args:
        name: of the model, for errors.
        modules: its list of modules (modules.json); None for other models.
        config: the configuration of its pooling; None if it has none.

    Raises:
        UserError: it is a way of pooling that is not offered here.
    """
    if not modules or config is None:
        return None
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for flag, mode in FLAGS.items() if config.get(flag)]
    else:
        listed = modes if isinstance(modes, list) else [modes]
        modes = [NAMES.get(str(mode), str(mode)) for mode in listed]
    if len(modes) == 1 and modes[0] in ("first", "last", "mean"):
        return modes[0]
    raise UserError(
        f"model.path={name} was made for a pooling that is not offered here "
        f"({' and '.join(modes) or 'none is named'}): choose one with model.pooling=first, last or "
        "mean."
    )


def pooling_folder(modules: Any) -> str | None:
    """Return the folder of the pooling's configuration in a model of sentence-transformers."""
    for module in modules or ():
        if module_kind(module) == "Pooling":
            return module.get("path", "")
    return None


def behind_pooling(modules: Any) -> list[str]:
    """Return the folders of what a model of sentence-transformers has behind its pooling."""
    kinds = {module.get("path", ""): module_kind(module) for module in modules or ()}
    return [path for path, kind in kinds.items() if kind not in ("Transformer", "Pooling")]
