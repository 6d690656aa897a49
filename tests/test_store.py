"""Sketches on disk: stopped passes, damaged blocks, several processes, precision."""

import hashlib
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import start_xling
from encoders import build
from forkserver import Forked
from passes import LENGTHS, run

from xling.sketch import Projection, Sketches, SketchMetadata, check_comparable, sketch_examples
from xling.sketch.cost import fastest_budget

TRIED = [3, 4, 3]
"""Before each pass, the shortest example is tried alone, and beside the longest that fits."""


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of every file."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


def in_another_process(*arguments: object) -> Forked:
    return start_xling(*map(str, arguments), folder=Path(__file__).parent, module="passes")


def test_a_killed_pass_resumes_and_ends_with_the_same_bytes(tmp_path):
    run(tmp_path / "whole")
    with in_another_process("killed", tmp_path / "part") as process:
        assert process.wait() == -signal.SIGKILL
    with pytest.raises(ValueError, match="block 2 of 4 is missing"):
        Sketches.read(tmp_path / "part")
    seen = []
    run(tmp_path / "part", after=seen.extend)
    assert seen[:3] == TRIED  # the two finished blocks are not made again
    assert set(seen[3:]) == {6, 7, 8, 9, 10}
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")


def test_two_processes_make_what_one_makes(tmp_path):
    run(tmp_path / "one")
    begin = partial(in_another_process, "share", tmp_path / "two")
    with begin(0) as first, begin(1) as second:
        assert first.wait() == second.wait() == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_a_damaged_block_is_refused_and_made_again(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "a")
    rows = np.load(tmp_path / "a" / "rows.npy", mmap_mode="r+")
    rows[4, 0, 7] += 1
    rows.flush()
    sketches = Sketches.read(tmp_path / "a")
    sketches.units(0, 3)  # another block
    with pytest.raises(ValueError, match=r"a: block 1 is damaged"):
        sketches.units(5, 8)
    seen = []
    run(tmp_path / "a", after=seen.extend)
    assert seen[:3] == TRIED and set(seen[3:]) == {3, 4, 5}
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")


def test_sketches_of_other_settings_or_weights_are_refused(tmp_path):
    one = run(tmp_path / "a")
    with pytest.raises(ValueError, match="made with other settings"):
        run(tmp_path / "a", seed=1)
    model = build("xlmr", dtype=torch.float32)
    with torch.no_grad():
        model.head.hidden.bias[0] += 1e-3
    other = run(model=model)
    with pytest.raises(ValueError, match="weights"):
        check_comparable(one, other)
    with pytest.raises(ValueError, match="seed"):
        check_comparable(one, run(seed=1))
    with pytest.raises(ValueError, match="no sketches here"):
        Sketches.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("precision", "bound"), [("float32", 1e-6), ("float16", 1e-3), ("int8", 2e-2)]
)
def test_rows_on_disk_are_as_precise_as_their_format(tmp_path, precision, bound):
    rows = np.random.default_rng(0).normal(size=(40, 256)) * np.geomspace(1e-9, 1e9, 40)[:, None]
    metadata = SketchMetadata(
        [str(i) for i in range(40)], {}, 256, {}, [], precision, block_rows=16
    )
    made = Sketches.empty(metadata, tmp_path)
    for block in metadata.blocks():
        made.write(block, rows[metadata.span(block)], {}, {})
    stored = Sketches.read(tmp_path)
    norms = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(stored.norms, norms, rtol=1e-6)
    difference = stored.units(0, 40) - rows / norms[:, None]
    assert np.linalg.norm(difference, axis=1).max() < bound
    np.testing.assert_array_equal(stored.units(5, 21), stored.units(0, 40)[5:21])


def test_norms_are_kept_by_group():
    groups = ["de", "en", "de", "fr"] + ["en"] * 7
    whole = run()
    means = run(groups=groups).mean_square_norms()
    assert set(means) == {"de", "en", "fr"}
    for name, value in whole.mean_square_norms()["all"].items():
        total = sum(groups.count(group) * means[group][name] for group in means)
        assert total / len(groups) == pytest.approx(value)


def test_a_batch_that_does_not_fit_is_halved(tmp_path):
    sizes = []

    def little_memory(group):
        if len(group) * max(LENGTHS[index] for index in group) > 30:
            raise torch.OutOfMemoryError
        sizes.append(len(group))

    halved = run(tmp_path / "a", after=little_memory, batch_tokens=60, block_rows=11)
    expected = run(batch_tokens=60, block_rows=11)
    np.testing.assert_allclose(halved.units(0, 11), expected.units(0, 11), atol=1e-3)
    assert max(sizes) > 1

    def none(group):
        raise torch.OutOfMemoryError

    with pytest.raises(ValueError, match="Example de8, of 20 tokens, does not fit into memory"):
        run(after=none, block_rows=11)


def test_the_fastest_budget_is_found():
    speeds = {2048: 10.0, 4096: 15.0, 8192: 20.0, 16384: 20.5, 32768: 40.0}
    assert fastest_budget(speeds.__getitem__) == 8192

    def little_memory(budget):
        if budget > 4096:
            raise torch.OutOfMemoryError
        return speeds[budget]

    assert fastest_budget(little_memory) == 4096


def test_the_cost_is_announced_after_the_first_batch():
    estimates = []
    run(announce=estimates.append)
    (estimate,) = estimates
    assert (estimate.examples, estimate.tokens) == (len(LENGTHS), sum(LENGTHS))
    assert estimate.dimensions == 64 and estimate.disk_bytes == len(LENGTHS) * (64 * 2 + 8)
    assert estimate.batch_tokens == 24 and estimate.seconds > 0


def test_examples_that_influence_each_other_are_found():
    class Centred(torch.nn.Module):
        """Subtracts the mean over the batch."""

        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.linear(x - x.mean(0))

    model, x = Centred(), torch.randn(6, 4)
    with pytest.raises(
        ValueError, match=r"example 0 beside another.*for linear.* influence each other"
    ):
        sketch_examples(
            model,
            lambda group: model(x[group]).square().sum(1),
            [str(index) for index in range(6)],
            [1] * 6,
            Projection(2),
            epoch=1,
        )
