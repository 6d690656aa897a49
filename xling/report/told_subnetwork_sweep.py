"""What a sweep over subnetworks found, in sentences computed from its tables."""

import re
from collections.abc import Iterator

import pandas as pd

from xling.analysis.statistics import SIGNIFICANT
from xling.report.subnetwork_sweep import Swept
from xling.report.told_subnetworks import own_changes
from xling.report.wording import listed, number, percent, percent_range, points


def findings(swept: Swept) -> list[str]:
    """Say what the sweep found; nothing of what it has no table for."""
    tables = swept.tables
    found = [*heads(tables.get("disabled_heads"), tables.get("head_use"))]
    if swept.changes:
        found += changes(swept.changes)
    if "random_masks" in tables:
        found += random_masks(tables["random_masks"])
    if "random_accuracy" in tables:
        found += random_accuracy(tables["random_accuracy"])
    if "sft_accuracy" in tables:
        found += sft_accuracy(tables["sft_accuracy"])
    if "own_share_epochs" in tables:
        found += own_share_epochs(swept.titled("own_share_epochs"))
    if "composed" in tables:
        found += composed(swept.titled("composed"))
    return found


def heads(disabled_heads: pd.DataFrame | None, head_use: pd.DataFrame | None) -> list[str]:
    """Say how many heads are off, and how many all and no languages use (Tab. 1, Fig. 11)."""
    if disabled_heads is None or head_use is None:
        return []
    sentences = []
    for title, of in disabled_heads.groupby("task", sort=False):
        low, high = of["disabled"].min(), of["disabled"].max()
        off = number(low) if low == high else f"{number(low)} to {number(high)}"
        use = head_use.loc[head_use["task"] == title, "languages"]
        total = of["heads"].iloc[0]
        odd = of.loc[~of["multiple"], "language"]
        step = f" Not a multiple of a tenth of all heads: {listed(odd)}." if len(odd) else ""
        sentences.append(
            f"{title}: of {number(total)} heads, {off} are off in a language’s subnetwork "
            f"({percent_range(of['disabled'] / total)}); {number((use == len(of)).sum())} are in "
            f"every subnetwork and {number((use == 0).sum())} in none.{step}"
        )
    return sentences


def changes(changes: dict[str, pd.DataFrame]) -> list[str]:
    """Say how the own language's share changes, by run; runs on the same test languages alone."""
    own = {
        title: own_changes(of, "+").set_index("test_language")["change"]
        for title, of in changes.items()
    }
    return [
        f"Through the subnetworks, the share of the most positive examples that is {whose} changes "
        f"by {listed(f'{points(mean)} ({title})' for title, mean in means.items())} percentage "
        "points."
        for whose, means in _compared(own)
    ]


def _compared(own: dict[str, pd.Series]) -> Iterator[tuple[str, dict[str, float]]]:
    """Average numbers by language, of runs that all have the same languages.

    Runs through random masks count as one.

    Args:
        own: by the runs' titles; numbers by language.

    Yields:
        Whose data it is of, for each set of languages that a run has: the means by title.
    """
    for languages in dict.fromkeys(tuple(of.index) for of in own.values() if len(of)):
        groups: dict[str, list[float]] = {}
        for title, of in own.items():
            if set(languages) <= set(of.index):
                name = re.sub(r"random \d+", "random masks", title)
                groups.setdefault(name, []).append(float(of[list(languages)].mean()))
        whose = f"in {languages[0]}" if len(languages) == 1 else "in the own language"
        of_all = f", on average over {listed(languages)}," if len(languages) > 1 else ""
        yield whose + of_all, {name: sum(each) / len(each) for name, each in groups.items()}


