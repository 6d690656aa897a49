"""TracIn influence between training and test examples, from their gradient sketches."""

from xling.attribution.histograms import histograms, mean_scores
from xling.attribution.products import Similarity, rows
from xling.attribution.rerank import candidates, exact_scores, reranked, shortened
from xling.attribution.top_k import Ranking
from xling.attribution.tracin import Traces, concatenated, trace

__all__ = [
    "Ranking",
    "Similarity",
    "Traces",
    "candidates",
    "concatenated",
    "exact_scores",
    "histograms",
    "mean_scores",
    "reranked",
    "rows",
    "shortened",
    "trace",
]
