"""What the README shows works, and what it names is there."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import config

from xling.command_line import check

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")
SKETCHES = (ROOT / "docs" / "sketches.md").read_text("utf-8")
SUBNETWORKS = (ROOT / "docs" / "subnetworks.md").read_text("utf-8")


def test_the_library_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["rows"].shape == (8, 1024) and names["rows"].isfinite().all()


def test_the_longer_library_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", SKETCHES, flags=re.DOTALL)
    assert len(code.splitlines()) <= 20
    exec(code, {})
    best, scores = capsys.readouterr().out.split("] [")
    assert best.startswith("['example 7',")  # its own gradient is nearest to itself
    assert float(scores.split()[0]) == pytest.approx(1, abs=2e-3)


def test_the_example_of_gates_runs():
    (code,) = re.findall(r"```python\n(.*?)```", SUBNETWORKS, flags=re.DOTALL)
    names: dict = {}
    exec(code, names)
    model, ids = names["model"].eval(), names["ids"]
    with names["gated"](model, names["mask"]):
        gated = model(ids).logits
    assert not gated.allclose(model(ids).logits)
    assert names["importance"].shape == (2, 4) and (names["importance"] > 0).all()


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    found = [line.partition("python -m xling ")[2] for line in lines]
    return [shlex.split(each) for each in found if each]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_composes(arguments):
    check(arguments)
    overrides = [each for each in arguments if not each.startswith("-")]
    if "--multirun" in arguments:  # the first job of the sweep
        overrides = [re.sub(r"(=[^,\[]*),.*", r"\1", each) for each in overrides]
    config(*overrides)


def test_every_file_of_the_map_is_there():
    section = TEXT.split("## Map of the code")[1].split("##")[0]
    for name in re.findall(r"`([\w./]+(?:/|\.py))`", section):
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "xling")), name
    for name in re.findall(r"\]\(([\w./]+)\)", TEXT):
        assert (ROOT / name).exists(), name
