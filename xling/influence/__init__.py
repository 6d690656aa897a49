"""TracIn influence between training and test examples, from their gradient sketches."""

from xling.influence.extremes import Ranking
from xling.influence.rerank import Source, candidates, exact_scores, reranked, shortened
from xling.influence.tracin import Traces, trace

__all__ = [
    "Ranking",
    "Source",
    "Traces",
    "candidates",
    "exact_scores",
    "reranked",
    "shortened",
    "trace",
]
