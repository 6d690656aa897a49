"""Codes of any standard mean their language, and nothing else."""

import pytest

from xling.data.languages import matching
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
        ("de", "German"),
    ],
)
def test_another_script_region_or_language_is_another(language: str, code: str) -> None:
    assert matching(language, [code], "DIR") is None


def test_the_very_code_comes_first_and_two_that_fit_are_refused() -> None:
    assert matching("zh", ["zh", "zho_Hans", "cmn"], "DIR") == "zh"
    assert matching("pt", ["pt-BR", "por_Latn"], "DIR") == "por_Latn"
    with pytest.raises(UserError, match=r"DIR: en-GB and en-US may each be language en\. .*en-GB"):
        matching("en", ["en-US", "en-GB"], "DIR")
