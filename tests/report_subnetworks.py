"""Invented runs with subnetworks, and sweeps of them, for the tests of the report."""

import json

import numpy as np
import pandas as pd
from report_runs import LANGUAGES, PAIR, make_run

from xling.analysis import overlap as mask_tables
from xling.analysis.change import specialization_correlation
from xling.report.sweep_results import SweepJob

LAYERS, HEADS = 4, 6


def make_masks(rng, languages, disabled=8):
    """A mask per language with 2 more heads off than the one before."""
    masks = {}
    for place, language in enumerate(languages):
        off = rng.permutation(LAYERS * HEADS)[: disabled - 2 * (place % 3)]
        mask = np.ones(LAYERS * HEADS, bool)
        mask[off] = False
        masks[language] = mask.reshape(LAYERS, HEADS)
    return masks


def make_subnetwork_run(folder, languages=LANGUAGES, name="identified", seed=0, **more):
    """Add to an invented run what subnetworks leave."""
    settings = {key: more.pop(key) for key in ("variant", "tuning") if key in more}
    make_run(folder, languages, **more)
    rng = np.random.default_rng(seed)
    masks = make_masks(rng, languages)
    shares = pd.read_parquet(folder / "tables/shares.parquet")
    tables = {
        "masks": mask_tables.mask_table(masks),
        "pruning": _pruning(rng, masks),
        "mask_overlap": (overlap := mask_tables.mask_overlap(masks)),
        "subnetwork_change": _change(rng, shares),
        "subnetwork_accuracy": _accuracy(rng, languages),
        "modularity": _modularity(rng, languages),
        **_specialization(rng, shares),
        "similarity": (pairs := mask_tables.similarity(overlap, shares)),
        "similarity_correlation": mask_tables.similarity_correlation(pairs),
        "correct": _correct(rng, languages),
    }
    for table_name, table in tables.items():
        table.to_parquet(folder / f"tables/{table_name}.parquet")
        table.to_csv(folder / f"tables/{table_name}.csv", index=False)
    _add(folder, masks, name, seed, settings)
    return folder


def make_masks_job(folder, task, languages=LANGUAGES, seed=0):
    """What a job leaves that identified masks alone."""
    rng = np.random.default_rng(seed)
    masks = make_masks(rng, languages)
    (folder / "tables").mkdir(parents=True)
    tables = {"masks": mask_tables.mask_table(masks), "pruning": _pruning(rng, masks)}
    tables["mask_overlap"] = mask_tables.mask_overlap(masks)
    for table_name, table in tables.items():
        table.to_parquet(folder / f"tables/{table_name}.parquet")
    results = {"task": task, "profile": "sample", "languages": list(languages)}
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    _add(folder, masks, "identified", seed, {})
    return folder


def _add(folder, masks, name, seed, settings):
    file = folder / "results.json"
    results = json.loads(file.read_text("utf-8"))
    results |= {
        "subnetwork": {
            "name": name, "apply": "both", "seed": seed, "language": None, "languages": [],
            "compose": None,
        },
        "tuning": "full",
        "variant": name,
        "heads": LAYERS * HEADS,
        "disabled_heads": {language: int((~mask).sum()) for language, mask in masks.items()},
        "own_language_share": dict.fromkeys(masks, 0.3),
        "test_accuracy": dict.fromkeys(masks, 0.8),
    }  # fmt: skip
    file.write_text(json.dumps(results | settings), "utf-8")


