"""Language codes by any standard: ISO 639-1 or -3, with script or region, or as FLORES has them.

`langcodes` is imported inside a function: only codes that differ from the run's need it.
"""

from collections.abc import Iterable
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
    other Portuguese.

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
    alike = [code for code in codes if (read := read_code(code)) and _compatible(wanted, read)]
    same_region = [code for code in alike if read_code(code) == wanted]
    chosen = same_region or alike
    if len(chosen) > 1:
        raise UserError(
            f"{where}: {' and '.join(chosen)} may each be language {language}. Write the one that "
            f"you mean in languages=[...], for instance {chosen[0]}."
        )
    return chosen[0] if chosen else None


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
