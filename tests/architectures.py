"""Every architecture of transformers that can classify texts, tiny, and how exact its sketches are.

`python -m architectures FILE` in this folder writes the table of the documentation.
"""

import contextlib
import dataclasses
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from conftest import PAD
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel
from transformers.models.auto import modeling_auto

from xling.errors import ArgumentError
from xling.sketch import Projection, sketch_examples

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
    **dict.fromkeys("max_position_embeddings n_positions max_seq_len max_2d_position_embeddings".split(), 64),
    **dict.fromkeys("num_experts num_local_experts n_routed_experts moe_num_experts".split(), 4),
    **dict.fromkeys("num_experts_per_tok moe_topk".split(), 2),
    "moe_intermediate_size": 48,
    **dict.fromkeys("q_lora_rank kv_lora_rank".split(), 16),
    **dict.fromkeys("qk_rope_head_dim qk_nope_head_dim v_head_dim".split(), 8),
    "word_embed_proj_dim": 32,
    "pad_token_id": PAD,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
"""Sizes by the names that configurations have for them; each takes those that it has."""

OWN: dict[str, dict] = {
    "albert": {"embedding_size": 16},
    "big_bird": {"block_size": 4, "num_random_blocks": 1, "attention_type": "original_full"},
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
    "funnel": {"block_sizes": [1, 1], "num_decoder_layers": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2},
    "layoutlmv2": {"skip": "its visual backbone is not installed"},
    "longformer": {"attention_window": [4, 4], "max_position_embeddings": 80},
    "mobilebert": {"embedding_size": 32, "intra_bottleneck_size": 32},
    "modernbert": {"global_attn_every_n_layers": 2},
    "nystromformer": {"num_landmarks": 4, "segment_means_seq_len": 16},
    "perceiver": {"num_latents": 6, "d_latents": 32, "num_blocks": 1, "num_self_attends_per_block": 1, "num_self_attention_heads": 4, "num_cross_attention_heads": 4},
    "qwen3_next": {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
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
    "xlm": {"n_langs": 1, "pad_index": PAD},
    "xmod": {"languages": ["en_XX", "de_DE"], "default_language": "en_XX"},
    "yoso": {"use_expectation": True},
}
"""What single architectures need beyond `SMALL`."""

STRETCH = {"canine": 4}
"""Architectures that need longer texts, and by which factor."""

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
        unreached: number of parameters that no gradient reaches.
        not_built: why there is no model.
    """

    difference: float = float("nan")
    worst: str = ""
    refused: str = ""
    apart: str = ""
    unreached: int = 0
    not_built: str = ""


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
    if "skip" in own:
        raise NotImplementedError(own["skip"])
    config = AutoConfig.for_model(name)
    text = config.get_text_config(decoder=False) if not config.is_encoder_decoder else config
    chosen = {key: value for key, value in SMALL.items() if _takes(text, key)} | own
    for key in ("layer_types", "mlp_layer_types"):
        if hasattr(text, key):
            kinds = list(dict.fromkeys(getattr(text, key) or []))
            chosen.setdefault(key, (kinds * 2)[:2] or None)
    config = type(text)(**chosen)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModel.from_config(config).parameters())
    if size > 3_000_000:
        raise NotImplementedError(f"{size:,} parameters: {config}")
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


def _takes(config: object, key: str) -> bool:
    try:
        return hasattr(config, key)
    except NotImplementedError:  # XLNet, of its greatest length
        return False


def outcome(name: str, lengths: list[int], dtype: torch.dtype = torch.float64) -> Outcome:
    """Sketch examples in one batch, without projection, and compare with autograd on each alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build(name, dtype)
    except Exception as error:  # noqa: BLE001  transformers itself cannot build or run it
        return Outcome(not_built=f"{type(error).__name__}: {str(error).splitlines()[0][:90]}")
    generator = torch.Generator().manual_seed(1)
    lengths = [length * STRETCH.get(name, 1) for length in lengths]
    tokens = [torch.randint(4, 60, (length,), generator=generator) for length in lengths]
    labels = torch.randint(0, 3, (len(lengths),), generator=generator)

    def losses(group: list[int]) -> Tensor:
        ids = torch.nn.utils.rnn.pad_sequence([tokens[i] for i in group], True, PAD)
        mask = (torch.arange(ids.shape[1]) < torch.tensor([[lengths[i]] for i in group])).long()
        return cross_entropy(
            model(input_ids=ids, attention_mask=mask), labels[group], reduction="none"
        )

    try:
        made = sketch_examples(
            model, losses, [str(i) for i in range(len(lengths))], lengths,
            Projection(method="exact"), 1, batch_tokens=10_000, precision="float32",
        )  # fmt: skip
    except ArgumentError as error:
        return Outcome(refused=str(error))
    rows = torch.from_numpy(made.units(0, len(lengths)) * made.norms[:, None]).double()
    worst, which = 0.0, ""
    parameters = dict(model.named_parameters())
    sizes = [parameter.numel() for parameter in parameters.values()]
    exact: list[dict[str, Tensor]] = []
    for index in range(len(lengths)):
        own = torch.autograd.grad(
            losses([index]).sum(), list(parameters.values()), allow_unused=True
        )
        exact.append(
            {
                key: (torch.zeros_like(parameters[key]) if g is None else g).flatten().double()
                for key, g in zip(parameters, own, strict=True)
            }
        )
    whole = float(torch.stack([g.norm() for one in exact for g in one.values()]).norm())
    for key, sketched in zip(parameters, rows.split(sizes, dim=1), strict=True):
        expected = torch.stack([one[key] for one in exact])
        # A key's bias has a gradient of zero but for rounding: compare it with the whole.
        size = max(float(expected.norm()), 1e-3 * whole)
        difference = float((sketched - expected).norm()) / size
        if not difference <= worst:
            worst, which = difference, key
    return Outcome(worst, which, "", made.metadata.apart, 0)


if __name__ == "__main__":
    chosen = sys.argv[1:] or names()
    import time
    for name in chosen:
        for lengths in ([8, 8, 5, 8], [6, 6, 3, 6, 4, 6], [7, 5, 7]):
            t=time.time()
            try:
                result = outcome(name, lengths)
            except Exception as error:
                print(name, lengths, "TRACEBACK", type(error).__name__, str(error)[:300].replace("\n"," "), flush=True)
                break
            if result.not_built:
                print(name, "NOTBUILT", result.not_built, flush=True); break
            print(name, len(lengths), f"{result.difference:.1e} {result.worst if result.difference>1e-6 else ''} | {result.apart} | {result.refused} {time.time()-t:.1f}s", flush=True)
