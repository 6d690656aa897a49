"""French reviews."""

SPACE = " "
PRODUCTS = (
    ("Bouilloire", "cette bouilloire"), ("Lampe", "cette lampe"),
    ("Sac à dos", "ce sac à dos"), ("Cafetière", "cette cafetière"),
    ("Chaise", "cette chaise"), ("Réveil", "ce réveil"), ("Poêle", "cette poêle"),
    ("Valise", "cette valise"), ("Radio", "cette radio"),
    ("Appareil photo", "cet appareil photo"), ("Parapluie", "ce parapluie"),
    ("Couverture", "cette couverture"),
)  # fmt: skip
OPENINGS = (
    "J'ai acheté {} il y a deux semaines.",
    "J'ai acheté {} pour mon nouvel appartement.",
    "J'ai acheté {} pour l'offrir à ma sœur.",
    "Un ami m'a conseillé d'acheter {}.",
    "J'ai choisi {} à cause de la photo.",
    "J'utilise {} depuis un mois.",
)
VERDICTS = (
    (
        "La qualité est exceptionnelle.",
        "La qualité est plutôt bonne.",
        "La qualité pourrait être meilleure.",
        "La qualité est lamentable.",
    ),
    (
        "La livraison est arrivée dès le lendemain.",
        "La livraison a été ponctuelle.",
        "La livraison a été un peu longue.",
        "La livraison a pris six semaines, c'est incroyable.",
    ),
    (
        "L'emballage était parfait.",
        "L'emballage était correct.",
        "L'emballage était légèrement abîmé.",
        "L'emballage était complètement déchiré.",
    ),
    (
        "Le prix est une vraie aubaine.",
        "Le prix est juste.",
        "Le prix est un peu trop élevé.",
        "Le prix est une véritable arnaque.",
    ),
    (
        "Le service client a répondu tout de suite et a été formidable.",
        "Le service client a été aimable.",
        "Le service client n'a pas été d'une grande aide.",
        "Le service client n'a jamais répondu, c'est scandaleux.",
    ),
    (
        "Le mode d'emploi ne pourrait pas être plus clair.",
        "Le mode d'emploi est facile à suivre.",
        "Le mode d'emploi est assez confus.",
        "Le mode d'emploi est totalement inutilisable.",
    ),
    (
        "La couleur est magnifique.",
        "La couleur est jolie.",
        "La couleur est un peu terne.",
        "La couleur est affreuse.",
    ),
    (
        "Au quotidien, tout fonctionne à merveille.",
        "Au quotidien, tout fonctionne comme prévu.",
        "Au quotidien, il y a de petits problèmes.",
        "Au quotidien, rien ne fonctionne.",
    ),
)
TITLES = {
    "1": ("Plus jamais", "De l'argent jeté par les fenêtres", "Une catastrophe"),
    "2": ("Plutôt décevant", "Je m'attendais à mieux", "Pas convaincant"),
    "4": ("Bien malgré de petits défauts", "Dans l'ensemble, un bon choix", "Assez content"),
    "5": ("À recommander absolument", "Tout simplement génial", "Un achat parfait"),
}
PLAIN_TITLES = (
    "{}", "{} : mon expérience", "{} : un bref avis", "Mon avis", "Après quelque temps",
)  # fmt: skip
