"""Which findings of a single run survive another seed: runs that differ in the seed alone, as one.

Another seed draws other examples, another head and another order of the batches. What the intervals
and tests are, `xling.analysis.seed_intervals` says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xling.analysis.rate_units import with_unit
from xling.analysis.seed_intervals import example_variance, over_seeds, overlap, shared_variance
from xling.analysis.shares import SIGNS, told_sides
from xling.analysis.statistics import SIGNIFICANT, q_values

Tables = Mapping[str, pd.DataFrame]
"""The tables of a run by name."""

PAIR = ("sign", "test_language", "train_language")

NORMAL = float(stats.norm.ppf(0.975))
"""Half the width of a 95 % interval, in standard errors."""

ABOVE, BELOW = "above", "below"
HOLDS, OPEN, CONTRADICTED, REVERSED = "holds", "open", "contradicted", "reversed"
"""What becomes of a single run's statement over seeds."""

CORRELATIONS = {
    "distances": (("sign", "distance"), "rho"),
    "similarity_correlation": (("sign", "measure", "layer"), "rho"),
    "effect_agreement": (("measure", "influence", "pairs"), "rho"),
    "faithfulness": (("method", "level"), "lds"),
}
"""The tables of correlations: what tells their rows apart, and the column of the correlation."""

DIFFERENCES = {
    "effect_gains": (("measure", "train_language", "test_language"), "gain"),
    "effect_changes": (("measure", "train_language", "test_language"), "change"),
    "faithfulness_beats": (("method", "control", "level"), "difference"),
    "faithfulness_pairs": (("method", "other", "level"), "difference"),
    "faithfulness_dropped": (("method", "against", "test_language"), "difference"),
    "recommend_differences": (("against", "test_language"), "difference"),
}
"""The tables of what evaluations test against 0: the same, with columns low, high and q."""


def example_shares(run: Tables, sign: str) -> dict[str, pd.DataFrame]:
    """Return what each training language holds of each traced test example's top-k set.

    Args:
        run: its tables `influential`, `traced` and `shares`.

    Returns:
        Test language → shares, a row per test id and a column per training language.
    """
    own = run["influential"]
    own = own[own["sign"] == sign]
    counts = pd.crosstab(own["test_id"], own["train_language"])
    languages = list(dict.fromkeys(run["shares"]["train_language"]))
    shares = counts.div(counts.sum(axis=1), axis=0).reindex(columns=languages, fill_value=0.0)
    groups = run["traced"].groupby("language", sort=False)["test_id"]
    return {str(language): shares.loc[list(ids)] for language, ids in groups}


def seed_shares(runs: Sequence[Tables], seed: int = 0) -> pd.DataFrame:
    """Tabulate shares over seeds: the mean over seeds of the means over test examples.

    Args:
        runs: the tables of runs that differ in the seed alone.
        seed: of the resampling.

    Returns:
        Columns sign, test_language, train_language, share, low, high, between, base_rate, p, q,
        above, below (in how many runs the share is told to be on that side of the base rate, as on
        their pages: see `told_side`), same_side (that of the two on the side of `share`), seeds,
        test_examples (fewest of a run).
    """
    parts = []
    for sign in SIGNS:
        by_run = [example_shares(run, sign) for run in runs]
        for language in dict.fromkeys(name for shares in by_run for name in shares):
            have = [number for number, shares in enumerate(by_run) if language in shares]
            own = [by_run[number][language] for number in have]
            at = [_rows(runs[number]["shares"], own[0].columns, language, sign) for number in have]
            values = np.stack([shares.to_numpy(float).mean(0) for shares in own])
            base = np.stack([table["base_rate"].to_numpy(float) for table in at])
            ids = [shares.index.to_numpy(dtype=object).astype(str) for shares in own]
            tests = len(set(np.concatenate(ids)))
            variance = example_variance([shares.to_numpy(float) for shares in own], ids, seed)
            over = over_seeds(values, variance, tests, base.mean(0))
            told = np.stack([told_sides(table) for table in at])
            sides = {ABOVE: (told > 0).sum(0), BELOW: (told < 0).sum(0)}
            parts.append(
                pd.DataFrame(
                    {
                        "sign": sign,
                        "test_language": language,
                        "train_language": own[0].columns,
                        "share": over.mean,
                        "low": over.low.clip(0, 1),
                        "high": over.high.clip(0, 1),
                        "between": over.between,
                        "base_rate": base.mean(0),
                        "p": over.p,
                        **sides,
                        "same_side": np.where(
                            over.mean >= base.mean(0), sides[ABOVE], sides[BELOW]
                        ),
                        "seeds": len(have),
                        "test_examples": min(map(len, own)),
                    }
                )
            )
    return _with_q(pd.concat(parts, ignore_index=True))


