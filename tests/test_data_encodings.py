"""Encodings that were usual for a language are told, and the advice converts the files."""

import gzip
import subprocess
import unicodedata
from pathlib import Path

import pytest
from conftest import config

from xling.data import fingerprint, load_corpus
from xling.data.encodings import languages_of, likely_readings
from xling.data.text import text_of
from xling.errors import UserError

TEXTS = {
    "ar": ("اللغة العربية جميلة جدا والناس يحبونها", "cp1256 iso8859-6"),
    "bg": ("Днес времето е хубаво, отиваме на плаж.", "cp1251 koi8-r iso8859-5 cp866"),
    "cs": ("Dnes je hezké počasí, šli jsme ven", "cp1250 iso8859-2"),
    "de": ("Das Hotel war schön, das Frühstück süß", "cp1252 latin-1 mac-roman"),
    "el": ("Άριστη ταινία, ο καιρός είναι καλός", "cp1253 iso8859-7"),
    "es": ("El niño comió una manzana, ¿qué pasó?", "cp1252 latin-1 mac-roman"),
    "fr": ("C’est déjà l'été à l'étranger, ça va", "cp1252 mac-roman"),
    "fr-CA": ("L'œuvre déjà vue à l'étranger", "iso8859-15"),
    "he": ("היום מזג האוויר יפה מאוד", "cp1255 iso8859-8"),
    "hr": ("Danas je lijepo, šetali smo i čitali priču", "cp1250 iso8859-2"),
    "ja": ("これは日本語の文章です。今日は天気がいい。", "shift_jis cp932 euc-jp"),
    "ko": ("이것은 한국어 문장입니다. 오늘은 날씨가 좋습니다.", "euc-kr cp949"),
    "lt": ("Šiandien gražus oras, einame į paplūdimį", "cp1257 iso8859-13"),
    "pl": ("Świetny film, polecam każdemu", "cp1250 iso8859-2"),
    "ru": ("Это очень хороший фильм, рекомендую", "cp1251 koi8-r iso8859-5 cp866"),
    "th": ("วันนี้อากาศดีมาก เราไปตลาด", "tis-620 cp874"),
    "tr": ("Bugün hava çok güzel, Iğdır'a gidiyoruz", "cp1254 iso8859-9"),
    "uk": ("Сьогодні гарна погода, ми їдемо до Києва.", "cp1251 koi8-u"),
    "vi": ("Hôm nay trơ\u0300i đe\u0323p, tôi đi chơ\u0323 mua cá", "cp1258"),
    "zh": ("这是一个中文句子，今天天气很好。", "gb18030 gb2312"),
    "zh-Hant": ("這是一個中文句子，今天天氣很好。", "big5"),
}
CASES = [(code, text, name) for code, (text, names) in TEXTS.items() for name in names.split()]


def table(text: str, count: int = 3) -> str:
    return "id\ttext\tlabel\n" + "".join(f"{n}\t{text}\tgood\n" for n in range(count))


def refusal(path: Path, content: bytes, name: str) -> str:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        text_of(path, name)
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(("language", "text", "encoding"), CASES)
def test_three_rows_and_the_name_of_the_file_tell_the_encoding_and_the_line_converts_it(
    tmp_path: Path, language: str, text: str, encoding: str, packed: bool
) -> None:
    content = table(text).encode(encoding)
    path = tmp_path / f"some train.{language}.tsv{'.gz' if packed else ''}"
    message = refusal(path, gzip.compress(content) if packed else content, path.name)
    lines = message.splitlines()
    assert lines[0].startswith(f"{path.name}:2: not UTF-8 (")
    assert lines[1] == f"  0\t{text}\tgood"
    subprocess.run(lines[-1], shell=True, check=True)
    assert unicodedata.normalize("NFD", text_of(path, path.name)) == unicodedata.normalize(
        "NFD", table(text)
    )
    kept = path.with_name(f"{path.name}.orig").read_bytes()
    assert (gzip.decompress(kept) if packed else kept) == content


@pytest.mark.parametrize(("language", "text", "encoding"), CASES)
def test_without_the_language_the_right_line_is_among_those_shown(
    tmp_path: Path, language: str, text: str, encoding: str
) -> None:
    message = refusal(tmp_path / "a.tsv", table(text, 20).encode(encoding), "a.tsv")
    assert f"  0\t{text}\tgood" in message.splitlines()


def test_a_guess_that_is_not_sure_says_so_and_shows_the_others(tmp_path: Path) -> None:
    sure = refusal(tmp_path / "a.tsv", table(TEXTS["ru"][0]).encode("cp866"), "ru/a.tsv")
    assert (
        "It is probably CP866, in which" in sure and "\nIf that is right, convert it; a.tsv" in sure
    )
    unsure = refusal(tmp_path / "a.tsv", table("فيلم رائع").encode("cp1256"), "a.tsv")
    assert "It may be " in unsure and "\nConvert it, from the encoding in which" in unsure
    assert 1 <= unsure.count("it reads:") <= 2


def test_the_line_that_is_shown_is_one_that_tells(tmp_path: Path) -> None:
    content = table("Dobrý den", 20) + table("šum", 2)
    message = refusal(tmp_path / "a.tsv", content.encode("cp1250"), "cs.tsv")
    assert (
        message.startswith("cs.tsv:2: not UTF-8") and "in which line 23 reads:\n  0\tšum" in message
    )


def test_bytes_that_no_encoding_has_ask_for_it(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a.tsv", b"id\ttext\n1\t\x81\x81\xff\xff\x90\n" * 3, "a.tsv")
    assert "Find out its ENCODING" in message or "reads:" in message


def test_a_long_file_is_guessed_from_whole_letters_of_its_beginning() -> None:
    lines = table(TEXTS["ja"][0], 5_000).encode("shift_jis").split(b"\n")[1:]
    assert likely_readings(lines, {"ja"})[0].encoding == "CP932"


@pytest.mark.parametrize(
    ("name", "languages"),
    [
        ("deu_Latn/train.tsv", {"de"}),
        ("train-pt-BR.csv.gz", {"pt"}),
        ("data/cmn_Hans/dev.tsv", {"zh"}),
        ("nli.train.RU.tsv", {"ru"}),
        ("train.tsv", set()),
        ("yo/train.tsv", set()),
    ],
)
def test_the_languages_of_a_file_are_in_its_name(name: str, languages: set[str]) -> None:
    assert languages_of(name) == languages


def test_the_folder_of_a_file_tells_its_language_whoever_reads_it_first(tmp_path: Path) -> None:
    for language in ("de", "ru"):
        for split in ("train", "dev", "test"):
            path = tmp_path / language / f"{split}.tsv"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(
                table(TEXTS[language][0]).encode({"de": "cp1252", "ru": "koi8-r"}[language])
            )
    run = config("task=marc", "data=files", f"data.path={tmp_path}", "languages=[ru,de]")
    for read in (fingerprint, lambda run: load_corpus(run, print)):
        with pytest.raises(UserError, match="^ru/train.tsv:2: not UTF-8 .* probably KOI8-R"):
            read(run)
