"""The content of an inference sentence, before any language expresses it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """One event. The values are keys of the lexicons' tables; None omits that constituent.

    Attributes:
        person: the agent; None means "someone", or "nobody" if `negated`.
        verb, object: the action and its object.
        negated: whether the event did not happen.
        general: whether the object is named by a wider class.
        place: the place.
        day: the weekday.
        part: "morning" or "evening"; only with a day.
        extra: a further circumstance ("with a friend").
    """

    person: str | None
    verb: str
    object: str
    negated: bool = False
    general: bool = False
    place: str | None = None
    day: str | None = None
    part: str | None = None
    extra: str | None = None