def seed_statements(shares: pd.DataFrame) -> pd.DataFrame:
    """Tabulate what single runs state, that a share is above or below its base rate, over seeds.

    Args:
        shares: the table `seed_shares`.

    Returns:
        Columns sign, test_language, train_language, side (above or below), runs (that state it),
        opposite (that state the opposite), verdict, share, low, high, base_rate, seeds. It holds
        if the interval over seeds is on that side of the base rate too, and is reversed if that is
        on the other; if it is on none, it is contradicted if another run states the opposite,
        else open. Those that most runs state come first.
    """
    rows = []
    for row in shares.to_dict("records"):
        for side, other in ((ABOVE, BELOW), (BELOW, ABOVE)):
            if row[side]:
                told = {"side": side, "runs": row[side], "opposite": row[other]}
                rows.append({**row, **told, "verdict": _verdict(row, row["base_rate"], side)})
    columns = [*PAIR, "side", "runs", "opposite", "verdict", "share", "low", "high", "base_rate"]
    table = pd.DataFrame(rows, columns=[*columns, "seeds"])
    return table.sort_values(
        ["sign", "runs"], ascending=[True, False], ignore_index=True, kind="stable"
    )


def seed_means(runs: Sequence[Tables]) -> pd.DataFrame:
    """Tabulate mean influence over seeds.

    The runs do not keep each test example's mean, so that their own intervals stand for the test
    examples: the runs' errors go together as far as they trace the same test examples.

    Returns:
        Columns test_language, train_language, mean, low, high, between, p, q (against 0), above,
        below (in how many runs the interval excludes 0 on that side), same_side, seeds.
    """
    tables = [run["mean_influence"] for run in runs]
    names = dict.fromkeys(runs[0]["mean_influence"]["train_language"])
    parts = []
    for language in dict.fromkeys(name for table in tables for name in table["test_language"]):
        have = [n for n, table in enumerate(tables) if language in set(table["test_language"])]
        at = [_rows(tables[number], names, language) for number in have]
        traced = [set(_of(runs[number]["traced"], language)) for number in have]
        errors = np.stack([(table["high"] - table["low"]).to_numpy(float) for table in at])
        variance = shared_variance(errors / (2 * NORMAL), overlap(traced))
        values = np.stack([table["mean"].to_numpy(float) for table in at])
        over = over_seeds(values, variance, len(set.union(*traced)))
        above = sum((table["low"] > 0).to_numpy(int) for table in at)
        below = sum((table["high"] < 0).to_numpy(int) for table in at)
        parts.append(
            pd.DataFrame(
                {
                    "test_language": language,
                    "train_language": [*names],
                    "mean": over.mean,
                    "low": over.low,
                    "high": over.high,
                    "between": over.between,
                    "p": over.p,
                    ABOVE: above,
                    BELOW: below,
                    "same_side": np.where(over.mean >= 0, above, below),
                    "seeds": len(have),
                }
            )
        )
    return _with_q(pd.concat(parts, ignore_index=True))


