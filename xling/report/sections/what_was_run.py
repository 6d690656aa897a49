"""The section on what was run: how influence is measured, the settings, the versions."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from xling.analysis.subnetwork_sweeps import subnetwork_kind
from xling.report.methods import SIMILARITIES, TRACIN, method
from xling.report.section import Section
from xling.report.tables import Run
from xling.report.words import duration, listed, number, percent


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    results = run.results
    words = method(results)
    return {
        "classifier": classifier(results),
        "reading": Markup(words.when + words.reading),
        "traced": traced_through(results),
        "summary": summary(results, run.traced),
        "command": results.get("command"),
        "config": results.get("config"),
    }


def summary(results: dict[str, Any], traced: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return what was run as rows of a small table; rows that the results do not know are left.

    Args:
        traced: how many test examples were traced, by language.
    """
    counts = results.get("train_examples", {})
    sketch = results.get("sketch", {})
    facts = {
        "Task": f"{results['task']} ({', '.join(results['classes'])})",
        "Languages": ", ".join(results["languages"]),
        "Left out of training": ", ".join(results.get("exclude") or []),
        "Imbalance": f"{results['imbalance']}% more of {results['imbalance_language']}"
        if results.get("imbalance")
        else "",
        "Training examples": _counts(counts),
        "Data": _config(results, "data.source"),
        "Model": results.get("model"),
        **_subnetworks(results),
        "Learning rate": _rate(results),
        "Epochs": f"{results['epochs']} trained, {results['kept_epoch']} kept",
        "Batch size": _config(results, "tuning.batch_size"),
        "Method": _method(results),
        "Gradient sketches": _sketch(sketch),
        "Gradients of": _patterns(results, "influence.parameters"),
        "Gradients without": _patterns(results, "sketch.skip"),
        "Re-ranking": f"exact gradients for the {again} best and worst of each"
        if (again := _config(results, "influence.rerank")) and sketch
        else "",
        "Traced test examples": _traced(traced, _config(results, "influence.test_per_language")),
        "Top k": results["top_k"],
        "Seed": _config(results, "seed"),
        "Time": _time(results.get("seconds", {})),
        "Software": ", ".join(f"{name} {version}" for name, version in software(results).items()),
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]


def classifier(results: dict[str, Any]) -> str:
    """Say what is fine-tuned; results of earlier versions do not know the encoder's class."""
    reads = results.get("classifier")
    if reads is None:
        return "A multilingual model"
    state = {
        "first": "first token’s state",
        "last": "last token’s state",
        "mean": "mean of all tokens’ states",
    }
    return f"A classifier on the {state[reads['pooling']]} of {reads['encoder']}"


def _subnetworks(results: dict[str, Any]) -> dict[str, str]:
    """Return the rows of the table of what was run that are of subnetworks."""
    if not subnetwork_kind(results):
        return {}
    apply = {"both": "test and training examples", "test": "test examples alone"}
    strict = results.get("config", {}).get("tuning", {}).get("strict")
    tuning = {"full": "full", "sparse": "sparse, strict" if strict else "sparse"}
    return {
        "Fine-tuning": tuning[results["tuning"]],
        "Subnetworks": f"{results['variant']}; on for {apply[results['subnetwork']['apply']]}",
    }


def software(results: dict[str, Any]) -> dict[str, str]:
    """Return the versions that the run was made with; the commit in its short form."""
    versions = {"xling": results["xling"]} if "xling" in results else {}
    versions |= results.get("software", {})
    return {
        name: str(version)[:12] if name == "commit" else str(version)
        for name, version in versions.items()
        if version
    }


def _counts(counts: dict[str, int]) -> str:
    if len(set(counts.values())) == 1:
        return f"{number(next(iter(counts.values())))} per language"
    return ", ".join(f"{language} {number(n)}" for language, n in counts.items())


def _traced(traced: Mapping[str, int], wanted: int | None) -> str:
    """Say how many test examples were traced, and how many should have been if that is more."""
    if not traced:
        return "none"
    short = wanted is not None and min(traced.values()) < wanted
    more = f"; {number(wanted)} of each were asked for" if wanted and short else ""
    return f"{_counts(dict(traced))}{more}"


