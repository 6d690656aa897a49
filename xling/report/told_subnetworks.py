"""What the tables of a run with subnetworks say, one function each: a table in, a sentence out."""

from typing import Any

import pandas as pd

from xling.analysis.statistics import SIGNIFICANT
from xling.report.style import SIGNS
from xling.report.wording import (
    change_interval,
    listed,
    number,
    p_equals,
    percent,
    percent_range,
    points,
    points_range,
)


def traced(results: dict[str, Any]) -> str:
    """Say plainly, for a run with subnetworks, what the influence was traced through."""
    of = results.get("subnetwork", {})
    if of.get("name", "full") == "full":
        return ""
    languages = listed(of["languages"]) if of["languages"] else ""
    kinds = {
        "identified": "each language goes through the attention heads that it needs. From a model "
        "fine-tuned on it alone, the least important heads were switched off as long as "
        f"{percent(_keep(results), 0)} of its development accuracy was left (Choenni et al. 2024, "
        "§3.1)",
        "random": "each language goes through random attention heads, as many as its identified "
        f"subnetwork has (seed {of['seed']}; Choenni et al. 2024, §5.2)",
        "suboptimal": f"every language goes through the subnetwork of {of['language']} (Choenni "
        "et al. 2024, §5.2)",
        "composed": f"every language goes through the {of['compose']} of the subnetworks of "
        f"{languages} (Choenni et al. 2024, app. F.2)",
        "file": "each language goes through the attention heads that its mask file names",
    }
    where = {
        "both": "The other heads are off for the test examples and for the training examples that "
        "they are compared with.",
        "test": "The other heads are off for the test examples alone; the training examples that "
        "they are compared with go through the full model.",
    }
    own = "own, identified " if of["name"] in ("suboptimal", "composed") else ""
    sparse = (
        " The model was fine-tuned sparsely: each batch held one language and went through that "
        f"language’s {own}subnetwork alone (Choenni et al. 2024, §4.2)."
    )
    return (
        f"Influence was traced through subnetworks, not through the full model: {kinds[of['name']]}"
        f". {where[of['apply']]}{sparse if results.get('tuning') == 'sparse' else ''}"
    )


def _keep(results: dict[str, Any]) -> float:
    return results.get("config", {}).get("subnetwork", {}).get("keep", 0.95)


def disabled(results: dict[str, Any]) -> str:
    """Say how many heads the subnetworks leave off (Tab. 1)."""
    heads, counts = results["heads"], list(results["disabled_heads"].values())
    low, high = min(counts), max(counts)
    found = number(low) if low == high else f"{number(low)} to {number(high)}"
    part = percent_range([low / heads, high / heads])
    return f"Of {number(heads)} heads, a language’s subnetwork leaves {found} off ({part})."


def pruning(pruning: pd.DataFrame) -> str:
    """Say what accuracy the kept heads leave."""
    rows = pruning.set_index("language")
    kept = rows.loc[rows["kept"], "accuracy"]
    left = (kept / rows.loc[rows["step"] == 0, "accuracy"]).dropna()
    if left.empty:
        return ""
    return (
        f"The kept heads leave {percent_range(left)} of the development accuracy of the model "
        "with all heads."
    )


def one_for_all(masks: pd.DataFrame) -> bool:
    """Tell whether all languages have the same subnetwork, so that there is nothing to compare."""
    alike = masks.groupby(["layer", "head"])["on"].nunique() == 1
    return bool(alike.all())


