"""Whether the examples of a run differ enough to learn and to tell something from them."""

from collections import Counter
from collections.abc import Iterator, Sequence

from xling.config import Config
from xling.data.connection import Say
from xling.data.rows import Row
from xling.errors import UserError

NAMES = {"train": "training", "dev": "development", "test": "test"}
"""Splits → what their examples are called in messages."""

GAPS = {"NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"}
"""How R, pandas, spreadsheets and databases write a missing value."""

MUCH = 0.1
"""Share of texts that two sets of examples may have in common without a warning."""

Drawn = dict[str, dict[str, list[Row]]]  # split of the run, language


def check_variety(config: Config, drawn: Drawn, say: Say) -> None:
    """Refuse examples that nothing can be learnt from; warn of those that tell little.

    Raises:
        UserError: all training examples are of one class, or a language repeats one text.
    """
    for split, by_language in drawn.items():
        for language, rows in by_language.items():
            if len(rows) > 1 and len({(row.text, row.text_pair) for row in rows}) == 1:
                raise UserError(
                    f"All {len(rows):,} {NAMES[split]} examples of {language} have the same text, "
                    f"'{rows[0].text[:60]}'. Look at task.columns.text and the files."
                )
        name = _one_class(config, [row for rows in by_language.values() for row in rows])
        if name and split == "train":
            raise UserError(
                f"All training examples are of class {name}: there is nothing to learn. Look at "
                "task.labels and the files, or draw more: data.train_per_language."
            )
        if name:
            say(
                f"WARNING: all {NAMES[split]} examples are of class {name}, so that the accuracy "
                f"on them tells nothing of other classes. data.{split}_per_language draws more."
            )
    for language, rows in drawn["train"].items():
        if len(rows) > 1 and (name := _one_class(config, rows)):
            say(
                f"WARNING: all training examples of {language} are of class {name}, so that its "
                "influence is also that class's."
            )


def written_gaps(drawn: Drawn) -> Iterator[str]:
    """Say how many texts are the word that programs write where there is none."""
    places: dict[str, list[Row]] = {}
    for by_language in drawn.values():
        for rows in by_language.values():
            for row in rows:
                for text in GAPS.intersection((row.text, row.text_pair)):
                    places.setdefault(text, []).append(row)
    for text, rows in sorted(places.items()):
        are = f"{len(rows):,} texts are" if len(rows) > 1 else "one text is"
        first = min(rows, key=lambda row: (row.file, row.line))
        place = f"{'the first in' if len(rows) > 1 else 'in'} {first.file}:{first.line}"
        yield f"{are} '{text}' ({place}), as programs write missing ones. Such texts are kept."


def overlaps(drawn: Drawn) -> Iterator[str]:
    """Say which languages have many training texts in common, or test texts that are trained on."""
    owners: dict[tuple[str, str | None], str] = {}
    for language, rows in drawn["train"].items():
        own = [owners.setdefault((row.text, row.text_pair), language) for row in rows]
        for other, count in Counter(own).items():
            if other != language and count > MUCH * len(rows):
                yield (
                    f"{count:,} of {len(rows):,} training texts of {language} are those of {other} "
                    "as well, so that what one of the two teaches cannot be told from the other."
                )
    for split in ("dev", "test"):
        seen = {
            language: sum((row.text, row.text_pair) in owners for row in rows) / max(1, len(rows))
            for language, rows in drawn[split].items()
        }
        if many := [f"{name} {share:.0%}" for name, share in seen.items() if share > MUCH]:
            yield (
                f"texts of the {NAMES[split]} examples are among the training examples "
                f"({', '.join(many)}), so that accuracy and influence tell of what was learnt by "
                "heart."
            )


def _one_class(config: Config, rows: Sequence[Row]) -> str | None:
    """Return the class of all rows, if there is one."""
    labels = {row.label for row in rows}
    return config.task.classes[labels.pop()] if len(labels) == 1 else None
