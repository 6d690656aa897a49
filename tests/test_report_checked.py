"""What the page of a run quotes of what was checked by fine-tuning again."""

import dataclasses
import html
import json
import re

import pandas as pd
from conftest import config

from xling.cli.messages import closing
from xling.report.sections.checked import measured, not_checked, scored_by, sketched_by, unmeasured
from xling.report.tables import Run


def test_a_run_whose_own_scores_were_not_compared_says_so(tmp_path):
    own, other = (config(f"influence={name}").influence for name in ("ekfac", "tracin"))
    method = scored_by(dataclasses.asdict(other))
    check = {"name": "a", "evaluate": "faithfulness", "methods": {method: "its own."},
             "findings": ["bm25 is best."]}  # fmt: skip

    def quoted(influence, **more) -> str:
        results = {"config": {"influence": dataclasses.asdict(influence)}}
        (text,) = measured(Run(tmp_path, results | {"evaluations": [check | more]}, {}))
        return text.split("(a")[1].removeprefix("): ")

    assert quoted(other) == "its own."
    assert quoted(own) == "bm25 is best. This run’s own scores are not among those compared."
    assert quoted(own, evaluate="recommend", methods={}) == "bm25 is best."
    through = Run(tmp_path, {"config": {"influence": dataclasses.asdict(other)},
        "evaluations": [check], "subnetwork": {"name": "identified"}}, {})  # fmt: skip
    assert measured(through) == [
        "How far scores predict fine-tunings was measured by fine-tuning again (a, of the model "
        "with all heads): bm25 is best. This run’s own scores are not among those compared."
    ]
    both = ["Only own data counts.", "The data of sw harm."]
    effects = quoted(own, evaluate="language_effects", methods={}, quoted=both, equal_steps=True)
    assert effects == ", as many steps each): Only own data counts. The data of sw harm."


def test_the_command_that_checks_a_run_is_of_no_other_job(tmp_path):
    own = (
        "'languages=[de,en]' leave_out.example=0 leave_out.k=5 retrain.worker=2 evaluate=recommend"
    )
    run = Run(tmp_path, {"command": f"xling task=xnli {own} seed=1"}, {})
    (command,) = re.findall("<code>(.*)</code>", str(not_checked(run)))
    assert html.unescape(command) == (
        "xling experiment=language_effects task=xnli 'languages=[de,en]' seed=1"
    )


def test_the_terminal_promises_no_check_of_what_the_page_gives_no_command_for(tmp_path):
    names = {
        "shares": "epoch sign test_language train_language",
        "accuracy": "split epoch language",
    }
    (tmp_path / "tables").mkdir()
    for name, columns in names.items():
        values = pd.DataFrame(columns=[*columns.split(), "accuracy"], dtype=object)
        values.to_parquet(tmp_path / "tables" / f"{name}.parquet")
    for heads, told in (("full", True), ("identified", False)):
        about = {"kept_epoch": 1, "top_k": 9, "languages": [], "evaluations": []}
        about |= {"subnetwork": {"name": heads}, "command": "xling task=xnli"}
        (tmp_path / "results.json").write_text(json.dumps(about))
        assert ("Nobody has checked" in closing(tmp_path)) is told
        assert len(unmeasured(Run(tmp_path, about, {}))) == told


def test_scores_of_other_sketches_are_not_taken_for_those_that_were_compared(tmp_path):
    own = config()
    method = scored_by(dataclasses.asdict(own.influence))
    check = {"name": "a", "evaluate": "faithfulness", "findings": ["bm25 is best."]}
    check |= {
        "methods": {method: "Its own."},
        "sketch": sketched_by(dataclasses.asdict(own.sketch)),
    }

    def quoted(*switches: str, recorded=check) -> bool:
        values = json.loads(json.dumps(dataclasses.asdict(config(*switches))))
        (text,) = measured(Run(tmp_path, {"config": values, "evaluations": [recorded]}, {}))
        return text.endswith("Its own.")

    assert quoted() and quoted("sketch.combine=parts") and quoted("sketch.twin=true")
    assert not quoted("sketch=paper") and not quoted("sketch.store=int8")
    earlier = {key: value for key, value in check.items() if key != "sketch"}
    assert quoted("sketch=paper", recorded=earlier)  # of which it is not known


def test_what_is_warned_of_comes_after_other_evaluations_of_its_kind(tmp_path):
    influence = dataclasses.asdict(config().influence)
    check = {"evaluate": "language_effects", "methods": {}, "findings": ["A law."]}
    checks = [
        check | {"name": "a", "evaluate": "recommend"},
        check | {"name": "b", "warnings": ["Nothing was learnt."]},
        check | {"name": "c", "equal_steps": True},
    ]
    results = {"config": {"influence": influence}, "evaluations": checks}
    texts = measured(Run(tmp_path, results, {}))
    assert [text.split("(")[1][0] for text in texts] == ["c", "b", "a"]
    assert "Nothing was learnt. A law." in texts[1]
