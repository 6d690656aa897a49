"""The part that reads each language's numbers together, in one sentence."""

from typing import Any

import pandas as pd

from xling.analysis.doubts import NEGATIVE_TIES
from xling.analysis.shares import told_side
from xling.report.doubts import headline, own
from xling.report.section import Section
from xling.report.sections.shares import own_shares
from xling.report.tables import Run
from xling.report.words import FEW, listed, number, percent


def readings(run: Run) -> list[str]:
    """Return a sentence for each language that was traced."""
    return [reading(run, language) for language in run.traced]


def reading(run: Run, language: str) -> str:
    """Read a language's positive and negative share, mean influence and accuracy together."""
    if (count := run.traced[language]) < FEW:
        return f"{language}: {_accuracy(run, language)}; too few test examples (n = {count})."
    positive, negative = (_own(run, language, sign) for sign in "+-")
    if positive is None or negative is None:
        return f"{language} was left out of training: {_accuracy(run, language)}."
    means = run.tables["mean_influence"].query(
        "epoch == 0 and test_language == @language and train_language == @language"
    )
    text = (
        f"{language}: its own data ({percent(positive['base_rate'])} of all) holds "
        f"{percent(positive['share'])} of the most positive and {percent(negative['share'])} of "
        f"the most negative examples, its mean influence is {_mean(means['mean'].iloc[0])}, "
        f"{_accuracy(run, language)}"
    )
    if not headline(run.results) and not _learnt(run, language):
        return f"{text}: not shown to be learnt, so that these shares mean little."
    verdict = _verdict_of(run, language)
    return f"{text}: its data {verdict}." if verdict else f"{text}."


def _verdict_of(run: Run, language: str) -> str:
    """Return `_verdict` of a language; "" where its shares are no finding."""
    if headline(run.results) or run.traced[language] < FEW or not _learnt(run, language):
        return ""
    positive, negative = (_own(run, language, sign) for sign in "+-")
    if positive is None or negative is None:
        return ""
    if own(run.results, (NEGATIVE_TIES,)):
        out = "stands out" if told_side(positive) > 0 else "does not stand out"
        return f"{out} on the positive side, and the negative one is ties"
    return _verdict(told_side(positive), told_side(negative))


def _verdict(positive: int, negative: int) -> str:
    """Say what the two shares of a language's own data mean beside each other.

    Args:
        positive, negative: 1 where the interval of a share lies above the base rate and q is below
            0.05, -1 where it lies below it, else 0.
    """
    if positive > 0 and negative > 0:
        return "stands out on both sides, not only among what is positive"
    if positive > 0:
        return "stands out on the positive side alone"
    if negative > 0:
        return "stands out on the negative side alone"
    if positive < 0 and negative < 0:
        return "holds less than its size on both sides"
    return "stands out on neither side"


def _own(run: Run, language: str, sign: str) -> "pd.Series[Any] | None":
    rows = own_shares(run.tables["shares"], sign).query("test_language == @language")
    return None if rows.empty else rows.iloc[0]


def _mean(value: float) -> str:
    digits = 2 if abs(value) >= 0.1 else 4
    return f"{'+' if value > 0 else ''}{number(value, digits)}"


def _learnt(run: Run, language: str) -> bool:
    """Return whether a language was learnt; runs of earlier versions do not know."""
    if "learnt" not in run.tables:
        return True
    table = run.tables["learnt"].set_index("language")
    return bool(table.loc[language, "learnt"])


def _accuracy(run: Run, language: str) -> str:
    """Write the test accuracy beside what it is compared with."""
    if "learnt" not in run.tables:
        table = run.tables["accuracy"].query("split == 'test' and language == @language")
        return f"accuracy {percent(table['accuracy'].iloc[0])}"
    row = run.tables["learnt"].set_index("language").loc[language]
    return (
        f"accuracy {percent(row['accuracy'])} (chance {percent(row['chance'])}, most frequent "
        f"class {percent(row['majority'])})"
    )


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    return {"readings": readings(run)}


def findings(run: Run) -> list[str]:
    """Say in which languages the two sides are alike, where their shares are findings."""
    alike: dict[str, list[str]] = {}
    for language in run.traced:
        if verdict := _verdict_of(run, language):
            alike.setdefault(verdict, []).append(language)
    return [f"{listed(languages)}: own data {verdict}." for verdict, languages in alike.items()]


SECTION = Section("readings", "readings.html.j2", content, "Languages", findings=findings)
