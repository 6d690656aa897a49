"""The review task: title, body and stars, drawn independently for each language."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from random import Random
from types import ModuleType

STARS = ("1", "2", "4", "5")
WEIGHTS = (2, 1, -1, -2)  # of an aspect's four verdicts, in the order of the lexicons
ONE_SIDED = 0.3  # share of one-sided reviews (only praise or only blame) that is kept
ASPECTS = 3  # aspects per review


def stars_of(total: int) -> str | None:
    """Return the stars for the sum of the verdicts' weights; None if they balance."""
    if total == 0:
        return None
    if total > 0:
        return "5" if total > 2 else "4"
    return "1" if total < -2 else "2"


@cache
def _lexicon(language: str) -> ModuleType:
    return import_module(f"xling.data.sample.lexicon.reviews.{language}")


def _verdicts(rng: Random, aspects: int, stars: str) -> list[tuple[int, int]]:
    """Draw aspects and a verdict (by number) on each, which add up to the stars."""
    while True:
        chosen = [(aspect, rng.randrange(4)) for aspect in rng.sample(range(aspects), ASPECTS)]
        weights = [WEIGHTS[verdict] for _, verdict in chosen]
        if stars_of(sum(weights)) == stars and (
            min(weights) < 0 < max(weights) or rng.random() < ONE_SIDED
        ):
            return chosen


def draw(rng: Random, language: str) -> Iterator[dict[str, str]]:
    """Yield rows forever: every four contain all STARS, and no row occurs twice."""
    words = _lexicon(language)
    seen: set[tuple[str, str]] = set()
    while True:
        for stars in rng.sample(STARS, len(STARS)):
            while True:
                name, bought = rng.choice(words.PRODUCTS)
                verdicts = _verdicts(rng, len(words.VERDICTS), stars)
                sentences = [rng.choice(words.OPENINGS).format(bought)]
                sentences += [words.VERDICTS[aspect][verdict] for aspect, verdict in verdicts]
                telling = rng.random() < 0.25
                title = rng.choice(words.TITLES[stars] if telling else words.PLAIN_TITLES)
                review = title.format(name), words.SPACE.join(sentences)
                if review not in seen:
                    break
            seen.add(review)
            yield {"review_title": review[0], "review_body": review[1], "stars": stars}