def _rate(results: dict[str, Any]) -> str:
    """Write the learning rate, as `2e-5`: the override, else the model's own, else the task's."""
    rates = (_config(results, f"{key}.learning_rate") for key in ("tuning", "model", "task"))
    rate = results.get("learning_rate") or next(filter(None, rates), None)
    return "" if rate is None else f"{rate:g}".replace("e-0", "e-")


def _config(results: dict[str, Any], path: str) -> Any:
    """Return the value of a dotted key of the run's configuration, None where there is none."""
    value: Any = results.get("config", {})
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _method(results: dict[str, Any]) -> str:
    """Name the method with those of its settings that make other scores."""
    influence = results.get("config", {}).get("influence", {})
    uses = influence.get("uses", ())
    said = {
        "similarity": SIMILARITIES.get(influence.get("similarity"), ""),
        "weights": "weighted by the learning rates"
        if influence.get("weights") == "learning_rate"
        else "",
        "damping": f"damping {influence.get('damping')}",
    }
    parts = [text for key, text in said.items() if key in uses and text]
    return ", ".join([results.get("method", TRACIN), *parts])


def _patterns(results: dict[str, Any], path: str) -> str:
    """Write patterns of parameters, if the run has gradients and any were given."""
    return ", ".join(_config(results, path) or ()) if results.get("sketch") else ""


def _sketch(sketch: dict[str, Any]) -> str:
    if not {"side", "stack", "combine"} <= sketch.keys():
        return ""
    shape = f"{sketch['side']} × {sketch['side']}"
    blocks = f"{sketch['stack']} of {shape}" if sketch["stack"] > 1 else f"one of {shape}"
    size = sketch.get("dimensions")
    total = f", {number(size)} numbers per example and epoch" if size else ""
    combined = {
        "sum": "summed over the parameters",
        "concat": "per parameter, side by side",
        "parts": "summed over the parameters, and over those of each part of the model",
    }
    return f"{blocks}, {combined.get(sketch['combine'], sketch['combine'])}{total}"


def _time(seconds: dict[str, float]) -> str:
    if not seconds:
        return ""
    stages = ", ".join(f"{stage} {duration(s)}" for stage, s in seconds.items())
    return f"{duration(sum(seconds.values()))} ({stages})"


def traced_through(results: dict[str, Any]) -> str:
    """Say plainly, for a run with subnetworks, what the influence was traced through."""
    subnetwork = results.get("subnetwork", {})
    if subnetwork.get("name", "full") == "full":
        return ""
    languages = listed(subnetwork["languages"]) if subnetwork["languages"] else ""
    kinds = {
        "identified": "each language goes through the attention heads that it needs. From a model "
        "fine-tuned on it alone, the least important heads were switched off as long as "
        f"{percent(_keep(results), 0)} of its development accuracy was left (Choenni et al. 2024, "
        "§3.1)",
        "random": "each language goes through random attention heads, as many as its identified "
        f"subnetwork has (seed {subnetwork['seed']}; Choenni et al. 2024, §5.2)",
        "suboptimal": f"every language goes through the subnetwork of {subnetwork['language']} "
        "(Choenni et al. 2024, §5.2)",
        "composed": f"every language goes through the {subnetwork['compose']} of the subnetworks "
        f"of {languages} (Choenni et al. 2024, app. F.2)",
        "file": "each language goes through the attention heads that its mask file names",
    }
    where = {
        "both": "The other heads are off for the test examples and for the training examples that "
        "they are compared with.",
        "test": "The other heads are off for the test examples alone; the training examples that "
        "they are compared with go through the full model.",
    }
    own = "own, identified " if subnetwork["name"] in ("suboptimal", "composed") else ""
    sparse = (
        " The model was fine-tuned sparsely: each batch held one language and went through that "
        f"language’s {own}subnetwork alone (Choenni et al. 2024, §4.2)."
    )
    how, tuned = kinds[subnetwork["name"]], sparse if results.get("tuning") == "sparse" else ""
    return (
        f"Influence was traced through subnetworks, not through the full model: {how}. "
        f"{where[subnetwork['apply']]}{tuned}"
    )


def _keep(results: dict[str, Any]) -> float:
    return results.get("config", {}).get("subnetwork", {}).get("keep", 0.95)


SECTION = Section("run", "what_was_run.html.j2", content, "Run")
