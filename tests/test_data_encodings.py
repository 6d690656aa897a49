"""Encodings that were usual for a language are told, and the advice converts the files."""

import gzip
import re
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


def shown(message: str) -> dict[str, str]:
    """Return how a message shows a line: encoding → line, in its order."""
    lines = re.findall(r"^  ([A-Z0-9-]+): +(.*)$", message, re.M)
    return dict(lines)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(("language", "text", "encoding"), CASES)
def test_the_right_line_is_shown_and_the_command_converts_from_its_encoding(
    tmp_path: Path, language: str, text: str, encoding: str, packed: bool
) -> None:
    content = table(text).encode(encoding)
    path = tmp_path / f"some train.{language}.tsv{'.gz' if packed else ''}"
    message = refusal(path, gzip.compress(content) if packed else content, path.name)
    assert message.startswith(f"{path.name}:2: not UTF-8 (") and "Line 2 may read:" in message
    readings = shown(message)
    (right, *_) = (name for name, line in readings.items() if line == f"0\t{text}\tgood")
    first, command = next(iter(readings)), message.splitlines()[-1]
    assert f"-f {first} " in command
    subprocess.run(command.replace(f"-f {first} ", f"-f {right} "), shell=True, check=True)
    assert unicodedata.normalize("NFD", text_of(path, path.name)) == unicodedata.normalize(
        "NFD", table(text)
    )
    kept = path.with_name(f"{path.name}.orig").read_bytes()
    assert (gzip.decompress(kept) if packed else kept) == content


@pytest.mark.parametrize("language", ["ar", "bg", "de", "ja", "ko", "th", "tr", "vi", "zh"])
def test_the_commonest_encoding_of_a_language_is_the_first_guess(
    tmp_path: Path, language: str
) -> None:
    text, encodings = TEXTS[language]
    content = table(text).encode(encodings.split()[0])
    message = refusal(tmp_path / "a.tsv", content, f"{language}.tsv")
    assert next(iter(shown(message).values())) == f"0\t{text}\tgood"


@pytest.mark.parametrize("language", ["ar", "el", "he", "ja", "ko", "ru", "th", "zh"])
def test_without_the_language_the_right_line_is_shown_too(tmp_path: Path, language: str) -> None:
    text, encodings = TEXTS[language]
    content = table(text, 20).encode(encodings.split()[0])
    assert f"0\t{text}\tgood" in shown(refusal(tmp_path / "a.tsv", content, "a.tsv")).values()


def test_the_line_that_is_shown_is_one_that_tells(tmp_path: Path) -> None:
    content = table("Dobrý den", 20) + table("šum", 2)
    message = refusal(tmp_path / "a.tsv", content.encode("cp1250"), "cs.tsv")
    assert message.startswith("cs.tsv:2: not UTF-8") and re.search(
        r"Line 23 may read:\n  CP1250: +0\tšum", message
    )


def test_bytes_that_no_encoding_has_ask_for_it(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a.tsv", b"id\ttext\n1\t\x81\x81\xff\xff\x90\n" * 3, "a.tsv")
    assert "Find out its ENCODING" in message or "may read:" in message


def test_a_long_file_is_guessed_from_whole_letters_of_its_beginning() -> None:
    lines = table(TEXTS["ja"][0], 5_000).encode("shift_jis").split(b"\n")[1:]
    assert next(iter(likely_readings(lines, {"ja"}))) == "CP932"


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
        with pytest.raises(UserError, match="(?s)^ru/train.tsv:2: not UTF-8 .* KOI8-R:"):
            read(run)


def test_long_lines_are_cut_to_where_they_differ(tmp_path: Path) -> None:
    text = "Nothing but plain letters for a long while, and then, at last, a süßes Frühstück " * 2
    message = refusal(tmp_path / "a.tsv", table(text).encode("cp850"), "de/a.tsv")
    readings = shown(message)
    assert "süßes" in readings["CP850"] and readings["CP850"].startswith("…")
    assert all(len(reading) < 65 for reading in readings.values())
    assert len(set(readings.values())) == len(readings)


@pytest.mark.parametrize("language", ["fi", "fr", "ru", "de", "es"])
def test_of_readings_that_are_as_orderly_the_commoner_encoding_comes_first(language: str) -> None:
    text = {"fi": "Siirryttäessä uuteen järjestelmään työ jäi kesken"} | {
        code: example for code, (example, _) in TEXTS.items()
    }
    encoding = "cp1251" if language == "ru" else "cp1252"
    lines = table(text[language]).encode(encoding).split(b"\n")[1:]
    assert next(iter(likely_readings(lines, {language}))) == encoding.upper()
