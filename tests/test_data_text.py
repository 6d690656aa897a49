"""A file's text arrives whatever it is packed in; what is no text is told apart."""

import gzip
import subprocess
from pathlib import Path

import pytest

from xling.data.text import lines_of, text_of
from xling.errors import UserError

RUSSIAN = "id\ttext\tlabel\n" + "1\tПривет, как дела сегодня?\tgood\n" * 20


def text(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return text_of(path, path.name)


def refusal(path: Path, content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        text(path, content)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_with_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    assert text(tmp_path / "a.tsv", RUSSIAN.encode(encoding)) == RUSSIAN


def test_packed_files_are_read_and_damaged_ones_named(tmp_path: Path) -> None:
    packed = gzip.compress(RUSSIAN.encode())
    assert text(tmp_path / "a.tsv.gz", packed) == RUSSIAN
    for damaged in (packed[:-20], b"no archive", packed[:30] + b"x" * 40):
        assert "a.tsv.gz cannot be unpacked: " in refusal(tmp_path / "a.tsv.gz", damaged)


def test_a_damaged_line_of_utf8_is_not_called_another_encoding(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a.tsv", RUSSIAN.encode() + b"2\tcaf\xe9\tgood\n")
    assert "a.tsv:22: not UTF-8" in message
    assert "The rest of the file is" in message
    assert "iconv" not in message


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize("line", ["plain", "Äpfel sind süß", "这是一个中文句子", "Привет"])
@pytest.mark.parametrize("name", ["my a.tsv", "a.tsv.gz", "a.TSV.GZ"])
def test_the_advice_on_an_encoding_without_its_mark_gives_the_right_text(
    tmp_path: Path, encoding: str, line: str, name: str
) -> None:
    content = f"1\t{line}\tgood\n" * 3 if line != "plain" else '[{"text": "plain"}]'
    data = content.encode(encoding)
    path = tmp_path / name
    message = refusal(path, data if name.endswith("tsv") else gzip.compress(data))
    assert f"{name} is {encoding}, without the mark of it" in message
    subprocess.run(message.splitlines()[-1], shell=True, check=True)
    assert text_of(path, name) == content


@pytest.mark.parametrize(
    ("encoding", "line"),
    [("ISO-2022-JP", "これは日本語の文章です"), ("ISO-2022-KR", "한국어 문장")],
)
def test_an_encoding_that_is_ascii_to_the_eye_is_not_read_as_it_stands(
    tmp_path: Path, encoding: str, line: str
) -> None:
    content = f"1\t{line}\tgood\n" * 3
    message = refusal(tmp_path / "a.tsv", content.encode(encoding))
    assert message.startswith(f"a.tsv is {encoding}. Convert it; a.tsv.orig will be")
    subprocess.run(message.splitlines()[-1], shell=True, check=True)
    assert text_of(tmp_path / "a.tsv", "a.tsv") == content


@pytest.mark.parametrize("content", [b"id\ttext\n1\ta\0b\n", b"id\ttext\n1\t\xff\0b\n"])
def test_other_nul_characters_are_damage(tmp_path: Path, content: bytes) -> None:
    message = refusal(tmp_path / "a.tsv", content)
    assert message.startswith("a.tsv:2: a NUL character") and "iconv" not in message
    assert "a.tsv begins as UTF-16" in refusal(tmp_path / "a.tsv", "ab".encode("utf-16")[:-1])


def test_the_pointer_to_a_large_file_is_not_read_as_data(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    assert "git lfs pull" in refusal(tmp_path / "a.tsv", pointer)


def test_only_line_feeds_part_lines_unless_there_are_none(tmp_path: Path) -> None:
    assert lines_of("a\u2028b\r\nc\x85d\n") == ["a\u2028b", "c\x85d"]
    assert text(tmp_path / "a", b"a\rb\r") == "a\nb\n"
    assert text(tmp_path / "a", b"a\rb\n") == "a\rb\n"
