"""Facts for the paraphrase task, one module a language.

Each has PERSONS, CITIES and THINGS (what a template puts in for a key: a text, or its forms by
name), CONTRASTS (fact -> the two words or forms that make opposite statements), TEMPLATES
(fact -> ways to say it; all of them say the same) and END, which closes a sentence.
"""
