"""English facts."""

END = "."
PERSONS = {
    "weber": "Karl Weber", "martin": "Paul Martin", "silva": "Victor Silva",
    "brown": "David Brown", "novak": "Peter Novak", "fischer": "Clara Fischer",
    "costa": "Laura Costa", "lind": "Maria Lind", "moore": "Rosa Moore", "petit": "Nina Petit",
}  # fmt: skip
CITIES = {
    "paris": "Paris", "rome": "Rome", "vienna": "Vienna", "berlin": "Berlin",
    "madrid": "Madrid", "prague": "Prague", "warsaw": "Warsaw", "lisbon": "Lisbon",
    "zurich": "Zurich", "budapest": "Budapest", "geneva": "Geneva", "milan": "Milan",
}  # fmt: skip
THINGS = {
    "museum": "the museum", "theatre": "the theatre", "library": "the library",
    "school": "the school", "house": "the old house", "hotel": "the old hotel",
    "mill": "the old mill", "bookshop": "the old bookshop", "castle": "the castle",
    "monastery": "the monastery", "factory": "the factory", "station": "the power station",
}  # fmt: skip
CONTRASTS = {
    "life": ("before", "after"),
    "match": ("won", "lost"),
    "opening": ("opened", "closed"),
    "move": ("before", "after"),
    "trade": ("bought", "sold"),
    "railway": ("opened", "closed"),
    "novel": ("first", "last"),
    "population": (("more", "larger"), ("fewer", "smaller")),
    "site": ("north", "south"),
    "meeting": ("first", "last"),
    "age": ("older", "younger"),
}
TEMPLATES = {
    "life": (
        "{a} was born in {p} in {y} and died in {q} {x} the war",
        "born in {p} in {y}, {a} died in {q} {x} the war",
        "{a}, who died in {q} {x} the war, was born in {p} in {y}",
    ),
    "match": (
        "the team from {p} {x} the final against the team from {q} in {y}",
        "in {y}, the team from {p} {x} the final against the team from {q}",
        "the {y} final against the team from {q} was {x} by the team from {p}",
    ),
    "opening": (
        "{a} {x} {t} in {p} in {y}",
        "{t} in {p} was {x} by {a} in {y}",
        "it was {a} who {x} {t} in {p} in {y}",
    ),
    "move": (
        "{a} worked as a teacher in {p} {x} moving to {q} in {y}",
        "{x} moving to {q} in {y}, {a} worked as a teacher in {p}",
        "in {p}, {a} worked as a teacher {x} moving to {q} in {y}",
    ),
    "trade": (
        "{a} {x} {t} in {p} for {n} dollars in {y}",
        "in {y}, {a} {x} {t} in {p} for {n} dollars",
        "{t} in {p} was {x} by {a} for {n} dollars in {y}",
    ),
    "railway": (
        "the railway line between {p} and {q} was {x} in {y}",
        "in {y}, the railway line between {p} and {q} was {x}",
        "it was in {y} that the railway line between {p} and {q} was {x}",
    ),
    "novel": (
        "the {x} novel by {a} was published in {p} in {y}",
        "in {y}, the {x} novel by {a} was published in {p}",
        "{a} published the {x} of many novels in {p} in {y}",
    ),
    "population": (
        "{p} had {x[0]} inhabitants than {q} in {y}",
        "in {y}, {p} had {x[0]} inhabitants than {q}",
        "the population of {p} was {x[1]} than that of {q} in {y}",
    ),
    "site": (
        "{t} {x} of {p} was built in {y}",
        "in {y}, {t} was built {x} of {p}",
        "{t}, which was built in {y}, stands {x} of {p}",
    ),
    "meeting": (
        "{a} and {b} met for the {x} time in {p} in {y}",
        "in {y}, {a} and {b} met in {p} for the {x} time",
        "it was in {p} that {a} and {b} met for the {x} time in {y}",
    ),
    "age": (
        "{a}, who lives in {p}, is {x} than {b}",
        "{a} is {x} than {b} and lives in {p}",
        "{a} lives in {p} and is {x} than {b}",
    ),
}
