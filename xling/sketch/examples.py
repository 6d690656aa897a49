"""Sketches of a whole set of examples, in batches of similar length and blocks to resume at."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from xling.errors import ArgumentError
from xling.sketch.arguments import (
    check_equally_many,
    distinct_ids,
    path,
    strings,
    token_counts,
    whole_number,
)
from xling.sketch.cost import CPU_TOKENS, Estimate, Meter, fastest_budget
from xling.sketch.gradients import Batch, GradientSketcher, Plan
from xling.sketch.preconditioner import Preconditioner
from xling.sketch.projection import VERSION, Projection
from xling.sketch.separable import reason_to_separate
from xling.sketch.shared import InseparableError
from xling.sketch.store import Precision, Sketches, SketchMetadata, bytes_on_disk

Losses = Callable[[list[int]], Tensor]
Made = TypeVar("Made")
Progress = Callable[[Iterable[int], int], Iterable[int]]
"""Wraps the numbers of examples done, given their total."""


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group examples of similar length, longest first, into batches of at most `batch_tokens`.

    Args:
        lengths: tokens of each example.
        batch_tokens: limit of a batch's examples times their greatest length; an example that is
            longer is a batch by itself.

    Raises:
        ArgumentError: a limit that is not a positive whole number.
    """
    whole_number("batch_tokens", batch_tokens)
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if not groups or (len(groups[-1]) + 1) * lengths[groups[-1][0]] > batch_tokens:
            groups.append([])
        groups[-1].append(index)
    return groups


def batchwise(
    run: Callable[[list[int]], Made],
    lengths: Sequence[int],
    chosen: Sequence[int],
    batch_tokens: int,
    most: int,
) -> Iterator[tuple[list[int], Made]]:
    """Run something on chosen examples, a batch at a time, or one by one where it has to be.

    Args:
        run: takes indices of examples.
        lengths: of the chosen examples.
        batch_tokens: see `batches`.
        most: examples in a batch.
    """
    for group in batches(lengths, batch_tokens):
        for start in range(0, len(group), most):
            part = [chosen[place] for place in group[start : start + most]]
            try:
                made = run(part)
            except InseparableError:  # not in the batch that was tried before
                if len(part) == 1:
                    raise
                for index in part:
                    yield [index], run([index])
                continue
            yield part, made


