"""Spanish facts."""

END = "."
PERSONS = {
    "weber": "Karl Weber", "martin": "Paul Martin", "silva": "Victor Silva",
    "brown": "David Brown", "novak": "Peter Novak", "fischer": "Clara Fischer",
    "costa": "Laura Costa", "lind": "Maria Lind", "moore": "Rosa Moore", "petit": "Nina Petit",
}  # fmt: skip
CITIES = {
    "paris": "París", "rome": "Roma", "vienna": "Viena", "berlin": "Berlín",
    "madrid": "Madrid", "prague": "Praga", "warsaw": "Varsovia", "lisbon": "Lisboa",
    "zurich": "Zúrich", "budapest": "Budapest", "geneva": "Ginebra", "milan": "Milán",
}  # fmt: skip
THINGS = {
    "museum": "el museo", "theatre": "el teatro", "library": "la biblioteca",
    "school": "la escuela", "house": "la casa antigua", "hotel": "el hotel antiguo",
    "mill": "el molino antiguo", "bookshop": "la librería antigua", "castle": "el castillo",
    "monastery": "el monasterio", "factory": "la fábrica", "station": "la central eléctrica",
}  # fmt: skip
CONTRASTS = {
    "life": ("antes", "después"),
    "match": ("ganó", "perdió"),
    "opening": ("abrió", "cerró"),
    "move": ("antes", "después"),
    "trade": ("compró", "vendió"),
    "railway": ("abrió", "cerró"),
    "novel": ("primera", "última"),
    "population": (("más", "mayor"), ("menos", "menor")),
    "site": ("norte", "sur"),
    "meeting": ("primera", "última"),
    "age": ("mayor", "menor"),
}
TEMPLATES = {
    "life": (
        "{a} nació en {p} en {y} y murió en {q} {x} de la guerra",
        "en {y} nació {a} en {p}, y murió en {q} {x} de la guerra",
        "{a}, que murió en {q} {x} de la guerra, nació en {p} en {y}",
    ),
    "match": (
        "el equipo de {p} {x} la final contra el equipo de {q} en {y}",
        "en {y}, el equipo de {p} {x} la final contra el equipo de {q}",
        "la final de {y} contra el equipo de {q} la {x} el equipo de {p}",
    ),
    "opening": (
        "{a} {x} {t} de {p} en {y}",
        "en {y}, {a} {x} {t} de {p}",
        "fue {a} quien {x} {t} de {p} en {y}",
    ),
    "move": (
        "{a} dio clases en {p} {x} de mudarse a {q} en {y}",
        "{x} de mudarse a {q} en {y}, {a} dio clases en {p}",
        "en {p}, {a} dio clases {x} de mudarse a {q} en {y}",
    ),
    "trade": (
        "{a} {x} {t} de {p} por {n} dólares en {y}",
        "en {y}, {a} {x} {t} de {p} por {n} dólares",
        "fue {a} quien {x} {t} de {p} en {y} por {n} dólares",
    ),
    "railway": (
        "la línea de tren entre {p} y {q} se {x} en {y}",
        "en {y} se {x} la línea de tren entre {p} y {q}",
        "fue en {y} cuando se {x} la línea de tren entre {p} y {q}",
    ),
    "novel": (
        "la {x} novela de {a} se publicó en {p} en {y}",
        "en {y} se publicó en {p} la {x} novela de {a}",
        "{a} publicó su {x} novela en {p} en {y}",
    ),
    "population": (
        "{p} tenía {x[0]} habitantes que {q} en {y}",
        "en {y}, {p} tenía {x[0]} habitantes que {q}",
        "la población de {p} era {x[1]} que la de {q} en {y}",
    ),
    "site": (
        "{t} al {x} de {p} se construyó en {y}",
        "en {y} se construyó {t} al {x} de {p}",
        "{t}, que se construyó en {y}, está al {x} de {p}",
    ),
    "meeting": (
        "{a} y {b} se encontraron por {x} vez en {p} en {y}",
        "en {y}, {a} y {b} se encontraron en {p} por {x} vez",
        "fue en {p} donde {a} y {b} se encontraron por {x} vez en {y}",
    ),
    "age": (
        "{a}, que vive en {p}, es {x} que {b}",
        "{a} es {x} que {b} y vive en {p}",
        "{a} vive en {p} y es {x} que {b}",
    ),
}
