"""Sketches in memory or on disk: normalised rows in few bytes, in blocks that are checked."""

import copy
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from xling.errors import UserError

Precision = Literal["float32", "float16", "int8"]


class OtherSketchesError(UserError):
    """A folder holds sketches that were made with other settings or weights."""


@dataclasses.dataclass(frozen=True)
class SketchMetadata:
    """What is known of a set of sketches before they are made.

    Attributes:
        ids: of the examples, one per row.
        settings: what makes the sketches; only those of the same settings are comparable.
        dimensions: numbers per sketch.
        sizes: parameter → numbers in it; none where the rows are not of gradients.
        skipped: parameters that the rows leave out.
        precision: of the stored rows.
        block_rows: rows in a block, the last but for.
        batch_tokens: padded tokens per batch of the pass.
        copies: sketches per example: 2 with a twin.
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

    def blocks(self) -> range:
        """Return the numbers of the blocks."""
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
        counts: group of examples → how many.
    """

    digest: str
    square_norms: dict[str, dict[str, float]]
    counts: dict[str, int]


class Sketches:
    """Sketched gradients of a set of examples at one checkpoint.

    Rows are kept at norm one, in half precision or in eight bits with a factor per row; the norms
    beside them in single precision. On disk these are memory-mapped arrays, written block by block
    with a digest of each; a block that does not fit its digest is not used.

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
    def empty(cls, metadata: SketchMetadata, folder: Path | None = None) -> "Sketches":
        """Make room for sketches, in memory or in a folder; go on with those that are there.

        Several processes may do so for one folder at once.

        Raises:
            OtherSketchesError: the folder holds sketches made with other settings.
        """
        if folder is None:
            return cls(
                metadata, {name: np.zeros(*each) for name, each in _layout(metadata).items()}
            )
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if not (folder / "metadata.json").exists():
                for name, (shape, dtype) in _layout(metadata).items():
                    np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape).flush()
                (folder / "blocks").mkdir(exist_ok=True)
                _write_json(folder / "metadata.json", dataclasses.asdict(metadata))
            there = cls._open(folder, "r+")
            there.damaged()
        mine = {**dataclasses.asdict(metadata), "batch_tokens": None}
        if {**dataclasses.asdict(there.metadata), "batch_tokens": None} != mine:
            raise OtherSketchesError(
                f"{folder}: holds sketches that were made with other settings or weights. "
                "Remove the folder, or write to another."
            )
        return there

    @classmethod
    def read(cls, folder: Path) -> "Sketches":
        """Read finished sketches; their rows stay on disk until they are used.

        Raises:
            UserError: they are not there, or not finished.
        """
        if not (folder / "metadata.json").exists():
            raise UserError(f"{folder}: no sketches here (there is no metadata.json).")
        sketches = cls._open(folder, "r")
        if missing := sketches.missing():
            raise UserError(
                f"{folder}: block {missing[0]} of {len(sketches.metadata.blocks())} is missing; "
                "the pass that makes these sketches was stopped. Run its command again."
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
        """Make sketches of rows that are there, (examples, dimensions)."""
        metadata = SketchMetadata(list(ids), settings, rows.shape[1], {}, [], precision)
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
            UserError: there are none.
        """
        if self.metadata.copies == 1:
            raise UserError("These sketches have no twin: make them with 'sketch.twin=true'.")
        other = copy.copy(self)
        other._copy, other.norms = 1, self._arrays["norms"][:, 1]
        return other

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
        """Write a block of sketches; it counts once its digest is there.

        Args:
            rows: (examples of the block, copies · dimensions), at their full length.
            square_norms, counts: see `Block`.
        """
        span = self.metadata.span(block)
        rows = rows.reshape(-1, self.metadata.copies, self.metadata.dimensions)
        norms = np.linalg.norm(rows, axis=2)
        units = rows / norms[..., None]
        scales = np.ones_like(norms)
        if self.metadata.precision == "int8":
            scales = np.abs(units).max(2) / 127
            units = np.rint(units / scales[..., None])
        for name, values in (("rows", units), ("norms", norms), ("scales", scales)):
            self._arrays[name][span] = values
        self._blocks[block] = Block(self._digest(block), square_norms, counts)
        if self.folder:
            for array in self._arrays.values():
                array.flush()
            _write_json(self._block_file(block), dataclasses.asdict(self._blocks[block]))

    def units(self, start: int, stop: int) -> np.ndarray:
        """Return rows at norm one, (stop - start, dimensions), float32.

        Raises:
            UserError: a block of them does not fit its digest.
        """
        rows, scales = self.codes(start, stop)
        rows = rows.astype(np.float32)
        return rows if self.metadata.precision != "int8" else rows * scales[:, None]

    def codes(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows as they are stored, and by what to multiply them for a norm of one.

        Raises:
            UserError: a block of them does not fit its digest.
        """
        for block in range(start // self.metadata.block_rows, -(-stop // self.metadata.block_rows)):
            if block not in self._checked:
                self._check(block)
        return tuple(self._arrays[name][start:stop, self._copy] for name in ("rows", "scales"))

    def damaged(self) -> list[int]:
        """Return the blocks that do not fit their digests, and have them count as missing."""
        found = [
            block
            for block in self.metadata.blocks()
            if (known := self._block(block)) and known.digest != self._digest(block)
        ]
        for block in found:
            self._block_file(block).unlink()
            del self._blocks[block]
        return found

    def mean_square_norms(self) -> dict[str, dict[str, float]]:
        """Return the mean squared gradient norm: group of examples → parameter → mean."""
        blocks = [self._block(block) for block in self.metadata.blocks()]
        counts: dict[str, int] = {}
        sums: dict[str, dict[str, float]] = {}
        for block in blocks:
            for group, count in block.counts.items():
                counts[group] = counts.get(group, 0) + count
                into = sums.setdefault(group, {})
                for name, value in block.square_norms[group].items():
                    into[name] = into.get(name, 0.0) + value
        return {
            group: {name: value / counts[group] for name, value in values.items()}
            for group, values in sums.items()
        }

    def _check(self, block: int) -> None:
        known = self._block(block)
        if known is None or known.digest != self._digest(block):
            raise UserError(
                f"{self.folder or 'sketches'}: block {block} is damaged or was never finished; it "
                "is not used. Remove that folder and run the command again."
            )
        self._checked.add(block)

    def _block(self, block: int) -> Block | None:
        if block not in self._blocks and self.folder and self._block_file(block).exists():
            values = json.loads(self._block_file(block).read_text("utf-8"))
            self._blocks[block] = Block(**values)
        return self._blocks.get(block)

    def _block_file(self, block: int) -> Path:
        return self.folder / "blocks" / f"{block:06d}.json"

    def _digest(self, block: int) -> str:
        span = self.metadata.span(block)
        made = hashlib.sha256()
        for array in self._arrays.values():
            made.update(np.ascontiguousarray(array[span]))
        return made.hexdigest()


def check_comparable(left: Sketches, right: Sketches) -> None:
    """Refuse to compare sketches of different projections, epochs or models.

    Raises:
        UserError: naming the settings that differ.
    """
    one, other = left.metadata.settings, right.metadata.settings
    differ = [
        f"{key} ({one.get(key)} and {other.get(key)})"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]
    if differ:
        raise UserError(f"These sketches are not comparable: they differ in {', '.join(differ)}.")


def bytes_on_disk(examples: int, metadata: SketchMetadata) -> int:
    """Return what the arrays take for this many examples."""
    return (
        examples
        * metadata.copies
        * (metadata.dimensions * np.dtype(metadata.precision).itemsize + 8)
    )


def _layout(metadata: SketchMetadata) -> dict[str, tuple[tuple[int, ...], type]]:
    rows = (len(metadata.ids), metadata.copies)
    return {
        "rows": ((*rows, metadata.dimensions), np.dtype(metadata.precision).type),
        "norms": (rows, np.float32),
        "scales": (rows, np.float32),
    }


def _write_json(file: Path, values: dict[str, Any]) -> None:
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        json.dump(values, stream, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
