"""What a JSON file holds that is not rows: a table by its columns, or rows inside of an object."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Form(NamedTuple):
    """How a file holds its rows.

    Attributes:
        what: in words.
        writing: how to write it otherwise, in words.
        program: in Python, which makes the rows of `table`; "" if a program alone cannot.
        source: likewise, which makes the table of `file`.
    """

    what: str
    writing: str
    program: str
    source: str = "json.loads(file.read_bytes())"


PANDAS = 'DataFrame.to_json(FILE, orient="records")'
OBJECTS = "an array of objects, or an object per line"
SEPARATE = Form(
    "objects that take several lines each",
    OBJECTS,
    "table",
    r"""json.loads("[%s]" % re.sub(r"}\s*\n\s*{", "}, {", file.read_text("utf-8-sig")))""",
)


def advice_on(text: str, path: Path, name: str, columns: Sequence[str]) -> str:
    """Say what a file holds in the place of rows, and how to make rows of it; "" if nothing shows.

    Args:
        text: what the file holds.
        path: where it is.
        name: name of the file in messages.
        columns: all names that the task's columns may have.
    """
    start = text.lstrip()
    try:
        value, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return ""
    alone = not start[end:].strip()
    if not alone and ("\n" not in start[:end] or not isinstance(value, dict)):
        return ""
    form = _form(value, set(columns)) if alone else SEPARATE
    if form is None:
        return ""
    advice = f"{name} holds {form.what}. Write {form.writing}"
    if not form.program:
        return f"{advice}."
    kept = f"{path.name}.orig will be the file as it is now"
    return f"{advice}, or convert it; {kept}:\n  {_command(path, form)}"


def _form(value: Any, columns: set[str]) -> Form | None:
    """Return how a value holds rows; None if it is one, or none can be told."""
    if isinstance(value, list):
        nameless = value and all(isinstance(row, list) for row in value)
        return Form("rows without the names of their columns", PANDAS, "") if nameless else None
    if not isinstance(value, dict) or not value:
        return None
    parts = list(value.values())
    if set(value) == {"columns", "index", "data"}:
        names = '[dict(zip(table["columns"], row)) for row in table["data"]]'
        return Form('a table as pandas writes it with orient="split"', PANDAS, names)
    if all(isinstance(part, dict) for part in parts):
        if columns & set(value):
            tuples = "zip(*(part.values() for part in table.values()))"
            rows = f"[dict(zip(table, row)) for row in {tuples}]"
            return Form("columns, as pandas writes them by default", PANDAS, rows)
        if columns & set(parts[0]):
            what = 'rows by their index, as pandas writes them with orient="index"'
            return Form(what, PANDAS, "list(table.values())")
    if all(isinstance(part, list) for part in parts) and columns & set(value):
        rows = "[dict(zip(table, row)) for row in zip(*table.values())]"
        return Form("columns", OBJECTS, rows)
    keys = [key for key, part in value.items() if _are_rows(part)]
    if columns & set(value) or not keys:
        return None
    shown = " and ".join(f'"{key}"' for key in keys)
    if len(keys) == 1:
        return Form(
            f"its rows within an object, under {shown}",
            "that array alone",
            f"table[{json.dumps(keys[0])}]",
        )
    return Form(f"several arrays of rows, under {shown}", "each into a file of its own", "")


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _command(path: Path, form: Form) -> str:
    """Return the line for a shell that puts rows in the place of what a file holds."""
    packed = path.suffix.casefold() == ".gz"
    file, unpacked = (shlex.quote(str(p)) for p in (path, path.with_suffix("") if packed else path))
    code = (
        "import json, pathlib, re, sys; file = pathlib.Path(sys.argv[1]); "
        f"table = {form.source}; file.write_text(json.dumps({form.program}))"
    )
    first = f"cp {file} {shlex.quote(f'{path}.orig')} && " + (
        f"gunzip {file} && " if packed else ""
    )
    return f"{first}python -c {shlex.quote(code)} {unpacked}"
