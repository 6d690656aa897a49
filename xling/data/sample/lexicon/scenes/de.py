"""German events."""

from xling.data.sample.scene import Scene
from xling.data.sample.text import join, sentence

PERSONS = {
    "teacher": "der Lehrer", "doctor": "der Arzt", "farmer": "der Bauer",
    "baker": "der Bäcker", "engineer": "der Ingenieur", "cook": "der Koch",
    "driver": "der Fahrer", "gardener": "der Gärtner", "nurse": "die Krankenschwester",
    "singer": "die Sängerin", "journalist": "die Journalistin", "painter": "die Malerin",
    "student": "die Studentin", "grandmother": "die Großmutter", "neighbour": "die Nachbarin",
    "actress": "die Schauspielerin", "writer": "die Schriftstellerin",
}  # fmt: skip
ANYBODY = ("jemand", "niemand")  # of an event that took place, of one that did not
VERBS = {  # past tense, separable prefix at the end of the clause
    "open": ("öffnete", ""),
    "close": ("schloss", ""),
    "buy": ("kaufte", ""),
    "sell": ("verkaufte", ""),
    "find": ("fand", ""),
    "lose": ("verlor", ""),
    "repair": ("reparierte", ""),
    "damage": ("beschädigte", ""),
    "send": ("verschickte", ""),
    "receive": ("bekam", ""),
    "praise": ("lobte", ""),
    "criticise": ("kritisierte", ""),
    "switch_on": ("schaltete", "ein"),
    "switch_off": ("schaltete", "aus"),
    "pack": ("packte", ""),
    "unpack": ("packte", "aus"),
    "begin": ("begann", ""),
    "finish": ("beendete", ""),
    "hide": ("versteckte", ""),
    "show": ("zeigte", ""),
}
OBJECTS = {  # accusative
    "window": "das Fenster", "door": "die Tür", "guitar": "die Gitarre",
    "bicycle": "das Fahrrad", "ring": "den Ring", "roses": "die Rosen",
    "key": "den Schlüssel", "wallet": "die Geldbörse", "ticket": "die Fahrkarte",
    "clock": "die Uhr", "radio": "das Radio", "chair": "den Stuhl", "letter": "den Brief",
    "parcel": "das Paket", "soup": "die Suppe", "painting": "das Gemälde",
    "lamp": "die Lampe", "heating": "die Heizung", "suitcase": "den Koffer",
    "backpack": "den Rucksack", "novel": "den Roman", "work": "die Arbeit",
    "present": "das Geschenk", "photo": "das Foto",
}  # fmt: skip
CLASSES = {  # accusative
    "guitar": "ein Musikinstrument", "bicycle": "ein Fahrzeug", "ring": "ein Schmuckstück",
    "roses": "Blumen", "chair": "ein Möbelstück", "soup": "ein Gericht",
    "painting": "ein Kunstwerk", "novel": "ein Buch",
}  # fmt: skip
PLACES = {
    "kitchen": "in der Küche", "garden": "im Garten", "library": "in der Bibliothek",
    "park": "im Park", "office": "im Büro", "market": "auf dem Markt",
    "station": "am Bahnhof", "airport": "am Flughafen", "hotel": "im Hotel",
    "museum": "im Museum", "school": "in der Schule", "hospital": "im Krankenhaus",
    "theatre": "im Theater", "restaurant": "im Restaurant",
}  # fmt: skip
DAYS = {
    "monday": "am Montag", "tuesday": "am Dienstag", "wednesday": "am Mittwoch",
    "thursday": "am Donnerstag", "friday": "am Freitag", "saturday": "am Samstag",
    "sunday": "am Sonntag",
}  # fmt: skip
PARTS = {"morning": "morgen", "evening": "abend"}
EXTRAS = {
    "first": "zum ersten Mal",
    "again": "noch einmal",
    "watched": "vor vielen Leuten",
    "friend": "zusammen mit einem Freund",
    "colleague": "zusammen mit einer Kollegin",
    "hurry": "in großer Eile",
    "request": "auf Bitte eines Freundes",
}
REMARKS = {
    "ill": "lag den ganzen Tag krank im Bett",
    "asleep": "schlief den ganzen Tag",
    "tired": "war danach sehr müde",
    "plan": "hatte lange darüber nachgedacht",
    "told": "erzählte später der ganzen Familie davon",
    "children": "hat drei Kinder",
    "village": "kommt aus einem kleinen Dorf",
    "early": "steht meistens sehr früh auf",
}


def _time(scene: Scene) -> str:
    return DAYS[scene.day] + (PARTS[scene.part] if scene.part else "") if scene.day else ""


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    verb, prefix = VERBS[scene.verb]
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] if scene.place else ""
    extra = EXTRAS[scene.extra] if scene.extra else ""
    subject = PERSONS[scene.person] if scene.person else ANYBODY[scene.negated]
    first = {"day": time, "place": place, "": ""}[front]
    middle = join("" if front == "day" else time, "" if front == "place" else place, extra)
    if scene.negated and scene.person:
        rest = join(thing, middle, "nicht", prefix)
    else:
        rest = join(middle, thing, prefix)
    if first:
        return sentence(first, verb, subject, rest)
    return sentence(subject, verb, rest)


def located(scene: Scene) -> str:
    """The sentence that says where the person was."""
    return sentence(PERSONS[scene.person], "war", _time(scene), PLACES[scene.place])


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return sentence(PERSONS[scene.person], REMARKS[kind])
