"""Separate a file's rows into those a task can use and those it cannot, with reasons."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xling.config import Task
from xling.data.readers import Record, Table
from xling.errors import UserError, nearest

IGNORED = -1  # the class of labels that a task leaves out on purpose
WIDTH = "wrong number of fields"
HALF = "half a text"
UNREADABLE = "unreadable row"
OTHER_LABEL = "label differs between translations"
SHOWN = 60  # characters of a label in a message


class Row(NamedTuple):
    """A usable row; in parallel data, translations of a row have the same `id`."""

    id: str
    label: int
    text: str
    text_pair: str | None
    file: str
    line: int


class BadRow(NamedTuple):
    """An unusable row: `reason` is the kind of problem, `detail` describes it in full."""

    file: str
    line: int
    reason: str
    detail: str
    label: str = ""


def label_index(task: Task) -> dict[str, int]:
    """Map each raw label, as a string, to its class, or to `IGNORED`.

    Raises:
        UserError: a raw label that occurs twice in the task's lists.
    """
    pairs = [(str(raw), number) for number, raws in enumerate(task.labels.values()) for raw in raws]
    pairs += [(str(raw), IGNORED) for raw in task.ignore_labels]
    for raw, uses in Counter(raw for raw, _ in pairs).items():
        if uses > 1:
            raise UserError(
                f"The label '{raw}' occurs {uses} times in task.labels and task.ignore_labels; "
                "keep only one of them."
            )
    return dict(pairs)


def separate_rows(tables: Sequence[Table], task: Task) -> tuple[list[Row], list[BadRow]]:
    """Separate the usable rows of a language and split, with ignored labels, from the bad ones.

    Without an id column, rows are numbered from 0 across all tables, including bad rows.

    Raises:
        UserError: the number of rows read differs from the number in the file.
    """
    labels = label_index(task)
    rows: dict[str, Row] = {}
    bad: list[BadRow] = []
    number = 0
    for table in tables:
        start = number
        for record in table.records:
            result = _checked(table, record, str(number), task, labels)
            number += 1
            if isinstance(result, BadRow):
                bad.append(result)
            elif first := rows.get(result.id):
                detail = f"duplicate id {result.id}: also at {first.file}:{first.line}"
                bad.append(BadRow(result.file, result.line, "duplicate id", detail))
            else:
                rows[result.id] = result
        if number - start != table.count:
            raise UserError(
                f"{table.name}: {number - start} rows read, but the file has {table.count}."
            )
    return list(rows.values()), bad


def _checked(
    table: Table, record: Record, number: str, task: Task, labels: dict[str, int]
) -> Row | BadRow:
    columns, values = table.columns, record.values

    def refused(reason: str, detail: str = "", label: str = "") -> BadRow:
        return BadRow(table.name, record.line, reason, detail or reason, label)

    if record.problem:
        counted = " instead of " in record.problem
        half = HALF if "line break" in record.problem else UNREADABLE
        reason = WIDTH if counted else half
        return refused(reason, record.problem)
    identity, problem = _word(number if columns.id is None else values.get(columns.id))
    if problem:
        return refused(f"{problem} id", f"{problem} id ({columns.id})")
    label, problem = _word(values.get(columns.label))
    if problem:
        return refused(f"{problem} label", f"{problem} label ({columns.label})")
    if label not in labels:
        shown = label if len(label) <= SHOWN else label[:SHOWN] + "…"
        return refused("unknown label", f"unknown label '{shown}'", shown)
    if labels[label] == IGNORED:
        return Row(identity, IGNORED, "", None, table.name, record.line)
    text = values.get(columns.text)
    if problem := _text_problem(text):
        return refused(problem, f"{problem} ({columns.text})")
    pair = None
    if columns.text_pair is not None:
        pair = values.get(columns.text_pair)
        if problem := _text_problem(pair):
            return refused(problem, f"{problem} ({columns.text_pair})")
    return Row(identity, labels[label], text, pair, table.name, record.line)


def _word(value: object) -> tuple[str, str]:
    """Return a value as a word, or else "" and what is wrong with it.

    Whole numbers are written without a fraction: pandas makes 1.0 of a 1 if any value is missing.
    """
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return "", "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        return "", f"a {type(value).__name__} as"
    word = str(value).strip()
    return ("", "invalid Unicode in the") if _lone_surrogate(word) else (word, "")


def _text_problem(text: object) -> str:
    if text is None or text == "":
        return "empty text"
    if not isinstance(text, str):
        return "not text"
    if text.isspace():
        return "empty text"
    return "invalid Unicode" if _lone_surrogate(text) else ""


def _lone_surrogate(text: str) -> bool:
    """Return whether a text has half a character, which JSON can write and UTF-8 cannot."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def align(
    rows: dict[str, list[Row]], classes: Sequence[str]
) -> tuple[dict[str, list[Row]], dict[str, list[BadRow]]]:
    """Keep the rows that every language has with the same label; the others are bad."""
    by_id = {
        language: {row.id: row for row in of_language} for language, of_language in rows.items()
    }
    common = set.intersection(*(set(of_language) for of_language in by_id.values()))
    agreed = {
        row_id
        for row_id in common
        if len({of_language[row_id].label for of_language in by_id.values()}) == 1
    }
    aligned: dict[str, list[Row]] = {language: [] for language in rows}
    bad: dict[str, list[BadRow]] = {language: [] for language in rows}
    for language, of_language in rows.items():
        for row in of_language:
            if row.id in agreed:
                aligned[language].append(row)
            else:
                bad[language].append(_not_aligned(row, by_id, classes))
    return aligned, bad


