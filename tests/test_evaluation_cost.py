"""How long an evaluation takes, told beforehand: by its plan, and by the page of its run."""

import dataclasses
import time
from collections import Counter

import pytest
from conftest import SMALL, config

from xling.config import base_run
from xling.data import load_corpus
from xling.errors import UserError
from xling.evaluation.mixtures import halves, mixtures
from xling.pipeline import cost
from xling.pipeline.checks import seconds_to_check
from xling.pipeline.cost import Passes, evaluation_seconds, left_to_do, scoring_seconds
from xling.pipeline.inputs import prepare
from xling.pipeline.paths import run_paths
from xling.pipeline.retrain import part_of
from xling.sweep.estimate import Speed, stage_cost
from xling.sweep.plan import Stage
from xling.training.bank import Bank, Part, Worker
from xling.training.history import write_history

LANGUAGES = [name for name in ("de", "en", "fr") for _ in range(40)]
LABELS = [0, 1] * 60
SPENT = Passes(train=12.0, test=6.0, update=0.5)
"""120 training examples in 12 s, the tests in 2 s without gradients, an update in half a second."""


def evaluated(name: str, *switches: str):
    switches = ("faithfulness.drop=0", *switches) if name == "faithfulness" else switches
    return config(*SMALL, f"evaluate={name}", "retrain.processes=1", "tuning.epochs=3", *switches)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_fine_tunings_of_another_evaluation_are_not_taken_for_done():
    effects = evaluated("language_effects", "mixture.fits=10", "mixture.seeds=2")
    scores = evaluated("faithfulness", "faithfulness.subsets=9", "faithfulness.again=4")
    sizes = {name: left_to_do(c, LANGUAGES, LABELS) for name, c in (("e", effects), ("f", scores))}
    assert len(sizes["e"]) == 10 + 2 + 3 and len(sizes["f"]) == 9 + 4
    assert Counter(sizes["e"].values()) >= Counter([120, 120, 80, 80, 80])
    assert set(sizes["f"].values()) == {60}
    for file in sizes["e"]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert left_to_do(effects, LANGUAGES, LABELS) == {}
    assert left_to_do(scores, LANGUAGES, LABELS) == sizes["f"]
    more = evaluated("language_effects", "mixture.fits=14", "mixture.seeds=2")
    assert len(left_to_do(more, LANGUAGES, LABELS)) == 4


def test_fine_tunings_without_what_methods_rank_first_are_counted():
    scores = evaluated(
        "faithfulness", "faithfulness.subsets=8", "faithfulness.again=4", "faithfulness.drop=0.1",
        "faithfulness.methods=[tracin,bm25,count]", "faithfulness.drop_seeds=3",
    )  # fmt: skip
    sizes = Counter(left_to_do(scores, LANGUAGES, LABELS).values())
    assert sizes == {60: 8 + 4, 108: (2 * 2 + 1) * 3}


def test_fine_tunings_are_looked_for_where_they_are_left():
    scores = evaluated("faithfulness", "faithfulness.subsets=8", "faithfulness.again=4")
    tuning = run_paths(base_run(scores)).tuning
    first = part_of(halves(LANGUAGES, 8, 0, labels=LABELS)[0]).name
    assert tuning / "retrained/3-epochs" / f"{first}.npz" in left_to_do(scores, LANGUAGES, LABELS)
    tuning.mkdir(parents=True)
    write_history(tuning, [{"epoch": n, "dev_accuracy": n == 2} for n in (1, 2, 3)])
    kept = left_to_do(scores, LANGUAGES, LABELS)
    assert {file.parent for file in kept} == {tuning / "retrained/2-epochs"}
    equal = evaluated("language_effects", "mixture.steps=equal")
    (folder,) = {file.parent.name for file in left_to_do(equal, LANGUAGES, LABELS)}
    assert folder == f"{2 * -(-120 // equal.tuning.batch_size)}-steps"


def test_time_is_that_of_the_steps_the_updates_and_the_tests():
    one = evaluated("language_effects", "tuning.batch_size=16")
    parts = {"a": 60, "b": 9}
    # 60 examples: 3 epochs of half the data and 4 updates; 9 of them: 0.9 s and an update each.
    first, second = 3 * (6 + 4 * 0.5) + 2, 3 * (0.9 + 0.5) + 2
    begin = cost.START_SECONDS + cost.LAW_SECONDS * 3**3
    assert evaluation_seconds(one, parts, 120, SPENT) == pytest.approx(begin + first + second)
    two = dataclasses.replace(one, retrain=dataclasses.replace(one.retrain, processes=2))
    assert evaluation_seconds(two, parts, 120, SPENT) == pytest.approx(begin + first)
    same = {"a": 60, "b": 60, "c": 60, "d": 60}
    assert evaluation_seconds(two, same, 120, SPENT) == pytest.approx(begin + 2 * first)
    equal = evaluated("language_effects", "tuning.batch_size=16", "mixture.steps=equal")
    # As many updates as on all data: 8 an epoch, with 16 examples each or with all 9.
    first, second = 3 * (12 + 8 * 0.5) + 2, 3 * (12 * 9 / 16 + 8 * 0.5) + 2
    assert evaluation_seconds(equal, parts, 120, SPENT) == pytest.approx(begin + first + second)
    assert evaluation_seconds(one, {}, 120, SPENT) == begin


