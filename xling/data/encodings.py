"""Which encoding a file that is not UTF-8 may be in, and how to convert it.

`charset_normalizer` and `fontTools` are imported inside functions: only such a file needs them.
"""

import codecs
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from xling.data.languages import read_code, read_name

USUAL = {
    ("CP1251", "KOI8-R", "ISO-8859-5", "CP866"): dict.fromkeys(("bg", "mk", "ru", "sr"), "Cyrl"),
    ("CP1251", "KOI8-U", "ISO-8859-5", "CP866"): dict.fromkeys(("be", "uk"), "Cyrl"),
    ("CP1252", "ISO-8859-15", "MACINTOSH"): {
        "ca": "àçéèíïòóúü",
        "da": "åæéø",
        "de": "äöüß",
        "es": "áéíñóúü",
        "fi": "äåö",
        "fr": "àâæçéèêëîïôœùûüÿ",
        "is": "áæðéíóöúýþ",
        "it": "àèéìíòóùú",
        "nb": "åæéø",
        "nl": "áèéëíïóöúü",
        "pt": "àáâãçéêíóôõúü",
        "sv": "äåéö",
    },
    ("CP1250", "ISO-8859-2"): {
        "bs": "ćčđšž",
        "cs": "áčďéěíňóřšťúůýž",
        "hr": "ćčđšž",
        "hu": "áéíóöőúüű",
        "pl": "ąćęłńóśźż",
        "ro": "ăâîşţ",
        "sk": "áäčďéíĺľňóôŕšťúýž",
        "sl": "čšž",
    },
    ("CP1253", "ISO-8859-7"): {"el": "Grek"},
    ("CP1254",): {"az": "çöğıəşü", "tr": "âçîöûüğış"},
    ("CP1255",): dict.fromkeys(("he", "yi"), "Hebr"),
    ("CP1256", "ISO-8859-6"): dict.fromkeys(("ar", "fa", "ur"), "Arab"),
    ("CP1257", "ISO-8859-13"): {"et": "äõöüšž", "lt": "ąčęėįšūųž", "lv": "āčēģīķļņšūž"},
    ("CP1258",): {"vi": "àâèéêóôùúýăđơư"},
    ("CP874",): {"th": "Thai"},
    ("GB18030", "BIG5"): {"zh": "Hani"},
    ("CP932", "EUC-JP"): {"ja": "Hani Hira Kana"},
    ("CP949",): {"ko": "Hang Hani"},
}
"""Encodings, as iconv and Python name them, the commonest first → languages that are written in
them → letters beside a to z, or the scripts that they are of."""

COMMON = {"gb2312": 0xD7, "big5": 0xC6, "euc-jp": 0xCF}
"""Standards with Chinese characters → the last first byte of their commonest ones."""

GUESSED_FROM = 1 << 14
"""Bytes that a guess is made from, about."""

SHOWN = 60
"""Characters of a line in a message."""

READINGS = 3
"""How many encodings a message shows a line in."""

MARGIN = 0.25
"""How much odder than the best an encoding may be to be shown."""


class Reading(NamedTuple):
    """How lines read in an encoding, and how odd that is."""

    encoding: str
    odd: float
    lines: tuple[str, ...]


def advice(content: bytes, path: Path, name: str) -> str:
    """Say in which encodings a file may be, how a line that tells reads in each, and what to do.

    Args:
        content: of the file, unpacked; not in UTF-8.
        path: where the file is.
        name: of the file in messages, which may say its language.
    """
    sample = _sample(content)
    lines = list(sample.values())
    readings = likely_readings(lines, languages_of(name)) or likely_readings(lines, set())
    if not readings:
        return f"Find out its ENCODING, and convert it:\n  {conversion('ENCODING', path)}"
    best, *others = readings
    columns = enumerate(zip(*(reading.lines for reading in readings), strict=True))
    at = next((at for at, column in columns if len({*column}) > 1), 0)
    certainty = "may be" if others and others[0].odd <= best.odd else "is probably"
    more = "".join(f"\nIn {other.encoding}, it reads:\n  {_shown(other, at)}" for other in others)
    convert = "If that is right, convert it"
    if others:
        convert = f"Convert it, from the encoding in which that is right ({best.encoding} here)"
    return (
        f"It {certainty} {best.encoding}, in which line {[*sample][at]} reads:\n"
        f"  {_shown(best, at)}{more}\n{convert}; {path.name}.orig will be the file as it is now:\n"
        f"  {conversion(best.encoding, path)}"
    )


