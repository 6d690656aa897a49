"""Russian events."""

from xling.data.sample.scene import Scene
from xling.data.sample.text import join, sentence

PERSONS = {
    "teacher": "учитель", "doctor": "врач", "farmer": "фермер", "baker": "пекарь",
    "engineer": "инженер", "cook": "повар", "driver": "водитель", "gardener": "садовник",
    "nurse": "медсестра", "singer": "певица", "journalist": "журналистка",
    "painter": "художница", "student": "студентка", "grandmother": "бабушка",
    "neighbour": "соседка", "actress": "актриса", "writer": "писательница",
}  # fmt: skip
FEMININE = (
    "nurse", "singer", "journalist", "painter", "student", "grandmother", "neighbour",
    "actress", "writer",
)  # fmt: skip
ANYBODY = ("кто-то", "никто")  # of an event that took place, of one that did not
VERBS = {  # past tense of the perfective: masculine, feminine
    "open": ("открыл", "открыла"),
    "close": ("закрыл", "закрыла"),
    "buy": ("купил", "купила"),
    "sell": ("продал", "продала"),
    "find": ("нашёл", "нашла"),
    "lose": ("потерял", "потеряла"),
    "repair": ("починил", "починила"),
    "damage": ("повредил", "повредила"),
    "send": ("отправил", "отправила"),
    "receive": ("получил", "получила"),
    "praise": ("похвалил", "похвалила"),
    "criticise": ("раскритиковал", "раскритиковала"),
    "switch_on": ("включил", "включила"),
    "switch_off": ("выключил", "выключила"),
    "pack": ("собрал", "собрала"),
    "unpack": ("разобрал", "разобрала"),
    "begin": ("начал", "начала"),
    "finish": ("закончил", "закончила"),
    "hide": ("спрятал", "спрятала"),
    "show": ("показал", "показала"),
}
OBJECTS = {  # accusative
    "window": "окно", "door": "дверь", "guitar": "гитару", "bicycle": "велосипед",
    "ring": "кольцо", "roses": "розы", "key": "ключ", "wallet": "кошелёк",
    "ticket": "билет", "clock": "часы", "radio": "радио", "chair": "стул",
    "letter": "письмо", "parcel": "посылку", "soup": "суп", "painting": "картину",
    "lamp": "лампу", "heating": "отопление", "suitcase": "чемодан", "backpack": "рюкзак",
    "novel": "роман", "work": "работу", "present": "подарок", "photo": "фотографию",
}  # fmt: skip
CLASSES = {  # accusative
    "guitar": "музыкальный инструмент", "bicycle": "транспортное средство",
    "ring": "украшение", "roses": "цветы", "chair": "предмет мебели", "soup": "блюдо",
    "painting": "произведение искусства", "novel": "книгу",
}  # fmt: skip
PLACES = {
    "kitchen": "на кухне", "garden": "в саду", "library": "в библиотеке",
    "park": "в парке", "office": "в офисе", "market": "на рынке", "station": "на вокзале",
    "airport": "в аэропорту", "hotel": "в гостинице", "museum": "в музее",
    "school": "в школе", "hospital": "в больнице", "theatre": "в театре",
    "restaurant": "в ресторане",
}  # fmt: skip
DAYS = {
    "monday": "в понедельник", "tuesday": "во вторник", "wednesday": "в среду",
    "thursday": "в четверг", "friday": "в пятницу", "saturday": "в субботу",
    "sunday": "в воскресенье",
}  # fmt: skip
PARTS = {"morning": "утром", "evening": "вечером"}
EXTRAS = {
    "first": "впервые",
    "again": "ещё раз",
    "watched": "на глазах у многих людей",
    "friend": "вместе с другом",
    "colleague": "вместе с коллегой",
    "hurry": "в большой спешке",
    "request": "по просьбе друга",
}
REMARKS = {  # masculine, feminine
    "ill": ("весь день болел и лежал в постели", "весь день болела и лежала в постели"),
    "asleep": ("проспал весь день", "проспала весь день"),
    "tired": ("потом очень устал", "потом очень устала"),
    "plan": ("долго об этом думал", "долго об этом думала"),
    "told": ("позже рассказал об этом всей семье", "позже рассказала об этом всей семье"),
    "children": ("воспитывает троих детей",) * 2,
    "village": ("родом из маленькой деревни",) * 2,
    "early": ("обычно встаёт очень рано",) * 2,
}


def _time(scene: Scene) -> str:
    return join(DAYS[scene.day], PARTS[scene.part] if scene.part else "") if scene.day else ""


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    verb = VERBS[scene.verb][scene.person in FEMININE]
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] if scene.place else ""
    subject = PERSONS[scene.person] if scene.person else ANYBODY[scene.negated]
    return sentence(
        {"day": time, "place": place, "": ""}[front],
        subject,
        EXTRAS[scene.extra] if scene.extra else "",
        "не" if scene.negated else "",
        verb,
        thing,
        "" if front == "place" else place,
        "" if front == "day" else time,
    )


def located(scene: Scene) -> str:
    """The sentence that says where the person was."""
    was = "была" if scene.person in FEMININE else "был"
    return sentence(_time(scene), PERSONS[scene.person], was, PLACES[scene.place])


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return sentence(PERSONS[scene.person], REMARKS[kind][scene.person in FEMININE])
