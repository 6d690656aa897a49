"""Checks of what a task's file and the names of data files say, before any file is read."""

import string
from collections import Counter
from collections.abc import Iterator
from typing import Any

from xling.config.schema import Column, Data, Task
from xling.errors import UserError, nearest

ROLES = ("id", "text", "text_pair", "label")
WORDS = ("name", "languages", "columns", "headerless", "labels", "ignore_labels")
"""Keys of a task's file that hold words."""


def words_checked(values: dict[str, Any]) -> dict[str, Any]:
    """Return the composed values, with the names of classes as text.

    YAML reads words like `no` and `1.0` as truth values and numbers unless they are in quotes.

    Raises:
        UserError: such a value where a word is due.
    """
    task = values.get("task")
    if not isinstance(task, dict):
        return values
    words = {f"task.{key}": task.get(key) for key in WORDS}
    words |= {key: values.get(key) for key in ("languages", "exclude", "imbalance_language")}
    for key, value in words.items():
        for place, word in _leaves(value, key):
            if problem := _misread(word):
                raise UserError(f"{place}: {problem}")
    labels = task.get("labels")
    if isinstance(labels, list):
        raise UserError(
            "task.labels is a list: map each class to the values that mean it, as in labels: "
            f"{{{', '.join(f'{raw}: [{raw}]' for raw in labels)}}}."
        )
    if isinstance(labels, dict):
        values = {**values, "task": {**task, "labels": {str(k): v for k, v in labels.items()}}}
    return values


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys below a key and their values, and the keys themselves as far as they vary."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield key, name
            optional = inner is None and key == "task.columns"
            yield from () if optional else _leaves(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, key)
    elif value is not None or key.startswith("task.labels"):
        yield key, value


def _misread(word: Any) -> str:
    if isinstance(word, bool):
        likely = "yes, on or true" if word else "no, off or false"
        return (
            f"YAML reads {likely} as a truth value. Put the word into quotes, as it is in your "
            f'files: "{"yes" if word else "no"}", for instance.'
        )
    if word is None:
        return 'YAML reads null, ~ or an empty place as no value. Put words into quotes: "null".'
    if isinstance(word, float):
        return (
            f"YAML reads this as the number {word}. Put it into quotes as it is in your files: "
            f'"{word}", for instance.'
        )
    return ""


def check_task(task: Task, data: Data) -> None:
    """Check that a task has classes, columns of its own for each role, and names for headers.

    Raises:
        UserError: it does not; says what to write.
    """
    if len(task.labels) < 2:
        raise UserError(
            f"task.labels has {', '.join(task.labels) or 'no class'}: a task needs two classes or "
            "more, as in labels: {good: [good], bad: [bad]}."
        )
    for name, raws in task.labels.items():
        if not raws:
            raise UserError(f"task.labels.{name} has no values: list those that mean {name}.")
    _check_columns(task, data)
    _check_headerless(task)


def _check_columns(task: Task, data: Data) -> None:
    roles = {f"task.columns.{role}": getattr(task.columns, role) for role in ROLES}
    roles |= {f"data.{key}": getattr(data, key) for key in ("language_column", "split_column")}
    keys: dict[str, str] = {}
    for key, column in roles.items():
        for name in _names(column):
            if other := keys.get(name):
                why = (
                    ": the model would read the answer"
                    if "label" in other + key and "text" in other + key
                    else ""
                )
                raise UserError(
                    f"{other} and {key} are both the column '{name}'{why}. Write another column's "
                    "name for one of them."
                )
            keys[name] = key


def _names(column: Column | None) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else column or ()


def _check_headerless(task: Task) -> None:
    if task.headerless is None:
        return
    needed = ["text", "label", *(["text_pair"] if task.columns.text_pair else [])]
    for role in needed:
        if role not in task.headerless:
            raise UserError(
                f"task.headerless={list(task.headerless)} has no {role}."
                f"{nearest(role, task.headerless)} List the columns of a file without a header in "
                f"their order: {', '.join(needed)}, id if there is one, and any other word for a "
                "column that is not read."
            )
    for name, uses in Counter(task.headerless).items():
        if uses > 1:
            raise UserError(f"task.headerless={list(task.headerless)} has {name} twice.")


def check_files(data: Data) -> None:
    """Check the pattern of the files' names, and that the sample corpus has no such switches.

    Raises:
        UserError: a placeholder that is missing or not known, or a switch without effect.
    """
    for key in ("path", "files", "language_column", "split_column"):
        if data.source == "sample" and getattr(data, key) is not None:
            raise UserError(
                f"data.{key}={getattr(data, key)} is for your own files and the hub's: write "
                "data=files as well, with data.path=DIR, or omit it."
            )
    if data.files is None:
        return
    if wild := next((mark for mark in "*?[" if mark in data.files), ""):
        raise UserError(
            f"data.files={data.files}: {wild} stands for itself here. Write {{lang}} where the "
            "language stands, {split} where the split does, and all else as it is in the names; "
            "files in parts are named by one of them, as in {lang}/{split}-00000-of-00002.parquet."
        )
    if data.files.startswith(("/", "~", "./", "../")):
        raise UserError(
            f"data.files={data.files}: names are those below data.path: write the folder there, "
            "and here what comes after it, as in {lang}/{split}.tsv."
        )
    try:
        placeholders = [name for _, name, _, _ in string.Formatter().parse(data.files)]
    except ValueError as error:
        raise UserError(f"data.files={data.files} cannot be read: {error}.") from None
    for name in filter(None, placeholders):
        if name not in ("split", "lang"):
            raise UserError(
                f"data.files={data.files}: there is no {{{name}}}; write {{split}} or {{lang}}."
            )
    if "lang" not in placeholders and data.language_column is None:
        raise UserError(
            f"data.files={data.files} does not say where in a name the language stands: write "
            "{lang} there, or data.language_column=NAME if a column says it."
        )
    one_source = len(set(data.splits.values())) == 1
    if "split" not in placeholders and data.split_column is None and not one_source:
        raise UserError(
            f"data.files={data.files} does not say where in a name the split stands: write "
            "{split} there, or data.split_column=NAME if a column says it. Files that are not "
            "split need 'data.splits={train: all, dev: all, test: all}' and sizes of what is "
            "drawn from them: data.dev_per_language=NUMBER data.test_per_language=NUMBER."
        )
