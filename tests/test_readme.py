"""What the README and docs/ show works, and what they name exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import config

from xling.cli.compose import parse_arguments
from xling.cli.mistakes import refuse_mistyped
from xling.sweep.grids import requested_sweep

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


def commands(file: Path) -> list[list[str]]:
    """The arguments of every xling command in a document."""
    blocks = re.findall(r"```sh\n(.*?)```", file.read_text("utf-8"), flags=re.DOTALL)
    lines = [
        line.split(" #")[0].strip()
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
    ]
    texts = [line.partition("-m xling ")[2] for line in lines]
    return [shlex.split(text) for text in texts if text]


SHOWN = [
    (file.name, arguments)
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if file.name != "tutorial.md"  # its own test runs all of it
    for arguments in commands(file)
]


@pytest.mark.parametrize(
    ("document", "arguments"), SHOWN, ids=[f"{file} {' '.join(words)}" for file, words in SHOWN]
)
def test_every_command_composes(document, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "--config-dir" in arguments:  # the file that the document shows
        (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / document).read_text("utf-8"),
                              flags=re.DOTALL)  # fmt: skip
        (tmp_path / "mine/experiment").mkdir(parents=True)
        (tmp_path / "mine/experiment/seeds.yaml").write_text(block, "utf-8")
    refuse_mistyped(arguments)
    if sweep := requested_sweep(arguments):
        for job in sweep.jobs[:1]:
            config(*(f"{key}={value}" for key, value in job.items()), *sweep.hydra)
    else:
        config(*parse_arguments(arguments).overrides)


@pytest.mark.slow
def test_the_tutorial_runs_from_its_first_line_to_its_last(tmp_path):
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    for language, code in re.findall(r"```(sh|python)\n(.*?)```", text, flags=re.DOTALL):
        command = [sys.executable, "-c"] if language == "python" else ["bash", "-ec"]
        done = subprocess.run([*command, code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    assert "test_language" in done.stdout  # the last block prints shares
    assert len(list(tmp_path.glob("multirun/reviews/*/report.html"))) == 7


def test_every_link_of_the_documents_leads_somewhere():
    for file in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"\]\(([^)#:]+)\)", file.read_text("utf-8")):
            assert (file.parent / name).exists(), f"{file.name}: {name}"


def test_every_file_of_the_map_exists():
    section = TEXT.split("## Map of the code")[1].split("##")[0]
    for name in re.findall(r"`([\w./]+(?:/|\.py))`", section):
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "xling")), name
    for name in re.findall(r"\]\(([\w./]+)\)", TEXT):
        assert (ROOT / name).exists(), name
