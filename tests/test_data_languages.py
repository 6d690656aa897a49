"""Codes of any standard, and names, mean their language, and nothing else."""

import pytest

from xling.data.languages import likely_name, matching
from xling.errors import UserError


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("de", "deu_Latn"),
        ("de", "deu"),
        ("de", "de-DE"),
        ("deu_Latn", "de"),
        ("zh", "zho_Hans"),
        ("zh", "zh-CN"),
        ("zh-Hans", "zh"),
        ("zh_Hant", "zh-TW"),
        ("pt-br", "pt_BR"),
        ("pt", "pt-br"),
        ("sw", "swh_Latn"),
        ("sw", "swa"),
        ("ar", "arb_Arab"),
        ("am", "amh"),
        ("no", "nob_Latn"),
        ("et", "ekk_Latn"),
        ("fa", "pes_Arab"),
        ("he", "iw"),
        ("made-up", "made-up"),
    ],
)
def test_a_code_is_known_in_another_standard(language: str, code: str) -> None:
    others = ["fra_Latn", "yue_Hant", "ary_Arab", "nno_Latn", "all_languages", "README"]
    assert matching(language, [*others, code], "DIR") == code


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("hi", "Hindi"),
        ("deu_Latn", "german"),
        ("de", "Deutsch"),
        ("zh", "Chinese (Simplified)"),
        ("zh_Hant", "chinese_traditional"),
        ("zh-Hant", "Traditional Chinese"),
        ("pt", "Portuguese (Brazil)"),
        ("pt-BR", "Brazilian Portuguese"),
        ("sw", "Kiswahili"),
        ("ar", "العربية"),
        ("ja", "日本語"),
        ("bn", "Bengali"),
        ("sr-Latn", "Serbian (Latin)"),
        ("no", "Norwegian"),
        ("fa", "Persian"),
        ("el", "GREEK"),
    ],
)
def test_a_language_is_known_by_its_name(language: str, name: str) -> None:
    others = ["French", "Cantonese", "Low German", "train", "data", "english_dev", "all_languages"]
    assert matching(language, [*others, name], "DIR") == name


def test_codes_come_before_names_and_what_only_seems_to_be_a_name_is_advised() -> None:
    assert matching("hi", ["hi-IN", "Hindi"], "DIR") == "hi-IN"
    with pytest.raises(UserError, match="DIR: Deutsch and German may each be language de"):
        matching("de", ["Deutsch", "German"], "DIR")
    assert matching("de", ["german news"], "DIR") is None
    expected = " 'german news' seems to be de: write de in its place."
    assert likely_name("de", ["french", "german news"]) == expected
    assert likely_name("fr", ["german news", "fr_dev"]) == ""
    assert likely_name("German", ["en", "deu_Latn"]) == " Write deu_Latn for German."


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("zh", "zho_Hant"),
        ("zh", "yue_Hant"),
        ("sr", "sr_Latn"),
        ("pt-br", "pt-PT"),
        ("nn", "nob_Latn"),
        ("hr", "bs"),
        ("ar", "ary_Arab"),
        ("de", "gsw"),
        ("all_languages", "de"),
        ("de", "de_dev"),
        ("de", "de_train"),
        ("de", "de_test"),
        ("de", "german_train"),
        ("de", "Low German"),
        ("zh", "Chinese (Traditional)"),
        ("sr", "Serbian (Latin)"),
        ("pt-PT", "Brazilian Portuguese"),
        ("de", "train"),
    ],
)
def test_another_script_region_or_language_is_another(language: str, code: str) -> None:
    assert matching(language, [code], "DIR") is None


def test_the_very_code_comes_first_and_two_that_fit_are_refused() -> None:
    assert matching("zh", ["zh", "zho_Hans", "cmn"], "DIR") == "zh"
    assert matching("pt", ["pt-BR", "por_Latn"], "DIR") == "por_Latn"
    with pytest.raises(UserError, match=r"DIR: en-GB and en-US may each be language en\. .*en-GB"):
        matching("en", ["en-US", "en-GB"], "DIR")
