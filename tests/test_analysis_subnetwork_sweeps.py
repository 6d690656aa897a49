"""What runs with subnetworks show together, against cases computed by hand."""

import numpy as np
import pandas as pd
import pytest

from xling.analysis.change import CHANGE_COLUMNS
from xling.analysis.subnetwork_sweeps import (
    composed,
    disabled_heads,
    head_use,
    own_share_epochs,
    random_accuracy,
    random_masks,
    sft_accuracy,
    sweep_change,
)


def run(name: str, tuning: str = "full", seed: int = 0, **more) -> dict:
    """What the tables need of a run's results.json."""
    fields = {"name": name, "apply": "both", "seed": seed, "language": None, "languages": []}
    fields["compose"] = None
    fields |= {key: more.pop(key) for key in list(more) if key in fields}
    label = f"random {seed}" if name == "random" else name
    variant = label if tuning == "full" else f"SFT, {label}"
    common = {"task": "pawsx", "languages": ["de", "en"], "config": {"seed": 7}}
    return {**common, "subnetwork": fields, "tuning": tuning, "variant": variant, **more}


def changes(**by_language: float) -> pd.DataFrame:
    """The table `subnetwork_change`, of the most positive examples' own-language share."""
    rows = [
        ("+", language, language, 0.2, 0.2 + value, value, value - 1, value + 1, 0.01, 0.02, 9)
        for language, value in by_language.items()
    ]
    return pd.DataFrame(rows, columns=CHANGE_COLUMNS)


def accuracies(**by_language: float) -> pd.DataFrame:
    """The table `subnetwork_accuracy`, as far as it is looked at."""
    rows = [(language, 0.99, value) for language, value in by_language.items()]
    return pd.DataFrame(rows, columns=["language", "full", "subnetwork"])


def test_sweep_change_labels_the_runs():
    runs = {"a": run("identified", "sparse"), "b": run("full"), "c": run("random", seed=2)}
    tables = {
        "a": {"subnetwork_change": changes(de=0.1)},
        "b": {},
        "c": {"subnetwork_change": changes(de=0.2, en=0.3)},
    }
    table = sweep_change(runs, tables)
    assert list(table.columns) == ["run", "variant", "tuning", *CHANGE_COLUMNS]
    assert table[["run", "variant", "tuning", "change"]].to_numpy().tolist() == [
        ["a", "SFT, identified", "sparse", 0.1],
        ["c", "random 2", "full", 0.2],
        ["c", "random 2", "full", 0.3],
    ]


def test_an_identified_mask_is_placed_among_random_ones():
    """German: .5 against 0, .1, .2, .3, .4; English in the identified run alone."""
    drawn = [0.0, 0.1, 0.2, 0.3, 0.4]
    runs = {"i": run("identified"), "other": run("identified", "sparse")}
    tables = {name: {"subnetwork_change": changes(de=0.5, en=0.5)} for name in runs}
    for seed, value in enumerate(drawn):
        runs[f"r{seed}"] = run("random", seed=seed)
        tables[f"r{seed}"] = {"subnetwork_change": changes(de=value)}
    runs["s"] = run("suboptimal", language="en")
    tables["s"] = {"subnetwork_change": changes(de=9.0)}
    table = random_masks(runs, tables)
    columns = "tuning sign test_language train_language change random_mean random_low random_high"
    assert list(table.columns) == [*columns.split(), "masks", "p"]
    row = table.iloc[0]
    assert len(table) == 1 and (row.tuning, row.sign, row.test_language) == ("full", "+", "de")
    assert (row.change, row.random_mean, row.masks) == pytest.approx((0.5, 0.2, 5))
    # The percentiles lie a tenth of the way from the ends to the next: .025 of four steps.
    assert (row.random_low, row.random_high) == pytest.approx((0.01, 0.39))
    assert row.p == pytest.approx(1 / 6)  # none is as far from .2
    tables["i"] = {"subnetwork_change": changes(de=0.0)}
    assert random_masks(runs, tables).p.item() == pytest.approx(3 / 6)  # 0 and .4 are as far


def test_runs_are_compared_that_agree_in_other_switches():
    """Two tasks and two ways to apply the masks in one sweep: four comparisons."""
    runs, tables = {}, {}
    for task, apply in [("pawsx", "both"), ("pawsx", "test"), ("marc", "both"), ("marc", "test")]:
        change = len(runs) / 100
        for kind in ("identified", "random"):
            name = f"{task} {apply} {kind}"
            runs[name] = run(kind, task=task, apply=apply)
            moved = change + (kind == "random")
            tables[name] = {
                "subnetwork_change": changes(de=moved),
                "subnetwork_accuracy": accuracies(de=moved),
            }
    table = random_masks(runs, tables)
    assert table.columns[:3].tolist() == ["task", "apply", "tuning"] and len(table) == 4
    assert table.random_mean.to_numpy() == pytest.approx(table.change + 1)
    assert (table.masks == 1).all() and table.change.to_list() == [0, 0.02, 0.04, 0.06]
    # One random mask is its own mean, so the identified one is farther from it: 1 / 2.
    assert (table.p == 1 / 2).all()
    table = random_accuracy(runs, tables)
    assert table.columns[:3].tolist() == ["task", "apply", "tuning"]
    assert table.random.to_numpy() == pytest.approx(table.identified + 1)


