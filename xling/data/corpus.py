"""The corpus of a run: reading, checking, aligning and drawing rows.

`datasets` is imported inside functions: commands import this room before their first line.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from xling.config import Config
from xling.data.connection import Say
from xling.data.hub import fetch_dataset, named_by_hub
from xling.data.readers import Table
from xling.data.rows import (
    IGNORED,
    BadRow,
    Row,
    align,
    bad_row_lines,
    check_equal_counts,
    check_numbering,
    empty_classes,
    separate_rows,
)
from xling.data.sampling import SPLITS, Quota, allot, extra_size, permutation, quotas_by_source
from xling.data.sources import Key, exists, file_digests, require, tables_of
from xling.data.variety import Drawn, check_variety, overlaps, written_gaps
from xling.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Pools = dict[str, dict[str, dict[str, Row]]]  # source split, language, id


def load_corpus(config: Config, say: Say) -> "DatasetDict":
    """Return the examples of a run, with the splits train, dev and test.

    The columns are id, parallel_id (None if the task is not parallel), language, label (index into
    `config.task.classes`), text and text_pair (None if the task has one text). Examples are ordered
    by language as configured, then as drawn.

    Args:
        config: the run's configuration.
        say: prints plain lines about the rows that are read, left out and drawn.

    Raises:
        UserError: data that is missing, unusable or too small.
    """
    from datasets import DatasetDict

    quotas = quotas_by_source(config)
    with named_by_hub(config):
        pools = read_pools(config, quotas, say)
    drawn = draw_splits(config, quotas, pools)
    for split in SPLITS:
        say(_sizes(split, drawn[split]))
    check_variety(config, drawn, say)
    for line in (*written_gaps(drawn), *overlaps(drawn)):
        say(f"WARNING: {line}")
    return DatasetDict({split: _dataset(drawn[split], config) for split in SPLITS})


def require_data(config: Config, say: Say) -> None:
    """Check that a run's data exists or can be fetched, without reading it.

    Args:
        say: prints what is tried again.

    Raises:
        UserError: the data is unavailable, or the sizes of the draws contradict each other.
    """
    require(config, _needed(config), say)


def fetch_data(config: Config, say: Say) -> None:
    """Fetch what this machine has not of a data set on the hub; say so if there is something.

    Raises:
        UserError: the data is unavailable.
    """
    if config.data.source == "hub":
        needed = _needed(config)
        if config.model.tiny:
            needed += _needed(vocabulary_run(config))
        fetch_dataset(config, dict.fromkeys(needed), say)


def fingerprint(config: Config) -> dict[str, str]:
    """Return the digests of the contents of the local files that the run reads, by name.

    Empty unless `data.source` is `files`: the configuration identifies the other sources.

    Raises:
        UserError: a missing file.
    """
    if config.data.source != "files":
        return {}
    digests = file_digests(config, _needed(config))
    if config.model.tiny and (vocabulary := vocabulary_run(config)) != config:
        digests |= file_digests(vocabulary, _needed(vocabulary))
        digests["vocabulary"] = "all languages"  # once it was the run's own: another start
    return digests


def vocabulary_run(config: Config) -> Config:
    """Return the run whose training texts a model that is built here takes its vocabulary from.

    It trains on all languages alike, so that excluding one, or adding to one, changes neither the
    tokenizer nor the model's start. Languages whose training files do not exist stay excluded.
    """
    whole = dataclasses.replace(
        config, exclude=(), imbalance=0, imbalance_language=None, compare_full=False
    )
    if config.data.source == "sample":
        return whole

    def is_missing(language: str) -> bool:
        others = tuple(other for other in config.languages if other != language)
        alone = dataclasses.replace(whole, exclude=others)
        return not exists(alone, _needed(alone))

    return dataclasses.replace(whole, exclude=tuple(filter(is_missing, config.exclude)))


def read_pools(config: Config, quotas: dict[str, list[Quota]], say: Say) -> Pools:
    """Read and check all rows that may be drawn.

    Raises:
        UserError: unusable rows, unless `data.on_bad_row` is `drop`.
    """
    tables = tables_of(config, _required_sources(config, quotas), say)
    check_backslashes(table for shards in tables.values() for table in shards)
    pools: Pools = {}
    bad: list[BadRow] = []
    for source in quotas:
        of_source = {
            language: shards for (language, split), shards in tables.items() if split == source
        }
        rows, refused_by_language = _read_split(config, source, of_source)
        refused = [row for of_language in refused_by_language.values() for row in of_language]
        bad += refused
        _say_counts(of_source, rows, refused_by_language, say)
        pools[source] = {
            language: {row.id: row for row in of_language if row.label != IGNORED}
            for language, of_language in rows.items()
        }
        _check_classes(config, source, pools[source], refused)
    lost = [
        f"{source} of {language}"
        for source, of_source in pools.items()
        for language, pool in of_source.items()
        if not pool
    ]
    _stop_or_drop(config, bad, lost, say)
    return pools


def check_backslashes(tables: Iterable[Table]) -> None:
    """Refuse files of which some show that backslashes are escaped, and others may hide it.

    Raises:
        UserError: names one of each.
    """
    read = {table.name: table.quotes for table in tables if table.quotes}
    escaped = next((name for name, quotes in read.items() if quotes.escapes == "all"), None)
    taken = next((name for name, quotes in read.items() if quotes.doubtful), None)
    if escaped and taken:
        raise UserError(
            f"{escaped} shows by its quotes that a backslash stands before each one that is text, "
            f"as Python writes them; {taken} has backslashes, too, but what it holds does not show "
            "that. Write data.quotes=escaped if one program wrote both so, or data.quotes=none to "
            "take all backslashes and quotes as text."
        )


def draw_splits(config: Config, quotas: dict[str, list[Quota]], pools: Pools) -> Drawn:
    """Draw every split's rows from the pools of its source; deterministic given the seed.

    Parallel tasks share one draw over all languages of the run, including excluded ones. Other
    tasks have a random stream per language. So excluding a language changes nothing for the rest.

    Raises:
        UserError: more rows are requested than exist.
    """
    drawn: Drawn = {split: {} for split in SPLITS}
    for source, sharing in quotas.items():
        common = list(next(iter(pools[source].values()))) if config.task.parallel else None
        order = permutation(common, config.seed, source) if common is not None else []
        for language in config.languages:
            if language not in pools[source]:
                continue
            pool = pools[source][language]
            if common is None:
                order = permutation(pool, config.seed, f"{language}/{source}")
            gets_more = sharing[0].split == "train" and language == config.imbalance_language
            extra = extra_size(config) if gets_more else 0
            where = f"source split '{source}' of {language}"
            ids = allot(order, sharing, extra, where, config.imbalance)
            ids[sharing[0].split] += ids.pop("extra")
            for split, row_ids in ids.items():
                if language in _languages(config, split):
                    drawn[split][language] = [pool[row_id] for row_id in row_ids]
    return drawn


def _languages(config: Config, split: str) -> tuple[str, ...]:
    """Return a split's languages: the test split keeps excluded ones."""
    return config.languages if split == "test" else config.train_languages


