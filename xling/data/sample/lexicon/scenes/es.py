"""Spanish events."""

from xling.data.sample.scene import Scene
from xling.data.sample.text import join, sentence

PERSONS = {
    "teacher": "el profesor", "doctor": "el médico", "farmer": "el granjero",
    "baker": "el panadero", "engineer": "el ingeniero", "cook": "el cocinero",
    "driver": "el conductor", "gardener": "el jardinero", "nurse": "la enfermera",
    "singer": "la cantante", "journalist": "la periodista", "painter": "la pintora",
    "student": "la estudiante", "grandmother": "la abuela", "neighbour": "la vecina",
    "actress": "la actriz", "writer": "la escritora",
}  # fmt: skip
FEMININE = (
    "nurse", "singer", "journalist", "painter", "student", "grandmother", "neighbour",
    "actress", "writer",
)  # fmt: skip
VERBS = {  # third person of the pretérito indefinido
    "open": "abrió", "close": "cerró", "buy": "compró", "sell": "vendió",
    "find": "encontró", "lose": "perdió", "repair": "reparó", "damage": "estropeó",
    "send": "envió", "receive": "recibió", "praise": "elogió", "criticise": "criticó",
    "switch_on": "encendió", "switch_off": "apagó", "pack": "hizo", "unpack": "deshizo",
    "begin": "empezó", "finish": "terminó", "hide": "escondió", "show": "mostró",
}  # fmt: skip
OBJECTS = {
    "window": "la ventana", "door": "la puerta", "guitar": "la guitarra",
    "bicycle": "la bicicleta", "ring": "el anillo", "roses": "las rosas", "key": "la llave",
    "wallet": "la cartera", "ticket": "el billete", "clock": "el reloj",
    "radio": "la radio", "chair": "la silla", "letter": "la carta",
    "parcel": "el paquete", "soup": "la sopa", "painting": "el cuadro",
    "lamp": "la lámpara", "heating": "la calefacción", "suitcase": "la maleta",
    "backpack": "la mochila", "novel": "la novela", "work": "el trabajo",
    "present": "el regalo", "photo": "la foto",
}  # fmt: skip
CLASSES = {
    "guitar": "un instrumento musical", "bicycle": "un vehículo", "ring": "una joya",
    "roses": "unas flores", "chair": "un mueble", "soup": "un plato",
    "painting": "una obra de arte", "novel": "un libro",
}  # fmt: skip
PLACES = {
    "kitchen": "en la cocina", "garden": "en el jardín", "library": "en la biblioteca",
    "park": "en el parque", "office": "en la oficina", "market": "en el mercado",
    "station": "en la estación", "airport": "en el aeropuerto", "hotel": "en el hotel",
    "museum": "en el museo", "school": "en la escuela", "hospital": "en el hospital",
    "theatre": "en el teatro", "restaurant": "en el restaurante",
}  # fmt: skip
DAYS = {
    "monday": "el lunes", "tuesday": "el martes", "wednesday": "el miércoles",
    "thursday": "el jueves", "friday": "el viernes", "saturday": "el sábado",
    "sunday": "el domingo",
}  # fmt: skip
PARTS = {"morning": "por la mañana", "evening": "por la noche"}
EXTRAS = {
    "first": "por primera vez",
    "again": "una vez más",
    "watched": "delante de mucha gente",
    "friend": "con un amigo",
    "colleague": "con una colega",
    "hurry": "con mucha prisa",
    "request": "a petición de un amigo",
}
REMARKS = {  # masculine, feminine
    "ill": ("estuvo todo el día enfermo en la cama", "estuvo todo el día enferma en la cama"),
    "asleep": ("durmió todo el día",) * 2,
    "tired": ("estaba muy cansado después", "estaba muy cansada después"),
    "plan": ("lo había pensado durante mucho tiempo",) * 2,
    "told": ("se lo contó más tarde a toda la familia",) * 2,
    "children": ("tiene tres hijos",) * 2,
    "village": ("viene de un pueblo pequeño",) * 2,
    "early": ("suele levantarse muy temprano",) * 2,
}


def _time(scene: Scene) -> str:
    return join(DAYS[scene.day], PARTS[scene.part] if scene.part else "") if scene.day else ""


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] if scene.place else ""
    if scene.person:
        subject = join(PERSONS[scene.person], "no" if scene.negated else "")
    else:
        subject = "nadie" if scene.negated else "alguien"
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
    return sentence(PERSONS[scene.person], "estaba", PLACES[scene.place], _time(scene))


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return sentence(PERSONS[scene.person], REMARKS[kind][scene.person in FEMININE])
