"""The rooms of the code: those of the README's map, with nothing loose beside them."""

import re
import tomllib
from pathlib import Path

import xling

ROOT = Path(__file__).parent.parent
PACKAGE = Path(xling.__file__).parent


def rooms() -> set[str]:
    """Names of the packages directly below xling."""
    return {file.parent.name for file in PACKAGE.glob("*/__init__.py")}


def test_no_module_stands_loose_beside_the_rooms():
    modules = {file.stem for file in PACKAGE.glob("*.py")}
    assert modules == {"__init__", "__main__", "errors", "stage"}


def test_the_map_of_the_readme_names_every_room():
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("## Map of the code")[1].split("\n## ")[0]
    assert {
        name for name in rooms() if f"`xling/{name}/`" in section or f"`{name}/`" in section
    } == rooms()


def test_the_contract_of_directions_holds_every_room():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = (
        contract
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    listed = set(re.findall(r"xling\.(\w+)", " ".join(contract["layers"])))
    assert listed == rooms() | {"__main__", "errors", "stage"}