def seed_accuracy(runs: Sequence[Tables]) -> pd.DataFrame:
    """Tabulate test accuracy over seeds, as if all were tested on the same examples.

    That is so where the whole test set is used, and else the interval is too wide.

    Returns:
        Columns language, accuracy, low, high, between, lowest, highest (of a seed), seeds.
    """
    tested = [run["accuracy"].query("split == 'test'").set_index("language") for run in runs]
    rows = []
    for language in dict.fromkeys(name for table in tested for name in table.index):
        own = [table.loc[language] for table in tested if language in table.index]
        values = np.array([[row["accuracy"]] for row in own], float)
        sizes = np.array([[row["examples"]] for row in own], float)
        variance = shared_variance(np.sqrt(values * (1 - values) / sizes), 1.0)
        over = over_seeds(values, variance, float(sizes.max()) + 1)
        ends = over.low.clip(0, 1)[0], over.high.clip(0, 1)[0]
        numbers = over.mean[0], *ends, over.between[0], values.min(), values.max(), len(own)
        rows.append((language, *numbers))
    columns = "language accuracy low high between lowest highest seeds"
    return pd.DataFrame(rows, columns=columns.split())


def seed_correlations(runs: Sequence[Tables]) -> pd.DataFrame:
    """Tabulate the runs' correlations over seeds.

    The intervals are Student's t over the seeds, each with its own examples.

    Returns:
        Columns table, what (see `CORRELATIONS`), correlation, low, high, between, lowest, highest
        (of a seed), positive (in how many seeds it is above 0), seeds.
    """
    rows = []
    for name, (keys, value) in CORRELATIONS.items():
        for own, table in _by_keys(runs, name, keys, value):
            numbers = table[value].to_numpy(float)
            told = [f"most {SIGNS[str(part)]}" if part in SIGNS else str(part) for part in own]
            what = " · ".join(told)
            ends = numbers.min(), numbers.max(), int((numbers > 0).sum()), len(numbers)
            rows.append((name, what, *_t_interval(numbers), *ends))
    columns = "table what correlation low high between lowest highest positive seeds"
    return pd.DataFrame(rows, columns=columns.split())


