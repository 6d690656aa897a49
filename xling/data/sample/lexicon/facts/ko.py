"""Korean facts."""

END = "."


def _final(word: str) -> int:
    """The last syllable's final consonant by its number in Unicode; 0 is none, 8 is ㄹ."""
    return (ord(word[-1]) - ord("가")) % 28


def _forms(word: str) -> dict[str, str]:
    """The word alone and with the particles whose shape hangs on its final consonant."""
    closed = _final(word) > 0
    return {
        "name": word,
        "top": word + ("은" if closed else "는"),
        "sub": word + ("이" if closed else "가"),
        "obj": word + ("을" if closed else "를"),
        "and": word + ("과" if closed else "와"),
        "to": word + ("로" if _final(word) in (0, 8) else "으로"),
    }


PERSONS = {
    "weber": _forms("카를 베버"), "martin": _forms("폴 마틴"), "silva": _forms("빅토르 실바"),
    "brown": _forms("데이비드 브라운"), "novak": _forms("페터 노바크"),
    "fischer": _forms("클라라 피셔"), "costa": _forms("라우라 코스타"),
    "lind": _forms("마리아 린드"), "moore": _forms("로자 무어"), "petit": _forms("니나 프티"),
}  # fmt: skip
CITIES = {
    "paris": _forms("파리"), "rome": _forms("로마"), "vienna": _forms("빈"),
    "berlin": _forms("베를린"), "madrid": _forms("마드리드"), "prague": _forms("프라하"),
    "warsaw": _forms("바르샤바"), "lisbon": _forms("리스본"), "zurich": _forms("취리히"),
    "budapest": _forms("부다페스트"), "geneva": _forms("제네바"), "milan": _forms("밀라노"),
}  # fmt: skip
THINGS = {
    "museum": _forms("박물관"), "theatre": _forms("극장"), "library": _forms("도서관"),
    "school": _forms("학교"), "house": _forms("낡은 집"), "hotel": _forms("낡은 호텔"),
    "mill": _forms("낡은 방앗간"), "bookshop": _forms("낡은 서점"), "castle": _forms("성"),
    "monastery": _forms("수도원"), "factory": _forms("공장"), "station": _forms("발전소"),
}  # fmt: skip
CONTRASTS = {
    "life": ("전에", "후에"),
    "match": ("팀을 이겼다", "팀에 졌다"),
    "opening": (("열었다", "연"), ("닫았다", "닫은")),
    "move": ("이사하기 전에", "이사한 후에"),
    "trade": (("샀다", "산"), ("팔았다", "판")),
    "railway": (("개통되었다", "개통된"), ("폐쇄되었다", "폐쇄된")),
    "novel": ("첫", "마지막"),
    "population": ("많았다", "적었다"),
    "site": ("북쪽", "남쪽"),
    "meeting": ("처음으로", "마지막으로"),
    "age": (("많다", "많고"), ("적다", "적고")),
}
TEMPLATES = {
    "life": (
        "{a[top]} {y}년에 {p[name]}에서 태어나 전쟁 {x} {q[name]}에서 세상을 떠났다",
        "{y}년에 {p[name]}에서 태어난 {a[top]} 전쟁 {x} {q[name]}에서 세상을 떠났다",
        "전쟁 {x} {q[name]}에서 세상을 떠난 {a[top]} {y}년에 {p[name]}에서 태어났다",
    ),
    "match": (
        "{p[name]} 팀은 {y}년 결승전에서 {q[name]} {x}",
        "{y}년 결승전에서 {p[name]} 팀은 {q[name]} {x}",
        "{y}년에 {p[name]} 팀은 결승전에서 {q[name]} {x}",
    ),
    "opening": (
        "{a[top]} {y}년에 {p[name]}의 {t[obj]} {x[0]}",
        "{y}년에 {a[top]} {p[name]}의 {t[obj]} {x[0]}",
        "{y}년에 {p[name]}의 {t[obj]} {x[1]} 사람은 {a[name]}이다",
    ),
    "move": (
        "{a[top]} {y}년에 {q[to]} {x} {p[name]}에서 학생들을 가르쳤다",
        "{y}년에 {q[to]} {x} {a[top]} {p[name]}에서 학생들을 가르쳤다",
        "{p[name]}에서 {a[top]} {y}년에 {q[to]} {x} 학생들을 가르쳤다",
    ),
    "trade": (
        "{a[top]} {y}년에 {p[name]}의 {t[obj]} {n}달러에 {x[0]}",
        "{y}년에 {a[top]} {p[name]}의 {t[obj]} {n}달러에 {x[0]}",
        "{y}년에 {p[name]}의 {t[obj]} {n}달러에 {x[1]} 사람은 {a[name]}이다",
    ),
    "railway": (
        "{p[and]} {q[name]} 사이의 철도는 {y}년에 {x[0]}",
        "{y}년에 {p[and]} {q[name]} 사이의 철도가 {x[0]}",
        "{p[and]} {q[name]} 사이의 철도가 {x[1]} 해는 {y}년이다",
    ),
    "novel": (
        "{a[name]}의 {x} 소설은 {y}년에 {p[name]}에서 출판되었다",
        "{y}년에 {p[name]}에서 {a[name]}의 {x} 소설이 출판되었다",
        "{a[top]} {y}년에 {p[name]}에서 {x} 소설을 출판했다",
    ),
    "population": (
        "{p[top]} {y}년에 {q[name]}보다 인구가 {x}",
        "{y}년에 {p[top]} {q[name]}보다 인구가 {x}",
        "{y}년에 {p[name]}의 인구는 {q[name]}의 인구보다 {x}",
    ),
    "site": (
        "{p[name]} {x}의 {t[top]} {y}년에 지어졌다",
        "{y}년에 {p[name]} {x}에 {t[sub]} 지어졌다",
        "{y}년에 지어진 {t[top]} {p[name]} {x}에 있다",
    ),
    "meeting": (
        "{a[and]} {b[top]} {y}년에 {p[name]}에서 {x} 만났다",
        "{y}년에 {a[and]} {b[top]} {p[name]}에서 {x} 만났다",
        "{p[name]}에서 {a[and]} {b[top]} {y}년에 {x} 만났다",
    ),
    "age": (
        "{p[name]}에 사는 {a[top]} {b[name]}보다 나이가 {x[0]}",
        "{a[top]} {b[name]}보다 나이가 {x[1]} {p[name]}에 산다",
        "{a[top]} {p[name]}에 살며 {b[name]}보다 나이가 {x[0]}",
    ),
}
