"""What the page of a run with subnetworks shows of them."""

from typing import Any

import pandas as pd

from xling.report import told_subnetworks as told
from xling.report.specs import there
from xling.report.style import SIGNS
from xling.report.subnetwork_rows import (
    accuracy_rows,
    after,
    change_cells,
    disabled_rows,
    modularity_rows,
    source,
)
from xling.report.tables import Run
from xling.report.wording import percent, points

SENTENCES = {
    "pruning": ("pruning", told.pruning),
    "heads": ("masks", told.heads),
    "overlap": ("mask_overlap", told.overlap),
    "change": ("subnetwork_change", told.change),
    "across": ("subnetwork_change", told.across),
    "accuracy": ("subnetwork_accuracy", told.accuracy),
    "modularity": ("modularity", told.modularity),
    "specialization": ("specialization_correlation", told.specialization),
    "similarity": ("similarity_correlation", told.similarity),
    "interference": ("similarity_correlation", told.interference),
    "layers": ("similarity_correlation", told.layers),
}
"""Sentences by name: the table that each is computed from, and how."""


def section(run: Run) -> dict[str, Any] | None:
    """Return what the template subnetworks.html.j2 prints; None for a run without subnetworks."""
    tables, results = run.tables, run.results
    if not there(tables, "subnetwork_change"):
        return None
    changes = tables["subnetwork_change"]
    return {
        "told": {**sentences(tables), "disabled": told.disabled(results)},
        "disabled": disabled_rows(results["task"], results["disabled_heads"], results["heads"]),
        "disabled_source": source("disabled_heads"),
        "changes": {sign: change_cells(changes, sign) for sign in SIGNS},
        "test_languages": _present(run, "test_language"),
        "train_languages": _present(run, "train_language"),
        "accuracy": accuracy_rows(run) if there(tables, "subnetwork_accuracy") else [],
        "accuracy_source": source(after(results.get("tuning", "full"))),
        "modularity": modularity_rows(tables["modularity"]) if there(tables, "modularity") else [],
    }


def sentences(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return the sentences by name; nothing where there is no table to compute one from."""
    return {
        name: sentence(tables[table]) if there(tables, table) else ""
        for name, (table, sentence) in SENTENCES.items()
    }


def tiles(run: Run) -> list[tuple[str, str, str]]:
    """Return the headline figure of a run with subnetworks: name, figure, what stands beside."""
    if not there(run.tables, "subnetwork_change"):
        return []
    own = told.own_changes(run.tables["subnetwork_change"], "+")
    if own.empty:
        return []
    full = f"points, from {percent(own['full'].mean())} by the full model"
    return [("Own share, change", points(own["change"].mean()), full)]


def kept(results: dict[str, Any]) -> str:
    """Say what the development accuracy of the fine-tuning is of."""
    whole = results.get("subnetwork", {}).get("name", "full") != "full"
    whole = whole and results["tuning"] == "full"
    return "with all heads, at the kept epoch" if whole else "at the kept epoch"


def findings(run: Run) -> list[str]:
    """Return what a run with subnetworks found, in a sentence."""
    if not there(run.tables, "subnetwork_change"):
        return []
    return [told.change(run.tables["subnetwork_change"])]


def summary(results: dict[str, Any]) -> dict[str, str]:
    """Return the rows of the table of what was run that are of subnetworks."""
    if results.get("subnetwork", {}).get("name", "full") == "full":
        return {}
    apply = {"both": "test and training examples", "test": "test examples alone"}
    strict = results.get("config", {}).get("tuning", {}).get("strict")
    tuning = {"full": "full", "sparse": "sparse, strict" if strict else "sparse"}
    return {
        "Fine-tuning": tuning[results["tuning"]],
        "Subnetworks": f"{results['variant']}; on for {apply[results['subnetwork']['apply']]}",
    }


def _present(run: Run, column: str) -> list[str]:
    found = set(run.tables["subnetwork_change"][column])
    return [language for language in run.languages if language in found]
