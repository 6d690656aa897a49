"""TracIn: examples are represented by sketches of their loss gradients, at every checkpoint."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from glob import escape
from typing import Unpack

import numpy as np
import torch
from torch import Tensor, nn

from xling.attribution.method import OF_COMPARISON, PassOptions, check_options
from xling.attribution.products import InnerProducts, Similarity, check_similarity
from xling.errors import ArgumentError, nearest
from xling.sketch import (
    GradientSketcher,
    Preconditioner,
    Progress,
    Projection,
    Sketches,
    Source,
    sketch_examples,
)
from xling.sketch.arguments import array, check_memory, sequence, strings, whole_number
from xling.sketch.examples import batchwise
from xling.sketch.projection import check_projection
from xling.sketch.separable import reason_to_separate
from xling.sketch.store import check_rows


@dataclasses.dataclass(frozen=True)
class TracIn:
    """Influence by the similarity of loss gradients, sketched.

    s_e(z, z') = cos(∇L(z, θ_e), ∇L(z', θ_e)): Choenni et al. 2023, eq. 2 with the normalisation of
    Barshan et al. 2020. With `dot`, s_e is the inner product and the sum, weighted by the learning
    rates, is the TracInCP of Pruthi et al. 2020. Both are those of the sketches, cosines with the
    sketches' own norms.

    Attributes:
        projection: of the gradients.
        similarity: of two gradients.
        skip: patterns of parameters to leave out.
        parameters: patterns of those to keep; none are all.
    """

    projection: Projection = dataclasses.field(default_factory=Projection)
    similarity: Similarity = dataclasses.field(default="cosine", metadata=OF_COMPARISON)
    skip: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_projection(self.projection)
        check_similarity(self.similarity)
        strings("skip", self.skip)
        strings("parameters", self.parameters)

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Sketch the loss gradient of every example; see `xling.sketch.sketch_examples`."""
        return self.sketched(model, examples, epoch, None, options)

    def sketched(
        self,
        model: nn.Module,
        examples: Source,
        epoch: int,
        preconditioner: Preconditioner | None,
        options: PassOptions,
    ) -> Sketches:
        """Sketch gradients, preconditioned or as they are, of the parameters that are wanted."""
        check_options(options)
        return sketch_examples(
            model,
            examples.losses,
            examples.ids,
            examples.lengths,
            self.projection,
            epoch,
            skip=self.left_out(model),
            preconditioner=preconditioner,
            **options,
        )

    def left_out(self, model: nn.Module) -> tuple[str, ...]:
        """Return patterns of a model's parameters that are not sketched.

        Raises:
            ArgumentError: a pattern of `parameters` that fits none, or patterns that leave none.
        """
        names = [name for name, _ in model.named_parameters()]
        for pattern in self.parameters:
            if not any(fnmatch(name, pattern) for name in names):
                raise ArgumentError(
                    "parameters",
                    f"The pattern {pattern!r} in parameters matches no parameter of the model."
                    f"{nearest(pattern, names)}",
                )
        if not self.parameters:
            return self.skip
        others = [name for name in names if not any(fnmatch(name, p) for p in self.parameters)]
        left = (*self.skip, *(escape(name) for name in others))
        if all(any(fnmatch(name, pattern) for pattern in left) for name in names):
            raise ArgumentError(
                "parameters",
                f"With parameters={list(self.parameters)} and skip={list(self.skip)}, no parameter "
                "of the model is left to sketch.",
            )
        return left

    def compare(self, train: Sketches, test: Sketches) -> InnerProducts:
        """Compare sketches of the same epoch and projection."""
        return InnerProducts(train, test, self.similarity)

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
        """Score chosen pairs by their whole gradients at the model's present weights.

        The gradients of as many test examples as fit are kept, and every training example that one
        of them wants is made anew for each such turn.

        Args:
            wanted: training examples of each test example.
            memory_gb: bound of the memory for gradients, in 10⁹ bytes.
            progress: wraps the numbers of training gradients done, given their total.

        Returns:
            Scores of the wanted pairs of each test example.

        Raises:
            ArgumentError: the bound is too small for two gradients; a gradient that is zero or not
                finite, or that cannot be followed; examples that influence each other.
            ValueError: pairs that are not there.
        """
        wanted = checked_wanted(wanted, len(train.ids), len(test.ids))
        scores = [np.empty(len(indices), np.float32) for indices in wanted]
        check_memory(memory_gb)
        batch_tokens = whole_number("batch_tokens", batch_tokens)
        left_out = self.left_out(model)
        with GradientSketcher(model, Projection(method="exact"), 0, left_out) as sketcher:
            size = sketcher.plan.dimensions(sketcher.projection)
            turn, batch = _how_many(size, memory_gb)
            turns = [range(at, min(at + turn, len(wanted))) for at in range(0, len(wanted), turn)]
            unions = [np.unique(np.concatenate([wanted[row] for row in rows])) for rows in turns]
            used = np.unique(np.concatenate([*unions, np.empty(0, np.int64)])).tolist()
            for source, chosen in ((train, used), (test, list(range(len(wanted))))):
                if _separate(sketcher, source, chosen, batch_tokens):
                    batch_tokens = 1

            def work() -> Iterator[int]:
                for rows, union in zip(turns, unions, strict=True):
                    tests = torch.empty(len(rows), size)
                    for group, made in _gradients(sketcher, test, list(rows), batch, batch_tokens):
                        tests[[row - rows.start for row in group]] = self._comparable(made)
                    chosen = union.tolist()
                    for group, made in _gradients(sketcher, train, chosen, batch, batch_tokens):
                        products = (tests @ self._comparable(made).T).numpy()
                        for place, row in enumerate(rows):
                            _, ours, theirs = np.intersect1d(
                                wanted[row], group, return_indices=True
                            )
                            scores[row][ours] = products[place, theirs]
                        yield len(group)

            for _ in progress(work(), sum(map(len, unions))):
                pass
        return scores

    def _comparable(self, gradients: Tensor) -> Tensor:
        if self.similarity == "cosine":
            return torch.nn.functional.normalize(gradients)
        return gradients


