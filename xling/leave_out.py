"""Fine-tuning again without the examples that made a prediction (Choenni et al. 2023, §6)."""

import dataclasses
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import load_model

from xling import data, model
from xling.config import Config, nothing_left_out
from xling.console import say
from xling.errors import UserError
from xling.influence import trace
from xling.materials import Materials, prepare, train_dump
from xling.places import places
from xling.results import write_json
from xling.stages import stage
from xling.tracing import epoch_weights
from xling.tuning.callbacks import read_history, weights_file
from xling.tuning.fit import device, fine_tune, kept_epoch
from xling.tuning.predict import probabilities
from xling.tuning.sketches import SketchDump


def leave_out(config: Config, base: Path) -> Path:
    """Fine-tune without some training examples and note what becomes of one prediction.

    From the same start, with the remaining examples in the same order, for as many epochs as the
    base run kept. The weights are not kept.

    Args:
        base: the finished run that is compared with.

    Returns:
        The folder with results.json: test_id, language, sign, k, control, before, after (the
        probability of the right class), dropped.
    """
    fingerprints = {**data.fingerprint(config), **model.fingerprint(config.model)}
    where = places(config, fingerprints)
    with stage(where.run) as folder:
        if folder:
            write_json(folder / "results.json", _again(config, base, folder, fingerprints))
            shutil.rmtree(folder / "tuning")
    return where.run


def _again(
    config: Config, base: Path, folder: Path, fingerprints: dict[str, str]
) -> dict[str, Any]:
    out = config.leave_out
    whole = nothing_left_out(config)
    traced = pd.read_parquet(base / "tables" / "traced.parquet")
    order = in_turn(traced["language"], config.seed)
    if out.example >= len(order):
        raise UserError(
            f"leave_out.example={out.example}: the run traces {len(order)} test examples; write "
            f"0 to {len(order) - 1}, or raise influence.test_per_language."
        )
    row = order[out.example]
    example = traced.iloc[row]
    base_where = places(whole, fingerprints)
    history = read_history(base_where.tuning)
    kept = kept_epoch(history)
    materials = prepare(whole)
    members = influential(whole, base_where.tuning / base_where.sketches, base, materials, row, out)
    if out.control:
        members = alike(materials, members, [config.seed, out.example, ord(out.sign), out.control])
    most = "most positive" if out.sign == "+" else "most negative"
    which = f"{out.k} random examples like the {most}" if out.control else f"the {out.k} {most}"
    say(f"Fine-tuning without {which} of {example['test_id']}")
    tuning = dataclasses.replace(whole.tuning, epochs=kept, patience=kept)
    fine_tune(
        dataclasses.replace(whole, tuning=tuning),
        materials.classifier,
        materials.encoded,
        materials.collate,
        folder / "tuning",
        None,
        lambda record: None,
        without=frozenset(members.tolist()),
    )
    classifier = materials.classifier.to(device(config.trainer))
    load_model(classifier, str(weights_file(folder / "tuning", kept)))
    place = materials.corpus["test"]["id"].index(example["test_id"])
    found = probabilities(
        classifier,
        materials.encoded["test"].select([place]),
        materials.collate,
        1,
    )[0]
    after = float(found[materials.corpus["test"][place]["label"]])
    before = float(example["probability"])
    say(f"Probability of the right class: {before:.3f} before, {after:.3f} after")
    return {
        "task": config.task.name,
        "base": base.name,
        "example": out.example,
        "test_id": example["test_id"],
        "language": example["language"],
        "sign": out.sign,
        "k": out.k,
        "control": out.control,
        "before": before,
        "after": after,
        "dropped": len(members),
    }


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
    config: Config, sketches: Path, base: Path, materials: Materials, row: int, out: Any
) -> np.ndarray:
    """Return the rows of the k most influential training examples of a traced test example."""
    traced = pd.read_parquet(base / "tables" / "traced.parquet")
    place = {identity: number for number, identity in enumerate(materials.corpus["test"]["id"])}
    test = SketchDump(
        materials.encoded["test"].select([place[each] for each in traced["test_id"]]),
        materials.collate,
        config.sketch,
        base / "sketches" / "test",
        "test sketches",
    )
    tuning = sketches.parent
    history = read_history(tuning)
    kept = kept_epoch(history)
    if out.k > len(materials.corpus["train"]):
        raise UserError(
            f"leave_out.k={out.k}: there are {len(materials.corpus['train'])} training examples."
        )
    traces = trace(
        train_dump(config, sketches, materials).read(kept),
        test.read(kept),
        np.zeros(len(materials.corpus["train"]), int),
        out.k,
        similarity=config.influence.similarity,
        weights=epoch_weights(config, history[:kept]),
        memory_gb=config.influence.memory_gb,
    )[0]
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
