"""Sketches in memory or on disk: normalised rows in few bytes, in blocks that are checked."""

import copy
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from filelock import FileLock

from xling.errors import ArgumentError, nearest
from xling.sketch.arguments import check_choice, distinct_ids, path, real_array, whole_number

Precision = Literal["float32", "float16", "int8"]


class OtherSketchesError(ValueError):
    """A folder holds sketches that were made with other settings or weights."""


class DamagedSketchesError(ArgumentError):
    """Sketches on disk that are not there, not finished or not as they were written."""

    def __init__(self, message: str) -> None:
        super().__init__("folder", message)


@dataclasses.dataclass(frozen=True)
class SketchMetadata:
    """What is known of a set of sketches before they are made.

    Attributes:
        ids: of the examples, one per row.
        settings: of the model and the projection; only sketches of equal settings are comparable.
        dimensions: numbers per sketch.
        sizes: parameter → numbers in it; none where the rows are not of gradients.
        skipped: parameters that the rows leave out.
        precision: of the stored rows.
        block_rows: rows per block; the last block may have fewer.
        batch_tokens: padded tokens per batch of the pass.
        copies: sketches per example: 2 with a twin.
        apart: why the examples were sketched one at a time; "" if in batches.
        parts: of the model that have sketches of their own, see `Sketches.part`.

    Raises:
        ArgumentError: an unknown precision, or a size that is not a positive whole number.
        ValueError: no ids, or ids that are not distinct strings.
    """

    ids: list[str]
    settings: dict[str, Any]
    dimensions: int
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    skipped: list[str] = dataclasses.field(default_factory=list)
    precision: Precision = "float16"
    block_rows: int = 1024
    batch_tokens: int = 2048
    copies: int = 1
    apart: str = ""
    parts: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        distinct_ids(self.ids)
        check_choice("precision", self.precision, get_args(Precision))
        for name in ("dimensions", "block_rows", "batch_tokens", "copies"):
            whole_number(name, getattr(self, name))

    @property
    def sketches(self) -> int:
        """Sketches per example: of the whole gradient, its twin, and of the model's parts."""
        return self.copies + len(self.parts)

    def blocks(self) -> range:
        """Return the numbers of the blocks, from 0."""
        return range(-(-len(self.ids) // self.block_rows))

    def span(self, block: int) -> slice:
        """Return the rows of a block."""
        start = block * self.block_rows
        return slice(start, min(start + self.block_rows, len(self.ids)))


@dataclasses.dataclass
class Block:
    """One finished block.

    Attributes:
        digest: of its bytes.
        square_norms: group of examples → parameter → sum of the squared norms of its gradients.
        counts: group of examples → number of examples.
    """

    digest: str
    square_norms: dict[str, dict[str, float]]
    counts: dict[str, int]


class Sketches:
    """Sketched gradients of a set of examples at one checkpoint.

    Rows are stored at norm one, in half precision or in eight bits with a factor per row, and their
    norms in single precision. On disk these are memory-mapped arrays, written block by block with a
    digest of each; a block that does not match its digest is not used.

    Attributes:
        metadata: see `SketchMetadata`.
        norms: (examples,) norms of the sketches, float32.
    """

    def __init__(
        self,
        metadata: SketchMetadata,
        arrays: Mapping[str, np.ndarray],
        folder: Path | None = None,
    ) -> None:
        self.metadata, self.folder = metadata, folder
        self._arrays, self._copy = arrays, 0
        self.norms = arrays["norms"][:, 0]
        self._blocks: dict[int, Block] = {}
        self._checked: set[int] = set()

    @classmethod
    def empty(cls, metadata: SketchMetadata, folder: Path | str | None = None) -> "Sketches":
        """Allocate sketches, in memory or in a folder; finished blocks in the folder are kept.

        Several processes may do so for one folder at the same time.

        Raises:
            OtherSketchesError: the folder holds sketches made with other settings or weights.
        """
        if folder is None:
            layout = _layout(metadata).items()
            return cls(metadata, {name: np.zeros(shape, dtype) for name, (shape, dtype) in layout})
        folder = path("folder", folder)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if not (folder / "metadata.json").exists():
                for name, (shape, dtype) in _layout(metadata).items():
                    np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape).flush()
                (folder / "blocks").mkdir(exist_ok=True)
                _write_json(folder / "metadata.json", dataclasses.asdict(metadata))
            sketches = cls._open(folder, "r+")
            sketches.damaged()
        wanted = dataclasses.replace(metadata, batch_tokens=sketches.metadata.batch_tokens)
        if sketches.metadata != wanted:
            raise OtherSketchesError(
                f"{folder}: holds sketches that were made with other settings or weights. "
                "Remove the folder, or write to another."
            )
        return sketches

    @classmethod
    def read(cls, folder: Path | str) -> "Sketches":
        """Read finished sketches; their rows stay on disk until they are used.

        Raises:
            DamagedSketchesError: they are not there, or not finished.
        """
        folder = path("folder", folder)
        if not (folder / "metadata.json").exists():
            raise DamagedSketchesError(f"{folder}: no sketches here (there is no metadata.json).")
        sketches = cls._open(folder, "r")
        if missing := sketches.missing():
            raise DamagedSketchesError(
                f"{folder}: block {missing[0]} of {len(sketches.metadata.blocks())} is missing; "
                "the pass that makes these sketches was stopped."
            )
        return sketches

    @classmethod
    def of(
        cls,
        rows: np.ndarray,
        ids: Sequence[str],
        settings: dict[str, Any],
        precision: Precision = "float32",
    ) -> "Sketches":
        """Make sketches of given rows, (examples, dimensions), which are taken as they are.

        Raises:
            ArgumentError: an unknown precision, or a row that is zero or not finite.
            ValueError: rows of another shape, or another number of ids.
        """
        ids, rows = distinct_ids(ids), real_array("rows", rows, 2)
        if len(rows) != len(ids):
            raise ValueError(
                f"rows of shape {rows.shape} for {len(ids)} ids: one row per id is expected, "
                "(examples, dimensions)."
            )
        check_rows(rows, ids)
        metadata = SketchMetadata(ids, settings, rows.shape[1], {}, [], precision)
        sketches = cls.empty(metadata)
        for block in metadata.blocks():
            sketches.write(block, rows[metadata.span(block)], {}, {})
        return sketches

    @classmethod
    def _open(cls, folder: Path, mode: Literal["r", "r+"]) -> "Sketches":
        metadata = SketchMetadata(**json.loads((folder / "metadata.json").read_text("utf-8")))
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode=mode) for name in _layout(metadata)
        }
        return cls(metadata, arrays, folder)

    @property
    def twin(self) -> "Sketches":
        """The second, independent sketches of the same examples.

        Raises:
            ArgumentError: there are none.
        """
        if self.metadata.copies == 1:
            raise ArgumentError(
                "twin",
                "These sketches have no twin: a projection makes one with twin=True.",
                "true",
            )
        twin = copy.copy(self)
        twin._copy, twin.norms = 1, self._arrays["norms"][:, 1]
        return twin

    def part(self, name: str) -> "Sketches":
        """Return the sketches of the same examples' gradients of a part of the model alone.

        Where a part's gradient is zero, its row and its norm are.

        Raises:
            ArgumentError: that part has none.
        """
        if name not in self.metadata.parts:
            raise ArgumentError(
                "combine",
                f"These sketches have no part {name!r}; a projection with combine='parts' keeps "
                f"them apart.{nearest(name, self.metadata.parts)}",
                "parts",
            )
        part = copy.copy(self)
        part._copy = self.metadata.copies + self.metadata.parts.index(name)
        part.norms = self._arrays["norms"][:, part._copy]
        return part

    @property
    def ids(self) -> list[str]:
        """Ids of the examples."""
        return self.metadata.ids

    def __len__(self) -> int:
        return len(self.metadata.ids)

    def missing(self) -> list[int]:
        """Return the blocks that are not written yet."""
        return [block for block in self.metadata.blocks() if self._block(block) is None]

    def write(
        self,
        block: int,
        rows: np.ndarray,
        square_norms: dict[str, dict[str, float]],
        counts: dict[str, int],
    ) -> None:
        """Write a block of sketches; it counts as finished once its digest is written.

        Args:
            rows: (examples of the block, sketches · dimensions), not normalised.
            square_norms, counts: see `Block`.

        Raises:
            ArgumentError: a row that is zero or not finite, naming the example.
            ValueError: a block or rows that are not of these sketches.
        """
        rows = real_array("rows", rows, 2)
        span = self._span(block)
        width = self.metadata.sketches * self.metadata.dimensions
        if rows.shape != (span.stop - span.start, width):
            raise ValueError(
                f"rows of shape {rows.shape}: block {block} has {span.stop - span.start} rows of "
                f"{width} numbers."
            )
        if square_norms.keys() != counts.keys():
            raise ValueError("square_norms and counts are of different groups.")
        rows = rows.reshape(-1, self.metadata.sketches, self.metadata.dimensions)
        for sketch in range(self.metadata.copies):
            check_rows(rows[:, sketch], self.ids[span])
        norms = np.linalg.norm(rows, axis=2)
        units = rows / np.where(norms > 0, norms, 1)[..., None]  # a part's may be zero
        scales = np.ones_like(norms)
        if self.metadata.precision == "int8":
            scales = np.abs(units).max(2) / 127
            units = np.rint(units / np.where(scales > 0, scales, 1)[..., None])
        for name, values in (("rows", units), ("norms", norms), ("scales", scales)):
            self._arrays[name][span] = values
        self._blocks[block] = Block(self._digest(block), square_norms, counts)
        if self.folder:
            for array in self._arrays.values():
                if isinstance(array, np.memmap):
                    array.flush()
            _write_json(_block_file(self.folder, block), dataclasses.asdict(self._blocks[block]))

    def units(self, start: int, stop: int) -> np.ndarray:
        """Return rows at norm one, (stop - start, dimensions), float32.

        Raises:
            DamagedSketchesError: one of their blocks does not match its digest.
            ValueError: rows that do not exist.
        """
        rows, scales = self.codes(start, stop)
        rows = rows.astype(np.float32)
        return rows if self.metadata.precision != "int8" else rows * scales[:, None]

    def codes(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows as they are stored, and the factors that give them a norm of one.

        Raises:
            DamagedSketchesError: one of their blocks does not match its digest.
            ValueError: rows that do not exist.
        """
        if not 0 <= start <= stop <= len(self):
            raise ValueError(f"rows {start} to {stop}: there are {len(self)} rows.")
        for block in range(start // self.metadata.block_rows, -(-stop // self.metadata.block_rows)):
            if block not in self._checked:
                self._check(block)
        rows, scales = (self._arrays[name][start:stop, self._copy] for name in ("rows", "scales"))
        return rows, scales

    def damaged(self) -> list[int]:
        """Return the blocks that do not match their digests; they count as missing from now on."""
        blocks = [
            block
            for block in self.metadata.blocks()
            if (known := self._block(block)) and known.digest != self._digest(block)
        ]
        for block in blocks:
            if self.folder:
                _block_file(self.folder, block).unlink()
            del self._blocks[block]
        return blocks

    def mean_square_norms(self) -> dict[str, dict[str, float]]:
        """Return the mean squared gradient norm: group of examples → parameter → mean.

        Raises:
            DamagedSketchesError: a block is not finished.
        """
        counts: dict[str, int] = {}
        sums: dict[str, dict[str, float]] = {}
        for number in self.metadata.blocks():
            if (block := self._block(number)) is None:
                raise self._damage(number)
            for group, count in block.counts.items():
                counts[group] = counts.get(group, 0) + count
                group_sums = sums.setdefault(group, {})
                for name, value in block.square_norms[group].items():
                    group_sums[name] = group_sums.get(name, 0.0) + value
        partly: set[str] = set()
        for number in self.metadata.blocks():
            if block := self._block(number):
                for norms in block.square_norms.values():
                    partly |= self.metadata.sizes.keys() - norms.keys()
        skipped = partly & set(self.metadata.skipped)  # measured in some blocks only
        return {
            group: {
                name: value / counts[group] for name, value in values.items() if name not in skipped
            }
            for group, values in sums.items()
        }

    def unreached(self) -> list[str]:
        """Return the parameters, but skipped ones, whose gradient is zero for every example.

        Raises:
            DamagedSketchesError: a block is not finished.
        """
        reached = {
            name
            for means in self.mean_square_norms().values()
            for name, value in means.items()
            if value != 0
        }
        left_out = {*reached, *self.metadata.skipped}
        return [name for name in self.metadata.sizes if name not in left_out]

    def _check(self, block: int) -> None:
        known = self._block(block)
        if known is None or known.digest != self._digest(block):
            raise self._damage(block)
        self._checked.add(block)

    def _damage(self, block: int) -> DamagedSketchesError:
        return DamagedSketchesError(
            f"{self.folder or 'sketches'}: block {block} is damaged or was never finished; it is "
            "not used."
        )

    def _span(self, block: int) -> slice:
        if block not in self.metadata.blocks():
            raise ValueError(f"block {block}: there are {len(self.metadata.blocks())} blocks.")
        return self.metadata.span(block)

    def _block(self, block: int) -> Block | None:
        if block not in self._blocks and self.folder:
            file = _block_file(self.folder, block)
            if file.exists():
                self._blocks[block] = Block(**json.loads(file.read_text("utf-8")))
        return self._blocks.get(block)

    def _digest(self, block: int) -> str:
        span = self.metadata.span(block)
        digest = hashlib.sha256()
        for array in self._arrays.values():
            digest.update(array[span].tobytes())
        return digest.hexdigest()


def check_comparable(left: Sketches, right: Sketches) -> None:
    """Refuse to compare sketches of different projections, epochs or models.

    Raises:
        ArgumentError: naming the settings that differ.
    """
    ours, theirs = left.metadata.settings, right.metadata.settings
    different = [
        f"{key} ({ours.get(key)} and {theirs.get(key)})"
        for key in sorted({*ours, *theirs})
        if ours.get(key) != theirs.get(key)
    ]
    if different:
        raise ArgumentError(
            "sketches",
            f"These sketches are not comparable: they differ in {', '.join(different)}.",
        )


def check_rows(rows: np.ndarray, ids: Sequence[str]) -> None:
    """Refuse gradients that have no direction.

    Raises:
        ArgumentError: naming the first example whose gradient is zero or not finite.
    """
    norms = np.linalg.norm(rows, axis=1)
    for problem, wrong in (("not finite", ~np.isfinite(norms)), ("zero", norms == 0)):
        if wrong.any():
            raise ArgumentError(
                "losses",
                f"The gradient of example {ids[int(wrong.argmax())]} is {problem} "
                f"({int(wrong.sum())} such examples), so it has no direction to compare.",
            )


def bytes_on_disk(examples: int, metadata: SketchMetadata) -> int:
    """Return the size of the arrays for this many examples."""
    return (
        examples
        * metadata.sketches
        * (metadata.dimensions * np.dtype(metadata.precision).itemsize + 8)
    )


def _layout(metadata: SketchMetadata) -> dict[str, tuple[tuple[int, ...], type]]:
    rows = (len(metadata.ids), metadata.sketches)
    return {
        "rows": ((*rows, metadata.dimensions), np.dtype(metadata.precision).type),
        "norms": (rows, np.float32),
        "scales": (rows, np.float32),
    }


def _block_file(folder: Path, block: int) -> Path:
    return folder / "blocks" / f"{block:06d}.json"


def _write_json(file: Path, values: dict[str, Any]) -> None:
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        json.dump(values, stream, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