def random_masks(random_masks: pd.DataFrame) -> list[str]:
    """Say whether the identified masks change the own share as random ones do (Fig. 3)."""
    own = own_changes(random_masks, "+")
    if own.empty:
        return []
    count = own["masks"].max()
    if count == 1:
        return ["There is one random mask to compare with, too few for a range."]
    outside = own[(own["change"] < own["random_low"]) | (own["change"] > own["random_high"])]
    which = f": {listed(dict.fromkeys(outside['test_language']))}" if len(outside) else ""
    return [
        f"Compared with {number(count)} random masks of the same size, the identified one moves "
        "the own language’s share of the most positive examples out of the range of 95% of them "
        f"in {len(outside)} of {len(own)} comparisons{which}. The smallest p that so many can give "
        f"is {1 / (1 + count):.3f}."
    ]


def random_accuracy(random_accuracy: pd.DataFrame) -> list[str]:
    """Say how accurate random subnetworks are beside identified ones (§6.1)."""
    return [
        f"{''.join(f'{each}: ' for each in switches)}After {tuning} fine-tuning, identified "
        f"subnetworks classify {percent(of['identified'].mean())} of the test examples correctly "
        f"on average over the languages, random ones {percent(of['random'].mean())}."
        for (*switches, tuning), of in random_accuracy.groupby(
            _settings(random_accuracy), sort=False, dropna=False
        )
    ]


def sft_accuracy(sft_accuracy: pd.DataFrame) -> list[str]:
    """Say what sparse fine-tuning does to the subnetworks' accuracy (Tab. 2)."""
    sentences = []
    for values, of in sft_accuracy.groupby(_settings(sft_accuracy), sort=False, dropna=False):
        differ = int((of["p"] < SIGNIFICANT).sum())
        sentences.append(
            f"{', '.join(map(str, values))}: sparse fine-tuning takes the subnetworks’ test "
            f"accuracy from {percent(of['after_full'].mean())} to "
            f"{percent(of['after_sft'].mean())} on average over the languages "
            f"({points(of['change'].mean())} points); the two differ in {differ} of {len(of)} "
            f"languages (exact McNemar test, p < {SIGNIFICANT})."
        )
    return sentences


def _settings(table: pd.DataFrame) -> list[str]:
    """Return the columns that tell what is compared: those in front of the language."""
    return list(table.columns[: table.columns.get_loc("language")])


def own_share_epochs(own_share_epochs: pd.DataFrame) -> list[str]:
    """Say how the own share moves from the first to the last epoch, by run (app. F.1)."""
    table = own_share_epochs[own_share_epochs["sign"] == "+"]
    ends: list[dict[str, pd.Series]] = [{}, {}]
    for title, of in table.groupby("variant", sort=False):
        shares = of.pivot(index="language", columns="epoch", values="share")
        shares = shares.loc[list(dict.fromkeys(of["language"]))]
        for end, place in zip(ends, (0, -1), strict=True):
            end[str(title)] = shares.iloc[:, place]
    if table["epoch"].nunique() < 2:
        return []
    sentences = []
    for (whose, first), (_, last) in zip(*map(_compared, ends), strict=True):
        moves = (f"{percent(first[each])} to {percent(last[each])} ({each})" for each in first)
        sentences.append(
            "From the first to the last epoch, the share of the most positive examples that is "
            f"{whose} goes from {listed(moves)}."
        )
    return sentences


def composed(composed: pd.DataFrame) -> list[str]:
    """Say whether composed languages rely more on each other (app. F.2)."""
    parts = []
    for title, of in composed.query("sign == '+'").groupby("variant", sort=False):
        pair = set(of["languages"].iloc[0].split())
        mutual = of[
            of["test_language"].isin(pair)
            & of["train_language"].isin(pair)
            & (of["test_language"] != of["train_language"])
        ]
        if len(mutual):
            parts.append(f"{points(mutual['change'].mean())} ({title})")
    if not parts:
        return []
    return [
        "Through composed subnetworks, the composed languages’ shares of the most positive "
        f"examples for each other change by {listed(parts)} percentage points on average."
    ]