def seed_rates(evaluations: Sequence[Tables]) -> pd.DataFrame:
    """Tabulate exchange rates over seeds, each of which has fine-tunings of its own.

    The seeds' own intervals stand for their fine-tunings, so that rates which lie at the same end
    of their range in every seed, as 0 does, have an interval, too.

    Returns:
        Columns measure, test_language, train_language, law, rate, low, high, between, lowest,
        highest (of a seed), seeds. A language's own rate, 1 by definition, is left out, and so are
        all rates of a seed in units of own data that are not told to help.
    """
    known = [
        with_unit(run["exchange_rates"], run["effect_gains"], relative=True)
        if "effect_gains" in run
        else run["exchange_rates"]
        for run in evaluations
    ]
    every = pd.concat(known, ignore_index=True)
    others = every[every["test_language"] != every["train_language"]].dropna(subset=["rate"])
    keys = ["measure", "test_language", "train_language", "law"]
    rows = []
    for own, table in others.groupby(keys, sort=False):
        rates = table["rate"].to_numpy(float)
        errors = (table["high"] - table["low"]).fillna(0.0).to_numpy(float) / (2 * NORMAL)
        over = over_seeds(rates[:, None], shared_variance(errors[:, None], 0.0))
        numbers = over.mean[0], max(over.low[0], 0.0), over.high[0], over.between[0]
        rows.append((*own, *numbers, rates.min(), rates.max(), len(rates)))
    columns = [*keys, "rate", "low", "high", "between", "lowest", "highest", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def seed_laws(evaluations: Sequence[Tables]) -> pd.DataFrame:
    """Tabulate in how many seeds each law is chosen for all languages together.

    Returns:
        Columns measure, law, r2, low, high (Student's t over seeds), chosen, seeds.
    """
    rows = []
    every = pd.concat([run["effect_overall"] for run in evaluations], ignore_index=True)
    for own, table in every.groupby(["measure", "law"], sort=False):
        mean, low, high, _ = _t_interval(table["r2"].to_numpy(float))
        rows.append((*own, mean, low, high, int(table["chosen"].sum()), len(table)))
    return pd.DataFrame(rows, columns="measure law r2 low high chosen seeds".split())


def seed_differences(evaluations: Sequence[Tables]) -> pd.DataFrame:
    """Tabulate over seeds what evaluations test against 0.

    The seeds' own intervals stand for their test examples, which are the same in all of them, and
    so for their fine-tunings a second time: the interval is rather too wide.

    Returns:
        Columns table, what (see `DIFFERENCES`), difference, low, high, between, p, q (against 0),
        above, below (in how many seeds q is below 0.05 on that side), verdict (of what more seeds
        tell, as in `seed_statements`; empty if no seed tells anything), seeds. Interval and p are
        missing where no seed tested anything, as a law may hold an effect to be nothing.
    """
    rows = []
    for name, (keys, value) in DIFFERENCES.items():
        for own, table in _by_keys(evaluations, name, keys, value):
            values = table[value].to_numpy(float)
            errors = (table["high"] - table["low"]).to_numpy(float) / (2 * NORMAL)
            over = over_seeds(values[:, None], shared_variance(errors[:, None], 1.0))
            tested = table["q"].notna().any()
            told = table["q"].to_numpy(float) < SIGNIFICANT
            row = {
                "table": name,
                "what": " · ".join(map(str, own)),
                "difference": over.mean[0],
                "low": over.low[0] if tested else np.nan,
                "high": over.high[0] if tested else np.nan,
                "between": over.between[0],
                "p": over.p[0] if tested else np.nan,
                ABOVE: int((told & (values > 0)).sum()),
                BELOW: int((told & (values < 0)).sum()),
            }
            side = ABOVE if row[ABOVE] >= row[BELOW] else BELOW
            verdict = _verdict(row, 0.0, side) if row[side] else ""
            rows.append({**row, "verdict": verdict, "seeds": len(table)})
    columns = "table what difference low high between p above below verdict seeds"
    every = pd.DataFrame(rows, columns=columns.split())
    tables = [_with_q(own.copy()) for _, own in every.groupby("table", sort=False)]
    return pd.concat(tables, ignore_index=True) if tables else _with_q(every)


def _verdict(row: Mapping[Any, Any], against: float, side: str) -> str:
    """Tell what becomes over seeds of a statement that something is above, or below, a value."""
    sides = {ABOVE: row["low"] > against, BELOW: row["high"] < against}
    other = BELOW if side == ABOVE else ABOVE
    lost = CONTRADICTED if row[other] else OPEN
    return HOLDS if sides[side] else REVERSED if sides[other] else lost


def _by_keys(
    runs: Sequence[Tables], name: str, keys: Sequence[str], value: str
) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    """Return the rows with a value in all runs, by what tells the rows of their table apart."""
    known = [run[name] for run in runs if name in run and len(run[name])]
    if not known:
        return []
    table = pd.concat(known, ignore_index=True).dropna(subset=[value])
    return list(table.groupby([*keys], sort=False, dropna=False))


def _t_interval(numbers: np.ndarray) -> tuple[float, float, float, float]:
    over = over_seeds(numbers[:, None])
    return float(over.mean[0]), float(over.low[0]), float(over.high[0]), float(over.between[0])


def _rows(
    table: pd.DataFrame, names: Iterable[str], language: str, sign: str | None = None
) -> pd.DataFrame:
    """Return the rows summed over checkpoints, of a test language, in the order of others."""
    chosen = (table["epoch"] == 0) & (table["test_language"] == language)
    if sign is not None:
        chosen &= table["sign"] == sign
    return table[chosen].set_index("train_language").loc[[*names]]


def _of(traced: pd.DataFrame, language: str) -> list[str]:
    return traced.loc[traced["language"] == language, "test_id"].astype(str).tolist()


def _with_q(table: pd.DataFrame) -> pd.DataFrame:
    """Add q-values behind the p-values, for the whole table."""
    q = q_values(table["p"].to_numpy(float))
    table.insert(list(table.columns).index("p") + 1, "q", q)
    return table
