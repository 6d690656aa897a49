"""What changes when test examples go through a subnetwork instead of the whole model."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.change import (
    accuracy_change,
    change,
    modularity,
    specialization,
    specialization_correlation,
)
from xling.analysis.doubts import Doubt, learning_doubts, subnetwork_doubts
from xling.analysis.example_metadata import examples
from xling.analysis.learnt import unlearnt_subnetworks
from xling.analysis.overlap import mask_overlap, mask_table, similarity, similarity_correlation
from xling.config import Config
from xling.pipeline.certainty import say_doubts
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.identify import Subnetworks
from xling.pipeline.inputs import RunInputs
from xling.pipeline.results import RunResult, distinguishing_settings
from xling.pipeline.trace import analyse, learnt_table, predict
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
    by_all_heads = predict(whole)
    right = whole.correct("test", by_all_heads)
    doubts = say_doubts(learning_doubts(learnt_table(whole, by_all_heads), "the whole model"))
    doubts += pruning_doubts(config, subnetworks, model.inputs)
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
    return dataclasses.replace(traced, results=results).also(tables, doubts)


def pruning_doubts(config: Config, subnetworks: Subnetworks, inputs: RunInputs) -> list[Doubt]:
    """Return, and print, a warning of subnetworks that models at chance were pruned to."""
    if subnetworks.pruning is None:
        return []
    dev = inputs.corpus["dev"]
    weak = unlearnt_subnetworks(
        subnetworks.pruning,
        dev["language"],
        np.array(dev["label"]),
        len(config.task.classes),
    )
    return say_doubts(subnetwork_doubts(weak))


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
