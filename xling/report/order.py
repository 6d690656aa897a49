"""The sections of each kind of page, in the order in which they stand, and all their tables."""

from xling.report.section import Schema, Section, all_schemas
from xling.report.sections import (
    accuracy,
    certainty,
    change,
    composed,
    confidence,
    coverage,
    distances,
    distribution,
    epochs,
    faithfulness,
    heads,
    imbalance,
    language_effects,
    means,
    own_share_epochs,
    part_shares,
    random_masks,
    readings,
    recommend,
    reinforcing,
    run_files,
    scripts,
    seeds,
    shares,
    similar_subnetworks,
    sparse_fine_tuning,
    sweep_changes,
    sweep_files,
    sweep_heads,
    sweep_jobs,
    sweep_runs,
    traced_examples,
    what_was_run,
    zero_shot,
)
from xling.report.sweep_results import SweepResults
from xling.report.tables import Run

_WITH_TABLES: tuple[Section[Run], ...] = (
    what_was_run.SECTION,
    accuracy.SECTION,
    shares.SECTION,
    readings.SECTION,
    certainty.SECTION,
    epochs.SECTION,
    part_shares.SECTION,
    means.SECTION,
    distribution.SECTION,
    reinforcing.SECTION,
    scripts.SECTION,
    distances.SECTION,
    heads.SECTION,
    change.SECTION,
    coverage.SECTION,
    traced_examples.SECTION,
)

SCHEMAS: dict[str, Schema] = all_schemas(_WITH_TABLES) | zero_shot.RUN_SCHEMAS
"""The documentation of each table of a run, by the name of its file."""

RUN_SECTIONS = (*_WITH_TABLES, run_files.section(SCHEMAS))
"""The sections of a run's page."""

SWEEP_SECTIONS: tuple[Section[SweepResults], ...] = (
    language_effects.SECTION,
    faithfulness.SECTION,
    recommend.SECTION,
    imbalance.SECTION,
    zero_shot.SECTION,
    confidence.SECTION,
    seeds.SECTION,
    sweep_runs.DRAWN,
    sweep_heads.SECTION,
    sweep_changes.SECTION,
    random_masks.SECTION,
    sparse_fine_tuning.SECTION,
    own_share_epochs.SECTION,
    similar_subnetworks.SECTION,
    composed.SECTION,
    sweep_runs.SECTION,
    sweep_jobs.SECTION,
    sweep_files.SECTION,
)
"""The sections of a sweep's page."""

SWEEP_SCHEMAS = all_schemas(SWEEP_SECTIONS)
"""The documentation of each table of a sweep, by the name of its file."""

SWEEP_QUESTIONS = (
    language_effects.SECTION,
    faithfulness.SECTION,
    recommend.SECTION,
    imbalance.SECTION,
    zero_shot.SECTION,
    confidence.SECTION,
    composed.SECTION,
    random_masks.SECTION,
    sparse_fine_tuning.SECTION,
    sweep_changes.SECTION,
    sweep_heads.SECTION,
    seeds.SECTION,
)
"""The sections whose question may be the page's title: that of the first that applies is."""