def test_identified_accuracy_is_compared_with_random_masks_after_the_same_tuning():
    runs = {"i": run("identified", "sparse"), "r1": run("random", "sparse", 1)}
    runs |= {"r2": run("random", "sparse", 2), "r3": run("random", "full", 3)}
    tables = {
        "i": {"subnetwork_accuracy": accuracies(de=0.8, en=0.7)},
        "r1": {"subnetwork_accuracy": accuracies(de=0.5)},
        "r2": {"subnetwork_accuracy": accuracies(de=0.6)},
        "r3": {"subnetwork_accuracy": accuracies(de=0.1, en=0.1)},
    }
    table = random_accuracy(runs, tables)
    columns = "tuning language identified random random_low random_high masks"
    assert list(table.columns) == columns.split() and len(table) == 1
    assert table.iloc[0].to_list() == ["sparse", "de", 0.8, pytest.approx(0.55), 0.5, 0.6, 2]


def correct(ids: str, right: str, language: str = "de") -> pd.DataFrame:
    """The table `correct`: 1 where the subnetwork classifies the test example correctly."""
    correct = np.array([mark == "1" for mark in right])
    return pd.DataFrame(
        {"test_id": list(ids), "language": language, "full": ~correct, "subnetwork": correct}
    )


def test_sft_accuracy_pairs_by_test_id():
    """Of five examples, sparse fine-tuning loses b and wins c, d, e: 2/5 and 4/5."""
    runs = {"sft": run("identified", "sparse"), "full": run("identified"), "base": run("full")}
    tables = {
        "sft": {"correct": correct("edcba", "11101")},
        "full": {"correct": correct("abcde", "11000")},
        "base": {"correct": correct("abcde", "00000")},
    }
    table = sft_accuracy(runs, tables)
    columns = "variant language after_full after_sft change low high p examples"
    assert list(table.columns) == columns.split() and len(table) == 1
    row = table.iloc[0]
    assert (row.variant, row.language) == ("identified", "de")
    assert (row.after_full, row.after_sft, row.change) == pytest.approx((0.4, 0.8, 0.4))
    assert row.p == pytest.approx(2 * (1 + 4) / 2**4) and row.examples == 5
    # Unpaired it could be 1; paired, no example can lose and win.
    assert row.low < 0.4 < row.high <= 1


def test_sft_accuracy_is_of_the_same_masks():
    table = {"correct": correct("ab", "10")}
    for other in (
        run("random", "sparse"),
        run("identified", "sparse", 1),
        run("identified", "sparse", language="en"),
        run("identified", "sparse", languages=["de", "en"]),
        run("identified", "sparse", compose="union"),
        run("identified", "sparse", task="marc"),
        run("identified", "sparse", config={"seed": 8}),
        run("identified", "full"),
    ):
        assert sft_accuracy({"a": run("identified"), "b": other}, {"a": table, "b": table}).empty
    runs = {
        "a": run("identified"),
        "b": run("identified", apply="test"),
        "c": run("identified", "sparse"),
    }
    assert len(sft_accuracy(runs, dict.fromkeys(runs, table))) == 1
    assert sft_accuracy(runs, {**dict.fromkeys(runs, table), "c": {}}).empty


def test_own_shares_are_listed_by_single_epochs():
    columns = "epoch sign test_language train_language share low high base_rate lift".split()
    rows = [
        (0, "+", "de", "de", 0.9, 0, 1, 0.5, 1),
        (1, "+", "de", "de", 0.3, 0.2, 0.4, 0.5, 1),
        (1, "-", "de", "de", 0.6, 0.5, 0.7, 0.5, 1),
        (1, "+", "de", "en", 0.7, 0, 1, 0.5, 1),
    ]
    shares = pd.DataFrame(rows, columns=columns)
    runs = {"f": run("full"), "r": run("random", "sparse", 3)}
    tables = {"f": {"shares": shares}, "r": {"shares": shares[1:2]}}
    table = own_share_epochs(runs, tables)
    columns = "run variant tuning language epoch sign share low high base_rate"
    assert list(table.columns) == columns.split()
    assert table.to_numpy().tolist() == [
        ["f", "full", "full", "de", 1, "+", 0.3, 0.2, 0.4, 0.5],
        ["f", "full", "full", "de", 1, "-", 0.6, 0.5, 0.7, 0.5],
        ["r", "SFT, random 3", "sparse", "de", 1, "+", 0.3, 0.2, 0.4, 0.5],
    ]
    alone = own_share_epochs({"f": runs["f"]}, tables)  # nothing to compare
    assert alone.empty and list(alone.columns) == columns.split()


