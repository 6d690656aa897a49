"""Every architecture of transformers that can classify texts, tiny: how exact its sketches are."""

import dataclasses
import re
from collections.abc import Callable

import torch
from conftest import PAD
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel
from transformers.models.auto import modeling_auto

from xling.errors import ArgumentError
from xling.sketch import Projection, sketch_examples

FLOAT = torch.float32
Losses = Callable[[list[int]], Tensor]

SMALL = {
    **dict.fromkeys("hidden_size d_model dim n_embd emb_dim embedding_size input_size".split(), 32),
    **dict.fromkeys(
        "num_hidden_layers encoder_layers decoder_layers num_layers n_layer n_layers".split(), 2
    ),
    "num_decoder_layers": 2,
    **dict.fromkeys(
        "num_attention_heads encoder_attention_heads decoder_attention_heads num_heads n_head "
        "n_heads".split(),
        4,
    ),
    "num_key_value_heads": 2,
    "head_dim": 8,
    **dict.fromkeys(
        "intermediate_size encoder_ffn_dim decoder_ffn_dim d_ff d_inner hidden_dim ffn_dim "
        "n_inner dff word_embed_proj_dim".split(),
        48,
    ),
    "d_kv": 8,
    "d_head": 8,
    "vocab_size": 60,
    **dict.fromkeys(
        "max_position_embeddings n_positions max_seq_len max_2d_position_embeddings".split(), 64
    ),
    **dict.fromkeys("num_experts num_local_experts n_routed_experts moe_num_experts".split(), 4),
    **dict.fromkeys("num_experts_per_tok moe_topk".split(), 2),
    "moe_intermediate_size": 48,
    **dict.fromkeys("q_lora_rank kv_lora_rank".split(), 16),
    **dict.fromkeys("qk_rope_head_dim qk_nope_head_dim v_head_dim".split(), 8),
    "word_embed_proj_dim": 32,
    "use_cache": False,
    "pad_token_id": PAD,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
"""Sizes by the names that configurations have for them; each takes those that it has."""

OWN: dict[str, dict] = {
    "albert": {"embedding_size": 16},
    "big_bird": {"block_size": 4, "num_random_blocks": 1},
    "canine": {"num_hash_buckets": 50, "local_transformer_stride": 8, "upsampling_kernel_size": 4},
    "convbert": {"embedding_size": 16},
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 2},
    "deberta-v2": {
        "relative_attention": True,
        "position_buckets": 8,
        "pos_att_type": ["p2c", "c2p"],
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "conv_kernel_size": 3,
    },
    "esmc": {"num_key_value_heads": 4},
    "funnel": {
        "block_sizes": [1, 1],
        "block_repeats": [1, 1],
        "num_decoder_layers": 1,
        "architectures": ["FunnelModel"],
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2},
    "longformer": {"attention_window": [4, 4], "max_position_embeddings": 80},
    "mobilebert": {"embedding_size": 32, "intra_bottleneck_size": 32},
    "modernbert": {"global_attn_every_n_layers": 2},
    # Fewer landmarks than tokens do not work in transformers with a mask.
    "nystromformer": {"num_landmarks": 16, "segment_means_seq_len": 16},
    "perceiver": {
        "num_latents": 6,
        "d_latents": 32,
        "num_blocks": 1,
        "num_self_attends_per_block": 1,
        "num_self_attention_heads": 4,
        "num_cross_attention_heads": 4,
    },
    "qwen3_next": {
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
    },
    "reformer": {
        "attn_layers": ["local", "lsh"],
        "local_attn_chunk_length": 4,
        "lsh_attn_chunk_length": 4,
        "axial_pos_shape": [8, 8],
        "axial_pos_embds_dim": [16, 16],
        "attention_head_size": 8,
        "feed_forward_size": 48,
        "num_buckets": 4,
        "is_decoder": False,
    },
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16},
    "squeezebert": {"embedding_size": 32},
    "roc_bert": {"pronunciation_vocab_size": 60, "shape_vocab_size": 60},
    "luke": {"entity_vocab_size": 20, "entity_emb_size": 16},
    "layoutlmv3": {"coordinate_size": 5, "shape_size": 6, "visual_embed": False},
    "lilt": {"channel_shrink_ratio": 2, "hidden_size": 36, "num_attention_heads": 6},
    "gptj": {"rotary_dim": 4},
    **{
        name: {"num_key_value_heads": 4, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
        for name in "axk1 axk2 deepseek_v2 deepseek_v3 minicpm3 mistral4".split()
    },
    "xlm": {"n_langs": 1, "pad_index": PAD},
    "xmod": {"languages": ["en_XX", "de_DE"], "default_language": "en_XX"},
    "yoso": {"use_expectation": True},
}
"""What single architectures need beyond `SMALL`."""

