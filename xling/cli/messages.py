"""Messages of a run.

pandas is imported inside functions: the first line of a run is printed before it.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xling.cli.console import format_bytes, format_duration, sample_lines
from xling.config import Config, Influence

if TYPE_CHECKING:  # a run prints its first line before heavy imports
    import pandas as pd

    from xling.sketch import Estimate
    from xling.subnetwork import Masks

MOST_SHOWN, LOWEST_SHOWN = 20, 6
"""Languages whose accuracies fit into a line; of more, so many are shown, the lowest ones."""


def opening(config: Config) -> str:
    """Describe the run; warn if it uses the sample corpus."""
    lines = [
        f"xling · task {config.task.name} · languages {' '.join(config.languages)}"
        + (f" · trained without {' '.join(config.exclude)}" if config.exclude else "")
        + (f" · {config.imbalance} % more {config.imbalance_language}" if config.imbalance else "")
        + (" · sparse fine-tuning" if config.tuning.name == "sparse" else "")
        + (f" · subnetworks {config.subnetwork.name}" if config.subnetwork.name != "full" else "")
    ]
    # A sweep warns once for all its runs.
    if config.data.source == "sample" and config.sweep is None:
        lines += sample_lines(config.task.name)
    return "\n".join(lines)


def tuning_line(config: Config, examples: int, dumps: int) -> str:
    """Describe the training that is about to start."""
    through = " through each language's subnetwork" if config.tuning.name == "sparse" else ""
    epochs = "1 epoch" if config.tuning.epochs == 1 else f"up to {config.tuning.epochs} epochs"
    line = (
        f"Fine-tuning on {examples:,} examples{through} for {epochs} "
        f"(learning rate {config.learning_rate:g}, batches of {config.tuning.batch_size})"
    )
    if dumps:
        masks = f", through each of {dumps} subnetworks" if dumps > 1 else ""
        line += f", with a sketch of every example's gradient after each epoch{masks}"
    return line


def passes_line(influence: Influence, missing: int, wanted: int, examples: int) -> str:
    """Say how many passes over the training examples remain."""
    complete = f"; {wanted - missing} already complete" if missing < wanted else ""
    passes = "1 pass" if missing == 1 else f"{missing} passes"
    work = "Sketching the training examples"
    if not influence.gradients:
        work = f"Representing the training examples ({influence.method})"
    return f"{work}: {passes} over {examples:,} examples{complete}"


def epoch_line(record: dict[str, Any]) -> str:
    """Report the loss and accuracy of an epoch."""
    accuracies, start = record["languages"].items(), ""
    if len(accuracies) > MOST_SHOWN:
        start = f"lowest of {len(accuracies)} languages: "
        accuracies = sorted(accuracies, key=lambda pair: pair[1])[:LOWEST_SHOWN]
    languages = start + "  ".join(f"{key} {value:.2f}" for key, value in accuracies)
    return (
        f"epoch {record['epoch']:>2}  loss {record['train_loss']:.3f}  "
        f"dev accuracy {record['dev_accuracy']:.3f}  ({languages})"
    )


def disabled_line(masks: "Masks") -> str:
    """Report how many heads each subnetwork disables (Choenni et al. 2024, Tab. 1)."""
    heads = next(iter(masks.values())).size
    counts = "  ".join(f"{language} {(~mask).sum()}" for language, mask in masks.items())
    return f"Disabled heads, of {heads}:  {counts}"


def plan_line(estimate: "Estimate", passes: int = 1) -> str:
    """Report what one sketch pass costs, and what all passes cost together."""
    memory = "no additional memory"
    if estimate.batch_bytes > 0:
        memory = f"{format_bytes(estimate.batch_bytes)} of memory"
    batches = f"batches of up to {estimate.batch_tokens:,} tokens"
    if estimate.apart:
        batches = f"one example at a time, as {estimate.apart}"
    return (
        f"Each sketch pass: {estimate.examples:,} examples, {estimate.tokens:,} tokens; sketches "
        f"of {estimate.dimensions:,} numbers, {format_bytes(estimate.disk_bytes)} on disk; "
        f"{batches}, {memory}; about "
        f"{format_duration(estimate.seconds)}"
        + (
            f"; {passes} passes {format_bytes(passes * estimate.disk_bytes)} and "
            f"{format_duration(passes * estimate.seconds)}"
            if passes > 1
            else ""
        )
    )


def unreached_line(names: list[str]) -> str:
    """Report the parameters that no gradient reaches."""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return (
        f"          no gradient reaches {len(names)} of the model's parameters, so theirs is zero: "
        f"{shown}"
    )


def norm_line(coverage: "pd.DataFrame", preconditioned: bool = False) -> str:
    """Report the first epoch's gradient norm by parameter group, and the sketched share of it.

    Args:
        preconditioned: gradients are divided by the root of a curvature.
    """
    table = coverage[coverage["epoch"] == 1]
    groups = [
        f"{row.group} {row.square_norm_share:.0%}"
        for row in table[table["language"] == "all"].itertuples()
        if row.square_norm_share >= 0.005
    ]
    covered = table[table["covered"] & (table["language"] != "all")]
    if table["square_norm_share"].isna().any():
        return "          some of the gradient norm is neither sketched nor measured"
    shares = covered.groupby("language")["square_norm_share"].sum().sort_values()
    sketched = "100% in every language"
    if shares.iloc[0] <= 0.9995:
        sketched = ", ".join(f"{language} {share:.1%}" for language, share in shares.items())
    norm = "squared norm, preconditioned" if preconditioned else "squared gradient norm"
    return f"          {norm}: {', '.join(groups)}; sketched: {sketched}"


def closing(folder: Path) -> str:
    """Tabulate a finished run's headline figures and name its report."""
    import pandas as pd

    from xling.report.sections.checked import is_unmeasured

    results = json.loads((folder / "results.json").read_text("utf-8"))
    shares = pd.read_parquet(folder / "tables" / "shares.parquet")
    accuracy = pd.read_parquet(folder / "tables" / "accuracy.parquet")
    dev = accuracy[(accuracy.split == "dev") & (accuracy.epoch == results["kept_epoch"])]
    dev = dict(zip(dev.language, dev.accuracy, strict=True))
    own = shares[
        (shares.epoch == 0) & (shares.sign == "+") & (shares.test_language == shares.train_language)
    ].set_index("test_language")
    changes = _own_changes(folder)
    lines = [
        "",
        f"           accuracy        own language among the {results['top_k']} most positive",
        "language   dev    test     share   95 % interval   base rate"
        + ("   change from the whole model, in points" if changes else ""),
    ]
    for language in results["languages"]:
        line = f"{language:<9}  {_number(dev.get(language))}  "
        line += f"{_number(results['test_accuracy'].get(language))}    "
        if language in own.index:
            row = own.loc[language]
            line += f"{row.share:6.1%}   {row.low:5.1%} – {row.high:5.1%}   {row.base_rate:8.1%}"
            line += f"   {changes[language]}" if changes else ""
        else:
            trained = language in results["train_examples"]
            line += "not traced" if trained else "not trained on"
        lines.append(line)
    lines.append("")
    if results.get("sketch"):
        lines.append(coverage_line(results["sketch"]))
    if results.get("twin"):
        lines.append(twin_line(results["twin"], shares))
    if is_unmeasured(results):
        lines.append(
            "Nobody has checked these estimates by fine-tuning again; the report says how."
        )
    lines.append(f"Report: {folder / 'report.html'}")
    return "\n".join(lines)


