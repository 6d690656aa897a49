"""Joining words into sentences."""


def join(*parts: str) -> str:
    """The non-empty parts with one space between them."""
    return " ".join(part for part in parts if part)


def sentence(*parts: str, end: str = ".") -> str:
    """The parts joined, with a capital at the front and `end` behind."""
    text = join(*parts)
    return text[0].upper() + text[1:] + end
