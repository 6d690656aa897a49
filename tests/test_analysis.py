"""Every table against a case computed by hand."""

import dataclasses

import datasets
import numpy as np
import pandas as pd
import pytest

from xling.analysis.accuracy import accuracy
from xling.analysis.coverage import coverage, group_of, mean_coverage
from xling.analysis.example_metadata import Examples, examples
from xling.analysis.influential import influential, traced
from xling.analysis.means import mean_influence
from xling.analysis.shares import labels, own_language_share, shares
from xling.analysis.translations import expected, reinforcing, translations, versions
from xling.attribution import Ranking, Traces
from xling.sketch import Sketches, SketchMetadata

# Training examples 0-5: de 1, de 2, en 1, en 2, fr 1, fr 3 (language, parallel id).
TRAIN = Examples(
    ids=("de1", "de2", "en1", "en2", "fr1", "fr3"),
    languages=("de", "en", "fr"),
    language=np.array([0, 0, 1, 1, 2, 2]),
    label=np.array([0, 1, 0, 1, 0, 1]),
    parallel=np.array([0, 1, 0, 1, 0, 2]),
)
# Test examples: two of de, two of en.
TEST = Examples(
    ("de8", "de9", "en8", "en9"), ("de", "en"), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), None
)
POSITIVE = np.array([[0, 2, 4], [1, 0, 5], [2, 3, 1], [4, 5, 0]])
NEGATIVE = np.array([[5, 4, 3], [2, 3, 4], [0, 1, 4], [0, 1, 2]])


def traces() -> Traces:
    scores = np.tile(np.array([3.0, 2.0, 1.0]), (4, 1))
    means = np.arange(12.0).reshape(4, 3)
    return Traces(Ranking(POSITIVE, scores), Ranking(NEGATIVE, -scores), means)


def cell(table: pd.DataFrame, column: str, **where: object) -> float:
    for key, value in where.items():
        table = table[table[key] == value]
    assert len(table) == 1
    return table[column].item()


def whole(coverage: pd.DataFrame) -> pd.DataFrame:
    """The rows of the sum over the epochs and the mean over the languages."""
    return coverage[(coverage.epoch == 0) & (coverage.language == "all")]


def test_shares_are_the_mean_composition_of_the_top_k_sets():
    table = shares([traces(), traces()], TRAIN, TEST)
    positive = table[(table.epoch == 0) & (table.sign == "+")]
    share = {(r.test_language, r.train_language): r.share for r in positive.itertuples()}
    # de8: one of each; de9: de de fr. en8: en en de; en9: fr fr de.
    sixth = 1 / 6
    assert share == pytest.approx(
        {
            ("de", "de"): 3 * sixth,
            ("de", "en"): 1 * sixth,
            ("de", "fr"): 2 * sixth,
            ("en", "de"): 2 * sixth,
            ("en", "en"): 2 * sixth,
            ("en", "fr"): 2 * sixth,
        }
    )
    row = dict(epoch=0, sign="+", test_language="de", train_language="de")
    assert cell(table, "low", **row) == pytest.approx(1 / 3)  # the two examples have 1/3 and 2/3
    assert cell(table, "high", **row) == pytest.approx(2 / 3)
    assert set(table.base_rate) == {1 / 3} and set(table.test_examples) == {2}
    sums = table.groupby(["epoch", "sign", "test_language"]).share.sum()
    assert np.allclose(sums, 1) and len(sums) == 8
    assert own_language_share(table) == pytest.approx({"de": 0.5, "en": 1 / 3})
    assert np.allclose(table.lift, 3 * table.share)


def test_own_language_shares_are_of_the_most_positive_by_the_summed_influence():
    rows = [
        (0, "+", "de", "de", 0.5),
        (0, "-", "de", "de", 0.4),
        (0, "+", "de", "en", 0.3),
        (1, "+", "de", "de", 0.2),
        (0, "+", "en", "en", 0.1),
        (0, "+", "ko", "en", 0.6),
    ]
    columns = "epoch sign test_language train_language share".split()
    assert own_language_share(pd.DataFrame(rows, columns=columns)) == {"de": 0.5, "en": 0.1}


def test_shares_within_a_label_are_pooled_over_its_members():
    """de8 (label 0): de1, en1, fr1 have its label; de9 (label 1): de2 and fr3, but not de1."""
    table = shares([traces()], TRAIN, TEST)
    rows = dict(epoch=0, sign="+", test_language="de")
    assert cell(table, "same_label", train_language="de", **rows) == pytest.approx(2 / 5)
    assert cell(table, "same_label", train_language="fr", **rows) == pytest.approx(2 / 5)


def test_the_share_of_the_own_label_is_given_with_its_base_rate():
    """All of de8's members have its label, and two of de9's three have de9's."""
    table = labels(traces(), TRAIN, TEST)
    assert cell(table, "same_label", sign="+", test_language="de") == pytest.approx((1 + 2 / 3) / 2)
    assert cell(table, "low", sign="+", test_language="de") == pytest.approx(2 / 3)
    assert cell(table, "base_rate", sign="+", test_language="de") == 0.5


