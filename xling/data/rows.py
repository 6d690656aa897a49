"""From a file's rows to the rows that a task can use, and the bad ones with their reasons."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xling.config import Task
from xling.data.readers import Record, Table
from xling.errors import UserError, nearest

IGNORED = -1  # stands for the labels that a task leaves out on purpose


class Row(NamedTuple):
    """A row that can be used; `id` is the row's own, equal over languages in parallel data."""

    id: str
    label: int
    text: str
    text_pair: str | None
    file: str
    line: int


class Bad(NamedTuple):
    """A row that cannot be used: `reason` is its kind, `detail` says it in full."""

    file: str
    line: int
    reason: str
    detail: str
    label: str = ""


def label_index(task: Task) -> dict[str, int]:
    """Return the class of each raw label, compared as a string; `IGNORED` for the ignored ones.

    Raises:
        UserError: a raw label that stands twice in the task's lists.
    """
    pairs = [(str(raw), number) for number, raws in enumerate(task.labels.values()) for raw in raws]
    pairs += [(str(raw), IGNORED) for raw in task.ignore_labels]
    for raw, uses in Counter(raw for raw, _ in pairs).items():
        if uses > 1:
            raise UserError(
                f"The label '{raw}' stands {uses} times in task.labels and task.ignore_labels; "
                "leave it in one place."
            )
    return dict(pairs)


def usable(tables: Sequence[Table], task: Task) -> tuple[list[Row], list[Bad]]:
    """Sort the rows of one language and split into usable and bad ones; ignored ones stay in.

    Rows without an id column are numbered from 0 through all tables, bad ones included.

    Raises:
        UserError: the number of rows read is not the number that the file has.
    """
    labels = label_index(task)
    rows: dict[str, Row] = {}
    bad: list[Bad] = []
    number = 0
    for table in tables:
        start = number
        for record in table.records:
            result = _checked(table, record, str(number), task, labels)
            number += 1
            if isinstance(result, Bad):
                bad.append(result)
            elif first := rows.get(result.id):
                detail = f"duplicate id {result.id}: {first.file}:{first.line} has it too"
                bad.append(Bad(result.file, result.line, "duplicate id", detail))
            else:
                rows[result.id] = result
        if number - start != table.count:
            raise UserError(f"{table.name}: {number - start} rows read, but it has {table.count}.")
    return list(rows.values()), bad


def _checked(
    table: Table, record: Record, number: str, task: Task, labels: dict[str, int]
) -> Row | Bad:
    columns, values = task.columns, record.values

    def refused(reason: str, detail: str = "", label: str = "") -> Bad:
        return Bad(table.name, record.line, reason, detail or reason, label)

    if record.problem:
        counted = "fields instead" in record.problem
        reason = "wrong number of fields" if counted else "unreadable row"
        return refused(reason, record.problem)
    identity = number if table.id_column is None else values.get(table.id_column)
    if identity is None or not str(identity).strip():
        return refused("no id")
    raw = values.get(columns.label)
    label = "" if raw is None else str(raw).strip()
    if not label:
        return refused("no label")
    if label not in labels:
        return refused("unknown label", f"unknown label '{label}'", label)
    if labels[label] == IGNORED:
        return Row(str(identity).strip(), IGNORED, "", None, table.name, record.line)
    text = values.get(columns.text)
    if problem := _text_problem(text):
        return refused(problem, f"{problem} ({columns.text})")
    pair = None
    if columns.text_pair is not None:
        pair = values.get(columns.text_pair)
        if problem := _text_problem(pair):
            return refused(problem, f"{problem} ({columns.text_pair})")
    return Row(str(identity).strip(), labels[label], text, pair, table.name, record.line)


def _text_problem(text: object) -> str:
    if text is None or text == "":
        return "empty text"
    if not isinstance(text, str):
        return "not text"
    if text.isspace():
        return "empty text"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "invalid Unicode"
    return ""


def align(
    rows: dict[str, list[Row]], classes: Sequence[str]
) -> tuple[dict[str, list[Row]], list[Bad]]:
    """Keep the rows whose id every language has, with one label; the others are bad."""
    by_id = {language: {row.id: row for row in found} for language, found in rows.items()}
    common = set.intersection(*(set(found) for found in by_id.values()))
    agreed = {each for each in common if len({found[each].label for found in by_id.values()}) == 1}
    kept: dict[str, list[Row]] = {language: [] for language in rows}
    bad: list[Bad] = []
    for language, found in rows.items():
        for row in found:
            if row.id in agreed:
                kept[language].append(row)
            else:
                bad.append(_not_aligned(row, by_id, classes))
    return kept, bad


def _not_aligned(row: Row, by_id: dict[str, dict[str, Row]], classes: Sequence[str]) -> Bad:
    missing = [language for language, found in by_id.items() if row.id not in found]
    if missing:
        reason = "missing translation"
        detail = f"no usable row {row.id} in {', '.join(missing)}"
    else:
        reason = "label differs between translations"
        labels = {language: found[row.id].label for language, found in by_id.items()}
        said = (f"{language} {_name(label, classes)}" for language, label in labels.items())
        detail = f"row {row.id} is {', '.join(said)}"
    return Bad(row.file, row.line, reason, f"{reason}: {detail}")


def _name(label: int, classes: Sequence[str]) -> str:
    return "(ignored)" if label == IGNORED else classes[label]


def check_equal_counts(counts: dict[str, int], split: str) -> None:
    """Refuse parallel data whose rows are told by number but whose languages differ in length.

    Raises:
        UserError: with the number of rows of each language.
    """
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{language} {count:,}" for language, count in counts.items())
        raise UserError(
            f"Split {split}: the rows of the languages are aligned by their number, but the files "
            f"differ in length: {said}.\nIf the files have a column that identifies a row, write "
            "task.columns.id=NAME."
        )


def report(bad: Sequence[Bad], task: Task) -> list[str]:
    """Say in a few lines what the bad rows are: by reason, the first of them, unknown labels."""
    reasons = Counter(row.reason for row in bad).most_common()
    lines = [
        f"{len(bad):,} rows cannot be used: "
        + ", ".join(f"{reason} {count:,}" for reason, count in reasons)
        + "."
    ]
    lines += [f"  {row.file}:{row.line}: {row.detail}" for row in bad[:5]]
    if len(bad) > 5:
        lines.append(f"  … and {len(bad) - 5:,} more")
    return lines + _unknown_labels(bad, task)


def _unknown_labels(bad: Sequence[Bad], task: Task) -> list[str]:
    unknown = Counter(row.label for row in bad if row.label)
    if not unknown:
        return []
    first = {row.label: row for row in reversed(bad) if row.label}
    known = label_index(task)
    said = [
        f"  '{label}': {count:,} rows, the first {first[label].file}:{first[label].line}."
        f"{nearest(label, known)}"
        for label, count in unknown.most_common(10)
    ]
    if len(unknown) > 10:
        said.append(f"  … and {len(unknown) - 10:,} more labels")
    return [
        f"Labels that task {task.name} does not know:",
        *said,
        f"Known: {', '.join(known)}. Add the others to a class of task.labels, or to "
        "task.ignore_labels to leave their rows out.",
    ]


def empty_classes(rows: Iterable[Row], task: Task) -> list[str]:
    """Return the classes that no row has."""
    present = {row.label for row in rows}
    return [name for number, name in enumerate(task.classes) if number not in present]
