"""English events."""

from xling.data.sample.scene import Scene
from xling.data.sample.text import join, sentence

PERSONS = {
    "teacher": "the teacher", "doctor": "the doctor", "farmer": "the farmer",
    "baker": "the baker", "engineer": "the engineer", "cook": "the cook",
    "driver": "the driver", "gardener": "the gardener", "nurse": "the nurse",
    "singer": "the singer", "journalist": "the journalist", "painter": "the painter",
    "student": "the student", "grandmother": "the grandmother", "neighbour": "the neighbour",
    "actress": "the actress", "writer": "the writer",
}  # fmt: skip
VERBS = {  # past tense, infinitive
    "open": ("opened", "open"),
    "close": ("closed", "close"),
    "buy": ("bought", "buy"),
    "sell": ("sold", "sell"),
    "find": ("found", "find"),
    "lose": ("lost", "lose"),
    "repair": ("repaired", "repair"),
    "damage": ("damaged", "damage"),
    "send": ("sent", "send"),
    "receive": ("received", "receive"),
    "praise": ("praised", "praise"),
    "criticise": ("criticised", "criticise"),
    "switch_on": ("switched on", "switch on"),
    "switch_off": ("switched off", "switch off"),
    "pack": ("packed", "pack"),
    "unpack": ("unpacked", "unpack"),
    "begin": ("began", "begin"),
    "finish": ("finished", "finish"),
    "hide": ("hid", "hide"),
    "show": ("showed", "show"),
}
OBJECTS = {
    "window": "the window", "door": "the door", "guitar": "the guitar",
    "bicycle": "the bicycle", "ring": "the ring", "roses": "the roses", "key": "the key",
    "wallet": "the wallet", "ticket": "the ticket", "clock": "the clock",
    "radio": "the radio", "chair": "the chair", "letter": "the letter",
    "parcel": "the parcel", "soup": "the soup", "painting": "the painting",
    "lamp": "the lamp", "heating": "the heating", "suitcase": "the suitcase",
    "backpack": "the backpack", "novel": "the novel", "work": "the work",
    "present": "the present", "photo": "the photo",
}  # fmt: skip
CLASSES = {
    "guitar": "a musical instrument", "bicycle": "a vehicle", "ring": "a piece of jewellery",
    "roses": "some flowers", "chair": "a piece of furniture", "soup": "a dish",
    "painting": "a work of art", "novel": "a book",
}  # fmt: skip
PLACES = {
    "kitchen": "in the kitchen", "garden": "in the garden", "library": "in the library",
    "park": "in the park", "office": "at the office", "market": "at the market",
    "station": "at the station", "airport": "at the airport", "hotel": "at the hotel",
    "museum": "at the museum", "school": "at the school", "hospital": "at the hospital",
    "theatre": "at the theatre", "restaurant": "at the restaurant",
}  # fmt: skip
DAYS = {
    "monday": "on Monday", "tuesday": "on Tuesday", "wednesday": "on Wednesday",
    "thursday": "on Thursday", "friday": "on Friday", "saturday": "on Saturday",
    "sunday": "on Sunday",
}  # fmt: skip
PARTS = {"morning": "morning", "evening": "evening"}
EXTRAS = {
    "first": "for the first time",
    "again": "once again",
    "watched": "in front of many people",
    "friend": "with a friend",
    "colleague": "with a colleague",
    "hurry": "in a great hurry",
    "request": "at a friend's request",
}
REMARKS = {
    "ill": "was ill in bed all day",
    "asleep": "slept all day",
    "tired": "was very tired afterwards",
    "plan": "had thought about it for a long time",
    "told": "told the whole family about it later",
    "children": "has three children",
    "village": "comes from a small village",
    "early": "usually gets up very early",
}


def _time(scene: Scene) -> str:
    return join(DAYS[scene.day], PARTS[scene.part] if scene.part else "") if scene.day else ""


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    past, infinitive = VERBS[scene.verb]
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] if scene.place else ""
    if scene.person:
        subject = PERSONS[scene.person]
        verb = f"did not {infinitive}" if scene.negated else past
    else:
        subject, verb = ("nobody" if scene.negated else "someone"), past
    first = {"day": time, "place": place, "": ""}[front]
    return sentence(
        first + "," if first else "",
        subject,
        verb,
        thing,
        EXTRAS[scene.extra] if scene.extra else "",
        "" if front == "place" else place,
        "" if front == "day" else time,
    )


def located(scene: Scene) -> str:
    """The sentence that says where the person was."""
    return sentence(PERSONS[scene.person], "was", PLACES[scene.place], _time(scene))


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return sentence(PERSONS[scene.person], REMARKS[kind])
