"""German facts."""

END = "."
PERSONS = {
    "weber": "Karl Weber", "martin": "Paul Martin", "silva": "Victor Silva",
    "brown": "David Brown", "novak": "Peter Novak", "fischer": "Clara Fischer",
    "costa": "Laura Costa", "lind": "Maria Lind", "moore": "Rosa Moore", "petit": "Nina Petit",
}  # fmt: skip
CITIES = {
    "paris": "Paris", "rome": "Rom", "vienna": "Wien", "berlin": "Berlin",
    "madrid": "Madrid", "prague": "Prag", "warsaw": "Warschau", "lisbon": "Lissabon",
    "zurich": "Zürich", "budapest": "Budapest", "geneva": "Genf", "milan": "Mailand",
}  # fmt: skip
# Nominative and accusative are the same: no masculine among them.
THINGS = {
    "museum": "das Museum", "theatre": "das Theater", "library": "die Bibliothek",
    "school": "die Schule", "house": "das alte Haus", "hotel": "das alte Hotel",
    "mill": "die alte Mühle", "bookshop": "die alte Buchhandlung", "castle": "das Schloss",
    "monastery": "das Kloster", "factory": "die Fabrik", "station": "das Kraftwerk",
}  # fmt: skip
CONTRASTS = {
    "life": ("vor", "nach"),
    "match": (("gewann", "gewonnen"), ("verlor", "verloren")),
    "opening": (("eröffnete", "eröffnet"), ("schloss", "geschlossen")),
    "move": ("vor", "nach"),
    "trade": (("kaufte", "gekauft"), ("verkaufte", "verkauft")),
    "railway": ("eröffnet", "stillgelegt"),
    "novel": ("erste", "letzte"),
    "population": (("mehr", "größer"), ("weniger", "kleiner")),
    "site": ("nördlich", "südlich"),
    "meeting": ("ersten", "letzten"),
    "age": ("älter", "jünger"),
}
TEMPLATES = {
    "life": (
        "{a} wurde {y} in {p} geboren und starb {x} dem Krieg in {q}",
        "{a}, {y} in {p} geboren, starb {x} dem Krieg in {q}",
        "{a} starb {x} dem Krieg in {q} und wurde {y} in {p} geboren",
    ),
    "match": (
        "die Mannschaft aus {p} {x[0]} {y} das Endspiel gegen die Mannschaft aus {q}",
        "im Jahr {y} {x[0]} die Mannschaft aus {p} das Endspiel gegen die Mannschaft aus {q}",
        "das Endspiel gegen die Mannschaft aus {q} wurde {y} von der Mannschaft aus {p} {x[1]}",
    ),
    "opening": (
        "{a} {x[0]} {y} {t} in {p}",
        "{t} in {p} wurde {y} von {a} {x[1]}",
        "im Jahr {y} {x[0]} {a} {t} in {p}",
    ),
    "move": (
        "{a} unterrichtete {x} dem Umzug nach {q} im Jahr {y} in {p}",
        "{x} dem Umzug nach {q} im Jahr {y} unterrichtete {a} in {p}",
        "in {p} unterrichtete {a} {x} dem Umzug nach {q} im Jahr {y}",
    ),
    "trade": (
        "{a} {x[0]} {y} {t} in {p} für {n} Dollar",
        "im Jahr {y} {x[0]} {a} {t} in {p} für {n} Dollar",
        "{t} in {p} wurde {y} von {a} für {n} Dollar {x[1]}",
    ),
    "railway": (
        "die Bahnstrecke zwischen {p} und {q} wurde {y} {x}",
        "im Jahr {y} wurde die Bahnstrecke zwischen {p} und {q} {x}",
        "die Bahnstrecke zwischen {p} und {q} ist {y} {x} worden",
    ),
    "novel": (
        "der {x} Roman von {a} erschien {y} in {p}",
        "im Jahr {y} erschien in {p} der {x} Roman von {a}",
        "in {p} erschien {y} der {x} Roman von {a}",
    ),
    "population": (
        "{p} hatte {y} {x[0]} Einwohner als {q}",
        "im Jahr {y} hatte {p} {x[0]} Einwohner als {q}",
        "die Einwohnerzahl von {p} war {y} {x[1]} als die von {q}",
    ),
    "site": (
        "{t} {x} von {p} wurde {y} gebaut",
        "im Jahr {y} wurde {t} {x} von {p} gebaut",
        "{t}, {y} gebaut, steht {x} von {p}",
    ),
    "meeting": (
        "{a} und {b} trafen sich {y} in {p} zum {x} Mal",
        "im Jahr {y} trafen sich {a} und {b} in {p} zum {x} Mal",
        "in {p} trafen sich {a} und {b} {y} zum {x} Mal",
    ),
    "age": (
        "{a}, wohnhaft in {p}, ist {x} als {b}",
        "{a} ist {x} als {b} und lebt in {p}",
        "{a} lebt in {p} und ist {x} als {b}",
    ),
}