def test_laws_of_many_languages_take_their_time():
    laws = [f"languages=[{','.join(f'l{n}' for n in range(count))}]" for count in (10, 30)]
    ten, thirty = (cost.law_seconds(evaluated("language_effects", names)) for names in laws)
    assert ten == pytest.approx(2.4) and thirty == pytest.approx(64.8)
    assert cost.law_seconds(evaluated("recommend", laws[1])) == thirty
    assert cost.law_seconds(evaluated("recommend", laws[1], "recommend.by=example")) == 0
    assert cost.law_seconds(evaluated("faithfulness", laws[1])) == 0
    assert cost.law_seconds(evaluated("language_effects", laws[1], "retrain.worker=1")) == 0


def test_what_methods_need_beside_the_fine_tunings_is_counted_once_for_those_that_share_it():
    def scoring(*methods: str) -> float:
        chosen = evaluated("faithfulness", f"faithfulness.methods=[{','.join(methods)}]")
        return scoring_seconds(chosen, 3, 120, SPENT)

    sketched = 3 * cost.SKETCH * 6  # of the tests: those of the training examples are there
    assert scoring("tracin") == scoring("tracin", "tracin_dot", "preconditioned") == sketched
    assert scoring("tracin", "bm25", "count", "random") == sketched
    hidden = 3 * cost.FORWARD * (6 + 12)
    assert scoring("tracin", "embedding") == pytest.approx(sketched + hidden)
    fitted = 3 * cost.SKETCH * (6 + (1 + cost.FITTING["ekfac"]) * 12)
    assert scoring("tracin", "ekfac") == pytest.approx(sketched + fitted)
    assert scoring_seconds(evaluated("language_effects"), 3, 120, SPENT) == 0


def test_a_recommendation_is_verified_by_fine_tunings_of_its_own():
    advice = evaluated("recommend", "recommend.total=50", "recommend.target=de")
    effects = evaluated("language_effects")
    left = left_to_do(advice, LANGUAGES, LABELS)
    shared = left_to_do(effects, LANGUAGES, LABELS)
    assert shared.items() <= left.items()
    assert [left[file] for file in left.keys() - shared.keys()] == [50] * 3 * 3
    example = evaluated("recommend", "recommend.by=example", "recommend.seeds=2")
    assert [*left_to_do(example, LANGUAGES, LABELS).values()] == [30] * 6


def test_jobs_that_share_fine_tunings_count_each_once():
    speed = Speed(0.01, 1000, 40, 96, {"train": 40}, {"train": 10.0, "test": 10.0})
    jobs = [evaluated("language_effects", f"retrain.worker={n}") for n in (0, 1, 2)]
    jobs.append(evaluated("recommend"))
    done: set = set()
    first, *workers, advice = (
        stage_cost(Stage("evaluation", run_paths(job).run, job, {}), speed, done) for job in jobs
    )
    assert first.seconds > 100
    assert first.fine_tunings == 40 + 3 + 3  # mixtures, all data, and without each language
    assert [cost_.fine_tunings for cost_ in workers] == [0, 0] and advice.fine_tunings == 2 * 3
    assert [cost_.seconds for cost_ in workers] == [cost.START_SECONDS] * 2
    alone = stage_cost(Stage("evaluation", run_paths(jobs[-1]).run, jobs[-1], {}), speed)
    assert cost.START_SECONDS < advice.seconds < alone.seconds - 0.9 * first.seconds


def test_the_page_of_a_run_and_the_plan_of_the_check_tell_the_same(monkeypatch):
    plain, effects = config(*SMALL, "tuning.epochs=3"), evaluated("language_effects")
    effects = dataclasses.replace(effects, retrain=plain.retrain)
    inputs = prepare(plain, lambda line: None)
    monkeypatch.setattr(cost, "step_seconds", lambda *given: (0.001, 0.002))
    tokens = {name: sum(rows["length"]) / len(rows) for name, rows in inputs.encoded.items()}
    speed = Speed(0.001, 1000, 40, 96, {}, tokens, update=0.002)
    planned = stage_cost(Stage("evaluation", run_paths(effects).run, effects, {}), speed)
    assert seconds_to_check(plain, inputs) == pytest.approx(planned.seconds)
    assert planned.seconds > 2 * cost.START_SECONDS
    assert seconds_to_check(config(*SMALL, "subnetwork=random"), inputs) == 0


def test_more_repetitions_than_halves_are_refused():
    with pytest.raises(UserError, match=r"again=9: .*\.subsets=8\. Write 8 at most\."):
        evaluated("faithfulness", "faithfulness.subsets=8", "faithfulness.again=9")


@pytest.mark.slow
def test_the_estimate_of_a_fine_tuning_is_within_half_of_what_it_takes(monkeypatch):
    """By the processor's time, which other programs hardly change."""
    effects = config(
        "task=xnli", "evaluate=language_effects", "data.train_per_language=400",
        "tuning.epochs=2", "retrain.processes=1", "mixture.fits=8",
    )  # fmt: skip
    inputs = prepare(base_run(effects), lambda line: None)
    monkeypatch.setattr(cost.time, "perf_counter", time.process_time)
    spent = cost.passes(effects, inputs)
    train = load_corpus(effects, lambda line: None)["train"]
    parts = [
        part_of(part) for part in mixtures(train["language"][:], 8, 0, labels=train["label"][:])
    ]
    bank = Bank(effects, inputs.classifier, inputs.encoded, inputs.collate, epochs=2)
    worker = Worker(bank)
    worker(Part(tuple(range(64)), 0))
    begin = time.process_time()
    for part in parts[:4]:
        worker(part)
    taken = time.process_time() - begin
    sizes = {part.name: len(part.rows) for part in parts[:4]}
    told = evaluation_seconds(effects, sizes, len(train), spent) - cost.START_SECONDS
    assert taken / 1.5 < told < taken * 1.5
