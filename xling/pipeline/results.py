"""The headline figures of a run, and how its files are written."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from xling.analysis.shares import own_language_share
from xling.config import Config, plain
from xling.report.sections.coverage import overall
from xling.training.history import kept_epoch


def headline(
    config: Config,
    run: str,
    history: list[dict[str, Any]],
    train_languages: Sequence[str],
    dimensions: int,
    tables: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    """Return the figures of results.json, and what is needed to repeat the run.

    Args:
        run: name of the run's folder.
        train_languages: the language of each training example.
        dimensions: numbers per sketch.
        tables: the analyses' tables.
    """
    kept = kept_epoch(history)
    tested = tables["accuracy"].query("split == 'test'")
    coverage = overall(tables["coverage"])
    covered = coverage[coverage["covered"]]
    return {
        "run": run,
        "task": config.task.name,
        "profile": profile(config),
        "languages": config.languages,
        "exclude": config.exclude,
        "imbalance": config.imbalance,
        "imbalance_language": config.imbalance_language,
        "model": config.model.path or config.model.name,
        "classes": config.task.classes,
        "epochs": len(history),
        "kept_epoch": kept,
        "train_examples": counts(train_languages, config.train_languages),
        "dev_accuracy": history[kept - 1]["dev_accuracy"],
        "test_accuracy": dict(zip(tested["language"], tested["accuracy"], strict=True)),
        "own_language_share": own_language_share(tables["shares"]),
        "top_k": min(config.influence.top_k, len(train_languages)),
        "sketch": {
            "side": config.sketch.side,
            "stack": config.sketch.stack,
            "combine": config.sketch.combine,
            "dimensions": dimensions,
            "parameters_covered": float(covered["parameters"].sum() / coverage["parameters"].sum()),
            "square_norm_covered": None
            if coverage["square_norm_share"].isna().any()
            else float(covered["square_norm_share"].sum()),
        },
        **told_apart(config),
        "config": plain(config),
    }


def told_apart(config: Config) -> dict[str, Any]:
    """Return what tells runs with subnetworks from each other and from those without."""
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
    """Name the profile of a run; one with data of one's own is not the sample."""
    if config.data.source == "sample":
        return "sample"
    return config.profile.replace("sample", "own")


def counts(values: Sequence[str], order: Sequence[str]) -> dict[str, int]:
    """Count how often each value occurs."""
    found = Counter(values)
    return {each: found[each] for each in order}


def write_json(file: Path, values: dict[str, Any]) -> None:
    """Write plain values, readable by people."""
    file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_config(config: Config, folder: Path) -> None:
    """Write the resolved configuration."""
    text = yaml.safe_dump(
        json.loads(json.dumps(dataclasses.asdict(config))), sort_keys=False, allow_unicode=True
    )
    (folder / "config.yaml").write_text(text, "utf-8")
