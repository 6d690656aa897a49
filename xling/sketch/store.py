"""Sketches on disk: an array of rows with the settings that made them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from xling.errors import UserError


@dataclasses.dataclass(frozen=True)
class Sketches:
    """Sketched gradients of a set of examples at one checkpoint.

    Attributes:
        rows: (examples, dimensions), float32.
        ids: one per row.
        settings: what made them; only sketches of the same settings are comparable.
        square_norms: parameter → mean estimate of the squared norm of its gradient; parameters that
            were skipped because they cannot be sketched have none.
        sizes: parameter → numbers in it.
        skipped: parameters that the rows leave out.
    """

    rows: np.ndarray
    ids: list[str]
    settings: dict[str, Any]
    square_norms: dict[str, float]
    sizes: dict[str, int]
    skipped: list[str]

    def write(self, folder: Path) -> None:
        """Write to a folder that is there."""
        np.save(folder / "rows.npy", self.rows)
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)[1:]}
        (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Sketches":
        """Read what `write` wrote; the rows stay on disk until they are used."""
        facts = json.loads((folder / "facts.json").read_text("utf-8"))
        return cls(rows=np.load(folder / "rows.npy", mmap_mode="r"), **facts)


def check_comparable(left: Sketches, right: Sketches) -> None:
    """Refuse to compare sketches of different projections, epochs or models.

    Raises:
        UserError: naming the settings that differ.
    """
    differ = [
        f"{key} ({left.settings.get(key)} and {right.settings.get(key)})"
        for key in sorted({*left.settings, *right.settings})
        if left.settings.get(key) != right.settings.get(key)
    ]
    if differ:
        raise UserError(f"These sketches are not comparable: they differ in {', '.join(differ)}.")
