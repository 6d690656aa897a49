"""Errors that a user can fix, printed as a few plain lines without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import normalize


class UserError(Exception):
    """Input or configuration that cannot be used; the message says what to write instead."""


class ArgumentError(ValueError):
    """A library argument that cannot be used; the message is in the library's own words.

    Attributes:
        argument: name of the argument, which the command line translates into a switch.
        instead: a value that would work, if one is known.
    """

    def __init__(self, argument: str, message: str, instead: object = None) -> None:
        super().__init__(message)
        self.argument, self.instead = argument, instead


def closest(word: object, choices: Iterable[object]) -> str | None:
    """Return the choice closest to `word`; None if none is close."""
    matches = get_close_matches(str(word), [str(choice) for choice in choices], n=1, cutoff=0.6)
    return matches[0] if matches else None


def nearest(word: object, choices: Iterable[object]) -> str:
    """Return `" Did you mean 'x'?"` for the choice closest to `word`, or `""` if none is close."""
    match = closest(word, choices)
    if match and match != word and normalize("NFC", match) == normalize("NFC", str(word)):
        return f" It is '{match}' but for Unicode's form (NFC or NFD): copy it from the file."
    return f" Did you mean '{match}'?" if match else ""
