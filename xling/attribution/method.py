"""The seam of attribution methods: how examples are represented, and how two are compared.

Everything behind it (tiles, rankings, means, histograms, re-ranking) knows no more than this. A
method is a frozen dataclass in `xling/attribution/NAME.py`, which also says `METHOD = Class`; its
fields are named as the settings that it depends on.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, TypedDict, Unpack, runtime_checkable

import numpy as np
from torch import nn

from xling.errors import ArgumentError, nearest
from xling.sketch import Estimate, Preconditioner, Progress, Projection, Sketches, Source
from xling.sketch.curvature import Curvature
from xling.sketch.store import Precision

Scorer = Callable[[slice], np.ndarray]
"""Scores a slice of the test examples with one tile of training examples: (test, train)."""


class PassOptions(TypedDict, total=False):
    """How a pass over the examples runs and is stored; see `xling.sketch.sketch_examples`."""

    folder: Path | str | None
    groups: Sequence[str] | None
    batch_tokens: int | None
    block_rows: int
    precision: Precision
    share: tuple[int, int]
    progress: Progress
    announce: Callable[[Estimate], None] | None


OF_COMPARISON = {"of_comparison": True}
"""Metadata of a method's field that the comparison alone depends on, not the rows."""


OF_CURVATURE = {"of_curvature": True}
"""Metadata of a field that the rows depend on if gradients are preconditioned, and only then."""


def check_options(options: Mapping[str, object]) -> None:
    """Refuse options of a pass that no pass has.

    Raises:
        ValueError: naming the option and the closest one that there is.
    """
    known = list(PassOptions.__annotations__)
    for name in options:
        if name not in known:
            raise ValueError(
                f"There is no option {name!r} of a pass; there are {', '.join(known)}."
                f"{nearest(name, known)}"
            )


class Comparison(Protocol):
    """The training and test examples of one checkpoint, ready to be scored against each other."""

    @property
    def train_ids(self) -> Sequence[str]:
        """Ids of the training examples; equal scores stand in their order."""
        ...

    @property
    def test_ids(self) -> Sequence[str]:
        """Ids of the test examples."""
        ...

    @property
    def dimensions(self) -> int:
        """Numbers in memory, in single precision, for each example that is being scored."""
        ...

    def scorers(self, tests: slice) -> Callable[[slice], Scorer]:
        """Take a slice of the test examples; return what makes the scorer of a training tile.

        The scorer's slices count from the first of the test examples taken, and the scores are the
        caller's to overwrite, float32.
        """
        ...

    def mean_scores(self, test_groups: np.ndarray) -> np.ndarray:
        """Return each training example's mean score over the test examples of each group.

        Args:
            test_groups: (test,) the group of each test example, 0, 1, ...

        Returns:
            (train, test groups). `xling.attribution.tiles.tiled_means` makes them of the scores,
            for methods that have no shorter way.
        """
        ...


class Method(Protocol):
    """How the representations of examples are made, and how two of them are compared."""

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Represent every example by a row of numbers, at the model's present weights.

        Args:
            epoch: of the checkpoint, from 1.
            options: see `PassOptions`.
        """
        ...

    def compare(self, train: Sketches, test: Sketches) -> Comparison:
        """Return the representations of one checkpoint, ready to be scored.

        Here a method may fit what it needs to all training representations.
        """
        ...


@runtime_checkable
class ExactMethod(Protocol):
    """A method that can also score chosen pairs without the loss of its representations."""

    def exact_scores(
        self,
        model: nn.Module,
        train: Source,
        test: Source,
        wanted: Sequence[np.ndarray],
        *,
        memory_gb: float = 2.0,
        batch_tokens: int = 2048,
        progress: Progress = lambda done, total: done,
    ) -> list[np.ndarray]:
        """Score, for each test example, the training examples wanted of it, at one checkpoint."""
        ...


@runtime_checkable
class CheckedMethod(Protocol):
    """A method that cannot use every model."""

    def check_model(self, model: nn.Module) -> None:
        """Refuse a model that the method cannot use, before anything is trained."""
        ...


@runtime_checkable
class FittedMethod(Protocol):
    """A method that may have to be fitted to the training examples before it represents any."""

    @property
    def curvature(self) -> Curvature | None:
        """What is to be fitted; None: nothing."""
        ...

    @property
    def projection(self) -> Projection:
        """That of the gradients."""
        ...

    def fit(
        self,
        model: nn.Module,
        train: Source,
        epoch: int,
        *,
        batch_tokens: int | None = None,
        progress: Progress = lambda done, total: done,
    ) -> Preconditioner:
        """Fit it at the model's present weights; see `xling.sketch.curvature`."""
        ...

    def fitted(self, preconditioner: Preconditioner) -> Method:
        """Return the method that represents examples by what was fitted."""
        ...


def row_settings(method: Method) -> dict[str, Any]:
    """Return the settings of a method that its rows depend on, as plain values.

    Methods whose rows depend on the same settings share them, such as the sketches of TracIn and
    of a method that preconditions them.
    """
    values: dict[str, Any] = dataclasses.asdict(method)  # pyright: ignore[reportArgumentType]
    fields = dataclasses.fields(method)  # pyright: ignore[reportArgumentType]
    unused = ["of_comparison"]
    if not (isinstance(method, FittedMethod) and method.curvature):
        unused.append("of_curvature")
    return {
        field.name: values[field.name]
        for field in fields
        if not any(field.metadata.get(mark, False) for mark in unused)
    }


def named(name: str, **settings: Any) -> Method:
    """Return the method of a name, with those of the settings that it depends on.

    Raises:
        ArgumentError: there is no such method.
        ValueError: a setting that no method has.
    """
    methods = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if method := getattr(import_module(f"{__package__}.{module.name}"), "METHOD", None):
            methods[module.name] = method
    if not isinstance(name, str) or name not in methods:
        raise ArgumentError(
            "attribution",
            f"There is no attribution method {name}; there are {', '.join(methods)}."
            f"{nearest(name, methods)}",
        )
    fields = {name: {field.name for field in dataclasses.fields(methods[name])} for name in methods}
    known = sorted(set().union(*fields.values()))
    for key in settings:
        if key not in known:
            raise ValueError(
                f"No attribution method has a setting {key!r}; there are {', '.join(known)}."
                f"{nearest(key, known)}"
            )
    return methods[name](**{key: settings[key] for key in settings if key in fields[name]})
