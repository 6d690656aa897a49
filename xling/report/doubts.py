"""The warnings of a run on its page: a banner, and another headline than usual.

results.json has them under `warnings`; runs of earlier versions have none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xling.analysis import doubts
from xling.analysis.doubts import Doubt
from xling.analysis.unlearnt import unlearnt_doubts
from xling.report.methods import method
from xling.report.tables import RunTables

TITLES = {
    doubts.ONE_CLASS: "This model has not learnt the task.",
    doubts.MODEL: "This model has not learnt the task.",
    doubts.LANGUAGES: "Not learnt in every language.",
    doubts.LABEL: "Only the label tells the examples apart.",
    doubts.TIES: "The rankings are ties.",
    doubts.NEGATIVE_TIES: "The negative rankings are ties.",
    doubts.WIDE: "The rankings hold most of the data.",
    doubts.SUBNETWORKS: "Subnetworks of models at chance.",
}
"""What a warning of the run's own model is called, by its code."""

KINDS = {
    doubts.ONE_CLASS: "The task is not learnt",
    doubts.MODEL: "The task is not learnt",
    doubts.LANGUAGES: "Not every language is learnt",
    doubts.LABEL: "Only the label tells the training examples apart",
    doubts.TIES: "The rankings are ties",
    doubts.NEGATIVE_TIES: "The negative rankings are ties",
    doubts.WIDE: "The rankings hold most of the training data",
    doubts.SUBNETWORKS: "Subnetworks are of models at chance",
}
"""What a warning says of some of a sweep's runs, by its code."""

RANKINGS = (doubts.LABEL, doubts.TIES, doubts.NEGATIVE_TIES, doubts.WIDE)
"""The codes of warnings that are of influence alone."""

UNLEARNT = (doubts.ONE_CLASS, doubts.MODEL)


def warnings(results: dict[str, Any]) -> list[Doubt]:
    """Return the warnings of a run, or of a job that identified subnetworks."""
    return results.get("warnings", [])


def own(results: dict[str, Any], codes: Sequence[str]) -> list[Doubt]:
    """Return those warnings of the run's own model that have one of some codes."""
    return [
        doubt
        for doubt in warnings(results)
        if doubt["model"] == doubts.OWN and doubt["code"] in codes
    ]


def banners(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a title and a sentence for what the method cannot tell, and for each warning."""
    caution = method(results).caution
    told = [(_title(doubt), doubt["sentence"]) for doubt in warnings(results)]
    return [caution, *told] if caution else told


def _title(doubt: Doubt) -> str:
    title = TITLES[doubt["code"]]
    if doubt["model"] == doubts.OWN:
        return title
    who = doubt["model"][0].upper() + doubt["model"][1:]
    return f"{who} has not learnt the task." if doubt["code"] in UNLEARNT else f"{who}: {title}"


def unlearnt_languages(results: dict[str, Any]) -> list[str]:
    """Return the languages in which the run's own model is not shown to have learnt."""
    return [name for doubt in own(results, (doubts.LANGUAGES,)) for name in doubt["languages"]]


def headline(results: dict[str, Any]) -> str:
    """Return what stands at the head of the page instead of shares; "" where these may stand."""
    if own(results, UNLEARNT):
        return (
            "This model has not learnt the task, so what influenced its predictions says nothing "
            "about languages. The figures below are kept to be looked into. Train longer, on more "
            "data or with another learning rate, and trace again."
        )
    if method(results).control:
        return (
            f"The control {results['method']} measures nothing: its shares of languages are what "
            "stands here where nothing is known of the model."
        )
    if own(results, (doubts.TIES,)):
        return (
            "The rankings of this run are ties: which training examples stand in them is up to "
            "chance, and so are the shares of languages. The figures below are kept to be looked "
            "into."
        )
    if own(results, (doubts.WIDE,)):
        return (
            "The rankings of this run hold most of the training data, so the shares of languages "
            "say next to nothing. The figures below are kept to be looked into."
        )
    if own(results, (doubts.LABEL,)):
        return (
            "The rankings of this run are as good as ties: all training examples with the same "
            "label pull in nearly the same direction, so the shares of languages say next to "
            "nothing. The figures below are kept to be looked into."
        )
    return ""


def doubted(runs: Mapping[str, dict[str, Any]]) -> list[tuple[str, list[str], bool]]:
    """Return the kinds of warnings of a sweep's runs, each with the names of the runs.

    And whether it is their influence alone that means little, and not what fine-tuning again shows.

    Args:
        runs: name → results.json.
    """
    kinds: dict[tuple[str, bool], list[str]] = {}
    for name, results in runs.items():
        for doubt in warnings(results):
            kind = KINDS[doubt["code"]], doubt["code"] in RANKINGS
            kinds.setdefault(kind, []).append(name)
    return [(kind, [*dict.fromkeys(names)], alone) for (kind, alone), names in kinds.items()]


def unlearnt_sentences(run: RunTables) -> list[str]:
    """Say that many fine-tunings of an evaluation have learnt nothing, where it is so."""
    if "retrainings" not in run.tables:
        return []
    return [doubt["sentence"] for doubt in unlearnt_doubts(run.tables["retrainings"])]