def _shown(reading: Reading, at: int) -> str:
    line = reading.lines[at].strip()
    return line if len(line) <= SHOWN else line[:SHOWN] + "…"


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
    known = {language for languages in USUAL.values() for language in languages}
    codes = (read_code(part) or read_name(part) for part in parts)
    return {code.language for code in codes if code} & known


def likely_readings(lines: Sequence[bytes], languages: set[str]) -> list[Reading]:
    """Return how lines read in the usual encodings that they are likely to be in, best first.

    Those that are as odd are ordered by charset_normalizer, by the frequencies of letters; alone,
    it is often wrong on short texts, as it does not know which language they are in.

    Args:
        lines: of a file; at least one that is not ASCII alone.
        languages: that the file may be in; none: all that are known.
    """
    from charset_normalizer import from_bytes

    content = b"\n".join(lines)
    odds: dict[str, float] = {}
    for encodings, alphabets in USUAL.items():
        chosen = {its for name, its in alphabets.items() if name in languages or not languages}
        for encoding in encodings if chosen else ():
            with suppress(UnicodeDecodeError):
                text = content.decode(encoding)
                odd = min(oddity(text, alphabet) for alphabet in chosen)
                odds[encoding] = min(odd, odds.get(encoding, odd))
    matches = from_bytes(content, cp_isolation=list(odds)) if len(odds) > 1 else ()
    ranks = {codecs.lookup(match.encoding).name: rank for rank, match in enumerate(matches)}
    order = {
        name: (odd, ranks.get(codecs.lookup(name).name, len(ranks))) for name, odd in odds.items()
    }
    readings: dict[str, Reading] = {}
    for encoding in sorted(order, key=lambda encoding: order[encoding]):
        text = content.decode(encoding)
        if odds[encoding] <= min(odds.values()) + MARGIN:
            reading = Reading(encoding, odds[encoding], tuple(text.split("\n")))
            readings.setdefault(text, reading)
    return list(readings.values())[:READINGS]


def _sample(content: bytes) -> dict[int, bytes]:
    """Return the first lines that are not ASCII alone, by number; no letter in them is cut."""
    chosen: dict[int, bytes] = {}
    size = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if size < GUESSED_FROM and not line.isascii():
            chosen[number] = line
            size += len(line)
    return chosen


def oddity(text: str, alphabet: str) -> float:
    """Return the share of a text's letters and signs that a language would hardly have there.

    That are those from elsewhere, signs within words, and capitals after small letters; a little,
    capitals side by side: KOI8-R has the capitals where CP1251 has the small letters.

    Args:
        text: ASCII counts for nothing.
        alphabet: the language's letters beside a to z, or the scripts that they are of.
    """
    other_script = alphabet[0].isupper()
    odd = 0.0 + sum(n for letter, n in Counter(text).items() if _is_foreign(letter, alphabet))
    places = [place for place, letter in enumerate(text) if not letter.isascii()]
    for place in places:
        letter = text[place]
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        if letter.isalpha():
            beside_latin = any(sign.isascii() and sign.isalpha() for sign in (before, after))
            odd += other_script and beside_latin
            odd += letter.isupper() and before.islower()
            odd += letter.islower() and after.isascii() and after.isupper()
            odd += 0.1 * (letter.isupper() and before.isupper())
        elif unicodedata.category(letter)[0] in "SN" or letter in "§¶†‡•":
            odd += any(sign.isalpha() or not sign.isascii() for sign in (before, after))
        elif after.isalpha():
            odd += (letter == "’") != before.isalpha() and letter not in "‘·–—"
    return odd / max(1, len(places))


def _is_foreign(letter: str, alphabet: str) -> bool:
    """Return whether a letter is none of an alphabet, or a sign is one that no text has."""
    from fontTools.unicodedata import script

    category = unicodedata.category(letter)
    if letter.isascii() or category[0] not in "LMC" or category == "Cf":
        return False
    if category[0] == "C" or "\uff61" <= letter <= "\uff9f":  # half-width, as in no plain text
        return True
    if category[0] == "M":
        return False
    if alphabet[0].islower():
        return letter.lower()[0] not in alphabet
    its = script(letter)
    return its not in f"{alphabet} Zyyy Zinh" or (its == "Hani" and _is_rare(letter))


def _is_rare(character: str) -> bool:
    """Return whether a Chinese character is not among the commonest of any standard."""
    for standard, last in COMMON.items():
        with suppress(UnicodeEncodeError):
            if character.encode(standard)[0] <= last:
                return False
    return True
