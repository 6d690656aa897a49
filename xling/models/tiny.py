"""A tiny encoder of XLM-R's architecture, to try the program with."""

from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from xling.config import Tiny


def tiny_encoder(shape: Tiny, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Build an encoder of XLM-R's architecture with random weights."""
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=130,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return XLMRobertaModel(config, add_pooling_layer=False)
