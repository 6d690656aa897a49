"""What an inference sentence says, before any language puts it into words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """One event. The values are keys of the lexicons' tables; None leaves that part unsaid.

    person: who; None stands for "someone" ("nobody" where `negated`).
    verb, object: what was done to what; object names a more general class where `general`.
    place: where; day: which weekday; part: "morning" or "evening" (only beside a day).
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
