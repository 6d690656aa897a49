"""Chinese events."""

from xling.data.sample.scene import Scene

PERSONS = {
    "teacher": "老师", "doctor": "医生", "farmer": "农民", "baker": "面包师",
    "engineer": "工程师", "cook": "厨师", "driver": "司机", "gardener": "园丁",
    "nurse": "护士", "singer": "歌手", "journalist": "记者", "painter": "画家",
    "student": "大学生", "grandmother": "奶奶", "neighbour": "邻居", "actress": "女演员",
    "writer": "作家",
}  # fmt: skip
VERBS = {
    "open": "打开", "close": "关上", "buy": "买", "sell": "卖掉", "find": "找到",
    "lose": "弄丢", "repair": "修好", "damage": "弄坏", "send": "寄出",
    "receive": "收到", "praise": "称赞", "criticise": "批评", "switch_on": "打开",
    "switch_off": "关掉", "pack": "收拾好", "unpack": "清空", "begin": "开始",
    "finish": "完成", "hide": "藏起", "show": "展示",
}  # fmt: skip
OBJECTS = {
    "window": "窗户", "door": "门", "guitar": "那把吉他", "bicycle": "那辆自行车",
    "ring": "那枚戒指", "roses": "那束玫瑰", "key": "钥匙", "wallet": "钱包",
    "ticket": "车票", "clock": "那个时钟", "radio": "那台收音机", "chair": "那把椅子",
    "letter": "那封信", "parcel": "那个包裹", "soup": "那碗汤", "painting": "那幅画",
    "lamp": "台灯", "heating": "暖气", "suitcase": "行李箱", "backpack": "背包",
    "novel": "那本小说", "work": "那项工作", "present": "那份礼物", "photo": "那张照片",
}  # fmt: skip
CLASSES = {
    "guitar": "一件乐器", "bicycle": "一辆车", "ring": "一件首饰", "roses": "一些花",
    "chair": "一件家具", "soup": "一道菜", "painting": "一件艺术品", "novel": "一本书",
}  # fmt: skip
PLACES = {
    "kitchen": "在厨房", "garden": "在花园", "library": "在图书馆", "park": "在公园",
    "office": "在办公室", "market": "在市场", "station": "在火车站", "airport": "在机场",
    "hotel": "在酒店", "museum": "在博物馆", "school": "在学校", "hospital": "在医院",
    "theatre": "在剧院", "restaurant": "在餐厅",
}  # fmt: skip
DAYS = {
    "monday": "星期一", "tuesday": "星期二", "wednesday": "星期三", "thursday": "星期四",
    "friday": "星期五", "saturday": "星期六", "sunday": "星期天",
}  # fmt: skip
PARTS = {"morning": "早上", "evening": "晚上"}
EXTRAS = {
    "first": "第一次",
    "again": "再一次",
    "watched": "当着很多人的面",
    "friend": "和朋友一起",
    "colleague": "和同事一起",
    "hurry": "急急忙忙地",
    "request": "应朋友的请求",
}
REMARKS = {
    "ill": "生病了，整天躺在床上",
    "asleep": "睡了一整天",
    "tired": "后来非常累",
    "plan": "为此考虑了很久",
    "told": "后来把这件事告诉了全家人",
    "children": "有三个孩子",
    "village": "来自一个小村庄",
    "early": "平时起得很早",
}


def _time(scene: Scene) -> str:
    return DAYS[scene.day] + (PARTS[scene.part] if scene.part else "") if scene.day else ""


def event(scene: Scene, front: str = "") -> str:
    """The sentence that tells the event, with `front` ("day", "place" or "") put first."""
    verb = VERBS[scene.verb] + ("" if scene.negated else "了")
    thing = CLASSES[scene.object] if scene.general else OBJECTS[scene.object]
    time = _time(scene)
    place = PLACES[scene.place] if scene.place else ""
    extra = EXTRAS[scene.extra] if scene.extra else ""
    if not scene.person:
        subject = "没有人" if scene.negated else "有人"
        return f"{time}{subject}{place}{extra}{verb}{thing}。"
    subject = PERSONS[scene.person]
    denial = "没有" if scene.negated else ""
    if front == "place":
        return f"{place}，{subject}{time}{extra}{denial}{verb}{thing}。"
    if front == "day":
        return f"{time}，{subject}{denial}{place}{extra}{verb}{thing}。"
    return f"{subject}{time}{denial}{place}{extra}{verb}{thing}。"


def located(scene: Scene) -> str:
    """The sentence that says where the person was."""
    return f"{PERSONS[scene.person]}{_time(scene)}{PLACES[scene.place]}。"


def remark(scene: Scene, kind: str) -> str:
    """The sentence that says something else of the person."""
    return f"{PERSONS[scene.person]}{REMARKS[kind]}。"
