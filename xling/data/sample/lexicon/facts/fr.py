"""French facts. Every name begins with a consonant, so that "de" and "que" are never elided."""

END = "."
_MEN = {
    "weber": "Karl Weber", "martin": "Paul Martin", "silva": "Victor Silva",
    "brown": "David Brown", "novak": "Peter Novak",
}  # fmt: skip
_WOMEN = {
    "fischer": "Clara Fischer", "costa": "Laura Costa", "lind": "Maria Lind",
    "moore": "Rosa Moore", "petit": "Nina Petit",
}  # fmt: skip
PERSONS = {
    key: {"name": name, "born": born, "dead": dead, "aged": aged}
    for names, born, dead, aged in ((_MEN, "né", "mort", "âgé"), (_WOMEN, "née", "morte", "âgée"))
    for key, name in names.items()
}
CITIES = {
    "paris": "Paris", "rome": "Rome", "vienna": "Vienne", "berlin": "Berlin",
    "madrid": "Madrid", "prague": "Prague", "warsaw": "Varsovie", "lisbon": "Lisbonne",
    "zurich": "Zurich", "budapest": "Budapest", "geneva": "Genève", "milan": "Milan",
}  # fmt: skip
THINGS = {
    "museum": "le musée", "theatre": "le théâtre", "library": "la bibliothèque",
    "school": "l'école", "house": "la vieille maison", "hotel": "le vieil hôtel",
    "mill": "le vieux moulin", "bookshop": "la vieille librairie", "castle": "le château",
    "monastery": "le monastère", "factory": "l'usine", "station": "la centrale électrique",
}  # fmt: skip
CONTRASTS = {
    "life": ("avant", "après"),
    "match": ("gagné", "perdu"),
    "opening": ("ouvert", "fermé"),
    "move": ("avant", "après"),
    "trade": ("acheté", "vendu"),
    "railway": ("ouverte", "fermée"),
    "novel": ("premier", "dernier"),
    "population": (("plus", "supérieure"), ("moins", "inférieure")),
    "site": ("nord", "sud"),
    "meeting": ("première", "dernière"),
    "age": ("plus", "moins"),
}
TEMPLATES = {
    "life": (
        "{a[name]} est {a[born]} à {p} en {y} et {a[dead]} à {q} {x} la guerre",
        "{a[born]} à {p} en {y}, {a[name]} est {a[dead]} à {q} {x} la guerre",
        "{a[name]}, {a[dead]} à {q} {x} la guerre, est {a[born]} à {p} en {y}",
    ),
    "match": (
        "l'équipe de {p} a {x} la finale contre l'équipe de {q} en {y}",
        "en {y}, l'équipe de {p} a {x} la finale contre l'équipe de {q}",
        "c'est en {y} que l'équipe de {p} a {x} la finale contre l'équipe de {q}",
    ),
    "opening": (
        "{a[name]} a {x} {t} de {p} en {y}",
        "en {y}, {a[name]} a {x} {t} de {p}",
        "c'est {a[name]} qui a {x} {t} de {p} en {y}",
    ),
    "move": (
        "{a[name]} a enseigné à {p} {x} son départ pour {q} en {y}",
        "{x} son départ pour {q} en {y}, {a[name]} a enseigné à {p}",
        "à {p}, {a[name]} a enseigné {x} son départ pour {q} en {y}",
    ),
    "trade": (
        "{a[name]} a {x} {t} de {p} pour {n} dollars en {y}",
        "en {y}, {a[name]} a {x} {t} de {p} pour {n} dollars",
        "c'est {a[name]} qui a {x} {t} de {p} en {y} pour {n} dollars",
    ),
    "railway": (
        "la ligne de chemin de fer entre {p} et {q} a été {x} en {y}",
        "en {y}, la ligne de chemin de fer entre {p} et {q} a été {x}",
        "c'est en {y} que la ligne de chemin de fer entre {p} et {q} a été {x}",
    ),
    "novel": (
        "le {x} roman de {a[name]} a paru à {p} en {y}",
        "en {y}, le {x} roman de {a[name]} a paru à {p}",
        "{a[name]} a publié son {x} roman à {p} en {y}",
    ),
    "population": (
        "{p} comptait {x[0]} d'habitants que {q} en {y}",
        "en {y}, {p} comptait {x[0]} d'habitants que {q}",
        "la population de {p} était {x[1]} à celle de {q} en {y}",
    ),
    "site": (
        "on a construit {t} au {x} de {p} en {y}",
        "en {y}, on a construit {t} au {x} de {p}",
        "c'est en {y} qu'on a construit {t} au {x} de {p}",
    ),
    "meeting": (
        "{a[name]} et {b[name]} ont dîné ensemble pour la {x} fois à {p} en {y}",
        "en {y}, {a[name]} et {b[name]} ont dîné ensemble à {p} pour la {x} fois",
        "c'est à {p} que {a[name]} et {b[name]} ont dîné ensemble pour la {x} fois en {y}",
    ),
    "age": (
        "{a[name]}, qui vit à {p}, est {x} {a[aged]} que {b[name]}",
        "{a[name]} est {x} {a[aged]} que {b[name]} et vit à {p}",
        "{a[name]} vit à {p} et est {x} {a[aged]} que {b[name]}",
    ),
}
