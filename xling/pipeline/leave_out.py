"""Fine-tuning again without the examples that made a prediction (Choenni et al. 2023, §6)."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xling.cli.console import say
from xling.config import Config, LeaveOut, base_run, settings
from xling.errors import UserError
from xling.evaluation.leave_k_out import matched_control, round_robin
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.inputs import RunInputs, prepare, with_weights
from xling.pipeline.paths import RunPaths
from xling.pipeline.results import write_json
from xling.pipeline.score import summed
from xling.pipeline.trace import represented
from xling.stage import stage
from xling.training.fit import fine_tune
from xling.training.history import kept_epoch, read_history, weights_file
from xling.training.predict import probabilities


def leave_out(config: Config, paths: RunPaths, base: RunPaths) -> None:
    """Fine-tune without some training examples and record how one prediction changes.

    From the same start, with the remaining examples in the same order, for as many epochs as the
    base run kept. The weights are not kept. Leaves results.json: task, base, method, test_id,
    language, sign, k, control, before, after (the probability of the right class), dropped.

    Args:
        paths: this fine-tuning's own folders.
        base: those of the finished run to compare with.

    Raises:
        UserError: there is no such test example, or there are too few training examples.
    """
    with stage(paths.run, config.force, settings(config)) as folder:
        if folder:
            write_json(folder / "results.json", _again(config, base, folder / "tuning"))
            shutil.rmtree(folder / "tuning")


def _again(config: Config, base: RunPaths, folder: Path) -> dict[str, Any]:
    """Fine-tune with the weights in a folder of their own, and return the results."""
    out, whole = config.leave_out, base_run(config)
    traced = pd.read_parquet(base.run / "tables" / "traced.parquet")
    order = round_robin(traced["language"], config.seed)
    if out.example >= len(order):
        raise UserError(
            f"leave_out.example={out.example}: the run traces {len(order)} test examples; write "
            f"0 to {len(order) - 1}, or raise influence.test_per_language."
        )
    row = order[out.example]
    example = traced.iloc[row]
    inputs = prepare(whole)
    members = influential(whole, base, inputs, traced, row, out)
    if out.control:
        train, seed = inputs.corpus["train"], [config.seed, out.example, ord(out.sign), out.control]
        members = matched_control(train["language"], train["label"], members, seed)
    most = "most positive" if out.sign == "+" else "most negative"
    which = f"{out.k} random examples like the {most}" if out.control else f"the {out.k} {most}"
    say(f"Fine-tuning without {which} of {example['test_id']}")
    kept = kept_epoch(read_history(base.tuning))
    before = float(example["probability"])
    after = probability_without(whole, inputs, folder, kept, members, example["test_id"])
    say(f"Probability of the right class: {before:.3f} before, {after:.3f} after")
    return {
        "task": config.task.name,
        "base": base.run.name,
        "method": config.influence.method,
        "test_id": example["test_id"],
        "language": example["language"],
        **dataclasses.asdict(out),
        "before": before,
        "after": after,
        "dropped": len(members),
    }


def probability_without(
    config: Config,
    inputs: RunInputs,
    folder: Path,
    epochs: int,
    members: np.ndarray,
    test_id: str,
) -> float:
    """Fine-tune without some training examples; return the probability of a test example's class.

    Args:
        folder: takes the checkpoints.
        epochs: how many to train, without early stopping.
        members: rows of the training examples to leave out.
    """
    tuning = dataclasses.replace(config.tuning, epochs=epochs, patience=epochs)
    fine_tune(
        dataclasses.replace(config, tuning=tuning),
        inputs.classifier,
        inputs.encoded,
        inputs.collate,
        folder,
        (),
        lambda record: None,
        without=frozenset(members.tolist()),
    )
    classifier = with_weights(config, inputs, weights_file(folder, epochs))
    test = inputs.corpus["test"]
    place = test["id"].index(test_id)
    encoded = inputs.encoded["test"].select([place])
    return float(
        probabilities(classifier, inputs.kind, encoded, inputs.collate, 1)[0][test[place]["label"]]
    )


def influential(
    config: Config,
    paths: RunPaths,
    inputs: RunInputs,
    traced: pd.DataFrame,
    row: int,
    out: LeaveOut,
) -> np.ndarray:
    """Return the rows of the k most influential training examples of a traced test example.

    Args:
        config, paths: of the base run.
        traced: its table of traced test examples, of which `row` is one.
    """
    place = {identity: number for number, identity in enumerate(inputs.corpus["test"]["id"])}
    chosen = np.array([place[test_id] for test_id in traced["test_id"]])
    model = FineTuned(config, paths, inputs, read_history(paths.tuning))
    (traced_set,) = represented(model, paths.run, chosen)
    traces = summed(model, traced_set, out.k)
    return (traces.positive if out.sign == "+" else traces.negative).index[row]
