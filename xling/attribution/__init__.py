"""Which training examples made which predictions: methods of attribution, and their scores."""

from xling.attribution.ekfac import Ekfac
from xling.attribution.embedding import Embedding
from xling.attribution.histograms import histograms, mean_scores
from xling.attribution.method import (
    CheckedMethod,
    Comparison,
    ExactMethod,
    FittedMethod,
    Method,
    named,
    row_settings,
)
from xling.attribution.preconditioned import Preconditioned
from xling.attribution.products import InnerProducts, Similarity
from xling.attribution.rankings import Traces, concatenated, shortened, tile_sizes, trace
from xling.attribution.rerank import candidates, reranked
from xling.attribution.result import Scores
from xling.attribution.subsets import subset_sums
from xling.attribution.tiles import Tile, score_matrix, tiled_means
from xling.attribution.top_k import Ranking
from xling.attribution.tracin import TracIn

__all__ = [
    "CheckedMethod",
    "Comparison",
    "Ekfac",
    "Embedding",
    "ExactMethod",
    "FittedMethod",
    "InnerProducts",
    "Method",
    "Preconditioned",
    "Ranking",
    "Scores",
    "Similarity",
    "Tile",
    "TracIn",
    "Traces",
    "candidates",
    "concatenated",
    "histograms",
    "mean_scores",
    "named",
    "reranked",
    "row_settings",
    "score_matrix",
    "shortened",
    "subset_sums",
    "tile_sizes",
    "tiled_means",
    "trace",
]
