"""The text of a file, whatever it is packed and encoded in; or what is wrong with it."""

import codecs
import gzip
import zlib
from pathlib import Path

from xling.data.encodings import advice, conversion
from xling.errors import UserError

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks → encodings; UTF-8 has one, too, and needs none."""

WITHOUT_MARK = {
    "UTF-32LE": b"\n\0\0\0",
    "UTF-32BE": b"\0\0\0\n",
    "UTF-16LE": b"\n\0",
    "UTF-16BE": b"\0\n",
}
"""Encodings with NUL bytes, as iconv names them → their line feed."""

ESCAPES = {"\x1b$B": "ISO-2022-JP", "\x1b$@": "ISO-2022-JP", "\x1b$)C": "ISO-2022-KR"}
"""What begins a text in encodings that are ASCII to the eye, which UTF-8 does not tell."""

OTHER_KINDS = {
    b"PK\x03\x04": "an Excel sheet or an archive (.xlsx, .zip)",
    b"\x1f\x8b": "a packed file (.gz)",
    b"PAR1": "a Parquet file (.parquet)",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet (.xls)",
}
"""How files begin that are no text → what they are."""

PLAIN_SIGNS = (b"\n", b"\r", b"\t", b" ", b",", b"[", b"{")
"""Signs of ASCII of which every file has some."""


def text_of(path: Path, name: str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    A file that ends in `.gz` is unpacked. Line ends are those of the file, but for a file with
    carriage returns alone, which become line feeds.

    Args:
        name: name of the file in messages.

    Raises:
        UserError: another encoding, a damaged archive, or the pointer to a file elsewhere.
    """
    content = _content(path, name)
    if b"\0" in content and not content.startswith(tuple(MARKS)):
        raise UserError(_with_nul(content, path, name))
    text = _decoded(content, path, name)
    if escape := next((escape for escape in ESCAPES if escape in text), ""):
        raise UserError(
            f"{name} is {ESCAPES[escape]}. Convert it; {path.name}.orig will be the file as it is "
            f"now:\n  {conversion(ESCAPES[escape], path)}"
        )
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text


def lines_of(text: str) -> list[str]:
    """Split a text at line feeds, and at nothing else that Unicode takes for a line's end."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _content(path: Path, name: str) -> bytes:
    content = path.read_bytes()
    if path.suffix.casefold() == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            advice = "Fetch it again."
            if not content.startswith(b"\x1f\x8b"):
                advice = "If it is not packed, leave .gz out of its name; else fetch it again."
            raise UserError(
                f"{name} cannot be unpacked: {str(error) or type(error).__name__}. {advice}"
            ) from None
    refuse_pointer(content, name)
    return content


def refuse_pointer(content: bytes, name: str) -> None:
    """Refuse what Git leaves in the place of a large file that was not fetched.

    Raises:
        UserError: the content is such a pointer.
    """
    if content.startswith(b"version https://git-lfs.github.com/spec/"):
        raise UserError(
            f"{name} is not the file itself, but Git LFS's pointer to it. Run `git lfs pull` in "
            "that folder."
        )


def _with_nul(content: bytes, path: Path, name: str) -> str:
    """Say what a file with NUL bytes is: each character of ASCII has some in UTF-16 and UTF-32."""
    if kind := next((kind for mark, kind in OTHER_KINDS.items() if content.startswith(mark)), ""):
        return f"{name} holds {kind}, whatever its name says. Give it the right ending."
    for encoding, newline in WITHOUT_MARK.items():
        width = len(newline)
        units = {content[at : at + width] for at in range(0, len(content), width)}
        plain = {newline.replace(b"\n", sign) for sign in PLAIN_SIGNS}
        if plain & units and len(content) % width == 0 and _decodes(content, encoding):
            return (
                f"{name} is {encoding}, without the mark of it. Convert it; {path.name}.orig will "
                f"be the file as it is now:\n  {conversion(encoding, path)}"
            )
    line = content[: content.index(b"\0")].count(b"\n") + 1
    return f"{name}:{line}: a NUL character. The file is damaged; fetch it again."


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        return "\0" not in content.decode(encoding)
    except UnicodeDecodeError:
        return False


def _decoded(content: bytes, path: Path, name: str) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{name} begins as {encoding.upper()}, but byte {error.start:,} is not: "
                    f"{error.reason}. The file is damaged; fetch it again."
                ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(_not_utf8(content, path, name, error)) from None


def _not_utf8(content: bytes, path: Path, name: str, error: UnicodeDecodeError) -> str:
    line = content[: error.start].count(b"\n") + 1
    what = f"{name}:{line}: not UTF-8 ({error.reason})."
    lenient = content.decode("utf-8-sig", "replace")
    damaged = lenient.count("\N{REPLACEMENT CHARACTER}")
    if sum(not character.isascii() for character in lenient) > 10 * damaged:
        return f"{what} The rest of the file is, so fix this line, or leave it out of the file."
    return f"{what} {advice(content, path, name)}"
