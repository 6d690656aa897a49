"""What the tables beside the shares say, one function each: a table in, a sentence out."""

import pandas as pd

from xling.analysis.statistics import SIGNIFICANT
from xling.report.rows import script_name
from xling.report.style import SIGNS
from xling.report.wording import interval, listed, number, percent, percent_range


def significance(shares: pd.DataFrame) -> str:
    """Say how many shares, summed over the checkpoints, chance does not explain."""
    q = shares.query("epoch == 0")["q"].dropna()
    if q.empty:
        return ""
    return (
        f"Of {number(len(q))} shares, {number((q < SIGNIFICANT).sum())} are farther from chance "
        f"than permuted languages explain (q < {SIGNIFICANT}, the false discovery rate controlled "
        "over both signs)."
    )


def labels(labels: pd.DataFrame) -> str:
    """Say what part of the influential examples has the test example's own label."""
    parts = [
        f"{percent_range(rows['same_label'])} of the most {name}"
        for sign, name in SIGNS.items()
        if len(rows := labels[labels["sign"] == sign])
    ]
    if not parts:
        return ""
    return (
        f"The test example’s own label is that of {listed(parts)} training examples; of all "
        f"training examples, {percent_range(labels['base_rate'])} have it. Ranges are over the "
        "test languages."
    )


def epoch_tests(tests: pd.DataFrame) -> str:
    """Say how many comparisons of two epochs differ and which change is the most one-sided."""
    differ = int((tests["p_holm"] < SIGNIFICANT).sum())
    if len(tests) == 1:
        verb = "differs" if differ else "does not differ"
        sentence = f"The one comparison of two epochs {verb} (p < {SIGNIFICANT})."
    else:
        found = f"{number(differ) if differ else 'none'} {'differs' if differ < 2 else 'differ'}"
        sentence = (
            f"Of {number(len(tests))} comparisons of two epochs, {found} "
            f"(p < {SIGNIFICANT} after Holm’s correction)."
        )
    if not differ:
        return sentence
    row = tests.loc[tests["effect"].abs().idxmax()]
    return (
        f"{sentence} The most one-sided change is from epoch {row['first']} to {row['second']} "
        f"on {row['test_language']} test examples: most scores "
        f"{'rise' if row['effect'] > 0 else 'fall'} (effect {number(row['effect'], 2)})."
    )


def distribution(distribution: pd.DataFrame) -> str:
    """Say what part of all pairs has positive influence, within and between languages."""
    own = distribution["test_language"] == distribution["train_language"]
    table = distribution.assign(
        above=distribution["pairs"].where(distribution["low"] >= 0, 0),
        where=own.map({True: "within", False: "between"}),
    )
    found = table.groupby("where")[["above", "pairs"]].sum()
    part = {where: row["above"] / row["pairs"] for where, row in found.iterrows()}
    whole = percent(found["above"].sum() / found["pairs"].sum())
    sentence = f"Of all pairs of a training and a test example, {whole} have positive influence"
    if len(part) < 2:
        return f"{sentence}."
    return (
        f"{sentence}: {percent(part['within'])} of those in the same language, "
        f"{percent(part['between'])} of those in different ones."
    )


def all_whole(scripts: pd.DataFrame) -> bool:
    """Tell whether all training examples are in their own script, so that a table says nothing."""
    return bool((scripts["whole"] == 1).all() and (scripts["all_examples"] == 1).all())


def scripts(scripts: pd.DataFrame) -> str:
    """Say where influence on other languages goes least, or most, by the script (§7.1)."""
    if scripts.empty:
        return "No training example is among the most influential."
    if all_whole(scripts):
        return (
            "All training examples are written wholly in their language’s own script, "
            "the most influential ones as well."
        )
    rows = scripts.query("sign == '+' and test_languages == 'others'")
    if rows.empty:
        return ""
    row = rows.loc[(rows["whole"] - rows["all_examples"]).abs().idxmax()]
    ends = "" if pd.isna(row["low"]) else f" ({interval(row['low'], row['high'])})"
    return (
        f"Of the {row['train_language']} training examples among the most positive of other "
        f"languages’ test examples, {percent(row['whole'])}{ends} are written wholly in their own "
        f"script ({script_name(row['scripts'])}); of all {row['train_language']} training examples "
        f"{percent(row['all_examples'])} are."
    )


def distances(distances: pd.DataFrame) -> str:
    """Say which distance goes with the shares most; most positive examples, if there are any."""
    positive = distances.query("sign == '+'")
    rows = positive if len(positive) else distances
    row = rows.loc[rows["rho"].abs().idxmax()]
    which = "closer" if row["rho"] < 0 else "more distant"
    return (
        f"The shares of the most {SIGNS[row['sign']]} training examples go most with "
        f"{row['distance']}: {which} languages hold larger shares "
        f"(ρ = {number(row['rho'], 2)}, {number(row['pairs'])} pairs of different languages)."
    )
