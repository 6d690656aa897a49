"""TracIn influence between training and test examples, from their gradient sketches."""

from xling.influence.tracin import Ranking, Traces, trace

__all__ = ["Ranking", "Traces", "trace"]