STRETCH = {"big_bird": 5, "canine": 4, "reformer": 4}
"""Architectures that need longer texts, and by which factor."""

PADDED = {"nystromformer": 16}
"""Architectures whose texts are all padded to one length."""

NOT_BUILT = {
    "cohere_compass_text": "no configuration of this size",
    "emu3": "no class of a text encoder",
    "layoutlmv2": "needs a library for images",
    "mistral4": "no configuration of this size",
    "mllama": "no class of a text encoder",
    "neomme": "no configuration of this size",
    "perceiver": "takes no token ids",
    "t5gemma": "no configuration of this size",
    "t5gemma2": "no configuration of this size",
    "zamba": "no configuration of this size",
    "zamba2": "no configuration of this size",
}
"""Architectures that are not tested, and why."""

REFUSED = {"reformer": "train"}
"""Architectures that are refused, and a word of the reason."""

LENGTHS = {"a batch that divides the length": [8, 8, 5, 8], "that equals it": [6, 6, 3, 6, 4, 6],
           "that does neither": [7, 5, 7]}  # fmt: skip

FAST = (
    "albert bart bert deberta-v2 distilbert electra gpt2 mpnet llama modernbert roformer t5 "
    "xlm-roberta xlnet"
).split()
"""Those that every run of the tests looks at."""