def test_a_label_that_no_training_example_has_has_a_base_rate_of_zero():
    test = dataclasses.replace(TEST, label=np.array([2, 2, 0, 3]))
    table = labels(traces(), TRAIN, test)
    assert cell(table, "base_rate", sign="+", test_language="de") == 0
    assert cell(table, "base_rate", sign="+", test_language="en") == 0.5 / 2
    assert cell(table, "same_label", sign="+", test_language="de") == 0


def test_mean_influence_is_averaged_over_a_languages_test_examples():
    table = mean_influence([traces()], TRAIN, TEST)
    assert cell(table, "mean", test_language="de", train_language="fr") == (2 + 5) / 2
    assert cell(table, "mean", test_language="en", train_language="de") == (6 + 9) / 2
    assert cell(table, "low", test_language="de", train_language="fr") == 2


def test_reinforcing_members_translate_one_of_the_test_language():
    table = reinforcing(traces(), TRAIN, TEST)
    # de8: de1 with en1 and fr1, both its translations; de9: fr3 translates neither. 2 of 3.
    assert cell(table, "reinforcing", sign="+", test_language="de") == pytest.approx(2 / 3)
    assert cell(table, "members", sign="+", test_language="de") == 3
    # en8: en1, en2 and de2, a translation; en9: no English member, so its three are none. 1 of 4.
    assert cell(table, "reinforcing", sign="+", test_language="en") == pytest.approx(1 / 4)
    # Negative: de8 has no German member, de9 neither: 0 of 6.
    assert cell(table, "reinforcing", sign="-", test_language="de") == 0


def test_random_members_reinforce_too_by_as_much_as_shuffling_shows():
    table = reinforcing(traces(), TRAIN, TEST)
    # de8 has de1, whose translations are 1 of 2 of en and 1 of 2 of fr; of de9's de1 and de2, 1 of
    # 2 of fr is one: (1/2 + 1/2 + 1/2) / 3. All of German translates en8's, none what en9 lacks.
    assert cell(table, "expected", sign="+", test_language="de") == pytest.approx(1 / 2)
    assert cell(table, "expected", sign="+", test_language="en") == pytest.approx(1 / 4)
    assert cell(table, "expected", sign="-", test_language="de") == 0

    rng, languages = np.random.default_rng(0), np.repeat(np.arange(3), [30, 20, 25])
    contents = np.concatenate([rng.choice(40, size, replace=False) for size in (30, 20, 25)])
    train = Examples((), ("de", "en", "fr"), languages, languages * 0, contents)
    own, drawn = np.arange(8), []
    for _ in range(4000):
        en, fr = (rng.choice(np.flatnonzero(languages == of), of * 4, False) for of in (1, 2))
        drawn.append(translations(np.r_[own, en, fr], train, "de").sum())
    mean = expected(np.r_[own, en, fr], train, "de", versions(train))
    assert mean == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 4000**0.5)


def test_reinforcing_has_no_row_where_it_is_not_defined():
    only_own = Traces(
        Ranking(np.array([[0, 1], [1, 4], [0, 4], [2, 4]]), np.zeros((4, 2))),
        Ranking(NEGATIVE, np.zeros((4, 3))),
        np.zeros((4, 3)),
    )
    table = reinforcing(only_own, TRAIN, TEST)
    assert set(zip(table.sign, table.test_language, strict=True)) == {
        ("+", "en"),
        ("-", "de"),
        ("-", "en"),
    }
    unseen = Examples(("ko1", "ko2"), ("ko",), np.array([0, 0]), np.array([0, 0]), None)
    assert len(reinforcing(only_own, TRAIN, unseen)) == 0


def test_influential_examples_are_ranked_and_marked_as_translations():
    corpus = datasets.Dataset.from_dict(
        {
            "id": list(TRAIN.ids),
            "language": ["de", "de", "en", "en", "fr", "fr"],
            "label": [0, 1, 0, 1, 0, 1],
            "text": list("abcdef"),
            "text_pair": [None] * 6,
        }
    )
    own_script = np.array([True, True, False, True, True, True])
    table = influential(traces(), corpus, TRAIN, TEST, ("no", "yes"), own_script)
    first = table[(table.test_id == "de8") & (table.sign == "+")]
    assert first.train_id.tolist() == ["de1", "en1", "fr1"]
    assert first.translation.tolist() == [False, True, True]
    assert first.own_script.tolist() == [True, False, True]
    assert first["rank"].tolist() == [1, 2, 3] and first.score.tolist() == [3, 2, 1]
    assert first.text.tolist() == ["a", "c", "e"] and first.label.tolist() == ["no"] * 3
    assert len(table) == 4 * 3 * 2


def test_accuracies_are_listed_by_epoch_and_language():
    history = [
        {"epoch": 1, "languages": {"de": 0.5, "en": 0.75}},
        {"epoch": 2, "languages": {"de": 1.0, "en": 0.25}},
    ]
    table = accuracy(history, list("xxxx"), ["de", "de", "en"], [True, False, True], 2)
    assert cell(table, "accuracy", split="dev", epoch=2, language="en") == 0.25
    assert cell(table, "accuracy", split="test", language="de") == 0.5
    assert cell(table, "examples", split="test", language="en") == 1