def _needed(config: Config) -> list[Key]:
    """Return what a run reads."""
    return _required_sources(config, quotas_by_source(config))


def _required_sources(config: Config, quotas: dict[str, list[Quota]]) -> list[Key]:
    """Return what to read; alignment needs all languages, even excluded ones."""
    return [
        (language, source)
        for source, sharing in quotas.items()
        for language in config.languages
        if config.task.parallel
        or any(language in _languages(config, quota.split) for quota in sharing)
    ]


def _read_split(
    config: Config, source: str, tables: dict[str, list[Table]]
) -> tuple[dict[str, list[Row]], dict[str, list[BadRow]]]:
    rows: dict[str, list[Row]] = {}
    bad: dict[str, list[BadRow]] = {}
    for shards in tables.values():
        if not any(table.count for table in shards):
            names = ", ".join(table.name for table in shards)
            raise UserError(f"{names} has the names of its columns, and no rows.")
    by_number = config.task.parallel and any(
        table.columns.id is None for shards in tables.values() for table in shards
    )
    if by_number:
        counts = {
            language: sum(table.count for table in shards) for language, shards in tables.items()
        }
        check_equal_counts(counts, source)
    for language, shards in tables.items():
        rows[language], bad[language] = separate_rows(shards, config.task)
        if by_number:
            check_numbering(rows[language], bad[language], source)
    if config.task.parallel:
        rows, not_aligned = align(rows, config.task.classes)
        bad = {language: bad[language] + not_aligned[language] for language in rows}
    return rows, bad


