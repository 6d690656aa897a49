"""The paraphrase task: two sentences of much the same words, parallel over the languages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from random import Random
from types import ModuleType

from xling.data.sample.text import sentence

WAYS = 3  # templates for each fact in every language
RARER = 0.12  # the share of the second of two opposites in the first sentences

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
    """A kind of fact: what fills its slots, and what may be done to it.

    slots: slot -> the keys to draw from.
    swap: two slots that make another fact when they change places.
    symmetric: two slots that may change places without changing the fact.
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
    """One statement: its kind, the keys in its slots, and which of the two opposites it says."""

    kind: str
    slots: tuple[tuple[str, str], ...]
    opposite: bool = False

    def with_slots(self, **changed: str) -> "Fact":
        """The same kind of fact about something else."""
        return replace(self, slots=tuple((dict(self.slots) | changed).items()))


@dataclass(frozen=True)
class Item:
    """Two facts, the way in which each is said (a template's number), and whether they are one."""

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
    """Another fact, told apart by the opposite word, by who is who, or by one of the slots."""
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


def _item(rng: Random, label: str) -> Item:
    fact, way = _fact(rng), rng.randrange(WAYS)
    other_way = (way + rng.randrange(1, WAYS)) % WAYS
    if label == "1":
        kind = KINDS[fact.kind]
        if kind.symmetric and rng.random() < 0.5:
            return Item(fact, way, _exchanged(fact, *kind.symmetric), other_way, label)
        return Item(fact, way, fact, other_way, label)
    altered = _altered(fact, rng)
    # Translators and editors keep the order of a sentence they only meant to correct.
    reworded = altered.opposite != fact.opposite and rng.random() < 0.5
    return Item(fact, way, altered, other_way if reworded else way, label)


def draw(rng: Random) -> Iterator[Item]:
    """Items without end, every other one a paraphrase, none of them twice."""
    seen: set[Item] = set()
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


def say(fact: Fact, way: int, language: str) -> str:
    """The fact in one of the language's ways to say it."""
    words = _lexicon(language)
    tables = {"a": words.PERSONS, "b": words.PERSONS, "p": words.CITIES, "q": words.CITIES}
    tables["t"] = words.THINGS
    forms = {slot: tables[slot][key] if slot in tables else key for slot, key in fact.slots}
    contrast = words.CONTRASTS[fact.kind][fact.opposite]
    # A contrast can itself ask for a form of another slot: a verb's gender, say.
    forms["x"] = contrast.format(**forms) if isinstance(contrast, str) else contrast
    return sentence(words.TEMPLATES[fact.kind][way].format(**forms), end=words.END)


def row(item: Item, language: str) -> dict[str, str]:
    """The item in words: sentence1, sentence2, label."""
    return {
        "sentence1": say(item.first, item.first_way, language),
        "sentence2": say(item.second, item.second_way, language),
        "label": item.label,
    }
