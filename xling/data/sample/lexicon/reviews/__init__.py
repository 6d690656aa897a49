"""Reviews, one module a language.

Each has PRODUCTS (name alone, and as the object of "buy"), OPENINGS (with a place for the latter),
VERDICTS (for each aspect four sentences, from delight to anger), TITLES for the stars, PLAIN_TITLES
(with a place for the name) and SPACE, which stands between sentences.
"""