def _own_changes(folder: Path) -> dict[str, str]:
    """Return the change in each language's own share; nothing for a run without subnetworks."""
    import pandas as pd

    file = folder / "tables" / "subnetwork_change.parquet"
    if not file.exists():
        return {}
    table = pd.read_parquet(file)
    own = table[(table.sign == "+") & (table.test_language == table.train_language)]
    return {
        row.test_language: f"{100 * row.change:+6.1f}  ({100 * row.low:+.1f} to "
        f"{100 * row.high:+.1f}, q {row.q:.3f})"
        for row in own.itertuples()
    }


def coverage_line(sketch: dict[str, Any]) -> str:
    """Report how much of the parameters and of the gradient norm the sketches cover."""
    norm = sketch["square_norm_covered"]
    return (
        f"Sketches of {sketch['dimensions']:,} numbers cover {sketch['parameters_covered']:.1%} of "
        "the parameters and "
        + (f"{norm:.1%}" if norm is not None else "an unmeasured share")
        + " of the squared gradient norm."
    )


def twin_line(twin: dict[str, float], shares: "pd.DataFrame") -> str:
    """Report how closely the sketches agree with their twins."""
    noise = shares[shares.epoch == 0]["noise"]
    return (
        f"Twin sketches: scores correlate at {twin['spearman']:.3f} (Spearman); "
        f"{twin['positive_overlap']:.0%} of the most positive and {twin['negative_overlap']:.0%} "
        f"of the most negative examples are the same; language shares differ by "
        f"{100 * noise.mean():.1f} points on average, {100 * noise.max():.1f} at most."
    )


def _number(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else "  –  "