def _say_counts(
    tables: dict[str, list[Table]],
    rows: dict[str, list[Row]],
    bad: dict[str, list[BadRow]],
    say: Say,
) -> None:
    """Account for every row of every file; files with equal counts share a line."""
    files_by_line: dict[str, list[str]] = {}
    for language, shards in tables.items():
        total = sum(table.count for table in shards)
        unusable = len(bad[language])
        ignored = sum(row.label == IGNORED for row in rows[language])
        names = ", ".join(table.part or table.name for table in shards)
        if total != len(rows[language]) + unusable:
            raise UserError(
                f"{names}: {total} rows, but {len(rows[language])} used and {unusable} refused. "
                "This is a bug in xling, not a fault in the data."
            )
        line = f"{total:,} rows"
        line += f", {unusable:,} unusable" if unusable else ""
        line += f", {ignored:,} left out for their label (task.ignore_labels)" if ignored else ""
        remarks = dict.fromkeys(table.remark for table in shards if table.remark)
        files_by_line.setdefault(line + "".join(remarks), []).append(names)
    for line, files in files_by_line.items():
        say(f"{', '.join(files)}: {'each ' if len(files) > 1 else ''}{line}")


def _check_classes(
    config: Config, source: str, pools: dict[str, dict[str, Row]], bad: Sequence[BadRow]
) -> None:
    """Refuse unknown labels beside an empty class: a wrong label map, which dropping would hide."""
    if not any(row.label for row in bad):
        return
    for language, pool in pools.items():
        if empty := empty_classes(pool.values(), config.task):
            raise UserError(
                "\n".join(bad_row_lines(bad, config.task))
                + f"\nSplit {source} of {language} has no row of class {', '.join(empty)}."
            )


def _stop_or_drop(config: Config, bad: Sequence[BadRow], lost: Sequence[str], say: Say) -> None:
    """Stop for bad rows, or say that they are left out.

    Args:
        lost: sources and languages without a row that can be used.
    """
    if not bad:
        return
    lines = bad_row_lines(bad, config.task)
    if lost:
        what = "look at task.columns, task.labels and how the files were written."
        raise UserError("\n".join([*lines, f"No row is left in {', '.join(lost)}: {what}"]))
    if config.data.on_bad_row == "stop":
        raise UserError("\n".join([*lines, "Write data.on_bad_row=drop to leave these rows out."]))
    for line in lines:
        say(line)
    say("They are left out (data.on_bad_row=drop).")


def _sizes(split: str, drawn: dict[str, list[Row]]) -> str:
    by_size: dict[int, list[str]] = {}
    for language, rows in drawn.items():
        by_size.setdefault(len(rows), []).append(language)
    counts = "; ".join(
        f"{size:,} examples of each of {', '.join(languages)}"
        if len(languages) > 1
        else f"{size:,} of {languages[0]}"
        for size, languages in by_size.items()
    )
    return f"{split}: {counts}"


def example_id(language: str, row_id: str) -> str:
    """Return an id as the papers write it (`en987`); ids other than digits follow a colon."""
    digits = row_id.isascii() and row_id.isdigit()
    return f"{language}{row_id}" if digits else f"{language}:{row_id}"


def _dataset(drawn: dict[str, list[Row]], config: Config) -> "Dataset":
    from datasets import Dataset, Features, Value

    pairs = [(language, row) for language, rows in drawn.items() for row in rows]
    parallel = config.task.parallel
    columns = {
        "id": [example_id(language, row.id) for language, row in pairs],
        "parallel_id": [row.id if parallel else None for _, row in pairs],
        "language": [language for language, _ in pairs],
        "label": [row.label for _, row in pairs],
        "text": [row.text for _, row in pairs],
        "text_pair": [row.text_pair for _, row in pairs],
    }
    kinds = {name: Value("int64" if name == "label" else "string") for name in columns}
    return Dataset.from_dict(columns, features=Features(kinds))