def test_coverage_sums_squared_norms_by_kind_of_parameter():
    names = {
        "encoder.embeddings.word_embeddings.weight": 6.0,
        "encoder.embeddings.LayerNorm.bias": 1.0,
        "encoder.layer.0.attention.self.query.weight": 2.0,
        "encoder.layer.0.output.dense.weight": 3.0,
        "head.output.weight": 8.0,
    }
    sizes = dict.fromkeys(names, 10)

    def sketched(norms):
        metadata = SketchMetadata(["a", "b"], {}, 1, sizes, ["head.output.weight"])
        sketches = Sketches.empty(metadata)
        sketches.write(0, np.ones((2, 1)), {"de": norms, "en": norms}, {"de": 1, "en": 1})
        return sketches

    table = coverage([sketched(names), sketched(names)])
    assert set(table.epoch) == {0, 1, 2} and set(table.language) == {"de", "en", "all"}
    assert table.index.is_unique and table.epoch.is_monotonic_increasing
    table = whole(table)
    assert cell(table, "square_norm_share", group="head") == 0.4
    assert not cell(table, "covered", group="head")
    assert cell(table, "square_norm_share", group="feed-forward") == pytest.approx(3 / 20)
    assert table.parameters.sum() == 50 and table.square_norm_share.sum() == pytest.approx(1)
    del names["head.output.weight"]  # skipped and not measured: no share, rather than a zero
    table = whole(coverage([sketched(names)]))
    assert np.isnan(cell(table, "square_norm_share", group="head"))


def test_the_kind_of_a_parameter_is_known_by_its_name():
    assert group_of("encoder.layer.3.attention.output.LayerNorm.weight") == "layer norm"
    assert group_of("transformer.h.0.ln_1.bias") == "layer norm"
    assert group_of("transformer.h.0.attn.c_attn.weight") == "attention"
    assert group_of("model.layers.0.mlp.up_proj.weight") == "feed-forward"
    assert group_of("head.output.weight") == "head"
    assert group_of("model.embed_tokens.weight") == "embeddings"


def test_coverage_is_averaged_over_subnetworks_row_by_row():
    """A kind of which one subnetwork has no share has no mean, rather than that of the others."""
    columns = "epoch language group parameters square_norm_share covered".split()
    first = pd.DataFrame(
        [(0, "all", "head", 8, 0.75, True), (0, "all", "embeddings", 9, 0.25, False)],
        columns=columns,
    )
    second = first.iloc[::-1].assign(square_norm_share=[np.nan, 0.25])
    assert mean_coverage([first]) is first
    table = mean_coverage([first, second])
    assert list(table.columns) == columns and table["group"].to_list() == ["head", "embeddings"]
    assert table.square_norm_share.to_list() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert table.parameters.to_list() == [8, 9] and table.covered.to_list() == [True, False]


def test_examples_are_numbered_by_language_and_translation():
    data = datasets.Dataset.from_dict(
        {
            "id": ["a", "b", "c"],
            "language": ["en", "de", "en"],
            "label": [1, 1, 0],
            "parallel_id": ["7", "7", "9"],
        }
    )
    known = examples(data, ["de", "fr", "en"])
    assert known.languages == ("de", "en") and known.language.tolist() == [1, 0, 1]
    assert known.parallel.tolist() == [0, 0, 1] and known.rows_of("en").tolist() == [0, 2]
    assert known.ids == ("a", "b", "c") and known.label.tolist() == [1, 1, 0]
    single = examples(
        data.remove_columns("parallel_id").add_column("parallel_id", [None] * 3), ["en", "de"]
    )
    assert single.parallel is None and single.languages == ("en", "de")


def test_traced_examples_carry_the_probability_of_the_class_predicted():
    test = datasets.Dataset.from_dict(
        {
            "id": ["de7", "en7"],
            "language": ["de", "en"],
            "label": [1, 0],
            "text": ["ja", "yes"],
            "text_pair": [None, "no"],
            "parallel_id": ["7", "7"],
        }
    )
    table = traced(test, np.array([[0.25, 0.75], [0.4, 0.6]]), np.array([1, 1]), ("no", "yes"))
    columns = "test_id language label predicted probability text text_pair parallel_id"
    assert list(table.columns) == columns.split()
    assert table.astype(object).where(table.notna(), None).to_numpy().tolist() == [
        ["de7", "de", "yes", "yes", 0.75, "ja", None, "7"],
        ["en7", "en", "no", "yes", 0.6, "yes", "no", "7"],
    ]


def test_only_parallel_tasks_have_translations():
    train = dataclasses.replace(TRAIN, parallel=None)
    with pytest.raises(ValueError, match="parallel task"):
        translations(np.array([0, 2]), train, "de")
    assert not translations(np.array([0, 2]), TRAIN, "ko").any()  # no own member to translate
