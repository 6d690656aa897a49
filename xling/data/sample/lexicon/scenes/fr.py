"""French events."""

from xling.data.sample.scene import Scene
from xling.data.sample.text import join, sentence

PERSONS = {
    "teacher": "le professeur", "doctor": "le médecin", "farmer": "le fermier",
    "baker": "le boulanger", "engineer": "l'ingénieur", "cook": "le cuisinier",
    "driver": "le chauffeur", "gardener": "le jardinier", "nurse": "l'infirmière",
    "singer": "la chanteuse", "journalist": "la journaliste", "painter": "la peintre",
    "student": "l'étudiante", "grandmother": "la grand-mère", "neighbour": "la voisine",
    "actress": "l'actrice", "writer": "l'écrivaine",
}  # fmt: skip
FEMININE = (
    "nurse", "singer", "journalist", "painter", "student", "grandmother", "neighbour",
    "actress", "writer",
)  # fmt: skip
VERBS = {  # past participles; all go with "avoir", so they agree with nothing here
    "open": "ouvert", "close": "fermé", "buy": "acheté", "sell": "vendu",
    "find": "trouvé", "lose": "perdu", "repair": "réparé", "damage": "abîmé",
    "send": "envoyé", "receive": "reçu", "praise": "vanté", "criticise": "critiqué",
    "switch_on": "allumé", "switch_off": "éteint", "pack": "préparé", "unpack": "défait",
    "begin": "commencé", "finish": "terminé", "hide": "caché", "show": "montré",
}  # fmt: skip
OBJECTS = {
    "window": "la fenêtre", "door": "la porte", "guitar": "la guitare",
    "bicycle": "le vélo", "ring": "la bague", "roses": "les roses", "key": "la clé",
    "wallet": "le portefeuille", "ticket": "le billet", "clock": "l'horloge",
    "radio": "la radio", "chair": "la chaise", "letter": "la lettre",
    "parcel": "le colis", "soup": "la soupe", "painting": "le tableau",
    "lamp": "la lampe", "heating": "le chauffage", "suitcase": "la valise",
    "backpack": "le sac à dos", "novel": "le roman", "work": "le travail",
    "present": "le cadeau", "photo": "la photo",
}  # fmt: skip
CLASSES = {
    "guitar": "un instrument de musique", "bicycle": "un véhicule", "ring": "un bijou",
    "roses": "des fleurs", "chair": "un meuble", "soup": "un plat",
    "painting": "une œuvre d'art", "novel": "un livre",
}  # fmt: skip
PLACES = {
    "kitchen": "dans la cuisine", "garden": "dans le jardin",
    "library": "à la bibliothèque", "park": "au parc", "office": "au bureau",
    "market": "au marché", "station": "à la gare", "airport": "à l'aéroport",
    "hotel": "à l'hôtel", "museum": "au musée", "school": "à l'école",
    "hospital": "à l'hôpital", "theatre": "au théâtre", "restaurant": "au restaurant",
}  # fmt: skip
DAYS = {
    "monday": "lundi", "tuesday": "mardi", "wednesday": "mercredi", "thursday": "jeudi",
    "friday": "vendredi", "saturday": "samedi", "sunday": "dimanche",
}  # fmt: skip
PARTS = {"morning": "matin", "evening": "soir"}
EXTRAS = {
    "first": "pour la première fois",
    "again": "une fois de plus",
    "watched": "devant beaucoup de monde",
    "friend": "avec un ami",
    "colleague": "avec une collègue",
    "hurry": "en toute hâte",
    "request": "à la demande d'un ami",
}
REMARKS = {  # masculine, feminine
    "ill": (
        "est resté malade au lit toute la journée",
        "est restée malade au lit toute la journée",
    ),
    "asleep": ("a dormi toute la journée",) * 2,
    "tired": ("était très fatigué ensuite", "était très fatiguée ensuite"),
    "plan": ("y avait longtemps réfléchi",) * 2,
    "told": ("l'a raconté plus tard à toute la famille",) * 2,
    "children": ("a trois enfants",) * 2,
    "village": ("vient d'un petit village",) * 2,
    "early": ("se lève très tôt d'habitude",) * 2,
}


def _time(scene: Scene) -> str:
    return join(DAYS[scene.day], PARTS[scene.part] if scene.part else "") if scene.day else ""


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] if scene.place else ""
    if scene.person:
        subject = join(PERSONS[scene.person], "n'a pas" if scene.negated else "a")
    else:
        subject = "personne n'a" if scene.negated else "quelqu'un a"
    first = {"day": time, "place": place, "": ""}[front]
    return sentence(
        first + "," if first else "",
        subject,
        VERBS[scene.verb],
        thing,
        EXTRAS[scene.extra] if scene.extra else "",
        "" if front == "place" else place,
        "" if front == "day" else time,
    )


def located(scene: Scene) -> str:
    """The sentence that says where the person was."""
    return sentence(PERSONS[scene.person], "était", PLACES[scene.place], _time(scene))


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return sentence(PERSONS[scene.person], REMARKS[kind][scene.person in FEMININE])
