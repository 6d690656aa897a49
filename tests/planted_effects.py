"""Made-up outcomes of fine-tunings whose law is known."""

import numpy as np

from xling.evaluation.exchange_rates import FineTunings
from xling.evaluation.mixtures import counts, full, kept, mixtures, numbered, without

LANGUAGES = ("de", "en", "ru", "sw", "zh")
OFFSET = 30.0


def designed(count: int = 40, languages=LANGUAGES, per_language: int = 150, seed: int = 0):
    """Numbers of examples of (fits, languages), and which fits have the same examples."""
    rows = [name for name in languages for _ in range(per_language)]
    parts = [*mixtures(rows, count, seed), *full(rows, [0, 1, 2]), *without(rows)]
    return counts(kept(parts, len(rows)), rows, languages), numbered(parts)


def planted(truth, noise: float, tests=("de",), seed: int = 0, **design) -> FineTunings:
    """Outcomes of a known function of the numbers of examples, with noise.

    truth: one function for each test language.
    noise: standard deviation, in standard deviations of the true outcomes.
    """
    numbers, parts = designed(**design)
    true = np.stack([function(numbers.astype(float)) for function in truth], axis=1)
    drawn = np.random.default_rng(seed).normal(size=true.shape)
    outcomes = true + noise * true.std(0) * drawn
    names = design.get("languages", LANGUAGES)
    return FineTunings(numbers, {"loss": outcomes}, names, tests, parts)


def law(rates):
    return lambda numbers: -2 + 0.6 * np.log(OFFSET + numbers @ np.asarray(rates, dtype=float))