def heads(masks: pd.DataFrame) -> str:
    """Say how many heads all languages use, how many none, and in which layers (Fig. 11)."""
    use = masks.groupby(["layer", "head"])["on"].mean()
    layers = int(masks["layer"].max())
    if one_for_all(masks):
        many = masks["language"].nunique() > 1
        start = "All languages go through the same" if many else "The subnetwork has"
        found = f"{start} {number(use.sum())} of {number(len(use))} heads"
    else:
        found = (
            f"{number((use == 1).sum())} of {number(len(use))} heads are in every language’s "
            f"subnetwork, {number((use == 0).sum())} in none"
        )
    if layers < 2:
        return f"{found}."
    layer, half = use.index.get_level_values("layer"), (layers + 1) // 2
    lower, upper = use[layer <= half].mean(), use[layer > half].mean()
    return (
        f"{found}. The subnetworks use {percent(lower, 0)} of the heads in {_range(1, half)} and "
        f"{percent(upper, 0)} in {_range(half + 1, layers)}."
    )


def _range(first: int, last: int) -> str:
    return f"layer {first}" if first == last else f"layers {first} to {last}"


def overlap(mask_overlap: pd.DataFrame) -> str:
    """Say how far the subnetworks overlap, and which are the most and the least alike."""
    pairs = mask_overlap.query("layer == 0 and language != other").dropna()
    if pairs.empty:
        return ""
    sentence = f"Two languages share {percent_range(pairs['part'])} of their heads"
    if len(pairs) < 3:
        return f"{sentence} (cosine {number(pairs['cosine'].iloc[0], 2)})."
    most, least = (pairs.loc[getattr(pairs["cosine"], end)()] for end in ("idxmax", "idxmin"))
    return (
        f"{sentence}. The most alike are the subnetworks of {most['language']} and "
        f"{most['other']} (cosine {number(most['cosine'], 2)}), the least those of "
        f"{least['language']} and {least['other']} ({number(least['cosine'], 2)})."
    )


def own_changes(subnetwork_change: pd.DataFrame, sign: str) -> pd.DataFrame:
    """Return the rows in which a language meets its own training data."""
    return subnetwork_change.query("sign == @sign and test_language == train_language")


def change(subnetwork_change: pd.DataFrame) -> str:
    """Say how the own language's share changes, positive and negative."""
    parts = []
    for sign, name in SIGNS.items():
        own = own_changes(subnetwork_change, sign)
        if own.empty:
            continue
        whose = "the own language’s" if len(own) > 1 else f"the {own.iloc[0]['test_language']}"
        subject = f"that of the most {name}" if parts else f"{whose} share of the most {name}"
        mean = f", on average {points(own['change'].mean())}" if len(own) > 1 else ""
        clear = int((own["q"] < SIGNIFICANT).sum())
        parts.append(
            f"{subject} examples changes by {points_range(own['change'])} percentage points{mean} "
            f"(q < {SIGNIFICANT} in {clear} of {len(own)})"
        )
    if not parts:
        return "No test language has training data of its own in this run."
    return f"Through the subnetworks, {listed(parts)}."


def across(subnetwork_change: pd.DataFrame) -> str:
    """Say which change between different languages is the largest, of the most positive."""
    others = subnetwork_change.query("sign == '+' and test_language != train_language")
    if others.empty:
        return ""
    row = others.loc[others["change"].abs().idxmax()]
    return (
        f"The largest change across languages is of {row['train_language']} training examples on "
        f"{row['test_language']} test examples: {points(row['change'])} points "
        f"({change_interval(row['low'], row['high'])}; {p_equals(row['q'], 'q')})."
    )


def accuracy(subnetwork_accuracy: pd.DataFrame) -> str:
    """Say what the subnetworks do to the accuracy."""
    table = subnetwork_accuracy
    differ = int((table["p"] < SIGNIFICANT).sum())
    return (
        f"The subnetworks classify {percent(table['subnetwork'].mean())} of the test examples "
        f"correctly on average over the languages, the full model "
        f"{percent(table['full'].mean())} ({points(table['change'].mean())} points). The two "
        f"differ in {differ} of {len(table)} languages (exact McNemar test, p < {SIGNIFICANT})."
    )


