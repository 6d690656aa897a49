"""The folders of a run and of the stages that runs share, named by their settings."""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

from xling.cli.compose import compose_config, conf_folder, resolved
from xling.config import (
    Config,
    Influence,
    Model,
    Subnetwork,
    base_run,
    checked,
    delta,
    digest,
    settings,
)
from xling.data import fingerprint, folder_digest
from xling.stage import is_complete

TRACED_BY = (
    "influence",
    "sketch",
    "compare_full",
    "subnetwork",
    "evaluate",
    "mixture",
    "faithfulness",
    "recommend",
    "retrain",
)
"""Groups of settings that a fine-tuning does not depend on."""


@dataclasses.dataclass(frozen=True)
class RunPaths:
    """The folders of a run.

    Attributes:
        run: the report, the tables and all that is this run's own.
        tuning: the fine-tuned checkpoints, shared by the runs that differ only in what is traced.
        sketches: the training examples' sketches of one design, or what else represents them, in a
            folder of the tuning stage; those through a mask have its digest behind.
        tuned_by: what names the tuning stage: the settings it depends on that are no defaults.
        fingerprints: digests of the local files that the names depend on.
    """

    run: Path
    tuning: Path
    sketches: str
    tuned_by: dict[str, Any]
    fingerprints: dict[str, str]


def run_paths(config: Config) -> RunPaths:
    """Return a run's folders; they depend on the contents of the local files it points to."""
    fingerprints = {**fingerprint(config), **model_fingerprint(config.model)}
    if config.subnetwork.path:
        fingerprints["masks"] = folder_digest(config.subnetwork.path)
    return named_paths(config, fingerprints)


def is_finished(config: Config) -> bool:
    """Return whether nothing of a run remains to be done, so that it needs no data and no model."""
    wanted = [config]
    if config.has_base:
        wanted.append(base_run(config))
    return all(is_complete(run_paths(needed).run, needed.force) for needed in wanted)


def model_fingerprint(model: Model) -> dict[str, str]:
    """Return the digest of a local model's files; nothing for a hub id, which has a revision."""
    here = model.path is not None and Path(model.path).is_dir()
    return {"model": folder_digest(model.path)} if here else {}


@cache
def default_settings(profile: str) -> dict[str, Any]:
    """Return the settings of a profile that nobody overrides; of a user's own, those of conf/."""
    known = (conf_folder() / "profile" / f"{profile}.yaml").is_file()
    return settings(checked(resolved(compose_config([f"profile={profile}"] if known else []))))


def named_paths(
    config: Config, fingerprints: dict[str, str], defaults: dict[str, Any] | None = None
) -> RunPaths:
    """Name the folders by the readable switches and a digest of what differs from the defaults.

    Args:
        fingerprints: digests of the local files that the configuration points to.
        defaults: the settings that take no part in names; None: those of the run's profile.
    """
    defaults = default_settings(config.profile) if defaults is None else defaults
    values = {**delta(settings(config), defaults), "profile": config.profile}
    values |= {"fingerprints": fingerprints} if fingerprints else {}
    root = Path(config.folder) / config.task.name
    tuned_by = {key: value for key, value in values.items() if key not in TRACED_BY}
    if config.tuning.name == "sparse":
        tuned_by["subnetwork"] = tuned_through(config)
    elif set(fingerprints) == {"masks"}:
        del tuned_by["fingerprints"]
    elif fingerprints:
        tuned_by["fingerprints"] = {k: v for k, v in fingerprints.items() if k != "masks"}
    name = "-".join([*switches(config), *traced_through(config), digest(values)])
    side = config.sketch.side
    design = f"{config.sketch.method}-{config.sketch.combine}-{config.sketch.stack}x{side}x{side}"
    if config.sketch.method == "exact":
        design = "exact"
    sketched = values.get("sketch", {})
    if config.influence.parameters:
        sketched = {**sketched, "parameters": config.influence.parameters}
    sketched = {**sketched, **preconditioned_by(config.influence)}
    sketches = f"sketches-{design}-{digest(sketched)}"
    if not config.influence.gradients:
        stored = {key: getattr(config.sketch, key) for key in ("precision", "store")}
        sketches = f"{config.influence.method}-{digest(stored)}"
    return RunPaths(
        run=root / name,
        tuning=root / "stages" / "-".join(["tuning", *switches(config), digest(tuned_by)]),
        sketches=sketches,
        tuned_by=tuned_by,
        fingerprints=fingerprints,
    )


def preconditioned_by(influence: Influence) -> dict[str, Any]:
    """Return the settings of what gradients are divided by before they are sketched, if any."""
    if influence.method == "ekfac":
        return {"ekfac": [influence.damping, influence.fit_examples]}
    if influence.moments != "none":
        return {"moments": [influence.moments, influence.fit_examples]}
    return {}