METHOD = TracIn


def checked_wanted(wanted: Sequence[np.ndarray], train: int, test: int) -> list[np.ndarray]:
    """Return the training examples wanted of each test example, as arrays of integers.

    Args:
        train, test: numbers of examples.

    Raises:
        ValueError: what are not numbers of training examples, or pairs that are not there.
    """
    rows = [array("wanted", indices) for indices in sequence("wanted", wanted)]
    if len(rows) > test:
        raise ValueError(f"Pairs are wanted of {len(rows)} test examples; there are {test}.")
    for row, indices in enumerate(rows):
        if indices.ndim != 1 or (len(indices) and indices.dtype.kind not in "iu"):
            raise ValueError(
                f"wanted: of test example {row}, a list or array of integers is expected, the "
                "numbers of training examples from 0."
            )
        if len(np.unique(indices)) != len(indices):
            raise ValueError(f"A training example is wanted twice of test example {row}.")
        if len(indices) and not 0 <= np.min(indices) <= np.max(indices) < train:
            raise ValueError(
                f"Of test example {row} a training example is wanted that is not there; there are "
                f"{train}, numbered from 0."
            )
    return [indices.astype(np.int64) for indices in rows]


def _how_many(size: int, memory_gb: float) -> tuple[int, int]:
    """Return test examples per turn and training examples per batch: half of the memory each."""
    turn, batch = int(memory_gb * 0.5e9 / (4 * size)), int(memory_gb * 0.5e9 / (12 * size))
    if batch < 1:
        needed = f"{math.ceil(24e-7 * size) / 100:g}"
        raise ArgumentError(
            "memory_gb",
            f"A memory of {memory_gb:g} GB is too little for exact gradients of {size:,} numbers: "
            f"they need {needed} GB.",
            needed,
        )
    return turn, batch


def _separate(
    sketcher: GradientSketcher, source: Source, chosen: list[int], batch_tokens: int
) -> bool:
    """Tell whether the chosen examples have to be sketched one at a time."""
    if not chosen:
        return False
    ids = [source.ids[index] for index in chosen]
    lengths = [source.lengths[index] for index in chosen]
    reason = reason_to_separate(
        sketcher,
        lambda group: source.losses([chosen[place] for place in group]),
        ids,
        lengths,
        batch_tokens,
    )
    return bool(reason)


def _gradients(
    sketcher: GradientSketcher, source: Source, chosen: list[int], most: int, batch_tokens: int
) -> Iterator[tuple[list[int], Tensor]]:
    """Yield the whole gradients of some examples, (examples, numbers), a batch at a time.

    Args:
        most: examples in a batch.
    """

    def run(part: list[int]) -> Tensor:
        return sketcher(lambda: source.losses(part), len(part)).rows

    lengths = [source.lengths[index] for index in chosen]
    for part, rows in batchwise(run, lengths, chosen, batch_tokens, most):
        rows = rows.float().cpu()
        check_rows(rows.numpy(), [source.ids[index] for index in part])
        yield part, rows