def names() -> list[str]:
    """Return the architectures that transformers trains for text classification or masked words."""
    kinds = (
        modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        modeling_auto.MODEL_FOR_MASKED_LM_MAPPING,
        modeling_auto.MODEL_FOR_TEXT_ENCODING_MAPPING,
    )
    known = set().union(*(set(kind._model_mapping) for kind in kinds))
    return sorted(known & set(modeling_auto.MODEL_MAPPING._model_mapping))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one architecture.

    Attributes:
        difference: largest of all parameters' relative differences from autograd; nan if refused.
        worst: the parameter that it belongs to.
        refused: why it was refused.
        apart: why the examples were sketched one at a time.
        unreached: parameters that no gradient reaches.
        dtype: of the model.
    """

    difference: float = float("nan")
    worst: str = ""
    refused: str = ""
    apart: str = ""
    unreached: tuple[str, ...] = ()
    dtype: torch.dtype = torch.float64


class Pooled(nn.Module):
    """An encoder with a linear layer on the mean of its states, or on the first."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, 3)

    def forward(self, **inputs: Tensor) -> Tensor:
        states = self.encoder(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        if states.shape[1] != mask.shape[1]:  # latents
            return self.head(states.mean(1))
        return self.head((states * mask).sum(1) / mask.sum(1))


def build(name: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Return a model of an architecture with random weights, none of them at a special value."""
    torch.manual_seed(0)
    own = dict(OWN.get(name, {}))
    config = AutoConfig.for_model(name)
    text = getattr(config, "text_config", None) or config
    chosen = {key: value for key, value in SMALL.items() if _takes(text, key)} | own
    for key in ("layer_types", "mlp_layer_types"):
        if hasattr(text, key):
            kinds = list(dict.fromkeys(getattr(text, key) or []))
            chosen.setdefault(key, (kinds * 2)[:2] or None)
    config = _configured(type(text), chosen)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModel.from_config(config).parameters())
    if size > 4_000_000:
        raise NotImplementedError(f"{size:,} parameters, as the sizes here do not fit it")
    encoder = AutoModel.from_config(config, attn_implementation="eager")
    if config.is_encoder_decoder:
        encoder = encoder.get_encoder()
    if "conv_kernel_size" in own:
        assert any(isinstance(module, nn.Conv1d) for module in encoder.modules())
    state = encoder.eval()(
        input_ids=torch.randint(4, 60, (2, 8)), attention_mask=torch.ones(2, 8).long()
    ).last_hidden_state
    model = Pooled(encoder, state.shape[-1]).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.requires_grad_().parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def _configured(kind: type, chosen: dict) -> object:
    """Return a configuration; what it only derives from other values is left out."""
    for _ in range(len(chosen)):
        try:
            return kind(**chosen)
        except AttributeError as error:
            match = re.search(r"property '(\w+)' of", str(error))
            if match is None:
                raise
            chosen.pop(match[1])
        except NotImplementedError as error:
            match = re.search(r"setting of `(\w+)`", str(error))
            chosen.pop(match[1] if match else "max_position_embeddings", None)
    return kind(**chosen)


def _takes(config: object, key: str) -> bool:
    try:
        return hasattr(config, key)
    except NotImplementedError:  # XLNet, of its greatest length
        return False


def outcome(name: str, lengths: list[int], dtype: torch.dtype = torch.float64) -> Outcome:
    """Sketch examples in one batch, without projection, and compare with autograd on each alone.

    Single precision for the few models that do not work in double.
    """
    try:
        model = build(name, dtype)
        losses, stretched = examples(name, model, lengths)
        with torch.no_grad():
            finite = bool(losses([0]).isfinite().all())
    except RuntimeError:
        finite = False
    if not finite and dtype == torch.float64:
        return outcome(name, lengths, FLOAT)
    ids = [str(index) for index in range(len(stretched))]
    projection = Projection(method="exact")
    try:
        made = sketch_examples(
            model, losses, ids, stretched, projection, 1, batch_tokens=10_000, precision="float32"
        )
    except ArgumentError as error:
        if "not finite" in str(error) and dtype == torch.float64:
            return outcome(name, lengths, FLOAT)
        return Outcome(refused=str(error), dtype=dtype)
    rows = torch.from_numpy(made.units(0, len(stretched)) * made.norms[:, None]).double()
    difference, worst = compared(model, losses, rows)
    return Outcome(difference, worst, "", made.metadata.apart, tuple(made.unreached()), dtype)


def examples(name: str, model: nn.Module, lengths: list[int]) -> tuple[Losses, list[int]]:
    """Return the losses of random texts, and their lengths."""
    generator = torch.Generator().manual_seed(1)
    lengths = [length * STRETCH.get(name, 1) for length in lengths]
    tokens = [torch.randint(4, 60, (length,), generator=generator) for length in lengths]
    labels = torch.randint(0, 3, (len(lengths),), generator=generator)

    def losses(group: list[int]) -> Tensor:
        width = PADDED.get(name, max(lengths[index] for index in group))
        ids, mask = torch.full((len(group), width), PAD), torch.zeros(len(group), width).long()
        for row, index in enumerate(group):
            ids[row, : lengths[index]], mask[row, : lengths[index]] = tokens[index], 1
        logits = model(input_ids=ids, attention_mask=mask)
        return cross_entropy(logits, labels[group], reduction="none")

    return losses, lengths


def compared(model: nn.Module, losses: Losses, rows: Tensor) -> tuple[float, str]:
    """Return the largest relative difference of a parameter's gradients from autograd, and its."""
    parameters = dict(model.named_parameters())
    exact: list[list[Tensor]] = []
    for index in range(len(rows)):
        own = torch.autograd.grad(
            losses([index]).sum(), list(parameters.values()), allow_unused=True
        )
        exact.append(
            [
                (torch.zeros_like(parameter) if gradient is None else gradient).flatten().double()
                for parameter, gradient in zip(parameters.values(), own, strict=True)
            ]
        )
    whole = float(torch.stack([torch.cat(one).norm() for one in exact]).norm())
    sizes = [parameter.numel() for parameter in parameters.values()]
    worst, which = 0.0, ""
    for place, sketched in enumerate(rows.split(sizes, dim=1)):
        expected = torch.stack([one[place] for one in exact])
        # A key's bias has a gradient of zero but for rounding: compare it with the whole.
        size = max(float(expected.norm()), 1e-3 * whole)
        difference = float((sketched - expected).norm()) / size
        if not difference <= worst:  # also if it is not a number
            worst, which = difference, list(parameters)[place]
    return worst, which