def _not_aligned(row: Row, by_id: dict[str, dict[str, Row]], classes: Sequence[str]) -> BadRow:
    missing = [language for language, rows in by_id.items() if row.id not in rows]
    if missing:
        reason = "missing translation"
        detail = f"no usable row {row.id} in {', '.join(missing)}"
    else:
        reason = OTHER_LABEL
        labels = {language: rows[row.id].label for language, rows in by_id.items()}
        names = (f"{language} {_name(label, classes)}" for language, label in labels.items())
        detail = f"row {row.id} is {', '.join(names)}"
    return BadRow(row.file, row.line, reason, f"{reason}: {detail}")


def _name(label: int, classes: Sequence[str]) -> str:
    return "(ignored)" if label == IGNORED else classes[label]


def check_equal_counts(counts: dict[str, int], split: str) -> None:
    """Refuse parallel data that is aligned by row number but whose languages differ in length.

    Raises:
        UserError: lengths that differ; gives the number of rows of each language.
    """
    if len(set(counts.values())) > 1:
        lengths = ", ".join(f"{language} {count:,}" for language, count in counts.items())
        raise UserError(
            f"Split {split}: the rows of the languages are aligned by row number, but the files "
            f"differ in length: {lengths}.\nIf a column of the files identifies the rows, write "
            "task.columns.id=NAME."
        )


def check_numbering(rows: Sequence[Row], bad: Sequence[BadRow], split: str) -> None:
    """Refuse to align by row number a language in which a line may be a part of a row, or none.

    Raises:
        UserError: a line with too few fields, or an empty one before the last usable row.
    """
    last = {row.file: row.line for row in rows}
    for row in bad:
        if row.line < last.get(row.file, 0) and _may_shift(row):
            raise UserError(
                f"{row.file}:{row.line}: {row.detail}. The rows of split {split} are aligned by "
                "their numbers, and those after such a line would not be translations. "
                "Put texts with line breaks into quotes and leave out empty lines; or write "
                "task.columns.id=NAME if a column of the files identifies the rows."
            )


def _may_shift(row: BadRow) -> bool:
    few = re.match(r"(\d+) fields? instead of (\d+)", row.detail)
    return row.reason == UNREADABLE or bool(few and int(few[1]) < int(few[2]))


def bad_row_lines(bad: Sequence[BadRow], task: Task) -> list[str]:
    """Summarise bad rows in a few lines: counts by reason, the first rows, unknown labels."""
    reasons = Counter(row.reason for row in bad).most_common()
    lines = [
        f"{len(bad):,} row{'s' if len(bad) > 1 else ''} cannot be used: "
        + ", ".join(f"{reason} {count:,}" for reason, count in reasons)
        + "."
    ]
    lines += [f"  {row.file}:{row.line}: {row.detail}" for row in bad[:5]]
    if len(bad) > 5:
        lines.append(f"  … and {len(bad) - 5:,} more")
    if any(row.reason == WIDTH for row in bad):
        lines.append("  A text with a line break is such a row, unless it stands in quotes.")
    if any(row.reason == OTHER_LABEL for row in bad):
        lines.append("  If equal ids are no translations of each other, write task.parallel=false.")
    return lines + _unknown_labels(bad, task)


def _unknown_labels(bad: Sequence[BadRow], task: Task) -> list[str]:
    unknown = Counter(row.label for row in bad if row.label)
    if not unknown:
        return []
    first = {row.label: row for row in reversed(bad) if row.label}
    known = label_index(task)
    lines = [
        f"  '{label}': {count:,} rows, the first at {first[label].file}:{first[label].line}."
        f"{_misread(label, known) or nearest(label, known)}"
        for label, count in unknown.most_common(10)
    ]
    if len(unknown) > 10:
        lines.append(f"  … and {len(unknown) - 10:,} more labels")
    return [
        f"Unknown labels in task {task.name}:",
        *lines,
        f"Known labels: {', '.join(known)}. Add the others to a class in task.labels, or to "
        "task.ignore_labels to leave their rows out.",
    ]


def _misread(label: str, known: Iterable[str]) -> str:
    """Say so if a label without quotes is a number that the task has: 010 is 8 in YAML."""
    import yaml  # only a label that the task does not have needs it

    try:
        value = yaml.safe_load(label)
    except yaml.YAMLError:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float) and value.is_integer() and str(int(value)) in known:
        return f' pandas writes {int(value)} so beside empty places: add "{label}", in quotes.'
    if str(value) not in known:
        return ""
    return f' YAML reads {label} as the number {value}: write "{label}" in quotes in task.labels.'


def empty_classes(rows: Iterable[Row], task: Task) -> list[str]:
    """Return the classes without rows."""
    present = {row.label for row in rows}
    return [name for number, name in enumerate(task.classes) if number not in present]
