"""Invented runs and sweeps, as finished ones leave them, for the tests of the report."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

LANGUAGES = ("de", "en", "ko")
PAIR = ("de", "ko")


def make_run(
    folder: Path,
    languages: tuple[str, ...] = LANGUAGES,
    exclude: tuple[str, ...] = (),
    epochs: int = 3,
    traced_per_language: int = 3,
    top_k: int = 12,
    parallel: bool = True,
    texts: dict[str, list[str]] | None = None,
    profile: str = "sample",
    task: str = "xnli",
    whole: float = 0.4,
    distances: bool = True,
) -> Path:
    """Write results.json and the tables of an invented run, as a finished run leaves them."""
    rng = np.random.default_rng(0)
    trained = [language for language in languages if language not in exclude]
    tables = {
        "accuracy": _accuracy(rng, languages, epochs),
        "shares": make_shares(rng, languages, trained, epochs, traced_per_language),
        "mean_influence": _means(rng, languages, trained, epochs),
        "coverage": pd.DataFrame(
            [
                ("embeddings", 1_000_000, 0.31, True),
                ("attention", 500_000, 0.27, True),
                ("feed-forward", 900_000, 0.35, True),
                ("layer norm", 4_000, 0.05, True),
                ("head", 70_000, 0.02, False),
            ],
            columns=["group", "parameters", "square_norm_share", "covered"],
        ).assign(epoch=0, language="all"),
        **_examples(rng, languages, trained, traced_per_language, top_k, texts or {}),
        "labels": _labels(rng, languages),
        "distribution": make_distribution(rng, languages, trained),
        "scripts": _scripts(trained, whole),
    }
    if epochs > 1:
        tables["epoch_tests"] = make_epoch_tests(rng, languages, epochs)
    if distances:
        kinds = itertools.product("+-", ("syntax", "geography"))
        rows = [
            (*kind, rho, 0.0004, 6) for kind, rho in zip(kinds, (-0.5, -0.7, 0.1, 0.2), strict=True)
        ]
        columns = "sign distance rho p pairs".split()
        tables["distances"] = pd.DataFrame(rows, columns=columns).assign(least_p=0.0002)
    if parallel:
        rows = [
            (
                sign,
                language,
                value := float(rng.uniform(0.2, 0.5)),
                value - 0.04,
                value + 0.04,
                900,
                0.1,
            )
            for sign, language in itertools.product("+-", trained)
        ]
        columns = "sign test_language reinforcing low high members expected".split()
        tables["reinforcing"] = pd.DataFrame(rows, columns=columns)
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet")
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    results = _results(folder.name, languages, exclude, epochs, top_k, profile) | {"task": task}
    (folder / "results.json").write_text(json.dumps(results, ensure_ascii=False), "utf-8")
    return folder


def make_embedding_run(folder: Path, **more) -> Path:
    """The same of a run whose attribution method is cosines of hidden states: without gradients."""
    make_run(folder, **more)
    for file in folder.glob("tables/coverage.*"):
        file.unlink()
    file = folder / "results.json"
    results = json.loads(file.read_text("utf-8")) | {"method": "embedding"}
    del results["sketch"], results["seconds"]["sketch"]
    file.write_text(json.dumps(results), "utf-8")
    return folder


def _results(run, languages, exclude, epochs, top_k, profile):
    trained = [language for language in languages if language not in exclude]
    return {
        "xling": "0.1.0",
        "run": run,
        "task": "xnli",
        "profile": profile,
        "languages": list(languages),
        "exclude": list(exclude),
        "imbalance": 0,
        "imbalance_language": None,
        "model": "tiny",
        "classes": ["not_entailment", "entailment"],
        "epochs": epochs,
        "kept_epoch": epochs,
        "train_examples": dict.fromkeys(trained, 2000),
        "dev_accuracy": 0.842,
        "top_k": top_k,
        "sketch": {"side": 16, "stack": 4, "combine": "sum", "dimensions": 1024},
        "config": {"tuning": {"batch_size": 32, "learning_rate": 2e-5}, "seed": 0},
        "command": "xling task=xnli",
        "seconds": {"data": 3.2, "tuning": 61.0, "sketch": 44.5, "influence": 2.1},
        "something_new": {"of": "later"},
    }


def _accuracy(rng, languages, epochs):
    rows = []
    for place, language in enumerate(languages):
        for epoch in range(1, epochs + 1):
            value = 0.86 - 0.012 * (place % 7) - 0.3 * np.exp(-0.8 * epoch) + rng.normal(0, 0.008)
            rows.append(("dev", epoch, language, value, 500))
        rows.append(("test", epochs, language, value - 0.01, 1000))
    return pd.DataFrame(rows, columns=["split", "epoch", "language", "accuracy", "examples"])


def make_shares(rng, languages, trained, epochs, examples, noise=np.nan):
    rows = []
    for sign, epoch, test in itertools.product("+-", range(epochs + 1), languages):
        weights = rng.uniform(0.7, 1.3, len(trained))
        if test in trained:
            weights[trained.index(test)] *= (2.6 if sign == "+" else 1.7) - 0.15 * epoch
        for train, share in zip(trained, weights / weights.sum(), strict=True):
            interval = max(0.0, share - 0.025), share + 0.025
            p = np.nan if epoch else float(rng.choice([0.0004, 0.21]))
            numbers = (*interval, 1 / len(trained), share * len(trained), 0.9 * share, p, p)
            rows.append((epoch, sign, test, train, share, *numbers, examples, noise))
    columns = "epoch sign test_language train_language share low high base_rate lift same_label"
    return pd.DataFrame(rows, columns=[*columns.split(), "p", "q", "test_examples", "noise"])


def _labels(rng, languages):
    rows = [
        (sign, language, value := mean + rng.uniform(0, 0.05), value - 0.02, value + 0.02, 0.5)
        for sign, mean in (("+", 0.9), ("-", 0.1))
        for language in languages
    ]
    columns = "sign test_language same_label low high base_rate"
    return pd.DataFrame(rows, columns=columns.split())


def make_distribution(rng, languages, trained):
    edges = np.linspace(-2, 3, 51).round(2)
    rows = []
    for test, train in itertools.product(languages, trained):
        counts, _ = np.histogram(rng.normal(0.3 + 0.4 * (test == train), 0.4, 2000), edges)
        ends = zip(edges[:-1], edges[1:], counts, strict=True)
        rows += [(test, train, low, high, int(n)) for low, high, n in ends if n]
    columns = ["test_language", "train_language", "low", "high", "pairs"]
    return pd.DataFrame(rows, columns=columns)


def make_epoch_tests(rng, languages, epochs):
    pairs = itertools.product(languages, itertools.combinations(range(1, epochs + 1), 2))
    rows = []
    for place, (language, pair) in enumerate(pairs):
        p = 0.5 if place == 0 else 1e-9
        rows.append((language, *pair, p, p, rng.uniform(-0.6, 0.6), 6000))
    columns = "test_language first second p p_holm effect examples"
    return pd.DataFrame(rows, columns=columns.split())


def _scripts(trained, whole):
    rows = []
    for sign, language, where in itertools.product("+-", trained, ("own", "others")):
        latin = language != "ko"
        share = 1.0 if latin else whole if where == "own" else whole**2
        name = "Latn" if latin else "Hang"
        rows.append(
            (sign, language, where, name, share, np.nan, np.nan, 90, 1.0 if latin else whole)
        )
    columns = "sign train_language test_languages scripts whole low high members all_examples"
    return pd.DataFrame(rows, columns=columns.split())


def _means(rng, languages, trained, epochs):
    rows = []
    for epoch, test, train in itertools.product(range(epochs + 1), languages, trained):
        value = rng.normal(0.02, 0.05) + 0.12 * (test == train)
        rows.append((epoch, test, train, value, value - 0.01, value + 0.01))
    columns = ["epoch", "test_language", "train_language", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _examples(rng, languages, trained, per_language, top_k, texts):
    def text(language):
        choices = texts.get(language) or [f"Sentence {i} in {language}." for i in range(50)]
        return str(choices[int(rng.integers(len(choices)))])

    labels = ("not_entailment", "entailment")
    traced, influential = [], []
    for language, i in itertools.product(languages, range(per_language)):
        test_id, label = f"{language}{i}", labels[i % 2]
        traced.append(
            (test_id, language, label, label, 0.5 + i / 100, text(language), text(language), str(i))
        )
        for sign, rank in itertools.product("+-", range(1, top_k + 1)):
            train = trained[int(rng.integers(len(trained)))]
            score = (3 - 0.2 * rank / top_k) * (1 if sign == "+" else -1)
            ids = f"{train}{int(rng.integers(2000))}"
            row = (test_id, sign, rank, ids, train, labels[rank % 2], score, rank % 3 == 0)
            row = (*row, rank % 4 != 0)
            influential.append((*row, text(train), text(train)))
    columns = ["test_id", "language", "label", "predicted", "probability", "text", "text_pair"]
    members = ["test_id", "sign", "rank", "train_id", "train_language", "label", "score"]
    return {
        "traced": pd.DataFrame(traced, columns=[*columns, "parallel_id"]),
        "influential": pd.DataFrame(
            influential, columns=[*members, "translation", "own_script", "text", "text_pair"]
        ),
    }
