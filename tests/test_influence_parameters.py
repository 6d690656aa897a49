"""Gradients of a part of the model: `influence.parameters`."""

import numpy as np
import pytest
import torch
from conftest import LANGUAGES, SMALL, config, encoded, run_xling
from encoders import batch, build, gradients
from torch.nn.functional import cross_entropy

from xling.attribution import TracIn, row_settings
from xling.cli.mistakes import explain
from xling.errors import ArgumentError, UserError
from xling.pipeline.paths import named_paths
from xling.report.export import SCHEMAS
from xling.report.sections.what_was_run import summary
from xling.report.tables import read_run
from xling.sketch import Projection, Source
from xling.tasks import Classification
from xling.training.batches import Collator
from xling.training.sketches import rehearse

LENGTHS = [9, 4, 7, 5]
EXACT = Projection(method="exact")


def losses_of(model, inputs, labels):
    def losses(group):
        some = {key: value[group] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    return Source(losses, list("abcd"), LENGTHS)


@pytest.mark.parametrize(
    ("parameters", "skip"), [(("head*", "*layer.0.*"), ()), (("*layer.0.*",), ("*.bias",))]
)
def test_rows_and_exact_scores_hold_the_gradients_of_these_parameters_alone(parameters, skip):
    """Against autograd, which gives each parameter's gradient by its name."""
    model = build("xlmr", dtype=torch.float32)
    inputs, labels = batch(LENGTHS)
    layer, bias = (lambda name: "layer.0." in name), (lambda name: name.endswith(".bias"))
    kept = [
        name
        for name, _ in model.named_parameters()
        if (layer(name) or (not skip and name.startswith("head"))) and not (skip and bias(name))
    ]
    assert 0 < len(kept) < len(list(model.parameters()))
    flat = np.stack(
        [
            np.concatenate([example[name].flatten().numpy() for name in kept])
            for example in gradients(model, inputs, labels)
        ]
    )
    method = TracIn(EXACT, "dot", skip=skip, parameters=parameters)
    source = losses_of(model, inputs, labels)
    made = method.represent(model, source, 1, precision="float32")
    rows = made.units(0, 4) * made.norms[:, None]
    np.testing.assert_allclose(rows, flat, rtol=1e-3, atol=1e-6)
    assert set(made.metadata.skipped) == {name for name, _ in model.named_parameters()} - {*kept}
    scores = method.exact_scores(model, source, source, [np.arange(4)] * 4)
    np.testing.assert_allclose(np.stack(scores), flat @ flat.T, rtol=1e-3, atol=1e-6)


def test_patterns_that_fit_nothing_or_leave_nothing_are_refused_before_training(
    make_model, tokenizer
):
    def tried(**settings):
        collate = Collator(tokenizer, LANGUAGES)
        rehearse(make_model(), Classification(), encoded(6), collate, TracIn(**settings))

    tried(parameters=("head.*",))
    with pytest.raises(ArgumentError, match="'haed.output.weight' in parameters") as raised:
        tried(parameters=("head.*", "haed.output.weight"))
    words = explain(raised.value, None)
    assert "'head.output.weight'?" in words and "influence.parameters" in words
    with pytest.raises(ArgumentError, match="no parameter of the model is left"):
        tried(parameters=("head.*",), skip=("head.*",))
    with pytest.raises(ValueError, match="parameters='head' is a single string"):
        TracIn(parameters="head")


def test_sketches_of_a_part_have_a_folder_of_their_own():
    part, other = (config(f"influence.parameters=[{name}]") for name in ("head.*", "encoder.*"))
    plain = named_paths(config(), {})
    names = {named_paths(run, {}).sketches for run in (part, other)} | {plain.sketches}
    assert len(names) == 3 and len({named_paths(run, {}).run for run in (part, other)}) == 2
    assert named_paths(part, {}).tuning == plain.tuning
    assert part.influence.parameters == ("head.*",)
    assert "similarity" not in row_settings(TracIn()) and "parameters" in row_settings(TracIn())
    with pytest.raises(UserError, match=r"influence.parameters=\[head\.\*\] applies to gradients"):
        config("influence=embedding", "influence.parameters=[head.*]")


def test_the_report_says_which_part(tmp_path):
    done = run_xling("task=xnli", *SMALL, "influence.parameters=[head.*]", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = {file.parent for file in tmp_path.glob("multirun/xnli/tiny*/results.json")}
    run = read_run(folder, SCHEMAS)
    told = dict(summary(run.results, run.traced))
    assert told["Gradients of"] == "head.*" and told["Method"] == "tracin, cosine"
    covered = run.tables["coverage"].query("language == 'all' and epoch == 0")
    assert covered[covered["covered"]]["group"].tolist() == ["head"]
    assert run.results["sketch"]["parameters_covered"] < 0.5
