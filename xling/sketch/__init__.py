"""Sketches of per-example loss gradients, of any `torch.nn.Module`."""

from xling.sketch.cost import Estimate
from xling.sketch.curvature import fit_preconditioner
from xling.sketch.examples import Progress, Source, sketch_examples
from xling.sketch.gradients import GradientSketcher
from xling.sketch.preconditioner import Preconditioner
from xling.sketch.projection import Projection
from xling.sketch.shared import InseparableError
from xling.sketch.store import OtherSketchesError, Sketches, SketchMetadata, check_comparable

__all__ = [
    "Estimate",
    "GradientSketcher",
    "InseparableError",
    "OtherSketchesError",
    "Preconditioner",
    "Progress",
    "Projection",
    "SketchMetadata",
    "Sketches",
    "Source",
    "check_comparable",
    "fit_preconditioner",
    "sketch_examples",
]
