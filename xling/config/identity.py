"""What names a run: the settings that can change its result, and their digest."""

import dataclasses
import hashlib
import json
from typing import Any

from xling.config.schema import Config

IDENTITY_EXCLUDED = (
    "folder",
    "tracker",
    "profile",
    "sweep",
    "dry_run",
    "force",
    "fail_fast",
    "experiment",
)
"""Settings that take no part in what a run's result is."""


def identity(config: Config, fingerprints: dict[str, str]) -> dict[str, Any]:
    """Return all that can change a run's result, as plain values.

    Left out: where it runs (trainer but for the precision), where it is written, how it is
    tracked, and the batch size of the sketch pass. `fingerprints` are digests of local files that
    the configuration only points to.
    """
    values = dataclasses.asdict(config)
    for key in IDENTITY_EXCLUDED:
        del values[key]
    del values["sketch"]["batch_tokens"]
    del values["influence"]["memory_gb"]
    del values["subnetwork"]["path"]  # the masks' digest stands for it
    values["trainer"] = {"precision": config.trainer.precision}
    values["tuning"]["learning_rate"] = config.learning_rate
    return {**values, "fingerprints": fingerprints}


def plain(config: Config) -> dict[str, Any]:
    """Return the configuration as nested plain values, but for where it runs and is tracked."""
    values = dataclasses.asdict(config)
    for key in set(IDENTITY_EXCLUDED) - {"profile"}:
        del values[key]
    return values


def digest(values: Any) -> str:
    """Return 8 hexadecimal digits that name plain values (sorted JSON)."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
