"""Subnetworks of attention heads: gates, importance, pruning, masks, of any known encoder."""

from xling.subnetwork.attention import Attention, attentions
from xling.subnetwork.gates import gated, gated_by_group
from xling.subnetwork.importance import head_gradients, head_importance
from xling.subnetwork.masks import Masks, composed, cosine, read_mask, shuffled, write_mask
from xling.subnetwork.pruning import PruningStep, prune, stops_at
from xling.subnetwork.weights import head_weights

__all__ = [
    "Attention",
    "Masks",
    "PruningStep",
    "attentions",
    "composed",
    "cosine",
    "gated",
    "gated_by_group",
    "head_gradients",
    "head_importance",
    "head_weights",
    "prune",
    "read_mask",
    "shuffled",
    "stops_at",
    "write_mask",
]
