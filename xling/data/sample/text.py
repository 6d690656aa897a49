"""Join words into sentences."""


def join(*parts: str) -> str:
    """Join the non-empty parts with single spaces."""
    return " ".join(part for part in parts if part)


def sentence(*parts: str, end: str = ".") -> str:
    """Join the parts, capitalise the first letter and append `end`."""
    text = join(*parts)
    return text[0].upper() + text[1:] + end
