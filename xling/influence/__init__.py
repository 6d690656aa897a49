"""TracIn influence between training and test examples, from their gradient sketches."""

from xling.influence.distribution import histograms, mean_scores
from xling.influence.extremes import Ranking
from xling.influence.products import Similarity, rows
from xling.influence.rerank import Source, candidates, exact_scores, reranked, shortened
from xling.influence.tracin import Traces, concatenated, trace

__all__ = [
    "Ranking",
    "Similarity",
    "Source",
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
