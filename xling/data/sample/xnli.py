"""The inference task: premise, hypothesis and label, parallel across languages."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from random import Random
from types import ModuleType

from xling.data.sample.scene import Scene

RARER = 0.15  # share of premises that use the second verb of a pair of opposites
LABELS = ("entailment", "entailment", "neutral", "contradiction")  # in these proportions

PERSONS = (
    "teacher", "doctor", "farmer", "baker", "engineer", "cook", "driver", "gardener", "nurse",
    "singer", "journalist", "painter", "student", "grandmother", "neighbour", "actress", "writer",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PARTS = ("morning", "evening")
HOUSES = (
    "library", "office", "station", "airport", "hotel", "museum", "school", "hospital",
    "theatre", "restaurant", "kitchen",
)  # fmt: skip
OUTDOORS = ("garden", "park", "market")
OPPOSITES = (
    ("open", "close"),
    ("buy", "sell"),
    ("find", "lose"),
    ("repair", "damage"),
    ("send", "receive"),
    ("praise", "criticise"),
    ("switch_on", "switch_off"),
    ("pack", "unpack"),
    ("begin", "finish"),
    ("hide", "show"),
)
OBJECTS = {
    "open": ("window", "door"),
    "buy": ("guitar", "bicycle", "ring", "roses"),
    "find": ("key", "wallet", "ticket"),
    "repair": ("clock", "radio", "chair"),
    "send": ("letter", "parcel"),
    "praise": ("soup", "painting"),
    "switch_on": ("lamp", "heating"),
    "pack": ("suitcase", "backpack"),
    "begin": ("novel", "work"),
    "hide": ("present", "photo"),
}
INDOOR_OBJECTS = ("window", "door", "lamp", "heating")
# Objects with the name of a wider class in the lexicons ("a vehicle").
CLASSED = ("guitar", "bicycle", "ring", "roses", "chair", "soup", "painting", "novel")
EXTRAS = ("first", "again", "watched", "friend", "colleague", "hurry", "request")
# Unintended events: nobody loses a key at somebody's request.
UNINTENDED = ("find", "lose", "damage", "receive")
DENIALS = ("ill", "asleep")  # remarks that contradict every event
REMARKS = ("tired", "plan", "told", "children", "village", "early")


@dataclass(frozen=True)
class Inference:
    """Premise, hypothesis and label.

    The hypothesis states an event or something else about the person: where they were (`remark` is
    "located"), or one of DENIALS and REMARKS.
    """

    premise: Scene
    premise_front: str
    hypothesis: Scene
    front: str
    remark: str
    label: str


def opposite(verb: str) -> str:
    """Return the other verb of the pair."""
    return next(b if verb == a else a for a, b in OPPOSITES if verb in (a, b))


def _premise(rng: Random) -> Scene:
    pair = rng.choice(OPPOSITES)
    verb, object_ = pair[rng.random() < RARER], rng.choice(OBJECTS[pair[0]])
    negated = rng.random() < 0.06
    extra = None
    if not negated and rng.random() < 0.15:
        extra = rng.choice(_extras(verb))
    return Scene(
        person=rng.choice(PERSONS),
        verb=verb,
        object=object_,
        negated=negated,
        place=rng.choice(HOUSES if object_ in INDOOR_OBJECTS else HOUSES + OUTDOORS),
        day=rng.choice(DAYS),
        part=rng.choice(PARTS),
        extra=extra,
    )


def _extras(verb: str) -> tuple[str, ...]:
    return EXTRAS[:3] if verb in UNINTENDED else EXTRAS


def _less(scene: Scene, rng: Random, keep: str = "") -> Scene:
    """Drop some of the optional constituents from a scene, but not `keep`."""
    dropped: dict[str, None] = {}
    for name, probability in (("extra", 0.6), ("place", 0.4), ("day", 0.5), ("part", 0.3)):
        if name != keep and rng.random() < probability:
            dropped[name] = None
    if "day" in dropped:
        dropped["part"] = None
    return replace(scene, **dropped)


def _entailed(scene: Scene, rng: Random) -> tuple[Scene, str]:
    """Return an event that the scene entails, and the remark about it ("" for the event itself)."""
    kind = rng.random()
    if kind < 0.25 and not scene.negated:
        return replace(scene, day=None, part=None) if rng.random() < 0.5 else scene, "located"
    less = _less(scene, rng)
    if kind < 0.5 and not scene.negated:
        less = replace(less, person=None)
    elif kind < 0.75 and not scene.negated and scene.object in CLASSED:
        less = replace(less, general=True)
    return less, ""


def _contradicting(scene: Scene, rng: Random) -> tuple[Scene, str]:
    kind = rng.random()
    if scene.negated:
        return replace(_less(scene, rng), negated=False), ""
    if kind < 0.45:
        verb = opposite(scene.verb)
        extra = scene.extra if scene.extra in _extras(verb) else None
        return _less(replace(scene, verb=verb, extra=extra), rng), ""
    if kind < 0.65:
        return _less(replace(scene, negated=True, extra=None), rng), ""
    if kind < 0.8:
        return _less(replace(scene, negated=True, extra=None, person=None), rng), ""
    return scene, rng.choice(DENIALS)


def _neutral(scene: Scene, rng: Random) -> tuple[Scene, str]:
    if scene.negated or rng.random() < 0.4:
        return scene, rng.choice(REMARKS)
    extra = rng.choice([extra for extra in _extras(scene.verb) if extra != scene.extra])
    return _less(replace(scene, extra=extra), rng, "extra"), ""


_HYPOTHESES = {
    "entailment": _entailed,
    "neutral": _neutral,
    "contradiction": _contradicting,
}


def _front(scene: Scene, rng: Random) -> str:
    """Choose the constituent to put first; "" means the usual order."""
    if scene.person is None:
        return ""
    return rng.choice(["", "", *(part for part in ("day", "place") if getattr(scene, part))])


def draw(rng: Random) -> Iterator[Inference]:
    """Yield items forever: every four have the proportions of LABELS, and none occurs twice."""
    seen: set[tuple[object, ...]] = set()
    while True:
        for label in rng.sample(LABELS, len(LABELS)):
            while True:
                premise = _premise(rng)
                hypothesis, remark = _HYPOTHESES[label](premise, rng)
                # Two word orders of the same content are not two examples.
                content = (premise, hypothesis if remark in ("", "located") else "", remark)
                if content not in seen and (remark or hypothesis != premise):
                    break
            seen.add(content)
            fronts = _front(premise, rng), _front(hypothesis, rng)
            yield Inference(premise, fronts[0], hypothesis, fronts[1], remark, label)


@cache
def _lexicon(language: str) -> ModuleType:
    return import_module(f"xling.data.sample.lexicon.scenes.{language}")


def row(item: Inference, language: str) -> dict[str, str]:
    """Express the item in a language: premise, hypothesis, label."""
    words = _lexicon(language)
    scene = item.hypothesis
    if item.remark == "located":
        hypothesis = words.located(scene)
    elif item.remark:
        hypothesis = words.remark(scene, item.remark)
    else:
        hypothesis = words.event(scene, item.front)
    return {
        "premise": words.event(item.premise, item.premise_front),
        "hypothesis": hypothesis,
        "label": item.label,
    }
