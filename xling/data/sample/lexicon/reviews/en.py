"""English reviews."""

SPACE = " "
PRODUCTS = (
    ("Kettle", "this kettle"), ("Lamp", "this lamp"), ("Backpack", "this backpack"),
    ("Coffee machine", "this coffee machine"), ("Chair", "this chair"),
    ("Alarm clock", "this alarm clock"), ("Frying pan", "this frying pan"),
    ("Suitcase", "this suitcase"), ("Radio", "this radio"), ("Camera", "this camera"),
    ("Umbrella", "this umbrella"), ("Blanket", "this blanket"),
)  # fmt: skip
OPENINGS = (
    "I bought {} two weeks ago.",
    "I bought {} for my new flat.",
    "I bought {} as a present for my sister.",
    "A friend advised me to buy {}.",
    "I chose {} because of the picture.",
    "I have been using {} for a month.",
)
VERDICTS = (
    (
        "The quality is outstanding.",
        "The quality is quite good.",
        "The quality could be better.",
        "The quality is terrible.",
    ),
    (
        "The delivery came the very next day.",
        "The delivery was on time.",
        "The delivery took a little long.",
        "The delivery took an unbelievable six weeks.",
    ),
    (
        "The packaging was perfect.",
        "The packaging was all right.",
        "The packaging was slightly damaged.",
        "The packaging was completely torn.",
    ),
    (
        "The price is a real bargain.",
        "The price is fair.",
        "The price is a bit too high.",
        "The price is an absolute cheek.",
    ),
    (
        "Customer service answered at once and was wonderful.",
        "Customer service was friendly.",
        "Customer service was not very helpful.",
        "Customer service never answered and I am furious.",
    ),
    (
        "The instructions could not be clearer.",
        "The instructions are easy to follow.",
        "The instructions are rather confusing.",
        "The instructions are totally useless.",
    ),
    (
        "The colour is gorgeous.",
        "The colour is nice.",
        "The colour is somewhat dull.",
        "The colour is hideous.",
    ),
    (
        "In everyday use everything works flawlessly.",
        "In everyday use everything works as it should.",
        "In everyday use there are small problems.",
        "In everyday use nothing works at all.",
    ),
)
TITLES = {
    "1": ("Never again", "A waste of money", "Simply awful"),
    "2": ("Rather disappointing", "I expected more", "Not convincing"),
    "4": ("Good with small flaws", "On the whole a good choice", "Quite satisfied"),
    "5": ("Absolutely recommended", "Simply great", "A perfect purchase"),
}
PLAIN_TITLES = (
    "{}", "{}: my experience", "{}: a short review", "My opinion", "After some time",
)  # fmt: skip
