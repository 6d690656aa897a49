"""Sketches of per-example loss gradients, of any `torch.nn.Module`."""

from xling.sketch.cost import Estimate
from xling.sketch.examples import sketch_examples
from xling.sketch.gradients import GradientSketcher
from xling.sketch.projection import Projection
from xling.sketch.store import Facts, OtherSketchesError, Sketches, check_comparable

__all__ = [
    "Estimate",
    "Facts",
    "GradientSketcher",
    "OtherSketchesError",
    "Projection",
    "Sketches",
    "check_comparable",
    "sketch_examples",
]