def tuning_settings(config: Config) -> dict[str, Any]:
    """Return all settings that a fine-tuning depends on, defaults and all."""
    values = settings(config)
    kept = {key: value for key, value in values.items() if key not in TRACED_BY}
    if config.tuning.name == "sparse":
        kept["subnetwork"] = {
            **tuned_through(config),
            **({} if config.subnetwork.name == "file" else pruning_settings(config.subnetwork)),
        }
    return kept


def pruning_settings(subnetwork: Subnetwork) -> dict[str, Any]:
    """Return all settings that a pruning depends on beside the model."""
    return {key: getattr(subnetwork, key) for key in ("fraction", "keep", "normalize")}


def masked(sketches: str, mask: list[list[int]]) -> str:
    """Name the folder of the training examples' sketches through a mask.

    Args:
        sketches: name of those without one, see `RunPaths`.
        mask: a row of 0 and 1 per layer.
    """
    return f"{sketches}-mask-{digest(mask)}"


def pruning(subnetwork: Subnetwork, alone: Config, tuned: RunPaths) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a language's identified subnetwork, and all settings it depends on.

    Args:
        alone, tuned: the fine-tuning on the language alone, and its folders.
    """
    named_by = {**pruned_by(subnetwork, alone.profile), "tuning": tuned.tuned_by}
    name = "-".join(["subnetwork", *switches(alone), digest(named_by)])
    values = {**pruning_settings(subnetwork), "tuning": tuning_settings(alone)}
    return tuned.tuning.with_name(name), values


def pruned_by(subnetwork: Subnetwork, profile: str) -> dict[str, Any]:
    """Return the settings of a pruning that differ from the defaults of a profile."""
    defaults = default_settings(profile)["subnetwork"]
    values = pruning_settings(subnetwork)
    return {key: value for key, value in values.items() if value != defaults[key]}


def tuned_through(config: Config) -> dict[str, Any]:
    """Return what tells the masks of a sparse fine-tuning from others: plain values.

    Subnetworks of other languages and composed ones are used in tests alone: each language is
    trained through its own.
    """
    subnetwork = config.subnetwork
    if subnetwork.name == "file":
        return {"name": "file"}
    pruned = pruned_by(subnetwork, config.profile)
    if subnetwork.name == "random":
        return {"name": "random", "seed": subnetwork.seed, **pruned}
    return {"name": "identified", **pruned}


def traced_through(config: Config) -> list[str]:
    """Return the readable switches of a run that its fine-tuning does not have."""
    subnetwork = config.subnetwork
    parts = {
        "full": [],
        "identified": ["identified"],
        "random": [f"random{subnetwork.seed}"],
        "suboptimal": [f"through_{subnetwork.language}"],
        "composed": [f"{subnetwork.compose}_{'+'.join(subnetwork.languages)}"],
        "file": ["own_masks"],
    }[subnetwork.name]
    parts = [*([config.influence.method] if config.influence.method != "tracin" else []), *parts]
    parts += ["test_only"] if subnetwork.apply == "test" else []
    parts += ["masks_only"] if subnetwork.only else []
    chosen = config.influence.test_languages
    parts += ["of_" + "+".join(chosen)] if chosen else []
    parts += [config.evaluate] if config.evaluate else []
    return [*parts, *([f"worker{worker}"] if (worker := config.retrain.worker) else [])]


def switches(config: Config) -> list[str]:
    """Return the switches of a fine-tuning, readable: model, and what differs from a plain run."""
    parts: list[Any] = [config.model.name]
    if config.data.source == "files":
        parts.append("files")
    if tuple(config.languages) != tuple(config.task.languages):
        parts.append(
            "+".join(config.languages) if len(config.languages) < 6 else len(config.languages)
        )
    if len(config.train_languages) == 1:
        parts.append("only_" + config.train_languages[0])
    elif config.exclude:
        parts.append("no_" + "+".join(config.exclude))
    if config.imbalance:
        parts.append(f"{config.imbalance_language}{config.imbalance}")
    if config.leave_out.example is not None:
        out = config.leave_out
        parts.append(f"without_{out.k}_{'positive' if out.sign == '+' else 'negative'}")
        parts.append(f"of_{out.example}" + (f"_control{out.control}" if out.control else ""))
    if config.tuning.name == "sparse":
        through = tuned_through(config)
        parts.append("strict" if config.tuning.strict else "sparse")
        parts += [f"through_random{through['seed']}"] if through["name"] == "random" else []
        parts += ["through_own_masks"] if through["name"] == "file" else []
    if config.seed:
        parts.append(f"seed{config.seed}")
    return [str(part) for part in parts]
