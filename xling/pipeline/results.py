"""The headline figures of a run, and how its files are written."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from xling.analysis.coverage import overall
from xling.analysis.doubts import Doubt, ordered
from xling.analysis.shares import own_language_share
from xling.attribution import Scores
from xling.config import Config, Sketch, plain
from xling.training.history import kept_epoch


@dataclasses.dataclass(frozen=True)
class RunResult:
    """The results of a run.

    Attributes:
        results, tables: the headline figures, for results.json, and the tables.
        scores: scores of the traced test examples.
        chosen: the traced test examples, as rows of the test set.
        correct: (test,) whether the kept model classifies each test example correctly.
    """

    results: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    scores: Scores
    chosen: np.ndarray
    correct: np.ndarray

    def also(self, tables: dict[str, pd.DataFrame], doubts: Sequence[Doubt]) -> "RunResult":
        """Return it with further tables and warnings."""
        every = ordered([*self.results["warnings"], *doubts])
        return dataclasses.replace(
            self, tables=self.tables | tables, results=self.results | {"warnings": every}
        )


def headline(
    config: Config,
    run: str,
    history: list[dict[str, Any]],
    train_languages: Sequence[str],
    tables: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    """Return the figures of results.json, and what is needed to repeat the run.

    Args:
        run: name of the run's folder.
        train_languages: the language of each training example.
        tables: the analyses' tables.
    """
    kept = kept_epoch(history)
    tested = tables["accuracy"].query("split == 'test'")
    return {
        "run": run,
        "task": config.task.name,
        "profile": profile(config),
        "languages": config.languages,
        "exclude": config.exclude,
        "imbalance": config.imbalance,
        "imbalance_language": config.imbalance_language,
        "model": config.model.path or config.model.name,
        "method": config.influence.method,
        "classes": config.task.classes,
        "epochs": len(history),
        "kept_epoch": kept,
        "train_examples": counts(train_languages, config.train_languages),
        "dev_accuracy": history[kept - 1]["dev_accuracy"],
        "test_accuracy": dict(zip(tested["language"], tested["accuracy"], strict=True)),
        "own_language_share": own_language_share(tables["shares"]),
        "top_k": min(config.influence.top_k, len(train_languages)),
        **distinguishing_settings(config),
        "config": plain(config),
    }


def sketch_results(
    sketch: Sketch, dimensions: int, coverage: pd.DataFrame, agreement: dict[str, float] | None
) -> dict[str, Any]:
    """Return what results.json says about sketched gradients.

    Args:
        dimensions: numbers per sketch.
        coverage: the table.
        agreement: agreement of the sketches with their twins, if there are any.
    """
    whole = overall(coverage)
    covered = whole[whole["covered"]]
    unmeasured = whole["square_norm_share"].isna().any()
    return {
        "sketch": {
            "side": sketch.side,
            "stack": sketch.stack,
            "combine": sketch.combine,
            "dimensions": dimensions,
            "parameters_covered": float(covered["parameters"].sum() / whole["parameters"].sum()),
            "square_norm_covered": None
            if unmeasured
            else float(covered["square_norm_share"].sum()),
        },
        "twin": agreement,
    }


def distinguishing_settings(config: Config) -> dict[str, Any]:
    """Return what distinguishes runs with subnetworks from each other and from those without."""
    return {
        "subnetwork": dataclasses.asdict(config.subnetwork),
        "tuning": config.tuning.name,
        "variant": variant(config),
    }


def variant(config: Config) -> str:
    """Name the subnetworks of a run in a word or two."""
    subnetwork = config.subnetwork
    sign = {"union": " ∪ ", "intersection": " ∩ "}[subnetwork.compose]
    name = {
        "full": "whole model",
        "identified": "identified",
        "random": f"random {subnetwork.seed}",
        "suboptimal": f"{subnetwork.language}’s",
        "composed": sign.join(subnetwork.languages),
        "file": "own files",
    }[subnetwork.name]
    sparse = {"full": "", "sparse": "strict SFT, " if config.tuning.strict else "SFT, "}
    return (
        sparse[config.tuning.name] + name + (", tests only" if subnetwork.apply == "test" else "")
    )


def profile(config: Config) -> str:
    """Name the profile of a run; one with the user's own data is not called sample."""
    if config.data.source == "sample":
        return "sample"
    return config.profile.replace("sample", "own")


def counts(values: Sequence[str], order: Sequence[str]) -> dict[str, int]:
    """Count how often each value occurs."""
    counter = Counter(values)
    return {value: counter[value] for value in order}


def write_json(file: Path, values: dict[str, Any]) -> None:
    """Write plain values, readable by people."""
    file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_config(config: Config, folder: Path) -> None:
    """Write the resolved configuration."""
    text = yaml.safe_dump(
        json.loads(json.dumps(dataclasses.asdict(config))), sort_keys=False, allow_unicode=True
    )
    (folder / "config.yaml").write_text(text, "utf-8")