def _pruning(rng, masks):
    rows = []
    for language, mask in masks.items():
        disabled = int((~mask).sum())
        for step in range(disabled // 2 + 2):
            accuracy = 0.84 - 0.004 * step - (0.08 if 2 * step > disabled else 0)
            kept = 2 * step == disabled
            rows.append((language, step, 2 * step, accuracy + rng.normal(0, 0.004), kept))
    return pd.DataFrame(rows, columns="language step disabled accuracy kept".split())


def _change(rng, shares):
    rows = []
    for row in shares[shares["epoch"] == 0].itertuples():
        change = float(rng.normal(0.03 if row.test_language == row.train_language else -0.01, 0.03))
        q = 0.01 if abs(change) > 0.02 else 0.4
        pair = row.sign, row.test_language, row.train_language
        numbers = row.share, row.share + change, change, change - 0.01, change + 0.01, q / 2, q, 25
        rows.append((*pair, *numbers))
    columns = "sign test_language train_language full subnetwork change low high p q test_examples"
    return pd.DataFrame(rows, columns=columns.split())


def _accuracy(rng, languages):
    rows = []
    for place, language in enumerate(languages):
        full, change = float(rng.uniform(0.78, 0.86)), -0.01 * (place % 7)
        ends = change - 0.015, change + 0.015
        rows.append((language, full, full + change, change, *ends, 0.5 / 20 ** (place % 7), 1000))
    columns = "language full subnetwork change low high p examples"
    return pd.DataFrame(rows, columns=columns.split())


def _modularity(rng, languages):
    rows = []
    for language in languages:
        full, change = rng.uniform(0.05, 0.3), rng.normal(0.03, 0.03)
        for model, value in (("full", full), ("subnetwork", full + change), ("change", change)):
            rows.append((language, model, value, value - 0.03, value + 0.03, 25))
    return pd.DataFrame(rows, columns="language model value low high test_examples".split())


def _specialization(rng, shares):
    own = shares.query("epoch > 0 and sign == '+' and test_language == train_language")
    table = own[["test_language", "epoch", "share"]].set_axis(
        ["language", "epoch", "own_share"], axis=1
    )
    table = table.assign(accuracy=1 - 0.4 * table["own_share"] + rng.normal(0, 0.01, len(table)))
    correlation = specialization_correlation(table)
    return {"specialization": table, "specialization_correlation": correlation}


def _correct(rng, languages):
    ids = [(f"{language}{i}", language) for language in languages for i in range(50)]
    table = pd.DataFrame(ids, columns=["test_id", "language"])
    return table.assign(full=rng.random(len(ids)) < 0.8, subnetwork=rng.random(len(ids)) < 0.75)


def finished(number, run, masks=False):
    """The job of a finished run."""
    return SweepJob(
        number, run.name, run, base=None, masks=masks, evaluation=False, state="finished"
    )


def make_sweep(folder, *runs, masks=()):
    """A sweep of runs (name, settings of its subnetwork, other arguments) and of masks alone.

    Returns:
        The sweep's folder, and its jobs.
    """
    jobs = []
    for name, settings, more in runs:
        run = make_subnetwork_run(
            folder / "pawsx" / name, PAIR, epochs=2, traced_per_language=1, task="pawsx", **more
        )
        file = run / "results.json"
        results = json.loads(file.read_text("utf-8"))
        results["subnetwork"] |= settings
        file.write_text(json.dumps(results), "utf-8")
        jobs.append(finished(len(jobs) + 1, run))
    for task in masks:
        run = make_masks_job(folder / task / f"{task}-1", task, PAIR)
        jobs.append(finished(len(jobs) + 1, run, masks=True))
    (folder / "sweeps/s").mkdir(parents=True)
    return folder / "sweeps/s", jobs


def make_sweep_of_all_kinds(folder):
    """A sweep with identified, sparsely fine-tuned, random, other languages' and composed masks."""
    pair = {"languages": ["de", "ko"], "compose": "union"}
    return make_sweep(
        folder,
        ("a", {}, {"variant": "identified"}),
        ("b", {}, {"variant": "SFT, identified", "tuning": "sparse"}),
        ("c", {}, {"name": "random", "variant": "random 0", "seed": 1}),
        ("d", {}, {"name": "random", "variant": "random 1", "seed": 2}),
        ("e", {"language": "ko"}, {"name": "suboptimal", "variant": "ko’s", "seed": 3}),
        ("f", pair, {"name": "composed", "variant": "de ∪ ko", "seed": 4}),
    )
