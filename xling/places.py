"""Where a run stands, and the stages that runs share: folders named by their settings."""

import dataclasses
from pathlib import Path
from typing import Any

from xling.config import Config, digest, identity


@dataclasses.dataclass(frozen=True)
class Places:
    """The folders of a run.

    Attributes:
        run: the report, the tables and all that is this run's own.
        tuning: the fine-tuned checkpoints, shared by the runs that differ only in what is traced.
        sketches: the training examples' sketches of one design, in a folder of the tuning stage.
        tuned_by: the settings that the tuning stage depends on.
    """

    run: Path
    tuning: Path
    sketches: str
    tuned_by: dict[str, Any]


def places(config: Config, fingerprints: dict[str, str]) -> Places:
    """Name the folders by the readable switches and a digest of every value that matters.

    Args:
        fingerprints: digests of the local files that the configuration points to.
    """
    values = identity(config, fingerprints)
    root = Path(config.folder) / config.task.name
    traced_by = ("influence", "sketch", "compare_full")
    tuned_by = {key: values[key] for key in values if key not in traced_by}
    name = "-".join([*switches(config), digest(values)])
    side = config.sketch.side
    design = f"{config.sketch.method}-{config.sketch.combine}-{config.sketch.stack}x{side}x{side}"
    if config.sketch.method == "exact":
        design = "exact"
    return Places(
        run=root / name,
        tuning=root / "stages" / "-".join(["tuning", *switches(config), digest(tuned_by)]),
        sketches=f"sketches-{design}-{digest(values['sketch'])}",
        tuned_by=tuned_by,
    )


def switches(config: Config) -> list[str]:
    """Return the switches that people sweep, readable: model, and what differs from a plain run."""
    parts: list[Any] = [config.model.name]
    if config.data.source == "files":
        parts.append("files")
    if tuple(config.languages) != tuple(config.task.languages):
        parts.append(
            "+".join(config.languages) if len(config.languages) < 6 else len(config.languages)
        )
    if config.exclude:
        parts.append("no_" + "+".join(config.exclude))
    if config.imbalance:
        parts.append(f"{config.imbalance_language}{config.imbalance}")
    if config.leave_out.example is not None:
        out = config.leave_out
        parts.append(f"without_{out.k}_{'positive' if out.sign == '+' else 'negative'}")
        parts.append(f"of_{out.example}" + (f"_control{out.control}" if out.control else ""))
    if config.seed:
        parts.append(f"seed{config.seed}")
    return [str(part) for part in parts]
