"""Reading the JSON files of a local model, and the types of what is in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, NoReturn

from xling.errors import UserError

AGAIN = "Copy or download it again."
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"

KINDS = {bool: "true or false", int: "a whole number", str: "text", dict: "an object {...}"}
"""Types of values, as errors name them."""


def read_json(name: str, folder: Path, file: str) -> Any:
    """Return what a JSON file holds; None if there is none."""
    path = folder / file
    refuse_broken_link(name, path)
    if not path.is_file():
        return None
    if starts_with(path, LFS_POINTER):
        raise UserError(
            f"model.path={name}: {file} is a pointer of Git LFS, not the file itself: run "
            "`git lfs pull` in that folder."
        )
    try:
        value = json.loads(path.read_text("utf-8"))
        if value is None:
            raise ValueError("it holds nothing but null")
        return value
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"model.path={name}: {file} cannot be read as JSON: {error}. {AGAIN}"
        ) from None


def refuse_broken_link(name: str, path: Path) -> None:
    """Refuse a link that leads to no file: most readers take it for nothing at all.

    Raises:
        UserError: it is one.
    """
    if path.is_symlink() and not path.exists():
        raise UserError(
            f"model.path={name}: {path.name} is a link that leads nowhere: there is no "
            f"{path.readlink()}. Copy or download the file itself."
        )


def read_object(name: str, folder: Path, file: str) -> dict[str, Any] | None:
    """Return the object that a JSON file holds; None if there is no such file."""
    value = read_json(name, folder, file)
    if value is not None and not isinstance(value, dict):
        raise UserError(f"model.path={name}: {file} does not hold an object: {{...}}. {AGAIN}")
    return value


def expect(name: str, file: str, values: Mapping[str, Any], key: str, kind: type) -> Any:
    """Return a value of an object; None if it is null or not there.

    Args:
        name: of the model, for errors.
        file: that holds the object.
        kind: the type that the value must have, one of `KINDS`.

    Raises:
        UserError: it has another.
    """
    value = values.get(key)
    as_switch = kind is bool and value in (0, 1) and type(value) is int
    if not (value is None or type(value) is kind or as_switch):
        refuse_value(name, file, key, value, KINDS[kind])
    return value


def refuse_value(name: str, file: str, key: str, value: object, expected: str) -> NoReturn:
    """Refuse a value of an object.

    Raises:
        UserError: always.
    """
    raise UserError(
        f"model.path={name}: {file} has {key}={shown(value)}, where {expected} is expected. "
        "Correct it, or copy or download the file again."
    )


def shown(value: object) -> str:
    """Return a value as it stands in a JSON file, if that is short."""
    return shorten(json.dumps(value, ensure_ascii=False), 60)


def starts_with(file: Path, start: bytes) -> bool:
    """Tell whether a file begins with some bytes."""
    with file.open("rb") as stream:
        return stream.read(len(start)) == start
