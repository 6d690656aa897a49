"""What names a run: the settings in which it differs from its profile, and their digest.

A setting at its default is not part of a name, so a new switch with a default renames no finished
folder. Folders record all their settings, and are refused if a default has changed since then
(`xling.stage.require_same_settings`).
"""

import dataclasses
import hashlib
import json
from typing import Any

from xling.config.schema import Config
from xling.stage import setting_pairs

IDENTITY_EXCLUDED = frozenset(
    {
        "folder",
        "tracker",
        "sweep",
        "dry_run",
        "force",
        "fail_fast",
        "experiment",
        "sketch.batch_tokens",
        "influence.memory_gb",
        "influence.uses",  # follows from the method
        "retrain.processes",
        "subnetwork.path",  # replaced by the digest of its masks
        "trainer.accelerator",
        "trainer.devices",
        "trainer.num_nodes",
        "trainer.strategy",
        "trainer.threads",
    }
)
"""Settings that cannot change a result: where it is computed, written and tracked."""

COMPARED_WHOLE = frozenset({"task.labels", "data.splits"})
"""Settings that map the user's own names: compared as a whole, including their order."""


def settings(config: Config) -> dict[str, Any]:
    """Return all settings that can change a run's result, as plain values.

    The learning rate is the effective one, wherever it was set.
    """
    values = _without(json.loads(json.dumps(dataclasses.asdict(config))), "")
    values["tuning"]["learning_rate"] = config.learning_rate
    return values


def delta(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that differ from the defaults, with the nesting of both."""
    differing: dict[str, Any] = {}
    for key, (value, default) in setting_pairs(values, defaults).items():
        if value != default:
            *groups, name = key.split(".")
            group = differing
            for group_name in groups:
                group = group.setdefault(group_name, {})
            group[name] = value
    return differing


def plain(config: Config) -> dict[str, Any]:
    """Return the configuration as nested plain values, without where it runs and is tracked."""
    values = dataclasses.asdict(config)
    return {key: value for key, value in values.items() if key not in IDENTITY_EXCLUDED}


def digest(values: Any) -> str:
    """Return 8 hexadecimal digits that name plain values (sorted JSON)."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _without(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    kept = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if name in COMPARED_WHOLE:
            kept[key] = [[*pair] for pair in value.items()]
        elif name not in IDENTITY_EXCLUDED:
            kept[key] = _without(value, f"{name}.") if isinstance(value, dict) else value
    return kept