@dataclasses.dataclass(frozen=True)
class Source:
    """Examples whose gradients can be computed, and what else is known of them.

    Attributes:
        losses: runs the model on the examples with these indices and returns one loss each.
        ids, lengths: of the examples, lengths in tokens.
        languages, labels: of the examples, as words; None where they are not known.
        tokens: returns the numbers of the tokens of the examples with these indices, without those
            that no text holds, such as separators; None where there are none.

    Raises:
        ValueError: ids that are not distinct strings, lengths that are not whole numbers from 1 on,
            languages or labels that are not strings, or another number of them than of ids.
    """

    losses: Losses
    ids: Sequence[str]
    lengths: Sequence[int]
    languages: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    tokens: Callable[[list[int]], Sequence[Sequence[int]]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", distinct_ids(self.ids))
        object.__setattr__(self, "lengths", token_counts(self.lengths))
        for name in ("languages", "labels"):
            if (words := getattr(self, name)) is not None:
                object.__setattr__(self, name, list(strings(name, words)))
        check_equally_many(
            ids=self.ids, lengths=self.lengths, languages=self.languages, labels=self.labels
        )

    def known(self, what: Literal["languages", "labels", "tokens"]) -> Any:
        """Return what is known of the examples.

        Raises:
            ArgumentError: it is not known.
        """
        value = getattr(self, what)
        if value is None:
            raise ArgumentError(
                what, f"This method needs the {what} of the examples: Source(..., {what}=...)."
            )
        return value


def sketch_examples(
    model: nn.Module,
    losses: Losses,
    ids: Sequence[str],
    lengths: Sequence[int],
    projection: Projection,
    epoch: int,
    *,
    folder: Path | str | None = None,
    skip: tuple[str, ...] = (),
    groups: Sequence[str] | None = None,
    batch_tokens: int | None = None,
    block_rows: int = 1024,
    precision: Precision = "float16",
    share: tuple[int, int] = (0, 1),
    preconditioner: Preconditioner | None = None,
    progress: Progress = lambda done, total: done,
    announce: Callable[[Estimate], None] | None = None,
) -> Sketches:
    """Sketch the loss gradient of every example at the model's current weights.

    Args:
        model: its weights are frozen during the pass and its modes restored afterwards.
        losses: runs the model on the examples with these indices and returns one loss each.
        ids, lengths: of the examples, in order; ids are distinct, lengths in tokens.
        projection, epoch: of the random matrices; the same for sketches to be compared.
        folder: takes the sketches; a pass that was stopped there resumes at the next block.
            None keeps them in memory.
        skip: patterns of parameters to leave out.
        groups: of each example, such as its language: mean squared gradient norms are kept for each
            group.
        batch_tokens: see `batches`; halved when a batch does not fit into memory. None: what an
            earlier pass in the folder used, or else, on a GPU, what proves fastest.
        block_rows: examples per block.
        precision: of the stored rows.
        share: the number of this process, from 0, and the number of processes; each sketches its
            share of the blocks.
        preconditioner: gradients are divided by the root of a curvature before they are projected;
            see `xling.sketch.curvature`.
        progress: wraps the numbers of examples done, given their total.
        announce: receives the estimated cost of the pass after its first batch.

    Returns:
        The sketches; with several processes they are complete when all processes have returned.

    Raises:
        ArgumentError: a gradient that is zero or not finite, naming the example; examples that
            influence each other's gradients, or a parameter whose gradient cannot be followed,
            naming it; an argument out of its range; see `GradientSketcher`.
        ValueError: ids, lengths and groups of different sizes, or that are not what they should be.
        OtherSketchesError: a folder of other sketches.
    """
    ids, lengths = distinct_ids(ids), token_counts(lengths)
    groups = None if groups is None else strings("groups", groups)
    check_equally_many(ids=ids, lengths=lengths, groups=groups)
    epoch = whole_number("epoch", epoch, least=0)
    folder = None if folder is None else path("folder", folder)
    rank, processes = checked_share(share)
    maps = preconditioner.maps if preconditioner else {}
    with GradientSketcher(model, projection, epoch, skip, maps=maps) as sketcher:
        apart = _apart(sketcher, losses, ids, lengths, folder, batch_tokens)
        if apart:
            batch_tokens = 1
        if batch_tokens is None:
            batch_tokens = _budget(sketcher, losses, lengths, folder)
        metadata = SketchMetadata(
            ids=ids,
            settings=settings(model, sketcher.plan, projection, epoch)
            | ({"preconditioner": preconditioner.digest} if preconditioner else {}),
            dimensions=sketcher.plan.dimensions(projection),
            sizes=sketcher.plan.sizes,
            skipped=list(sketcher.plan.skipped),
            precision=precision,
            block_rows=block_rows,
            batch_tokens=batch_tokens,
            copies=projection.copies,
            parts=list(sketcher.plan.parts(projection)),
            apart=apart,
        )
        sketches = Sketches.empty(metadata, folder)
        todo = [block for block in sketches.missing() if block % processes == rank]
        work = _Pass(sketcher, losses, ids, lengths, groups, sketches, todo, announce)
        total = sum(map(len, work.spans.values()))
        for _ in progress((count for block in work.spans for count in work.block(block)), total):
            pass
    return sketches


def checked_share(share: tuple[int, int]) -> tuple[int, int]:
    """Return the number of a process and the number of processes.

    Raises:
        ValueError: not a pair of whole numbers, the first below the second.
    """
    words = f"share={share!r} is not possible: write (process, processes), such as (0, 1)."
    if not isinstance(share, tuple | list) or len(share) != 2:
        raise ValueError(words)
    rank, processes = (whole_number("share", number, least=0) for number in share)
    if rank >= processes:
        raise ValueError(words)
    return rank, processes


def settings(model: nn.Module, plan: Plan, projection: Projection, epoch: int) -> dict:
    """Return what has to be equal for sketches to be comparable."""
    parameters = dict(model.named_parameters())
    text = repr([(name, tuple(parameters[name].shape)) for name in plan.covered])
    return {
        "version": VERSION,
        "epoch": epoch,
        **dataclasses.asdict(projection),
        "parameters": hashlib.sha256(text.encode()).hexdigest()[:16],
        "weights": weights_digest(model),
    }


def weights_digest(model: nn.Module) -> str:
    """Return hexadecimal digits that name the values of a model's parameters."""
    weights = hashlib.blake2b(digest_size=8)
    for parameter in model.parameters():
        weights.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return weights.hexdigest()


def _apart(
    sketcher: GradientSketcher,
    losses: Losses,
    ids: list[str],
    lengths: list[int],
    folder: Path | None,
    batch_tokens: int | None,
) -> str:
    """Return why the examples have to be sketched one at a time; "" if they need not.

    A pass that is resumed does as it did before: it is only shown the idle positions again.
    """
    budget = batch_tokens
    if budget is None and sketcher.device.type == "cpu":
        budget = CPU_TOKENS
    while True:
        try:
            reason = reason_to_separate(sketcher, losses, ids, lengths, budget)
            break
        except torch.OutOfMemoryError:
            budget = 2 * max(lengths) if budget is None else budget // 2
            if budget < 2:
                return ""  # the pass itself names the example
    if folder and (folder / "metadata.json").exists():
        return json.loads((folder / "metadata.json").read_text("utf-8")).get("apart", "")
    return reason


def _budget(
    sketcher: GradientSketcher, losses: Losses, lengths: Sequence[int], folder: Path | None
) -> int:
    """Return the budget of an earlier pass, or find one, on the longest examples.

    On a CPU it is not measured, so that a pass gives the same bytes wherever it is resumed.
    """
    if folder and (folder / "metadata.json").exists():
        return json.loads((folder / "metadata.json").read_text("utf-8"))["batch_tokens"]
    if sketcher.device.type == "cpu":
        return CPU_TOKENS

    def tokens_per_second(budget: int) -> float:
        group = batches(lengths, budget)[0]
        sketcher(lambda: losses(group), len(group))  # to warm up
        meter = Meter(sketcher.device)
        sketcher(lambda: losses(group), len(group))
        return len(group) * max(lengths[index] for index in group) / meter.read()[0]

    return fastest_budget(tokens_per_second)


class _Pass:
    """One pass over the blocks: what does not change during it, and the token budget."""

    def __init__(
        self,
        sketcher: GradientSketcher,
        losses: Losses,
        ids: list[str],
        lengths: list[int],
        groups: list[str] | None,
        sketches: Sketches,
        todo: list[int],
        announce: Callable[[Estimate], None] | None,
    ) -> None:
        self.sketcher, self.losses, self.ids, self.lengths = sketcher, losses, ids, lengths
        self.groups, self.sketches, self.announce = groups, sketches, announce
        self.spans = {block: range(len(ids))[sketches.metadata.span(block)] for block in todo}
        self.batch_tokens = sketches.metadata.batch_tokens

    def block(self, block: int) -> Iterable[int]:
        """Sketch and write a block; yield the size of each batch when it is done."""
        span, metadata = self.spans[block], self.sketches.metadata
        rows = np.empty((len(span), metadata.sketches * metadata.dimensions), np.float32)
        sums: dict[str, dict[str, float]] = {}
        counts: dict[str, int] = {}
        unmeasured: set[str] = set()
        waiting = batches([self.lengths[index] for index in span], self.batch_tokens)
        while waiting:
            group = [span[i] for i in waiting[0]]
            try:
                batch = self._batch(group)
            except torch.OutOfMemoryError:
                waiting = self._halve(span, waiting)
                continue
            except InseparableError:  # not in the batch that was tried before the pass
                if len(group) == 1:
                    raise
                waiting[:1] = [[index] for index in waiting[0]]
                continue
            del waiting[0]
            rows[[index - span.start for index in group]] = batch.rows.float().cpu().numpy()
            self._add_norms(group, batch, sums, counts)
            unmeasured |= metadata.sizes.keys() - batch.square_norms.keys()
            yield len(group)
        for group_sums in sums.values():  # a skipped parameter may be measured in some batches only
            for name in unmeasured:
                group_sums.pop(name, None)
        self.sketches.write(block, rows, sums, counts)

    def _batch(self, group: list[int]) -> Batch:
        meter = Meter(self.sketcher.device) if self.announce else None
        batch = self.sketcher(lambda: self.losses(group), len(group))
        if self.announce and meter:  # it makes a GPU wait: for the first batch only
            self.announce(self._estimate(group, *meter.read()))
            self.announce = None
        return batch

    def _estimate(self, group: list[int], seconds: float, batch_bytes: int) -> Estimate:
        metadata, spans = self.sketches.metadata, self.spans.values()
        padded = 0
        for span in spans:
            lengths = [self.lengths[index] for index in span]
            groups = batches(lengths, self.batch_tokens)
            padded += sum(len(indices) * lengths[indices[0]] for indices in groups)
        tokens = len(group) * max(self.lengths[index] for index in group)
        examples = sum(map(len, spans))
        return Estimate(
            examples=examples,
            tokens=sum(self.lengths[index] for span in spans for index in span),
            dimensions=metadata.dimensions,
            disk_bytes=bytes_on_disk(examples, metadata),
            batch_tokens=self.batch_tokens,
            batch_bytes=batch_bytes,
            seconds=seconds / tokens * padded,
            apart=metadata.apart,
        )

    def _halve(self, span: range, waiting: list[list[int]]) -> list[list[int]]:
        """Return the waiting examples in batches of half the tokens."""
        left = sorted(index for group in waiting for index in group)
        if len(waiting[0]) == 1:
            longest = span[waiting[0][0]]
            raise ArgumentError(
                "lengths",
                f"Example {self.ids[longest]}, of {self.lengths[longest]} tokens, does not fit "
                "into memory by itself.",
            )
        self.batch_tokens //= 2
        regrouped = batches([self.lengths[span[index]] for index in left], self.batch_tokens)
        return [[left[i] for i in group] for group in regrouped]

    def _add_norms(
        self,
        group: list[int],
        batch: Batch,
        sums: dict[str, dict[str, float]],
        counts: dict[str, int],
    ) -> None:
        labels = [self.groups[index] if self.groups else "all" for index in group]
        for label in labels:
            counts[label] = counts.get(label, 0) + 1
        names = sorted(set(labels))
        onehot = torch.tensor([[label == name for label in labels] for name in names]).double()
        norms = torch.stack(list(batch.square_norms.values())).cpu().double()
        for name, values in zip(names, (onehot @ norms.T).tolist(), strict=True):
            group_sums = sums.setdefault(name, {})
            for parameter, value in zip(batch.square_norms, values, strict=True):
                group_sums[parameter] = group_sums.get(parameter, 0.0) + value
