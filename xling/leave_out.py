"""Fine-tuning again without the examples that made a prediction (Choenni et al. 2023, §6)."""

import dataclasses
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import load_model

from xling.config import Config, LeaveOut, nothing_left_out
from xling.console import say
from xling.errors import UserError
from xling.fine_tuning import Tuned
from xling.materials import Materials, prepare
from xling.places import Places
from xling.results import write_json
from xling.scoring import summed
from xling.stages import stage
from xling.tracing import sketched
from xling.tuning.callbacks import read_history, weights_file
from xling.tuning.fit import device, fine_tune, kept_epoch
from xling.tuning.predict import probabilities


def leave_out(config: Config, where: Places, base: Places) -> None:
    """Fine-tune without some training examples and note what becomes of one prediction.

    From the same start, with the remaining examples in the same order, for as many epochs as the
    base run kept. The weights are not kept. Leaves results.json: test_id, language, sign, k,
    control, before, after (the probability of the right class), dropped.

    Args:
        where: this fine-tuning's own folders.
        base: those of the finished run that is compared with.

    Raises:
        UserError: there is no such test example, or there are too few training examples.
    """
    with stage(where.run, config.force) as folder:
        if folder:
            write_json(folder / "results.json", _again(config, base, folder / "tuning"))
            shutil.rmtree(folder / "tuning")


def _again(config: Config, base: Places, folder: Path) -> dict[str, Any]:
    """Do it, with the weights in a folder of their own, and return what is to be noted."""
    out, whole = config.leave_out, nothing_left_out(config)
    traced = pd.read_parquet(base.run / "tables" / "traced.parquet")
    order = in_turn(traced["language"], config.seed)
    if out.example >= len(order):
        raise UserError(
            f"leave_out.example={out.example}: the run traces {len(order)} test examples; write "
            f"0 to {len(order) - 1}, or raise influence.test_per_language."
        )
    row = order[out.example]
    example = traced.iloc[row]
    materials = prepare(whole)
    members = influential(whole, base, materials, traced, row, out)
    if out.control:
        members = alike(materials, members, [config.seed, out.example, ord(out.sign), out.control])
    most = "most positive" if out.sign == "+" else "most negative"
    which = f"{out.k} random examples like the {most}" if out.control else f"the {out.k} {most}"
    say(f"Fine-tuning without {which} of {example['test_id']}")
    kept = kept_epoch(read_history(base.tuning))
    before = float(example["probability"])
    after = probability_without(whole, materials, folder, kept, members, example["test_id"])
    say(f"Probability of the right class: {before:.3f} before, {after:.3f} after")
    return {
        "task": config.task.name,
        "base": base.run.name,
        "test_id": example["test_id"],
        "language": example["language"],
        **dataclasses.asdict(out),
        "before": before,
        "after": after,
        "dropped": len(members),
    }


def probability_without(
    config: Config,
    materials: Materials,
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
        materials.classifier,
        materials.encoded,
        materials.collate,
        folder,
        (),
        lambda record: None,
        without=frozenset(members.tolist()),
    )
    classifier = materials.classifier.to(device(config.trainer))
    load_model(classifier, str(weights_file(folder, epochs)))
    test = materials.corpus["test"]
    place = test["id"].index(test_id)
    encoded = materials.encoded["test"].select([place])
    return float(probabilities(classifier, encoded, materials.collate, 1)[0][test[place]["label"]])


def in_turn(languages: pd.Series, seed: int) -> list[int]:
    """Order rows at random, the languages taking turns, so that any first few are spread."""
    rng = np.random.default_rng(seed)
    by_language = [
        rng.permutation(np.flatnonzero(languages == each)).tolist()
        for each in dict.fromkeys(languages)
    ]
    longest = max(map(len, by_language))
    return [rows[turn] for turn in range(longest) for rows in by_language if turn < len(rows)]


def influential(
    config: Config,
    where: Places,
    materials: Materials,
    traced: pd.DataFrame,
    row: int,
    out: LeaveOut,
) -> np.ndarray:
    """Return the rows of the k most influential training examples of a traced test example.

    Args:
        config, where: of the base run.
        traced: its table of traced test examples, of which `row` is one.
    """
    if out.k > len(materials.corpus["train"]):
        raise UserError(
            f"leave_out.k={out.k}: there are {len(materials.corpus['train'])} training examples."
        )
    place = {identity: number for number, identity in enumerate(materials.corpus["test"]["id"])}
    chosen = np.array([place[each] for each in traced["test_id"]])
    model = Tuned(config, where, materials, read_history(where.tuning))
    (part,) = sketched(model, where.run, chosen)
    traces = summed(model, part, out.k)
    return (traces.positive if out.sign == "+" else traces.negative).index[row]


def alike(materials: Materials, members: np.ndarray, seed: list[int]) -> np.ndarray:
    """Draw as many random training examples as there are members of each language and label.

    None of the members is drawn.

    Raises:
        UserError: too few others of a language and label.
    """
    train = materials.corpus["train"]
    kinds = np.array(
        [f"{a} {b}" for a, b in zip(train["language"], train["label"], strict=True)], dtype=str
    )
    drawn = []
    for kind, count in zip(*np.unique(kinds[members], return_counts=True), strict=True):
        pool = np.flatnonzero(kinds == kind)
        pool = np.random.default_rng([*seed, zlib.crc32(kind.encode())]).permutation(pool)
        pool = pool[~np.isin(pool, members)]
        if len(pool) < count:
            raise UserError(
                f"leave_out.k: {count} of the members are of one language and label ({kind}), and "
                f"only {len(pool)} others are left to draw a control from. Lower leave_out.k."
            )
        drawn.append(pool[:count])
    return np.sort(np.concatenate(drawn))
