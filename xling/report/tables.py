"""What a run leaves for the report: results.json and the tables, checked and documented."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd

from xling.errors import UserError, nearest
from xling.report.schema import EPOCH, INTERVAL, SIGN, Schema
from xling.report.subnetwork_tables import SUBNETWORK_SCHEMAS


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run as read from its folder."""

    folder: Path
    results: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    @property
    def languages(self) -> list[str]:
        """Languages in the run's own order."""
        return list(self.results["languages"])


NEEDED = ("run", "task", "profile", "languages", "classes", "epochs", "kept_epoch", "dev_accuracy")
NEEDED += ("top_k",)

SCHEMAS = {
    "accuracy": Schema(
        "Accuracy per language: the development set after every epoch, the test set at the end.",
        {
            "split": "dev or test",
            "epoch": "epoch, from 1; for the test set the epoch that was kept",
            "language": "language code",
            "accuracy": "part of the examples classified correctly, 0 to 1",
            "examples": "number of examples",
        },
    ),
    "shares": Schema(
        "What each training language holds of the most influential training examples.",
        {
            "epoch": EPOCH,
            "sign": SIGN,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "share": "mean part of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "part of all training data that is of the training language, 0 to 1",
            "lift": "share divided by the base rate",
            "same_label": "share among the members with the test example's label, if any",
            "p": "how often permuted languages give a share as far from chance, 0 to 1",
            "q": "p with the false discovery rate controlled over the table (Benjamini, Hochberg)",
            "test_examples": "number of test examples averaged over",
            "noise": "difference between the shares by the sketches and by their twins, if any",
        },
        gaps=("noise", "same_label", "p", "q"),
    ),
    "mean_influence": Schema(
        "Mean influence over all pairs of a training and a test example.",
        {
            "epoch": EPOCH,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "mean": "mean influence (cosine; summed over the checkpoints where epoch is 0)",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
        },
    ),
    "reinforcing": Schema(
        "Influential examples of other languages that are translations of own-language ones.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "reinforcing": "part of the members from other languages that are translations of a "
            "member from the test language, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "members": "number of members from other languages",
        },
        required=False,
    ),
    "labels": Schema(
        "How much of the most influential training data has the test example's own label.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "same_label": "mean part of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "part of all training data with such a label, 0 to 1",
        },
    ),
    "distribution": Schema(
        "How many pairs of a training and a test example have which summed influence.",
        {
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "low": "lower end of the bin",
            "high": "upper end of the bin",
            "pairs": "number of pairs",
        },
    ),
    "epoch_tests": Schema(
        "Whether the training examples' scores differ between epochs (Wilcoxon signed-rank test).",
        {
            "test_language": "language whose test examples the scores are averaged over",
            "first": "an epoch",
            "second": "a later epoch",
            "p": "p-value",
            "p_holm": "p-value corrected for the number of pairs and languages (Holm)",
            "effect": "rank-biserial correlation: -1 all scores fall, 1 all rise",
            "examples": "number of training examples",
        },
        required=False,
    ),
    "scripts": Schema(
        "Influential training examples that are written wholly in their language's own script.",
        {
            "sign": SIGN,
            "train_language": "language of the training examples",
            "test_languages": "of the test examples: own (the same language) or others",
            "scripts": "the language's script, by its Unicode name",
            "whole": "part of the members written wholly in it, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "members": "number of members",
            "all_examples": "the same part of all training examples of the language",
        },
        gaps=("low", "high"),
    ),
    "distances": Schema(
        "Rank correlation between shares and linguistic distances (URIEL), over language pairs.",
        {
            "sign": SIGN,
            "distance": "what the languages are compared by",
            "rho": "Spearman's rank correlation of share and distance",
            "p": "p-value; pairs that share a language are not independent",
            "pairs": "number of pairs of different languages",
        },
        required=False,
    ),
    "zero_shot": Schema(
        "Overlap of the top-k sets of a model that has seen a language and of one that has not.",
        {
            "sign": SIGN,
            "language": "language that was left out, and that the test examples are of",
            "measure": "translations: part of the zero-shot model's set that translates an example "
            "of the language in the full model's; recovered: part of the full model's members from "
            "other languages that is in the zero-shot model's set again",
            "value": "mean over test examples, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "chance": "what sets drawn at random would have",
            "test_examples": "number of test examples, which both models classify correctly",
        },
        required=False,
        gaps=("low", "high"),
    ),
    "zero_shot_shares": Schema(
        "Shares of the training languages for languages that were left out, by both models.",
        {
            "model": "full: trained on all languages; without: the zero-shot model",
            "sign": SIGN,
            "test_language": "language that was left out",
            "train_language": "language of the training examples",
            "share": "mean part of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "part of the model's training data that is of the training language",
        },
        required=False,
    ),
    "zero_shot_accuracy": Schema(
        "Test accuracy on languages that were left out, by both models.",
        {
            "language": "language that was left out",
            "model": "full: trained on all languages; without: the zero-shot model",
            "accuracy": "part of all its test examples classified correctly, 0 to 1",
        },
        required=False,
    ),
    "coverage": Schema(
        "Which parameters the gradient sketches cover, and which carry the gradient.",
        {
            "epoch": EPOCH,
            "language": "language of the training examples; all is the mean over the languages",
            "group": "kind of parameter",
            "parameters": "number of parameters",
            "square_norm_share": "part of the squared gradient norm, 0 to 1",
            "covered": "whether the sketches cover it",
        },
        required=False,
    ),
    "traced": Schema(
        "The test examples whose influential training examples were looked for.",
        {
            "test_id": "id of the test example",
            "language": "language code",
            "label": "its class",
            "predicted": "class that the model predicts",
            "probability": "probability of that class, 0 to 1",
            "text": "text",
            "text_pair": "second text, where the task has one",
            "parallel_id": "id that an example shares with its translations",
        },
        gaps=("text_pair", "parallel_id"),
    ),
    "influential": Schema(
        "The most positive and most negative training examples of each traced test example.",
        {
            "test_id": "id of the test example",
            "sign": SIGN,
            "rank": "1 is the strongest",
            "train_id": "id of the training example",
            "train_language": "its language",
            "label": "its class",
            "score": "influence: cosine of the gradients, summed over the checkpoints",
            "translation": "whether it is a translation of a member from the test language",
            "own_script": "whether it is written wholly in its language's own script",
            "text": "text",
            "text_pair": "second text, where the task has one",
        },
        gaps=("text_pair", "translation"),
    ),
    **SUBNETWORK_SCHEMAS,
}


