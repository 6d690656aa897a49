"""Which encoding a file that is not UTF-8 may be in, and how to convert it.

`charset_normalizer` is imported inside a function: only such a file needs it.
"""

import codecs
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from xling.data.languages import read_code, read_name

USUAL = {
    "bg mk ru sr": "CP1251 KOI8-R ISO-8859-5 CP866",
    "be uk": "CP1251 KOI8-U ISO-8859-5 CP866",
    "ca da de es fi fr is it nb nl pt sv": "CP1252 ISO-8859-15 MACINTOSH CP850",
    "bs cs hr hu pl ro sk sl": "CP1250 ISO-8859-2 CP852",
    "el": "CP1253 ISO-8859-7",
    "az tr": "CP1254",
    "he yi": "CP1255 ISO-8859-8",
    "ar fa ur": "CP1256 ISO-8859-6",
    "et lt lv": "CP1257 ISO-8859-13",
    "vi": "CP1258",
    "th": "CP874",
    "zh": "GB18030 BIG5",
    "ja": "CP932 EUC-JP",
    "ko": "CP949",
}
"""Languages → the encodings that were usual for them, as iconv names them, the commonest first."""

OF_LANGUAGE = {language: names.split() for key, names in USUAL.items() for language in key.split()}

GUESSED_FROM = 1 << 14
"""Bytes that a guess is made from, about."""

SHOWN = 60
"""Characters of a line in a message."""

READINGS = 4
"""In how many encodings a message shows a line."""


def advice(content: bytes, path: Path, name: str) -> str:
    """Show how a line of a file reads in the encodings that it may be in, and how to convert it.

    Args:
        content: of the file, unpacked; not in UTF-8.
        path: where the file is.
        name: of the file in messages, which may say its language.
    """
    sample = _sample(content)
    readings = likely_readings([*sample.values()], languages_of(name))
    if not readings:
        return f"Find out its ENCODING, and convert it:\n  {conversion('ENCODING', path)}"
    lines = list(zip(*readings.values(), strict=True))
    at = max(range(len(lines)), key=lambda place: (len({*lines[place]}), -place))
    shown = "".join(
        f"\n  {encoding + ':':<12} {line}"
        for encoding, line in zip(readings, _where_they_differ(lines[at]), strict=True)
    )
    best = next(iter(readings))
    example = f" ({best} here)" if len(readings) > 1 else ""
    return (
        f"Line {[*sample][at]} may read:{shown}\n"
        f"Convert it from the encoding in which that is right{example}, or find out its encoding; "
        f"{path.name}.orig will be the file as it is now:\n  {conversion(best, path)}"
    )


def _where_they_differ(readings: Sequence[str]) -> list[str]:
    """Cut readings of a line to the part in which all that differ do."""
    others = [reading for reading in readings if reading != readings[0]]
    pairs = (zip(readings[0], other, strict=False) for other in others)
    same = (next((at for at, (a, b) in enumerate(pair) if a != b), 0) for pair in pairs)
    start = max(0, max(same, default=0) - SHOWN // 2)
    parts = (reading[start : start + SHOWN].strip() for reading in readings)
    return [
        ("…" if start else "") + part + ("…" if len(reading) > start + SHOWN else "")
        for part, reading in zip(parts, readings, strict=True)
    ]


def conversion(encoding: str, path: Path) -> str:
    """Return the line for a shell that converts a file to UTF-8, and keeps it as it was."""
    file, before = shlex.quote(str(path)), shlex.quote(f"{path}.orig")
    if path.suffix.casefold() == ".gz":
        converted = f"gunzip < {before} | iconv -f {encoding} -t UTF-8 | gzip > {file}"
    else:
        converted = f"iconv -f {encoding} -t UTF-8 {before} > {file}"
    return f"mv {file} {before} && {converted}"


def languages_of(name: str) -> set[str]:
    """Return the languages that a file's name names, if they have usual encodings."""
    words = re.split(r"[./]", name)[:-1]
    parts = {*words, *(part for word in words for part in re.split(r"[_-]", word))}
    codes = (read_code(part) or read_name(part) for part in parts)
    return {code.language for code in codes if code} & set(OF_LANGUAGE)


def likely_readings(lines: Sequence[bytes], languages: set[str]) -> dict[str, list[str]]:
    """Return how lines read in each encoding that they are likely to be in, the likeliest first.

    Of the language's encodings, charset_normalizer says how disorderly each reading is; of those
    that are about as much so, the commoner encoding comes first. Without the language, its own
    order counts. On a few lines the right one is often the second, so that more are shown.

    Args:
        lines: of a file; at least one that is not ASCII alone.
        languages: that the file may be in; none: all that are known.
    """
    from charset_normalizer import from_bytes

    content = b"\n".join(lines)
    texts: dict[str, str] = {}
    for language in sorted(languages) or OF_LANGUAGE:
        for encoding in OF_LANGUAGE[language]:
            with suppress(UnicodeDecodeError):
                texts[encoding] = content.decode(encoding)
    if not texts:
        return likely_readings(lines, set()) if languages else {}
    names = {encoding: codecs.lookup(encoding).name for encoding in texts}
    matches = from_bytes(content, cp_isolation=list(names.values()))
    place = {
        codecs.lookup(match.encoding).name: round(match.chaos, 1) if languages else number
        for number, match in enumerate(matches)
    }
    order = sorted(texts, key=lambda encoding: place.get(names[encoding], len(texts)))
    first = {texts[encoding]: encoding for encoding in reversed(order)}  # of equal readings
    chosen = [encoding for encoding in order if first[texts[encoding]] == encoding]
    return {encoding: texts[encoding].split("\n") for encoding in chosen[:READINGS]}


def _sample(content: bytes) -> dict[int, bytes]:
    """Return the first lines that are not ASCII alone, by number; no letter in them is cut."""
    chosen: dict[int, bytes] = {}
    size = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if size < GUESSED_FROM and not line.isascii():
            chosen[number] = line
            size += len(line)
    return chosen
