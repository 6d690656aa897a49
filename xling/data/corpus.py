"""The corpus of a run: read, checked, aligned, drawn."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from xling.config import Config
from xling.data.readers import Table
from xling.data.rows import (
    IGNORED,
    Bad,
    Row,
    align,
    check_equal_counts,
    empty_classes,
    report,
    usable,
)
from xling.data.sampling import SPLITS, Part, allot, extra_size, parts_of, permutation
from xling.data.sources import Key, file_digests, require, tables_of
from xling.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Say = Callable[[str], None]
Pools = dict[str, dict[str, dict[str, Row]]]  # source split, language, id
Drawn = dict[str, dict[str, list[Row]]]  # our split, language


def load_corpus(config: Config, say: Say) -> "DatasetDict":
    """Return the examples of a run, with the splits train, dev and test.

    The columns are id, parallel_id (None if the task is not parallel), language, label (index into
    `config.task.classes`), text and text_pair (None if the task has one text). The order is by
    language as configured, then as drawn.

    Args:
        config: the run's configuration.
        say: takes plain lines on what was read, left out and drawn.

    Raises:
        UserError: data that is not there, cannot be used, or is too little.
    """
    from datasets import DatasetDict

    parts = parts_of(config)
    pools = read_pools(config, parts, say)
    drawn = draw(config, parts, pools)
    for split in SPLITS:
        say(_sizes(split, drawn[split]))
    return DatasetDict({split: _dataset(drawn[split], config) for split in SPLITS})


def require_data(config: Config) -> None:
    """Make sure that the data of a run is there or can be fetched: quick, nothing is read.

    Raises:
        UserError: it is not, or the sizes of the draws do not fit each other.
    """
    require(config, _needed(config, parts_of(config)))


def fingerprint(config: Config) -> dict[str, str]:
    """Return the digests of the contents of the local files that the run reads, by name.

    Empty unless `data.source` is `files`: other sources are told by the configuration.

    Raises:
        UserError: a file that is not there.
    """
    if config.data.source != "files":
        return {}
    return file_digests(config, _needed(config, parts_of(config)))


def read_pools(config: Config, parts: dict[str, list[Part]], say: Say) -> Pools:
    """Read and check all rows that may be drawn.

    Raises:
        UserError: rows that cannot be used, unless `data.on_bad_row` is `drop`.
    """
    tables = tables_of(config, _needed(config, parts), say)
    pools: Pools = {}
    bad: list[Bad] = []
    for source in parts:
        chosen = {language: found for (language, split), found in tables.items() if split == source}
        rows, refused = _read_split(config, source, chosen)
        bad += refused
        _say_counts(chosen, rows, refused, say)
        kept = {
            language: {row.id: row for row in found if row.label != IGNORED}
            for language, found in rows.items()
        }
        _check_classes(config, source, kept, refused)
        pools[source] = kept
    _judge(config, bad, say)
    return pools


def draw(config: Config, parts: dict[str, list[Part]], pools: Pools) -> Drawn:
    """Draw every split's rows from the pools of its source; pure but for the seed.

    Parallel tasks have one draw for all languages of the run, also the excluded ones, others a
    stream per language: leaving a language out changes nothing for the rest.

    Raises:
        UserError: more rows wanted than there are.
    """
    drawn: Drawn = {split: {} for split in SPLITS}
    for source, shares in parts.items():
        common = list(next(iter(pools[source].values()))) if config.task.parallel else None
        order = permutation(common, config.seed, source) if common is not None else []
        for language in config.languages:
            if language not in pools[source]:
                continue
            pool = pools[source][language]
            if common is None:
                order = permutation(pool, config.seed, f"{language}/{source}")
            gets_more = shares[0].split == "train" and language == config.imbalance_language
            extra = extra_size(config) if gets_more else 0
            where = f"source split '{source}' of {language}"
            ids = allot(order, shares, extra, where, config.imbalance)
            ids[shares[0].split] += ids.pop("extra")
            for split, chosen in ids.items():
                if language in _languages(config, split):
                    drawn[split][language] = [pool[identity] for identity in chosen]
    return drawn


def _languages(config: Config, split: str) -> tuple[str, ...]:
    """Excluded languages are tested on, but neither trained on nor used to stop the training."""
    return config.languages if split == "test" else config.train_languages


def _needed(config: Config, parts: dict[str, list[Part]]) -> list[Key]:
    """Parallel ids are those that all languages have, so all are read, the excluded ones too."""
    return [
        (language, source)
        for source, shares in parts.items()
        for language in config.languages
        if config.task.parallel
        or any(language in _languages(config, part.split) for part in shares)
    ]


def _read_split(
    config: Config, source: str, tables: dict[str, list[Table]]
) -> tuple[dict[str, list[Row]], list[Bad]]:
    rows: dict[str, list[Row]] = {}
    bad: list[Bad] = []
    if config.task.parallel and any(
        table.id_column is None for found in tables.values() for table in found
    ):
        counts = {
            language: sum(table.count for table in found) for language, found in tables.items()
        }
        check_equal_counts(counts, source)
    for language, found in tables.items():
        rows[language], refused = usable(found, config.task)
        bad += refused
    if config.task.parallel:
        rows, refused = align(rows, config.task.classes)
        bad += refused
    return rows, bad


def _say_counts(
    tables: dict[str, list[Table]], rows: dict[str, list[Row]], bad: Sequence[Bad], say: Say
) -> None:
    """Account for every row of every file; files of which the same is to say share a line."""
    refused = Counter(row.file for row in bad)
    said: dict[str, list[str]] = {}
    for language, found in tables.items():
        total = sum(table.count for table in found)
        unusable = sum(refused[table.name] for table in found)
        ignored = sum(row.label == IGNORED for row in rows[language])
        names = ", ".join(table.name for table in found)
        if total != len(rows[language]) + unusable:
            raise UserError(
                f"{names}: {total} rows, but {len(rows[language])} used and {unusable} refused. "
                "This is a fault of xling, not of the data."
            )
        line = f"{total:,} rows"
        line += f", {unusable:,} unusable" if unusable else ""
        line += f", {ignored:,} left out for their label (task.ignore_labels)" if ignored else ""
        said.setdefault(line + found[0].remark, []).append(names)
    for line, files in said.items():
        say(f"{', '.join(files)}: {'each ' if len(files) > 1 else ''}{line}")


def _check_classes(
    config: Config, source: str, pools: dict[str, dict[str, Row]], bad: Sequence[Bad]
) -> None:
    """Unknown labels and a class without rows mean a wrong label map: dropping would hide it."""
    if not any(row.label for row in bad):
        return
    for language, pool in pools.items():
        if empty := empty_classes(pool.values(), config.task):
            raise UserError(
                "\n".join(report(bad, config.task))
                + f"\nSplit {source} of {language} has no row of class {', '.join(empty)}."
            )


def _judge(config: Config, bad: Sequence[Bad], say: Say) -> None:
    if not bad:
        return
    lines = report(bad, config.task)
    if config.data.on_bad_row == "stop":
        raise UserError("\n".join([*lines, "Write data.on_bad_row=drop to leave these rows out."]))
    for line in lines:
        say(line)
    say("They are left out (data.on_bad_row=drop).")


def _sizes(split: str, drawn: dict[str, list[Row]]) -> str:
    by_size: dict[int, list[str]] = {}
    for language, rows in drawn.items():
        by_size.setdefault(len(rows), []).append(language)
    said = "; ".join(
        f"{size:,} examples of each of {', '.join(found)}"
        if len(found) > 1
        else f"{size:,} of {found[0]}"
        for size, found in by_size.items()
    )
    return f"{split}: {said}"


def example_id(language: str, row_id: str) -> str:
    """Return an id as the papers write it: `en987`; ids that are not digits follow a colon."""
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
