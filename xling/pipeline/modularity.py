"""What changes when test examples go through a subnetwork instead of the whole model."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from xling.analysis.change import (
    accuracy_change,
    change,
    modularity,
    specialization,
    specialization_correlation,
)
from xling.analysis.example_metadata import examples
from xling.analysis.overlap import mask_overlap, mask_table, similarity, similarity_correlation
from xling.config import Config
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.identify import Subnetworks
from xling.pipeline.results import RunResult, distinguishing_settings
from xling.pipeline.trace import analyse, predict
from xling.pipeline.zero_shot import traces_of
from xling.subnetwork import Masks


def change_through(
    model: FineTuned, whole: FineTuned, subnetworks: Subnetworks, folder: Path
) -> RunResult:
    """Trace test examples that both classify correctly, and compare (Choenni et al. 2024, §5, §6).

    Args:
        model: with the masks that test examples go through.
        whole: fine-tuned without subnetworks, all heads on.
        folder: takes the test examples' representations.
    """
    config, corpus = model.config, model.inputs.corpus
    test = corpus["test"]
    right = whole.correct("test", predict(whole))
    traced = analyse(model, folder, right)
    by_whole = traces_of(whole, traced.chosen, folder / "whole")
    train, tested = (
        examples(split, config.languages) for split in (corpus["train"], test.select(traced.chosen))
    )
    both = (by_whole, traced.scores.summed, train, tested, config.seed)
    languages = test["language"]
    tables = traced.tables | {
        "subnetwork_change": change(*both),
        "modularity": modularity(*both),
        "subnetwork_accuracy": accuracy_change(languages, right, traced.correct, config.seed),
        "correct": pd.DataFrame(
            {
                "test_id": test["id"],
                "language": languages,
                "full": right,
                "subnetwork": traced.correct,
            }
        ),
        **mask_tables(subnetworks),
    }
    tables["specialization"] = specialization(tables["shares"], tables["accuracy"])
    tables["specialization_correlation"] = specialization_correlation(tables["specialization"])
    tables["similarity"] = similarity(tables["mask_overlap"], tables["shares"])
    tables["similarity_correlation"] = similarity_correlation(tables["similarity"])
    results = traced.results | subnetwork_results(config, subnetworks.used)
    return dataclasses.replace(traced, results=results, tables=tables)


def mask_tables(subnetworks: Subnetworks) -> dict[str, pd.DataFrame]:
    """Return the tables of the masks themselves."""
    tables = {
        "masks": mask_table(subnetworks.used),
        "mask_overlap": mask_overlap(subnetworks.used),
    }
    if subnetworks.pruning is not None:
        tables["pruning"] = subnetworks.pruning
    return tables


def subnetwork_results(config: Config, masks: Masks) -> dict[str, Any]:
    """Return what results.json says about a run's subnetworks."""
    return {
        **distinguishing_settings(config),
        "heads": next(iter(masks.values())).size,
        "disabled_heads": {language: int((~mask).sum()) for language, mask in masks.items()},
    }
