"""Korean events."""

from xling.data.sample.scene import Scene
from xling.data.sample.text import join, sentence

PERSONS = {  # with the topic particle
    "teacher": "선생님은", "doctor": "의사는", "farmer": "농부는", "baker": "제빵사는",
    "engineer": "기술자는", "cook": "요리사는", "driver": "운전사는",
    "gardener": "정원사는", "nurse": "간호사는", "singer": "가수는",
    "journalist": "기자는", "painter": "화가는", "student": "대학생은",
    "grandmother": "할머니는", "neighbour": "이웃은", "actress": "여배우는",
    "writer": "작가는",
}  # fmt: skip
ANYBODY = ("누군가가", "아무도")  # of an event that took place, of one that did not
VERBS = {  # past tense, denied past tense
    "open": ("열었다", "열지 않았다"),
    "close": ("닫았다", "닫지 않았다"),
    "buy": ("샀다", "사지 않았다"),
    "sell": ("팔았다", "팔지 않았다"),
    "find": ("찾았다", "찾지 못했다"),
    "lose": ("잃어버렸다", "잃어버리지 않았다"),
    "repair": ("고쳤다", "고치지 않았다"),
    "damage": ("망가뜨렸다", "망가뜨리지 않았다"),
    "send": ("보냈다", "보내지 않았다"),
    "receive": ("받았다", "받지 못했다"),
    "praise": ("칭찬했다", "칭찬하지 않았다"),
    "criticise": ("비판했다", "비판하지 않았다"),
    "switch_on": ("켰다", "켜지 않았다"),
    "switch_off": ("껐다", "끄지 않았다"),
    "pack": ("쌌다", "싸지 않았다"),
    "unpack": ("풀었다", "풀지 않았다"),
    "begin": ("시작했다", "시작하지 않았다"),
    "finish": ("끝냈다", "끝내지 않았다"),
    "hide": ("숨겼다", "숨기지 않았다"),
    "show": ("보여 주었다", "보여 주지 않았다"),
}
OBJECTS = {  # with the object particle
    "window": "창문을", "door": "문을", "guitar": "기타를", "bicycle": "자전거를",
    "ring": "반지를", "roses": "장미를", "key": "열쇠를", "wallet": "지갑을",
    "ticket": "표를", "clock": "시계를", "radio": "라디오를", "chair": "의자를",
    "letter": "편지를", "parcel": "소포를", "soup": "수프를", "painting": "그림을",
    "lamp": "전등을", "heating": "난방을", "suitcase": "여행 가방을",
    "backpack": "배낭을", "novel": "소설을", "work": "작업을", "present": "선물을",
    "photo": "사진을",
}  # fmt: skip
CLASSES = {  # with the object particle
    "guitar": "악기를", "bicycle": "탈것을", "ring": "장신구를", "roses": "꽃을",
    "chair": "가구를", "soup": "음식을", "painting": "예술 작품을", "novel": "책을",
}  # fmt: skip
PLACES = {
    "kitchen": "부엌", "garden": "정원", "library": "도서관", "park": "공원",
    "office": "사무실", "market": "시장", "station": "기차역", "airport": "공항",
    "hotel": "호텔", "museum": "박물관", "school": "학교", "hospital": "병원",
    "theatre": "극장", "restaurant": "식당",
}  # fmt: skip
DAYS = {
    "monday": "월요일", "tuesday": "화요일", "wednesday": "수요일", "thursday": "목요일",
    "friday": "금요일", "saturday": "토요일", "sunday": "일요일",
}  # fmt: skip
PARTS = {"morning": "아침", "evening": "저녁"}
EXTRAS = {
    "first": "처음으로",
    "again": "다시 한번",
    "watched": "많은 사람들 앞에서",
    "friend": "친구와 함께",
    "colleague": "동료와 함께",
    "hurry": "몹시 서둘러",
    "request": "친구의 부탁으로",
}
REMARKS = {
    "ill": "하루 종일 아파서 누워 있었다",
    "asleep": "하루 종일 잤다",
    "tired": "그 후에 매우 피곤했다",
    "plan": "오랫동안 그 일을 생각했다",
    "told": "나중에 온 가족에게 그 이야기를 했다",
    "children": "아이가 세 명 있다",
    "village": "작은 마을 출신이다",
    "early": "보통 아주 일찍 일어난다",
}


def _time(scene: Scene) -> str:
    if not scene.day:
        return ""
    return join(DAYS[scene.day], PARTS[scene.part] if scene.part else "") + "에"


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] + "에서" if scene.place else ""
    subject = PERSONS[scene.person] if scene.person else ANYBODY[scene.negated]
    return sentence(
        {"day": time, "place": place, "": ""}[front],
        subject,
        "" if front == "day" else time,
        "" if front == "place" else place,
        EXTRAS[scene.extra] if scene.extra else "",
        thing,
        VERBS[scene.verb][scene.negated],
    )


def located(scene: Scene) -> str:
    """The sentence that says where the person was."""
    return sentence(PERSONS[scene.person], _time(scene), PLACES[scene.place] + "에", "있었다")


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return sentence(PERSONS[scene.person], REMARKS[kind])
