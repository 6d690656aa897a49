"""Russian facts."""

END = "."


def _man(nominative: str, genitive: str, instrumental: str) -> dict[str, str]:
    return {
        "nom": nominative, "gen": genitive, "ins": instrumental, "born": "родился",
        "died": "умер", "opened": "открыл", "closed": "закрыл", "taught": "преподавал",
        "bought": "купил", "sold": "продал", "published": "опубликовал", "he": "он",
    }  # fmt: skip


def _woman(nominative: str, genitive: str, instrumental: str) -> dict[str, str]:
    return {
        "nom": nominative, "gen": genitive, "ins": instrumental, "born": "родилась",
        "died": "умерла", "opened": "открыла", "closed": "закрыла", "taught": "преподавала",
        "bought": "купила", "sold": "продала", "published": "опубликовала",
        "he": "она",
    }  # fmt: skip


def _city(
    nominative: str, genitive: str, locative: str, accusative: str, instrumental: str
) -> dict[str, str]:
    return {
        "nom": nominative, "gen": genitive, "loc": locative, "acc": accusative,
        "ins": instrumental,
    }  # fmt: skip


PERSONS = {
    "weber": _man("Карл Вебер", "Карла Вебера", "Карлом Вебером"),
    "martin": _man("Пауль Мартин", "Пауля Мартина", "Паулем Мартином"),
    "silva": _man("Виктор Сильва", "Виктора Сильвы", "Виктором Сильвой"),
    "brown": _man("Дэвид Браун", "Дэвида Брауна", "Дэвидом Брауном"),
    "novak": _man("Петер Новак", "Петера Новака", "Петером Новаком"),
    "fischer": _woman("Клара Фишер", "Клары Фишер", "Кларой Фишер"),
    "costa": _woman("Лаура Коста", "Лауры Косты", "Лаурой Костой"),
    "lind": _woman("Мария Линд", "Марии Линд", "Марией Линд"),
    "moore": _woman("Роза Мур", "Розы Мур", "Розой Мур"),
    "petit": _woman("Нина Пети", "Нины Пети", "Ниной Пети"),
}
CITIES = {
    "paris": _city("Париж", "Парижа", "Париже", "Париж", "Парижем"),
    "rome": _city("Рим", "Рима", "Риме", "Рим", "Римом"),
    "vienna": _city("Вена", "Вены", "Вене", "Вену", "Веной"),
    "berlin": _city("Берлин", "Берлина", "Берлине", "Берлин", "Берлином"),
    "madrid": _city("Мадрид", "Мадрида", "Мадриде", "Мадрид", "Мадридом"),
    "prague": _city("Прага", "Праги", "Праге", "Прагу", "Прагой"),
    "warsaw": _city("Варшава", "Варшавы", "Варшаве", "Варшаву", "Варшавой"),
    "lisbon": _city("Лиссабон", "Лиссабона", "Лиссабоне", "Лиссабон", "Лиссабоном"),
    "zurich": _city("Цюрих", "Цюриха", "Цюрихе", "Цюрих", "Цюрихом"),
    "budapest": _city("Будапешт", "Будапешта", "Будапеште", "Будапешт", "Будапештом"),
    "geneva": _city("Женева", "Женевы", "Женеве", "Женеву", "Женевой"),
    "milan": _city("Милан", "Милана", "Милане", "Милан", "Миланом"),
}
THINGS = {  # accusative
    "museum": "музей", "theatre": "театр", "library": "библиотеку", "school": "школу",
    "house": "старый дом", "hotel": "старую гостиницу", "mill": "старую мельницу",
    "bookshop": "старый книжный магазин", "castle": "замок", "monastery": "монастырь",
    "factory": "фабрику", "station": "электростанцию",
}  # fmt: skip
CONTRASTS = {
    "life": ("до", "после"),
    "match": (("выиграла", "у команды"), ("проиграла", "команде")),
    "opening": ("{a[opened]}", "{a[closed]}"),
    "move": ("до", "после"),
    "trade": ("{a[bought]}", "{a[sold]}"),
    "railway": ("открыли", "закрыли"),
    "novel": ("первый", "последний"),
    "population": ("больше", "меньше"),
    "site": ("севернее", "южнее"),
    "meeting": ("первый", "последний"),
    "age": ("старше", "младше"),
}
TEMPLATES = {
    "life": (
        "{a[nom]} {a[born]} в {p[loc]} в {y} году и {a[died]} в {q[loc]} {x} войны",
        "в {y} году в {p[loc]} {a[born]} {a[nom]}, а {x} войны {a[died]} в {q[loc]}",
        "{a[nom]} {a[died]} {x} войны в {q[loc]}, а {a[born]} в {y} году в {p[loc]}",
    ),
    "match": (
        "команда из {p[gen]} {x[0]} в {y} году финал {x[1]} из {q[gen]}",
        "в {y} году команда из {p[gen]} {x[0]} финал {x[1]} из {q[gen]}",
        "финал {y} года {x[1]} из {q[gen]} {x[0]} команда из {p[gen]}",
    ),
    "opening": (
        "{a[nom]} {x} {t} в {p[loc]} в {y} году",
        "в {y} году {a[nom]} {x} {t} в {p[loc]}",
        "{t} в {p[loc]} {x} в {y} году {a[nom]}",
    ),
    "move": (
        "{a[nom]} {a[taught]} в {p[loc]} {x} переезда в {q[acc]} в {y} году",
        "{x} переезда в {q[acc]} в {y} году {a[nom]} {a[taught]} в {p[loc]}",
        "в {p[loc]} {a[nom]} {a[taught]} {x} переезда в {q[acc]} в {y} году",
    ),
    "trade": (
        "{a[nom]} {x} {t} в {p[loc]} за {n} долларов в {y} году",
        "в {y} году {a[nom]} {x} {t} в {p[loc]} за {n} долларов",
        "{t} в {p[loc]} {x} в {y} году за {n} долларов {a[nom]}",
    ),
    "railway": (
        "железную дорогу между {p[ins]} и {q[ins]} {x} в {y} году",
        "в {y} году {x} железную дорогу между {p[ins]} и {q[ins]}",
        "именно в {y} году {x} железную дорогу между {p[ins]} и {q[ins]}",
    ),
    "novel": (
        "{x} роман {a[gen]} вышел в {p[loc]} в {y} году",
        "в {y} году в {p[loc]} вышел {x} роман {a[gen]}",
        "{a[nom]} {a[published]} свой {x} роман в {p[loc]} в {y} году",
    ),
    "population": (
        "в {p[loc]} в {y} году было {x} жителей, чем в {q[loc]}",
        "в {y} году в {p[loc]} было {x} жителей, чем в {q[loc]}",
        "жителей в {p[loc]} в {y} году было {x}, чем в {q[loc]}",
    ),
    "site": (
        "{t} {x} {p[gen]} построили в {y} году",
        "в {y} году {x} {p[gen]} построили {t}",
        "{t} построили в {y} году {x} {p[gen]}",
    ),
    "meeting": (
        "{a[nom]} и {b[nom]} встретились в {x} раз в {p[loc]} в {y} году",
        "в {y} году {a[nom]} и {b[nom]} встретились в {p[loc]} в {x} раз",
        "именно в {p[loc]} {a[nom]} и {b[nom]} встретились в {x} раз в {y} году",
    ),
    "age": (
        "{a[nom]} живёт в {p[loc]} и {x} {b[gen]}",
        "{a[nom]} {x} {b[gen]} и живёт в {p[loc]}",
        "в {p[loc]} живёт {a[nom]}; {a[he]} {x} {b[gen]}",
    ),
}