def test_composed_subnetworks_are_labelled_with_what_they_are_made_of():
    pair = {"languages": ["es", "fr"], "compose": "intersection"}
    runs = {"i": run("identified"), "c": run("composed", "sparse")}
    runs["c"]["subnetwork"] |= pair
    tables = {name: {"subnetwork_change": changes(es=0.1, fr=0.2)} for name in runs}
    table = composed(runs, tables)
    assert list(table.columns) == ["run", "variant", "compose", "languages", *CHANGE_COLUMNS]
    assert table[
        ["run", "compose", "languages", "train_language", "change"]
    ].to_numpy().tolist() == [
        ["c", "intersection", "es fr", "es", 0.1],
        ["c", "intersection", "es fr", "fr", 0.2],
    ]


def test_where_nothing_applies_the_tables_are_empty():
    """Runs without subnetworks, also those of versions that knew none."""
    old = {"task": "pawsx", "languages": ["de"], "config": {}}
    tables = {name: {"shares": pd.DataFrame()} for name in ("a", "b")}
    columns_of = {
        sweep_change: ["run", "variant", "tuning", *CHANGE_COLUMNS],
        composed: ["run", "variant", "compose", "languages", *CHANGE_COLUMNS],
        own_share_epochs: "run variant tuning language epoch sign share low high base_rate".split(),
        random_masks: "tuning sign test_language train_language change random_mean random_low "
        "random_high masks p".split(),
        random_accuracy: "tuning language identified random random_low random_high masks".split(),
        sft_accuracy: "variant language after_full after_sft change low high p examples".split(),
    }
    for function, columns in columns_of.items():
        for runs in ({"a": run("full"), "b": old}, {}):
            table = function(runs, tables)
            assert table.empty and list(table.columns) == columns, function
    assert list(disabled_heads({}).columns) == "task language disabled heads multiple".split()
    assert list(head_use({}).columns) == ["task", "layer", "head", "languages"]


def masks(**by_language: str) -> pd.DataFrame:
    """The table `masks` of layers with ten heads; a 1 is a head that is on."""
    rows = [
        (language, number // 10 + 1, number % 10 + 1, on == "1")
        for language, mask in by_language.items()
        for number, on in enumerate(mask)
    ]
    return pd.DataFrame(rows, columns=["language", "layer", "head", "on"])


def test_disabled_heads_are_counted_in_steps_of_the_pruning():
    """Of 20 heads a step takes 2; of 5, which have no tenth, 1."""
    tables = {
        "pawsx": masks(ko="0" * 4 + "1" * 16, de="1" * 17 + "0" * 3, en="1" * 20),
        "marc": masks(zh="01011"),
    }
    assert disabled_heads(tables).to_numpy().tolist() == [
        ["pawsx", "ko", 4, 20, True],
        ["pawsx", "de", 3, 20, False],
        ["pawsx", "en", 0, 20, True],
        ["marc", "zh", 2, 5, True],
    ]


def test_a_head_is_used_by_the_languages_whose_masks_have_it_on():
    both = masks(de="1" * 10 + "0" * 9 + "1", en="0" + "1" * 9 + "0" * 9 + "1")
    table = head_use({"pawsx": both, "marc": masks(zh="01")})
    assert list(table.columns) == ["task", "layer", "head", "languages"]
    assert table[table.task == "pawsx"].languages.to_list() == [1, *[2] * 9, *[0] * 9, 2]
    assert table[table.task == "marc"].to_numpy().tolist() == [["marc", 1, 1, 0], ["marc", 1, 2, 1]]


def test_random_masks_of_two_methods_are_two_distributions():
    """Shares that one method gives say nothing of chance by another."""
    runs, tables = {}, {}
    for method, drawn in (("tracin", [0.0, 0.1]), ("embedding", [0.5, 0.6, 0.7])):
        more = {} if method == "tracin" else {"method": method}  # earlier versions name none
        runs[method] = run("identified", **more)
        tables[method] = {"subnetwork_change": changes(de=0.9)}
        for seed, value in enumerate(drawn):
            runs[f"{method}{seed}"] = run("random", seed=seed, **more)
            tables[f"{method}{seed}"] = {"subnetwork_change": changes(de=value)}
    table = random_masks(runs, tables).set_index("method")
    assert table["masks"].to_dict() == {"tracin": 2, "embedding": 3}
    assert table["random_mean"].to_dict() == pytest.approx({"tracin": 0.05, "embedding": 0.6})


def test_the_method_does_not_change_what_is_predicted():
    predicted = pd.DataFrame(
        {"test_id": ["1", "2"], "language": "de", "full": True, "subnetwork": [True, False]}
    )
    runs = {
        f"{tuning}, {method}": run("identified", tuning, method=method)
        for tuning in ("full", "sparse")
        for method in ("tracin", "embedding")
    }
    table = sft_accuracy(runs, {name: {"correct": predicted} for name in runs})
    assert "method" not in table and len(table) == 1
