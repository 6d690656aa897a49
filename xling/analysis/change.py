"""What a language's subnetwork changes against the full model (Choenni et al. 2024, §5 to §7.1)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, base_rates, language_shares, ranking
from xling.analysis.statistics import (
    bootstrap_interval,
    correlation,
    mcnemar_p,
    q_values,
    share_differences,
    signed_rank,
)
from xling.attribution import Traces

CHANGE_COLUMNS = tuple(
    "sign test_language train_language full subnetwork change low high p q test_examples".split()
)
"""Columns of `change`."""

MODELS = ("full", "subnetwork", "change")
"""What `modularity` has a row for."""


def change(
    full: Traces, subnetwork: Traces, train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate how the subnetworks change the languages' shares of the most influential examples.

    Choenni et al. 2024, Fig. 2 to 4 and 6.

    Args:
        full, subnetwork: of the summed influence, on the same test examples by the full model and
            through their language's subnetwork.
        seed: of the bootstrap.

    Returns:
        Columns sign, test_language, train_language, full, subnetwork (the shares), change, low,
        high (of the change; missing for a single test example), p (Wilcoxon signed-rank test over
        the test examples; 1 if nothing changes for any of them), q (the false discovery rate
        controlled over the whole table), test_examples.
    """
    rows = []
    for sign in SIGNS:
        by_full = language_shares(ranking(full, sign), train)
        by_subnetwork = language_shares(ranking(subnetwork, sign), train)
        for language in test.languages:
            mine = test.rows_of(language)
            before, after = by_full[mine], by_subnetwork[mine]
            difference = share_differences(before, after)
            low, high = bootstrap_interval(difference, seed=seed)
            p = [signed_rank(*pair).p for pair in zip(before.T, after.T, strict=True)]
            numbers = (before.mean(0), after.mean(0), difference.mean(0), low, high, p)
            rows += [
                (sign, language, name, *row, 0.0, len(mine))
                for name, *row in zip(train.languages, *numbers, strict=True)
            ]
    table = pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))
    return table.assign(q=q_values(table["p"].to_numpy(float)))


def accuracy_change(
    languages: Sequence[str], full: np.ndarray, subnetwork: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """Tabulate how the subnetworks change the accuracy.

    Args:
        languages: of each test example.
        full, subnetwork: whether the full model, and the language's subnetwork, classifies it
            correctly.
        seed: of the bootstrap.

    Returns:
        Columns language, full, subnetwork (the accuracies), change, low, high (of the change;
        missing for a single example), p (McNemar's exact test, on the examples that only one of
        the two classifies correctly; 1 if there are none), examples.
    """
    rows = []
    names = np.array(languages)
    for language in dict.fromkeys(languages):
        before, after = full[names == language], subnetwork[names == language]
        difference = after.astype(float) - before
        low, high = bootstrap_interval(difference, seed=seed)
        means = (before.mean(), after.mean(), difference.mean())
        rows.append((language, *means, low, high, mcnemar_p(before, after), len(difference)))
    columns = "language full subnetwork change low high p examples"
    return pd.DataFrame(rows, columns=columns.split())


def modularity(
    full: Traces, subnetwork: Traces, train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate how far the predictions rely on the test example's own language alone.

    The own language's share of the most positive examples, on a scale on which 0 is what chance
    would give (the language's share of the training examples), 1 is nothing but the own language,
    and less than 0 is an avoidance of it. Test languages without training examples have no rows.

    Args:
        full, subnetwork, seed: see `change`.

    Returns:
        Columns language, model ("full", "subnetwork", or "change" from one to the other), value,
        low, high (of test examples resampled together; missing for a single one), test_examples.
        `value` is missing if all training examples are of the one language.
    """
    before, after = (language_shares(ranking(traces, "+"), train) for traces in (full, subnetwork))
    rows = []
    for language in test.languages:
        if language not in train.languages:
            continue
        own, mine = train.languages.index(language), test.rows_of(language)
        base = base_rates(train)[own]
        room = 1 - base or np.nan  # in one language alone, there is nothing else to rely on
        both = (np.stack([before[mine, own], after[mine, own]], axis=1) - base) / room
        values = np.column_stack([both, both[:, 1] - both[:, 0]])
        low, high = bootstrap_interval(values, seed=seed)
        numbers = zip(MODELS, values.mean(0), low, high, strict=True)
        rows += [(language, *row, len(values)) for row in numbers]
    return pd.DataFrame(rows, columns="language model value low high test_examples".split())


def specialization(shares: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Put each epoch's own-language shares beside its accuracies (Choenni et al. 2024, Fig. 7).

    Args:
        shares: the table `shares`; the most positive of single epochs are taken.
        accuracy: the table `accuracy`; its rows of the development set are taken.

    Returns:
        Columns language, epoch, own_share, accuracy. The accuracy is missing where the development
        set has no such language or epoch.
    """
    own = shares[
        (shares["epoch"] > 0)
        & (shares["sign"] == "+")
        & (shares["test_language"] == shares["train_language"])
    ].rename(columns={"test_language": "language", "share": "own_share"})
    dev = accuracy.loc[accuracy["split"] == "dev", ["language", "epoch", "accuracy"]]
    both = own.merge(dev, on=["language", "epoch"], how="left", validate="one_to_one")
    return both["language epoch own_share accuracy".split()]


def specialization_correlation(specialization: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the correlation of own-language share and accuracy (Choenni et al. 2024, §7.1).

    Args:
        specialization: the table of that name.

    Returns:
        One row: model ("subnetwork"), r, r_p (Pearson), rho, rho_p (Spearman), points (of language
        and epoch, those with both values). See `xling.analysis.statistics.Correlation`.
    """
    columns = [specialization[name].to_numpy(float) for name in ("own_share", "accuracy")]
    row = {"model": "subnetwork", **dataclasses.asdict(correlation(*columns))}
    return pd.DataFrame([row])
