"""The sample corpus: sizes, balance, parallel ids, clean text; and the tokenizer made from it."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from conftest import run_command
from corpus_digest import digest
from transformers import AutoTokenizer

from xling.data.sample import LANGUAGES, SIZES, TASKS, pawsx, rows, xnli
from xling.data.sample.lexicon.facts import ko as korean_facts
from xling.data.sample.marc import stars_of
from xling.data.sample.tokenizer import train_tokenizer
from xling.errors import UserError

TEXTS = {
    "xnli": ("premise", "hypothesis"),
    "pawsx": ("sentence1", "sentence2"),
    "marc": ("review_title", "review_body"),
}
LABEL = {"xnli": "label", "pawsx": "label", "marc": "stars"}
SHARES = {
    "xnli": {"entailment": 1 / 2, "neutral": 1 / 4, "contradiction": 1 / 4},
    "pawsx": {"0": 1 / 2, "1": 1 / 2},
    "marc": {"1": 1 / 4, "2": 1 / 4, "4": 1 / 4, "5": 1 / 4},
}
SCRIPTS = {
    "ko": re.compile(r"[\uac00-\ud7a3]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
}
EVERY = [(task, language) for task in TASKS for language in LANGUAGES]


@cache
def whole(task: str, language: str) -> list[dict[str, str]]:
    return [row for split in SIZES for row in rows(task, language, split)]


@cache
def texts(task: str, language: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in TEXTS[task]) for row in whole(task, language)]


def sentences(task: str, language: str) -> set[str]:
    """All texts but the titles of reviews, which are headlines."""
    pairs = texts(task, language)
    return {second for _, second in pairs} | (
        set() if task == "marc" else {first for first, _ in pairs}
    )


@pytest.mark.parametrize(("task", "language"), EVERY)
def test_no_pair_of_texts_occurs_twice_in_all_splits(task, language):
    pairs = texts(task, language)
    assert len(pairs) == 5000
    assert len(set(pairs)) == 5000


@pytest.mark.parametrize(("task", "language"), EVERY)
def test_splits_have_their_sizes_ids_and_columns(task, language):
    for split, first, size in (("train", 0, 4000), ("dev", 4000, 500), ("test", 4500, 500)):
        examples = rows(task, language, split)
        assert [row["id"] for row in examples] == [str(n) for n in range(first, first + size)]
        assert {tuple(row) for row in examples} == {("id", *TEXTS[task], LABEL[task])}
        assert all(isinstance(value, str) and value for row in examples for value in row.values())


@pytest.mark.parametrize(("task", "language"), EVERY)
def test_labels_are_balanced_in_every_split(task, language):
    for split, size in SIZES.items():
        counts = Counter(row[LABEL[task]] for row in rows(task, language, split))
        assert counts == {label: size * share for label, share in SHARES[task].items()}


@pytest.mark.parametrize("task", ["xnli", "pawsx"])
def test_rows_of_one_id_are_translations_with_one_label(task):
    labels = {language: [row["label"] for row in whole(task, language)] for language in LANGUAGES}
    assert all(labels[language] == labels["en"] for language in LANGUAGES)
    # Names, years and prices of the facts are written alike in de, en, es and fr.
    if task == "pawsx":
        digits = {
            language: [sorted(re.findall(r"\d+", " ".join(pair))) for pair in texts(task, language)]
            for language in LANGUAGES
        }
        assert all(digits[language] == digits["en"] for language in LANGUAGES)


def test_parallel_rows_say_the_same():
    keyed = {
        "en": ("Nobody", "Someone", "did not", "with a colleague", "musical instrument"),
        "de": ("Niemand", "Jemand", "nicht", "mit einer Kollegin", "Musikinstrument"),
        "ru": ("Никто", "Кто-то", " не ", "с коллегой", "музыкальный инструмент"),
        "zh": ("没有人", "有人", "没有", "和同事一起", "乐器"),
    }
    for row in zip(*(whole("xnli", language) for language in keyed), strict=True):
        hypotheses = dict(zip(keyed, (r["hypothesis"] for r in row), strict=True))
        for n in (0, 3, 4):
            assert len({keyed[lang][n] in text for lang, text in hypotheses.items()}) == 1


def test_an_entailed_event_says_nothing_that_the_premise_does_not():
    for item in islice(xnli.draw(Random(5)), 2000):
        said, premise = item.hypothesis, item.premise
        agrees = said.negated == premise.negated and all(
            getattr(said, part) in (None, getattr(premise, part))
            for part in ("person", "place", "day", "part", "extra", "verb", "object")
        )
        if item.label == "entailment":
            assert agrees
            assert not (said.person is None and said.negated)
        elif item.remark == "":
            assert not agrees


def test_paraphrases_are_the_same_fact_and_the_others_are_not():
    for item in islice(pawsx.draw(Random(5)), 2000):
        first, second = item.first, item.second
        exchanged = pawsx.KINDS[first.kind].symmetric
        slots = dict(second.slots)
        if exchanged and slots != dict(first.slots):
            one, other = exchanged
            slots[one], slots[other] = slots[other], slots[one]
        same = replace(second, slots=tuple(slots.items())) == first
        assert same == (item.label == "1")


def test_reviews_are_drawn_for_each_language_on_its_own():
    stars = {language: [row["stars"] for row in whole("marc", language)] for language in LANGUAGES}
    assert len({tuple(values) for values in stars.values()}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("total", "stars"),
    [(6, "5"), (3, "5"), (2, "4"), (1, "4"), (0, None), (-1, "2"), (-2, "2"), (-3, "1")],
)
def test_stars_follow_from_the_verdicts(total, stars):
    assert stars_of(total) == stars


@pytest.mark.parametrize(("task", "language"), EVERY)
def test_texts_are_clean(task, language):
    for pair in set(texts(task, language)):
        for text in pair:
            assert not re.search(r"[{}\[\]|]|  |None| [.,]|\.\.|,,", text), text
            assert text == text.strip()
            if language in SCRIPTS:
                assert SCRIPTS[language].search(text), text
            if language in ("ru", "ko", "zh"):
                assert not re.search(r"[A-Za-z]", text), text


@pytest.mark.parametrize(("task", "language"), EVERY)
def test_sentences_begin_with_a_capital_and_end_with_a_full_stop(task, language):
    for text in sentences(task, language):
        assert text.endswith("。" if language == "zh" else "."), text
        if language not in ("ko", "zh"):
            assert text[0].isupper(), text


@pytest.mark.parametrize("task", ["xnli", "pawsx"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_two_texts_of_a_pair_differ(task, language):
    assert all(first != second for first, second in texts(task, language))


def test_korean_particles_follow_the_final_consonant():
    assert korean_facts.CITIES["vienna"]["top"] == "빈은"
    assert korean_facts.CITIES["vienna"]["to"] == "빈으로"
    assert korean_facts.CITIES["paris"]["and"] == "파리와"
    assert korean_facts.THINGS["hotel"]["to"] == "낡은 호텔로"  # ㄹ takes 로
    assert korean_facts.THINGS["castle"]["obj"] == "성을"


def test_russian_and_french_agree_with_the_person():
    for row in whole("xnli", "ru"):
        assert not re.match(r"(Врач|Повар|Учитель) \S*ла\b", row["premise"]), row
        assert not re.match(r"(Певица|Бабушка|Актриса) \S*л\b", row["premise"]), row
    for text in sentences("pawsx", "fr"):
        assert not re.search(r"(Nina Petit|Clara Fischer) est (né|moins âgé|plus âgé)\b", text)
        assert not re.search(r"\b(de|que|le|la) [aeiouhéA]", text.replace("la hâte", "")), text


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    assert rows("xnli", "de", "dev") == rows("xnli", "de", "dev", seed=0)
    for task in TASKS:
        assert rows(task, "de", "dev", seed=1) != rows(task, "de", "dev")


def test_changing_a_row_leaves_the_corpus_alone():
    rows("pawsx", "en", "dev")[0]["label"] = "spoilt"
    assert rows("pawsx", "en", "dev")[0]["label"] in ("0", "1")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("xnl", "de", "train"), "'xnli'"),
        (("xnli", "sw", "train"), "de, en, es"),
        (("xnli", "de", "tests"), "'test'"),
    ],
)
def test_what_the_corpus_does_not_have_is_named_with_what_it_has(arguments, word):
    with pytest.raises(UserError, match=re.escape(word)):
        rows(*arguments)


def test_another_process_makes_the_same_corpus_and_tokenizer():
    other = run_command(folder=Path(__file__).parent, module="corpus_digest", PYTHONHASHSEED="7")
    assert other.stdout.strip() == digest()


def test_the_tokenizer_has_the_ids_and_the_pair_format_of_xlm_r(sample_tokenizer):
    assert sample_tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>"]) == [0, 1, 2, 3]
    assert sample_tokenizer.mask_token_id == len(sample_tokenizer) - 1
    first, second = (sample_tokenizer(text, add_special_tokens=False).input_ids for text in "ab")
    assert sample_tokenizer("a", "b").input_ids == [0, *first, 2, 2, *second, 2]
    assert "token_type_ids" not in sample_tokenizer("a", "b")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tokenizer_gives_back_the_text(sample_tokenizer, language):
    for row in rows("xnli", language, "dev")[:50]:
        ids = sample_tokenizer(row["premise"]).input_ids
        assert 3 not in ids
        normal = row["premise"].replace("，", ",")  # NFKC
        assert sample_tokenizer.decode(ids, skip_special_tokens=True) == normal


def test_the_tokenizer_survives_being_saved(sample_tokenizer, tmp_path):
    sample_tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    row = rows("xnli", "zh", "test")[0]
    pair = row["premise"], row["hypothesis"]
    assert loaded(*pair).input_ids == sample_tokenizer(*pair).input_ids
    assert (loaded.pad_token_id, loaded.cls_token_id, loaded.sep_token_id) == (1, 0, 2)
    assert len(loaded) == len(sample_tokenizer) <= 2000


def test_a_vocabulary_smaller_than_the_alphabet_is_refused():
    with pytest.raises(
        UserError, match=r"vocabulary=8 is too small.*Write model\.tiny\.vocabulary=9 or more"
    ):
        train_tokenizer(["abc"], vocab_size=8)