def modularity(modularity: pd.DataFrame) -> str:
    """Say how modular the predictions are by both models."""
    found = dict(list(modularity.dropna(subset="value").groupby("model")))
    if not found:
        return "All training examples are of one language, so that there is no modularity to tell."
    full, subnetwork = (number(found[each]["value"].mean(), 2) for each in ("full", "subnetwork"))
    changes = found["change"]
    clear = int(((changes["low"] > 0) | (changes["high"] < 0)).sum())
    return (
        f"Modularity is {full} on average for the full model and {subnetwork} through the "
        f"subnetworks; the interval of the change leaves out zero in {clear} of {len(changes)} "
        "languages."
    )


def specialization(specialization_correlation: pd.DataFrame) -> str:
    """Say whether accuracy goes with a larger or a smaller own-language share (§7.1)."""
    row = specialization_correlation.iloc[0]
    over = f"{number(row['points'])} points, each a language at an epoch"
    if pd.isna(row["rho"]):
        return (
            f"Own share and accuracy cannot be correlated over {over}: it takes three or more, "
            "and a spread of both."
        )
    which = "lower" if row["rho"] < 0 else "higher"
    return (
        f"Larger own shares go with {which} accuracy: {_coefficients(row)}, over {over}. Points of "
        "one language are not independent."
    )


def similarity(similarity_correlation: pd.DataFrame) -> str:
    """Say whether languages with similar subnetworks influence each other more (§7.2)."""
    rows = similarity_correlation.query("layer == 0 and measure == 'cosine'")
    return _correlated("The cosine of two languages’ subnetworks", rows)


def interference(similarity_correlation: pd.DataFrame) -> str:
    """Say whether shared heads go with negative influence (§7.2, Fig. 15)."""
    rows = similarity_correlation.query("layer == 0 and measure == 'part' and sign == '-'")
    return _correlated("The part of the test language’s heads that is shared", rows)


def _correlated(what: str, rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    missing = rows["rho"].isna()
    parts = [
        f"with the share of the most {SIGNS[row['sign']]} examples at {_coefficients(row)}"
        for row in rows[~missing].to_dict("records")
    ]
    pairs = f"{number(rows['pairs'].max())} pairs of languages"
    told = [f"{what} correlates {listed(parts)}, over {pairs}."] if parts else []
    if missing.any():
        names = listed(f"most {SIGNS[sign]}" for sign in rows.loc[missing, "sign"])
        told.append(
            f"{what} cannot be correlated with the shares of the {names} examples over {pairs}: "
            "it takes three or more, and a spread of both."
        )
    return " ".join(told)


def layers(similarity_correlation: pd.DataFrame, measure: str = "cosine") -> str:
    """Say in which layers overlap goes with influence, and where that cannot be told (Fig. 9)."""
    table = similarity_correlation.query("layer > 0 and measure == @measure")
    parts = [
        f"{_layers(rows.loc[rows['p_holm'] < SIGNIFICANT, 'layer'])} for the most {SIGNS[sign]}"
        for sign, rows in table.groupby("sign", sort=False)
    ]
    if not parts:
        return ""
    sentence = (
        f"By single layers, the rank correlation is significant (p < {SIGNIFICANT} after Holm’s "
        f"correction) in {listed(parts)}."
    )
    missing = sorted(set(table.loc[table["rho"].isna(), "layer"]))
    if missing:
        sentence += (
            f" In {_layers(missing)} it cannot be told: the subnetworks are all equally alike "
            "there, or too few."
        )
    return sentence


def _layers(found: Any) -> str:
    names = [str(int(each)) for each in found]
    if not names:
        return "no layer"
    return f"layer{'s' if len(names) > 1 else ''} {listed(names)}"


def _coefficients(row: Any) -> str:
    linear = f"r = {number(row['r'], 2)} ({p_equals(row['r_p'])})"
    ranked = f"ρ = {number(row['rho'], 2)} ({p_equals(row['rho_p'])})"
    return ", ".join(each.replace(" ", "\u00a0") for each in (linear, ranked))
