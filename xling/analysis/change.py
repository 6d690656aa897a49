"""What a language's subnetwork changes against the full model (Choenni et al. 2024, §5 to §7.1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest, rankdata, wilcoxon

from xling.analysis.examples import Examples
from xling.analysis.intervals import interval
from xling.analysis.masks import correlation
from xling.analysis.permutation import q_values
from xling.analysis.shares import SIGNS, base_rates, parts, ranking
from xling.attribution import Traces

CHANGE = tuple(
    "sign test_language train_language full subnetwork change low high p q test_examples".split()
)
"""Columns of `change`."""

EXACT_TEST_MAX_N = 13
"""Up to so many differences, the signed-rank test counts all signs that they could have."""

MODELS = ("full", "subnetwork", "change")
"""What `modularity` is told of."""


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
        the test examples; 1 if nothing changes for any), q (the false discovery rate controlled
        over the whole table), test_examples.
    """
    rows = []
    for sign in SIGNS:
        before, after = (parts(ranking(each, sign), train) for each in (full, subnetwork))
        # Rounded, or the noise of the last digit would tell changes apart that are equal.
        difference = np.round(after - before, 12)
        for language in test.languages:
            mine = test.of(language)
            of = difference[mine]
            p = [signed_rank_p(each) for each in of.T]
            low, high = interval(of, seed=seed)
            numbers = (before[mine].mean(0), after[mine].mean(0), of.mean(0), low, high, p)
            rows += [
                (sign, language, name, *row, 0.0, len(of))
                for name, *row in zip(train.languages, *numbers, strict=True)
            ]
    table = pd.DataFrame(rows, columns=CHANGE)
    return table.assign(q=q_values(table["p"].to_numpy(float)))


def signed_rank_p(difference: np.ndarray) -> float:
    """Return the p-value of the Wilcoxon signed-rank test of paired differences; of none, 1.

    What scipy computes. Counts of members make ties, with which it takes seconds to count the signs
    of a few differences; here they are counted at once.
    """
    moved = difference[difference != 0]
    if not len(moved):
        return 1.0
    if len(moved) > EXACT_TEST_MAX_N:
        return float(wilcoxon(moved).pvalue)
    ranks = rankdata(np.abs(moved))
    signs = 1 - 2 * (np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1)
    found = abs(np.sign(moved) @ ranks)
    return float((np.abs(signs @ ranks) >= found - 1e-9).mean())


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
        missing for a single example), p (exact test of McNemar, on the examples that one of the two
        alone classifies correctly; 1 if there are none), examples.
    """
    rows = []
    names = np.array(languages)
    for language in dict.fromkeys(languages):
        before, after = (each[names == language].astype(float) for each in (full, subnetwork))
        difference = after - before
        lost, won = int((difference < 0).sum()), int((difference > 0).sum())
        p = binomtest(won, won + lost).pvalue if won + lost else 1.0
        low, high = interval(difference, seed=seed)
        means = (before.mean(), after.mean(), difference.mean())
        rows.append((language, *means, low, high, p, len(difference)))
    columns = "language full subnetwork change low high p examples"
    return pd.DataFrame(rows, columns=columns.split())


def modularity(
    full: Traces, subnetwork: Traces, train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate how far the predictions rely on the test example's own language alone.

    The own share of the most positive examples, put on a scale on which 0 is what chance would
    give (the language's part of the training examples), 1 nothing but the own language, and less
    than 0 an avoidance of it. Test languages without training examples have no rows.

    Args:
        full, subnetwork, seed: see `change`.

    Returns:
        Columns language, model ("full", "subnetwork", or "change" from one to the other), value,
        low, high (of test examples resampled together; missing for a single one), test_examples.
        `value` is missing if all training examples are of the one language.
    """
    before, after = (parts(ranking(each, "+"), train) for each in (full, subnetwork))
    rows = []
    for language in test.languages:
        if language not in train.languages:
            continue
        own, mine = train.languages.index(language), test.of(language)
        base = base_rates(train)[own]
        room = 1 - base or np.nan  # where all is of the language, there is nothing else to rely on
        both = (np.stack([before[mine, own], after[mine, own]], axis=1) - base) / room
        values = np.column_stack([both, both[:, 1] - both[:, 0]])
        low, high = interval(values, seed=seed)
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
    found = own.merge(dev, on=["language", "epoch"], how="left", validate="one_to_one")
    return found["language epoch own_share accuracy".split()]


def specialization_correlation(specialization: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the correlation of own-language share and accuracy (Choenni et al. 2024, §7.1).

    Args:
        specialization: the table of that name.

    Returns:
        One row: model ("subnetwork"), r, r_p (Pearson), rho, rho_p (Spearman), points (of language
        and epoch, those with both values). See `xling.analysis.masks.correlation`.
    """
    found = correlation(specialization["own_share"], specialization["accuracy"])
    columns = "model r r_p rho rho_p points"
    return pd.DataFrame([("subnetwork", *found)], columns=columns.split())
