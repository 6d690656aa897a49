"""German reviews."""

SPACE = " "
PRODUCTS = (
    ("Wasserkocher", "diesen Wasserkocher"), ("Lampe", "diese Lampe"),
    ("Rucksack", "diesen Rucksack"), ("Kaffeemaschine", "diese Kaffeemaschine"),
    ("Stuhl", "diesen Stuhl"), ("Wecker", "diesen Wecker"), ("Pfanne", "diese Pfanne"),
    ("Koffer", "diesen Koffer"), ("Radio", "dieses Radio"), ("Kamera", "diese Kamera"),
    ("Regenschirm", "diesen Regenschirm"), ("Decke", "diese Decke"),
)  # fmt: skip
OPENINGS = (
    "Ich habe {} vor zwei Wochen gekauft.",
    "Ich habe {} für meine neue Wohnung gekauft.",
    "Ich habe {} als Geschenk für meine Schwester gekauft.",
    "Ein Freund hat mir geraten, {} zu kaufen.",
    "Ich habe {} wegen des Bildes ausgesucht.",
    "Ich benutze {} seit einem Monat.",
)
VERDICTS = (
    (
        "Die Qualität ist hervorragend.",
        "Die Qualität ist ganz gut.",
        "Die Qualität könnte besser sein.",
        "Die Qualität ist miserabel.",
    ),
    (
        "Die Lieferung kam schon am nächsten Tag.",
        "Die Lieferung war pünktlich.",
        "Die Lieferung hat etwas lange gedauert.",
        "Die Lieferung hat unglaubliche sechs Wochen gedauert.",
    ),
    (
        "Die Verpackung war perfekt.",
        "Die Verpackung war in Ordnung.",
        "Die Verpackung war leicht beschädigt.",
        "Die Verpackung war völlig zerrissen.",
    ),
    (
        "Der Preis ist ein echtes Schnäppchen.",
        "Der Preis ist angemessen.",
        "Der Preis ist ein wenig zu hoch.",
        "Der Preis ist eine absolute Frechheit.",
    ),
    (
        "Der Kundendienst hat sofort geantwortet und war großartig.",
        "Der Kundendienst war freundlich.",
        "Der Kundendienst war keine große Hilfe.",
        "Der Kundendienst hat nie geantwortet, und das macht mich wütend.",
    ),
    (
        "Die Anleitung könnte nicht klarer sein.",
        "Die Anleitung ist leicht verständlich.",
        "Die Anleitung ist eher verwirrend.",
        "Die Anleitung ist vollkommen unbrauchbar.",
    ),
    (
        "Die Farbe ist wunderschön.",
        "Die Farbe ist hübsch.",
        "Die Farbe ist etwas blass.",
        "Die Farbe ist scheußlich.",
    ),
    (
        "Im Alltag funktioniert alles tadellos.",
        "Im Alltag funktioniert alles, wie es soll.",
        "Im Alltag gibt es kleine Probleme.",
        "Im Alltag funktioniert überhaupt nichts.",
    ),
)
TITLES = {
    "1": ("Nie wieder", "Rausgeworfenes Geld", "Einfach furchtbar"),
    "2": ("Eher enttäuschend", "Ich hatte mehr erwartet", "Nicht überzeugend"),
    "4": ("Gut mit kleinen Schwächen", "Im Großen und Ganzen gut", "Recht zufrieden"),
    "5": ("Absolut empfehlenswert", "Einfach toll", "Ein perfekter Kauf"),
}
PLAIN_TITLES = (
    "{}", "{}: meine Erfahrung", "{}: ein kurzer Bericht", "Meine Meinung", "Nach einiger Zeit",
)  # fmt: skip
