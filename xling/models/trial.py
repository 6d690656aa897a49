"""A forward pass of a few tokens before anything else: what an encoder does shows by doing it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xling.config import Model
from xling.errors import UserError
from xling.models.languages import LanguageInput
from xling.models.own_code import allow_code
from xling.models.pooling import Pooling, pooled, sees, states
from xling.models.vocabulary import table_rows

LENGTHS = (9, 6, 3)
"""Tokens of the texts that are tried; the shorter ones are padded beside the first."""

PADDED = 1e-4
"""Greatest relative change of a text's state by padding that is rounding, in float32."""

SENTENCES = {
    "first": "the first token's state",
    "last": "the last token's state",
    "mean": "the mean of all tokens' states",
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a forward pass shows of an encoder.

    Attributes:
        pooling: which state the classifier reads.
        width: dimension of the states.
        even: whether padding changes the states, so that all texts have to be padded to one length.
    """

    pooling: Pooling
    width: int
    even: bool


def trial(
    model: Model,
    encoder: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    language: LanguageInput | None,
    stored: Pooling | None,
    missing: Sequence[str],
    say: Callable[[str], None],
) -> Trial:
    """Run the encoder on a few tokens and choose the state that the classifier reads.

    Args:
        language: the input that says which language a text is in, if there is one.
        stored: the pooling that the model was trained with, if its files say so.
        missing: parameters that the model's files lack.
        say: is told the pooling.

    Raises:
        UserError: no states come out, or they depend on weights that the model's files lack.
    """
    encoder.eval()
    name = type(encoder).__name__
    _check_finite(model, encoder)
    inputs = _inputs(encoder, tokenizer, language)
    alone = _single(inputs, 1)
    try:
        with torch.no_grad():
            tried = states(encoder, inputs)
        first_sees_last, last_sees_first = sees(encoder, alone)
    except Exception as error:  # of any kind: it is not made for texts, or not for these inputs
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"model.path={model.path} cannot be used as an encoder of texts: {name} fails on a few "
            f"tokens ({reason[0]})."
        ) from error
    if not torch.isfinite(tried).all():
        raise UserError(
            f"model.path={model.path}: the states of {name} are not finite numbers; its weights "
            "are damaged."
        )
    if not (first_sees_last or last_sees_first):
        raise UserError(
            f"model.path={model.path} cannot be used as an encoder of texts: no token's state in "
            f"{name} depends on another token, at least on this machine."
        )
    pooling, why = _choice(model, not first_sees_last, stored, tokenizer)
    if pooling != "first" and tried.shape[1] != LENGTHS[0]:
        raise UserError(
            f"model.pooling={pooling}: {name} returns {tried.shape[1]} states for {LENGTHS[0]} "
            "tokens. Write model.pooling=first."
        )
    even = _padding_matters(encoder, inputs, pooling)
    _check_missing(model, encoder, _by_language(alone, language), pooling, missing)
    say(f"Model: {name}; the classifier reads {SENTENCES[pooling]} ({why})")
    if even:
        say(f"Padding changes what {name} returns: all texts are padded to data.max_length")
    return Trial(pooling, tried.shape[-1], even)


@torch.no_grad()
def check_length(
    name: str, encoder: PreTrainedModel, inputs: Mapping[str, Tensor], max_length: int
) -> None:
    """Make sure that the model has positions for texts of `data.max_length` tokens.

    Args:
        name: of the model, for errors.
        inputs: of the longest text.

    Raises:
        UserError: its configuration names fewer, or the longest text fails, which shows how many;
            or the model hashes at random, which shows in long texts only.
    """
    positions = getattr(encoder.config, "max_position_embeddings", None)
    known = isinstance(positions, int) and positions > 0
    length = inputs["input_ids"].shape[1]
    encoder.eval()
    problem = _failure(encoder, inputs, length)
    if problem is None and not (known and positions < max_length):
        once, again = (states(encoder, inputs) for _ in range(2))
        if (once - again).norm() > PADDED * once.norm():
            raise UserError(
                f"model.path={name}: {type(encoder).__name__} returns other states each time it "
                "reads the same text, so that no example has one gradient. Choose another model."
            )
        return
    if problem is not None:
        least = _failure(encoder, inputs, 1)
        if least is not None:
            kind = type(encoder).__name__
            raise UserError(f"model.path={name}: {kind} fails on a text ({least}).")
        positions, high = 1, length  # the first works, the second does not
        while high - positions > 1:
            middle = (positions + high) // 2
            works = _failure(encoder, inputs, middle) is None
            positions, high = (middle, high) if works else (positions, middle)
    raise UserError(
        f"data.max_length={max_length}: the model reads {positions} tokens at most. Write "
        f"data.max_length={positions} or less."
    )


def _failure(encoder: PreTrainedModel, inputs: Mapping[str, Tensor], length: int) -> str | None:
    """Return why a text's first tokens cannot be read; None if they can."""
    try:
        states(encoder, {key: x[:, :length] if x.dim() > 1 else x for key, x in inputs.items()})
    except (IndexError, RuntimeError, ValueError) as error:
        return str(error).strip().splitlines()[0]
    return None


def _inputs(
    encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, language: LanguageInput | None
) -> dict[str, Tensor]:
    """Return a batch of texts of ordinary tokens, the shorter ones padded."""
    rows = min(len(tokenizer), table_rows(encoder) or len(tokenizer))
    special = {*tokenizer.all_special_ids, tokenizer.pad_token_id}
    ordinary = [token for token in range(rows - 1, -1, -1) if token not in special]
    if len(ordinary) < 2:
        raise UserError(
            f"{type(encoder).__name__}: its tokenizer has fewer than two tokens that are not "
            "special, so it knows no text."
        )
    ids = [[ordinary[place % len(ordinary)] for place in range(length)] for length in LENGTHS]
    padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt")
    inputs = {key: padded[key] for key in tokenizer.model_input_names if key in padded}
    if "token_type_ids" in tokenizer.model_input_names:
        inputs["token_type_ids"] = torch.zeros_like(padded["input_ids"])
    if language:
        some = next(iter(language.ids))
        inputs[language.name] = language.tensor([some] * len(ids), LENGTHS[0])
    return inputs


def _choice(
    model: Model, causal: bool, stored: Pooling | None, tokenizer: PreTrainedTokenizerBase
) -> tuple[Pooling, str]:
    """Return the pooling and why it is this one."""
    if model.pooling != "auto":
        if causal and model.pooling == "first":
            raise UserError(
                "model.pooling=first: the first token of this model sees none of the text behind "
                "it. Write model.pooling=last or model.pooling=mean."
            )
        return model.pooling, f"model.pooling={model.pooling}"
    if stored == "first" and causal:
        stored = None
    if stored:
        return stored, "as the model's 1_Pooling says"
    if causal:
        return "last", "each token sees only those before it"
    if ends_with_class(tokenizer):
        return "last", f"the tokenizer puts {tokenizer.cls_token} there"
    return "first", "it sees all of the text"


def ends_with_class(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Tell whether the token of classification stands behind a text, as XLNet's, not before it.

    In XLM and FlauBERT one token is both that and the end of a text; theirs does not count.
    """
    token = tokenizer.cls_token_id
    if token is None or token in (tokenizer.sep_token_id, tokenizer.eos_token_id):
        return False
    ids = tokenizer("a b")["input_ids"]
    return len(ids) > 1 and ids[0] != token == ids[-1]


def _padding_matters(
    encoder: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    pooling: Pooling,
) -> bool:
    """Tell whether an encoder mixes padding into a text's state: a batch would change its texts."""
    with torch.no_grad():
        together = _state(encoder, inputs, pooling)
        for row in range(1, len(LENGTHS)):
            alone = _state(encoder, _single(inputs, row), pooling)[0]
            if (together[row] - alone).norm() > PADDED * alone.norm():
                return True
    return False


def _check_finite(model: Model, encoder: PreTrainedModel) -> None:
    """Refuse weights that are not finite, be it in one row of a table that few texts read."""
    for name, parameter in encoder.named_parameters():
        if not torch.isfinite(parameter).all():
            raise UserError(
                f"model.path={model.path}: {name} has numbers that are not finite, so the weights "
                "are damaged. Copy or download them again."
            )


def _single(inputs: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    """Return one of the texts without its padding."""
    return {
        key: x[row : row + 1, : LENGTHS[row]] if x.dim() > 1 else x[row : row + 1]
        for key, x in inputs.items()
    }


def _by_language(
    alone: Mapping[str, Tensor], language: LanguageInput | None
) -> list[Mapping[str, Tensor]]:
    """Return a text in each language that the model is told of."""
    if language is None:
        return [alone]
    length = alone["input_ids"].shape[1]
    return [{**alone, language.name: language.tensor([code], length)} for code in language.ids]


def _check_missing(
    model: Model,
    encoder: PreTrainedModel,
    texts: Sequence[Mapping[str, Tensor]],
    pooling: Pooling,
    missing: Sequence[str],
) -> None:
    """Refuse weights that the files lack and the states depend on."""
    parameters = dict(encoder.named_parameters(remove_duplicate=False))
    read = {name: parameters[name] for name in missing if name in parameters}
    lacking = [name for name in missing if name not in parameters]
    if read:
        with torch.enable_grad():
            state = sum(_state(encoder, text, pooling).sum() for text in texts)
            gradients = torch.autograd.grad(state, [*read.values()], allow_unused=True)
        lacking += [name for name, g in zip(read, gradients, strict=True) if g is not None]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise UserError(
            f"model.path={model.path}: its files lack weights that {type(encoder).__name__} needs: "
            f"{', '.join(lacking[:3])}{more}."
            + (
                allow_code(model)
                or " They would be random numbers; save the whole model, or name another."
            )
        )


def _state(encoder: PreTrainedModel, inputs: Mapping[str, Tensor], pooling: Pooling) -> Tensor:
    return pooled(states(encoder, inputs), inputs.get("attention_mask"), pooling)
