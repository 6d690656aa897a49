"""The runs of a sweep that differ in nothing but the seed, and their tables put together."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from xling.analysis import seeds as over
from xling.analysis.sweeps import SWITCHES, switch
from xling.config.identity import IDENTITY_EXCLUDED

READ: dict[str, list[str] | None] = {
    "shares": None,
    "influential": ["test_id", "sign", "train_language"],
    "traced": ["test_id", "language"],
    "mean_influence": None,
    "accuracy": None,
    "distances": None,
    "similarity_correlation": None,
    "exchange_rates": None,
    "effect_overall": None,
    "effect_agreement": None,
    "effect_gains": None,
    "effect_changes": None,
    "faithfulness": None,
    "faithfulness_beats": None,
    "faithfulness_pairs": None,
    "faithfulness_dropped": None,
    "recommend_differences": None,
}
"""The tables that are read of each run, and which of their columns; None: all."""

OF_RUNS: dict[str, Callable[[Sequence[over.Tables]], pd.DataFrame]] = {
    "seed_shares": over.seed_shares,
    "seed_means": over.seed_means,
    "seed_accuracy": over.seed_accuracy,
}
"""The tables over the seeds of traced runs."""

OF_EFFECTS = {"seed_laws": over.seed_laws, "seed_rates": over.seed_rates}
"""The tables over the seeds of what languages' data really do."""


@dataclasses.dataclass(frozen=True)
class SeedGroup:
    """Runs, or evaluations, that differ in the seed alone.

    Attributes:
        title: what tells the group from others of the sweep; "" if there are none.
        results: results.json of each, by the seed.
        tables: over the seeds, by name; none is empty.
    """

    title: str
    results: dict[int, dict[str, Any]]
    tables: dict[str, pd.DataFrame]

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return list(self.results)

    @property
    def languages(self) -> list[str]:
        """The languages, in the runs' own order."""
        return list(next(iter(self.results.values()))["languages"])


def seed_groups(runs: Mapping[str, dict[str, Any]], folders: Mapping[str, Path]) -> list[SeedGroup]:
    """Put together the runs, or evaluations, that differ in nothing but the seed.

    Args:
        runs: results.json by name.
        folders: by name.
    """
    groups = same_but_seed(runs)
    titles = group_titles([runs[names[0]] for names in groups])
    made = []
    for title, names in zip(titles, groups, strict=True):
        results = {int(switch(runs[name], "seed")): runs[name] for name in names}
        tables = tables_over_seeds([_read(folders[name]) for name in names])
        made.append(SeedGroup(title, results, tables))
    return [group for group in made if group.tables]


def tables_over_seeds(runs: Sequence[over.Tables]) -> dict[str, pd.DataFrame]:
    """Return the tables that can be made of the tables of runs."""
    tables: dict[str, pd.DataFrame] = {}
    if all("shares" in run for run in runs):
        tables |= {name: make(runs) for name, make in OF_RUNS.items()}
        tables["seed_statements"] = over.seed_statements(tables["seed_shares"])
    if all("effect_overall" in run for run in runs):
        tables |= {name: make(runs) for name, make in OF_EFFECTS.items()}
    tables["seed_correlations"] = over.seed_correlations(runs)
    tables["seed_differences"] = over.seed_differences(runs)
    return {name: table for name, table in tables.items() if len(table)}


def same_but_seed(runs: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """Return the names of runs that differ in the seed alone, by seed; two or more each."""
    groups: dict[str, list[str]] = {}
    for name, results in runs.items():
        if switch(results, "seed") is not None:
            groups.setdefault(json.dumps(identity(results), sort_keys=True), []).append(name)
    return [
        sorted(names, key=lambda name: int(switch(runs[name], "seed")))
        for names in groups.values()
        if len({switch(runs[name], "seed") for name in names}) > 1
    ]


def identity(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a run that can change its results, but the seed, by dotted key."""
    switches = {key: _named(switch(results, key)) for key in SWITCHES}
    kinds = {key: results.get(key) for key in ("evaluate", "variant", "fingerprints")}
    settings = {**flat(results.get("config", {})), **kinds, **switches}
    return {
        key: value for key, value in settings.items() if key not in {*IDENTITY_EXCLUDED, "seed"}
    }


def _named(value: Any) -> Any:
    """Return the name of what the settings of an evaluation have as a group, such as the model."""
    return (value.get("path") or value.get("name")) if isinstance(value, Mapping) else value


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted keys."""
    settings: dict[str, Any] = {}
    for key, value in values.items():
        nested = isinstance(value, Mapping)
        settings |= flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return settings


def group_titles(firsts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name groups by the switches in which they differ, given a run's results of each.

    The usual switches come first, and others where these do not tell the groups apart. Those that
    have no value are not named.
    """
    settings = [identity(results) for results in firsts]
    if len(settings) < 2:
        return [""] * len(settings)
    keys = list(dict.fromkeys(key for own in settings for key in own))
    differing = [key for key in keys if len({str(own.get(key)) for own in settings}) > 1]
    chosen = [key for key in (*SWITCHES, "evaluate") if key in differing]
    if len({tuple(str(own.get(key)) for key in chosen) for own in settings}) < len(settings):
        chosen += [key for key in differing if key not in chosen]
    return [
        ", ".join(f"{key}={own[key] or '[]'}" for key in chosen if own.get(key) is not None)
        for own in settings
    ]


def group_tables(groups: Sequence[SeedGroup]) -> dict[str, pd.DataFrame]:
    """Return the tables of all groups; where there are several, their titles are a column."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for group in groups:
        for name, table in group.tables.items():
            titled = table.copy()
            if len(groups) > 1:
                titled.insert(0, "switches", group.title)
            tables.setdefault(name, []).append(titled)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def _read(folder: Path) -> dict[str, pd.DataFrame]:
    files = {name: folder / "tables" / f"{name}.parquet" for name in READ}
    return {
        name: pd.read_parquet(file, columns=READ[name])
        for name, file in files.items()
        if file.is_file()
    }
