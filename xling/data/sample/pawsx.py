"""The paraphrase task: two sentences of nearly the same words, parallel across languages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from random import Random
from types import ModuleType

from xling.data.sample.text import sentence

WAYS = 3  # templates for each fact in every language
RARER = 0.12  # share of first sentences that use the second of two opposites

PERSONS = (
    "weber", "martin", "silva", "brown", "novak", "fischer", "costa", "lind", "moore", "petit",
)  # fmt: skip
CITIES = (
    "paris", "rome", "vienna", "berlin", "madrid", "prague", "warsaw", "lisbon", "zurich",
    "budapest", "geneva", "milan",
)  # fmt: skip
YEARS = tuple(str(year) for year in range(1900, 1960, 2))
EARLY_YEARS = tuple(str(year) for year in range(1860, 1900, 2))  # of birth
PRICES = tuple(str(price) for price in range(200, 1000, 100))
INSTITUTIONS = ("museum", "theatre", "library", "school")
PROPERTIES = ("house", "hotel", "mill", "bookshop")
BUILDINGS = ("castle", "monastery", "factory", "station")


@dataclass(frozen=True)
class Kind:
    """A kind of fact: what fills its slots, and how it can be changed.

    Attributes:
        slots: slot → the keys to draw from.
        swap: two slots whose exchange makes a different fact.
        symmetric: two slots whose exchange leaves the fact unchanged.
    """

    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    swap: tuple[str, ...] = ()
    symmetric: tuple[str, ...] = ()


_P = {"p": CITIES}
_PQ = {"p": CITIES, "q": CITIES}
_A = {"a": PERSONS}
_AB = {"a": PERSONS, "b": PERSONS}
_Y = {"y": YEARS}
KINDS = {
    "life": Kind(_A | _PQ | {"y": EARLY_YEARS}, swap=("p", "q")),
    "match": Kind(_PQ | _Y, swap=("p", "q")),
    "opening": Kind(_A | {"t": INSTITUTIONS} | _P | _Y),
    "move": Kind(_A | _PQ | _Y, swap=("p", "q")),
    "trade": Kind(_A | {"t": PROPERTIES, "n": PRICES} | _P | _Y),
    "railway": Kind(_PQ | _Y, symmetric=("p", "q")),
    "novel": Kind(_A | _P | _Y),
    "population": Kind(_PQ | _Y, swap=("p", "q")),
    "site": Kind({"t": BUILDINGS} | _P | _Y),
    "meeting": Kind(_AB | _P | _Y, symmetric=("a", "b")),
    "age": Kind(_AB | _P, swap=("a", "b")),
}


@dataclass(frozen=True)
class Fact:
    """A statement: its kind, the keys in its slots, and which of the two opposites it states."""

    kind: str
    slots: tuple[tuple[str, str], ...]
    opposite: bool = False

    def with_slots(self, **changed: str) -> "Fact":
        """Return the same kind of fact with other keys in some slots."""
        return replace(self, slots=tuple((dict(self.slots) | changed).items()))


@dataclass(frozen=True)
class Paraphrase:
    """Two facts, the number of the template that words each, and whether they are the same."""

    first: Fact
    first_way: int
    second: Fact
    second_way: int
    label: str


def _fact(rng: Random) -> Fact:
    name = rng.choice(tuple(KINDS))
    kind = KINDS[name]
    slots: dict[str, str] = {}
    for slot, keys in kind.slots.items():
        slots[slot] = rng.choice([key for key in keys if key not in slots.values()])
    return Fact(name, tuple(slots.items()), rng.random() < RARER)


def _exchanged(fact: Fact, one: str, other: str) -> Fact:
    slots = dict(fact.slots)
    return fact.with_slots(**{one: slots[other], other: slots[one]})


def _altered(fact: Fact, rng: Random) -> Fact:
    """Return a fact that differs by the opposite word, by swapped roles, or in one slot."""
    kind = KINDS[fact.kind]
    chance = rng.random()
    if chance < 0.88:
        return replace(fact, opposite=not fact.opposite)
    if kind.swap and chance < 0.96:
        return _exchanged(fact, *kind.swap)
    slots = dict(fact.slots)
    slot = rng.choice([slot for slot in slots if slot in ("y", "n", "p")])
    keys = [key for key in kind.slots[slot] if key not in slots.values()]
    return fact.with_slots(**{slot: rng.choice(keys)})


def _item(rng: Random, label: str) -> Paraphrase:
    fact, way = _fact(rng), rng.randrange(WAYS)
    other_way = (way + rng.randrange(1, WAYS)) % WAYS
    if label == "1":
        kind = KINDS[fact.kind]
        if kind.symmetric and rng.random() < 0.5:
            return Paraphrase(fact, way, _exchanged(fact, *kind.symmetric), other_way, label)
        return Paraphrase(fact, way, fact, other_way, label)
    altered = _altered(fact, rng)
    # Most altered sentences keep the word order, as an editor's correction would.
    reworded = altered.opposite != fact.opposite and rng.random() < 0.5
    return Paraphrase(fact, way, altered, other_way if reworded else way, label)


def draw(rng: Random) -> Iterator[Paraphrase]:
    """Yield items forever: one of every two is a paraphrase, and no item occurs twice."""
    seen: set[Paraphrase] = set()
    while True:
        for label in rng.sample(("0", "1"), 2):
            item = _item(rng, label)
            while item in seen:
                item = _item(rng, label)
            seen.add(item)
            yield item


@cache
def _lexicon(language: str) -> ModuleType:
    return import_module(f"xling.data.sample.lexicon.facts.{language}")


def express(fact: Fact, way: int, language: str) -> str:
    """Express a fact in a language with template number `way`."""
    words = _lexicon(language)
    tables = {"a": words.PERSONS, "b": words.PERSONS, "p": words.CITIES, "q": words.CITIES}
    tables["t"] = words.THINGS
    forms = {slot: tables[slot][key] if slot in tables else key for slot, key in fact.slots}
    contrast = words.CONTRASTS[fact.kind][fact.opposite]
    # A contrast may itself contain a form of another slot, such as a verb's gender.
    forms["x"] = contrast.format(**forms) if isinstance(contrast, str) else contrast
    return sentence(words.TEMPLATES[fact.kind][way].format(**forms), end=words.END)


def row(item: Paraphrase, language: str) -> dict[str, str]:
    """Express the item in a language: sentence1, sentence2, label."""
    return {
        "sentence1": express(item.first, item.first_way, language),
        "sentence2": express(item.second, item.second_way, language),
        "label": item.label,
    }