def load(folder: Path) -> Run:
    """Read the results and tables of a finished run.

    Raises:
        UserError: a file, a key or a column is not there, or a number is missing.
    """
    file = folder / "results.json"
    if not file.is_file():
        raise UserError(
            f"{folder}: no results.json, so this is not the folder of a finished run. "
            "Give a folder that the program has finished, as in multirun/xnli/<name>."
        )
    results = json.loads(file.read_text(encoding="utf-8"))
    if lacking := [key for key in NEEDED if key not in results]:
        raise UserError(f"{file}: lacks {', '.join(lacking)}. Run the command of that run again.")
    tables = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("tables/*.parquet"))}
    for name, schema in SCHEMAS.items():
        if name in tables:
            _check(tables[name], schema, folder / "tables" / f"{name}.parquet")
        elif schema.required:
            raise UserError(f"{folder}/tables: no {name}.parquet.{nearest(name, tables)}")
    return Run(folder, results, tables)


def overall(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the table of coverage that hold for the whole run."""
    return coverage[(coverage["epoch"] == 0) & (coverage["language"] == "all")]


def _check(table: pd.DataFrame, schema: Schema, file: Path) -> None:
    for column in schema.columns:
        if column not in table:
            raise UserError(
                f"{file}: no column {column}; it has {', '.join(table.columns)}."
                f"{nearest(column, table.columns)}"
            )
        if column not in schema.gaps and table[column].isna().any():
            row = int(table[column].isna().to_numpy().argmax())
            raise UserError(f"{file}: column {column} has no value in row {row}: {schema.about}")
    if "sign" in table and (wrong := set(table["sign"]) - {"+", "-"}):
        raise UserError(f"{file}: sign={sorted(map(str, wrong))[0]}; expected + or -.")
