"""A small sketch pass; `python -m passes` makes one in another process, in this folder.

`killed FOLDER` ends by SIGKILL in the third of four blocks; `share FOLDER RANK` makes what is one
process's of two.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from encoders import batch, build
from torch.nn.functional import cross_entropy

from xling.sketch import Projection, Sketches, sketch_examples

LENGTHS = [9, 4, 17, 2, 12, 5, 7, 3, 20, 6, 8]
IDS = [f"de{index}" for index in range(len(LENGTHS))]


def run(folder: Path | None = None, seed: int = 0, after=None, model=None, **options) -> Sketches:
    """Sketch eleven examples in blocks of three; `after` is called after every batch."""
    torch.set_num_threads(1)
    model = model or build("xlmr", dtype=torch.float32)
    inputs, labels = batch(LENGTHS)

    def losses(group):
        if after:
            after(group)
        width = max(LENGTHS[index] for index in group)
        some = {key: value[group, :width] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    options = {"block_rows": 3, "batch_tokens": 24, **options}
    projection = Projection(8, seed=seed)
    return sketch_examples(model, losses, IDS, LENGTHS, projection, 1, folder=folder, **options)


def killed(folder: str) -> None:
    """Make a pass that is killed in its third block."""

    seen: set[int] = set()

    def after(group):
        if min(group) >= 6 and seen >= set(range(6)):  # two are tried before the pass
            os.kill(os.getpid(), signal.SIGKILL)
        seen.update(group)

    run(Path(folder), after=after)


def share(folder: str, rank: str) -> None:
    """Make a process's share of a pass of two."""
    run(Path(folder), share=(int(rank), 2))


if __name__ == "__main__":
    {"killed": killed, "share": share}[sys.argv[1]](*sys.argv[2:])
