"""Language codes by any standard: ISO 639-1 or -3, with script or region, or as FLORES has them.

A language's name stands for its code, too. `langcodes` is imported inside
functions: only codes that differ from the run's need it.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import NamedTuple

from xling.errors import UserError

WRITTEN_WITH = {"Hang": "Kore", "Hira": "Jpan", "Kana": "Jpan", "Hrkt": "Jpan"}
"""Script → the mixture of scripts that it stands for in codes such as FLORES' kor_Hang."""


class Code(NamedTuple):
    """What a code says: the language, the script that it is written in, and the region if given."""

    language: str
    script: str | None
    region: str | None


def matching(language: str, codes: Iterable[str], where: str) -> str | None:
    """Return the code that means `language`: itself, or else one of another standard, or None.

    `sw` is `swh_Latn`, `zh` is `zho_Hans` but not `zho_Hant`, and `pt` is `pt-BR` if there is no
    other Portuguese. Names are looked at if no code fits: `hi` is `Hindi`.

    Args:
        where: name of what has the codes, in messages.

    Raises:
        UserError: several codes mean the language.
    """
    codes = sorted(set(codes))
    if language in codes:
        return language
    wanted = read_code(language)
    if wanted is None:
        return None
    for read in (read_code, read_name):
        meanings = {code: meaning for code in codes if (meaning := read(code))}
        alike = [code for code, meaning in meanings.items() if _compatible(wanted, meaning)]
        same_region = [code for code in alike if meanings[code] == wanted]
        chosen = same_region or alike
        if len(chosen) > 1:
            raise UserError(
                f"{where}: {' and '.join(chosen)} may each be language {language}. Write the one "
                f"that you mean in languages=[...], for instance {chosen[0]}."
            )
        if chosen:
            return chosen[0]
    return None


def likely_name(language: str, codes: Iterable[str]) -> str:
    """Say which of several words seems to be a name of a language, or a code of it; "" if none."""
    wanted, named = read_code(language), read_name(language)
    for code in sorted(codes):
        meaning = read_code(code)
        if not wanted and meaning and named and _compatible(named, meaning):
            return f" Write {code} for {language}."
        begins = read_code(_found(_plain(code)) or "")
        if wanted and begins and not meaning and begins.language == wanted.language:
            return f" '{code}' seems to be {language}: write {language} in its place."
    return ""


def _compatible(wanted: Code, other: Code) -> bool:
    regions = {wanted.region, other.region} - {None}
    return wanted[:2] == other[:2] and len(regions) < 2


@cache
def read_code(code: str) -> Code | None:
    """Return what a code says in the terms of BCP 47; None for a word that is no such code.

    A member of a macrolanguage that stands for it in BCP 47 counts as it: Swahili `swh` as `sw`.
    """
    from langcodes import Language, standardize_tag, tag_is_valid
    from langcodes.tag_parser import LanguageTagError

    try:
        tag = standardize_tag(code, macro=True)
    except LanguageTagError:
        return None
    read = Language.get(tag)
    if read.extlangs or read.variants or not tag_is_valid(tag):
        return None  # it is more likely a file's name, such as de_dev or de_test
    language = "nb" if read.language == "no" else read.language  # BCP 47 has a code for either
    script = read.maximize().script or ""
    return Code(language or "", WRITTEN_WITH.get(script, script) or None, read.territory)


@cache
def read_name(name: str) -> Code | None:
    """Return what a language's name in any language says; None for other words.

    A script or a region may stand behind it: `Chinese (Simplified)`, `portuguese_brazil`.
    """
    from langcodes import Language

    plain = _plain(name)
    tag = _found(plain)
    if tag is None:
        return None
    for names in ("und", "en"):  # in all languages, or in English alone
        if _found(plain[:-1], names) != tag == _found(plain, names):
            return read_code(tag)  # else it only begins with a name, as `german train` does
    candidates = [Language.get(tag)]
    if words := re.fullmatch(r"(.+?)[ _]*[(_](.+?)\)?", name):
        for kind in ("script", "territory"):
            with suppress(LookupError):
                part = Language.find_name(kind, _plain(words[2]), "en")
                candidates.append(Language.get(tag).update(part))
    for candidate in candidates:
        if plain in (_plain(candidate.display_name("en")), _plain(candidate.autonym())):
            return read_code(candidate.to_tag())
    return None


def _found(name: str, language: str = "und") -> str | None:
    """Return the code of a language that a word is a name of, or begins with.

    Args:
        language: that the name is in; "und": any.
    """
    from langcodes import find

    try:
        return find(name, language).to_tag()
    except LookupError:
        return None


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[()_,-]", " ", name).casefold().split())
