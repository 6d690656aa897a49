"""TracIn influence between training and test examples, from their gradient sketches."""

from xling.influence.extremes import Ranking
from xling.influence.tracin import Traces, trace

__all__ = ["Ranking", "Traces", "trace"]
