"""The tables of sweeps, documented."""

from xling.report.schema import INTERVAL, SIGN, Schema
from xling.report.subnetwork_tables import SUBNETWORK_SCHEMAS
from xling.report.tables import SCHEMAS

RUN = {
    "run": "name of the run's folder",
    "switches": "the switches in which the run's job differs from others",
    "variant": "its subnetworks in a word or two",
    "tuning": "full or sparse fine-tuning",
}
SWITCHES = {
    "task": "task",
    "exclude": "languages left out of training",
    "imbalance": "how much more data of one language, in per cent",
    "imbalance_language": "that language",
    "model": "encoder",
    "seed": "seed",
    "languages": "languages of the run",
}
"""The switches that stand in a table where the runs differ in them."""

CHANGE = SUBNETWORK_SCHEMAS["subnetwork_change"].columns
RANDOM = {
    "random_low": "2.5th percentile over the random masks",
    "random_high": "97.5th percentile over the random masks",
    "masks": "number of random masks",
}


def swept(about: str, columns: dict[str, str]) -> Schema:
    """Document a table of several runs, which may have any of the switches."""
    return Schema(about, {**RUN, **SWITCHES, "apply": "whom masks are on for", **columns})


def of_runs(name: str) -> Schema:
    """Document a table of single runs whose rows stand together, with the run's name."""
    return swept(SCHEMAS[name].about, SCHEMAS[name].columns)


SWEEP_SCHEMAS = {
    "runs": swept(
        "The runs of the sweep, with the switches in which they differ.",
        {
            "state": "of a sweep that is not finished: how each run stands",
            "dev_accuracy": "accuracy on the development set at the kept epoch, 0 to 1",
            "test_accuracy": "accuracy on the test set, mean over the languages",
            "own_share": "share of a language's own data in the most positive training examples, "
            "mean over the languages",
        },
    ),
    "jobs": Schema(
        "All jobs of a sweep that is not finished, by how they stand.",
        {
            "job": "its number in the sweep's plan",
            "switches": "the switches in which it differs from others",
            "state": "finished, running, failed, stopped (killed) or waiting",
            "error": "what went wrong; the whole of it is in the sweep's jobs/",
            "run": "name of the run's folder",
        },
    ),
    "imbalance": swept(
        "Share of a language's own data among its most influential, against how much there is.",
        {
            "language": "language that there is more data of",
            "sign": SIGN,
            "share": "mean part of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "part of all training data that is of the language, 0 to 1",
            "lift": "share divided by the base rate",
        },
    ),
    **{name: of_runs(name) for name in ("zero_shot", "zero_shot_shares", "zero_shot_accuracy")},
    "retrained": swept(
        "Fine-tunings without some training examples, and the predictions that they change.",
        {
            "base": "run whose influential examples were left out",
            "example": "place of the test example among the run's",
            "test_id": "id of the test example",
            "language": "its language",
            "sign": SIGN,
            "k": "number of training examples left out",
            "control": "0: the influential ones; from 1: random ones like them",
            "before": "probability of the right class by the run's model",
            "after": "the same without the examples",
            "dropped": "number of training examples that were in fact left out",
        },
    ),
    "confidence": swept(
        "Change of the probability of the right class when training examples are left out.",
        {
            "sign": SIGN,
            "k": "number of training examples left out",
            "left_out": "influential, or as many random ones like them",
            "change": "mean change of the probability over the test examples",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "test_examples": "number of test examples",
            "p_random": "p-value, paired Wilcoxon test against the random ones",
            "p_next": "p-value, paired Wilcoxon test against the next k",
        },
    ),
    "sweep_change": swept("What the subnetworks of each run change.", CHANGE),
    "random_masks": swept(
        "What identified subnetworks change, beside random ones of their size.",
        {
            **CHANGE,
            "change": "change of the share through the identified subnetwork",
            "random_mean": "mean over the random masks",
            **RANDOM,
            "p": "how likely a random mask's change lies as far from their mean",
        },
    ),
    "random_accuracy": swept(
        "Test accuracy of identified subnetworks, beside random ones of their size.",
        {
            "language": "language code",
            "identified": "accuracy through the identified subnetwork, 0 to 1",
            "random": "mean over the random masks",
            **RANDOM,
            "random_low": "least over the random masks",
            "random_high": "most over the random masks",
        },
    ),
    "sft_accuracy": swept(
        "Test accuracy of subnetworks after full and after sparse fine-tuning.",
        {
            **SUBNETWORK_SCHEMAS["subnetwork_accuracy"].columns,
            "after_full": "accuracy after full fine-tuning, 0 to 1",
            "after_sft": "accuracy after sparse fine-tuning, 0 to 1",
            "change": "after sparse less after full fine-tuning",
        },
    ),
    "own_share_epochs": swept(
        "Share of each language's own data at each epoch.",
        {
            "language": "language code",
            "epoch": "epoch, from 1",
            "sign": SIGN,
            "share": "mean part of the top-k set, from that epoch alone, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "part of all training data that is of the language, 0 to 1",
        },
    ),
    "composed": swept(
        "What composed subnetworks change.",
        {
            "compose": "union or intersection",
            **CHANGE,
            "languages": "whose subnetworks are composed",
        },
    ),
    "disabled_heads": swept(
        "Attention heads that each language's subnetwork lacks.",
        {
            "task": "task, or task and run",
            "language": "language code",
            "disabled": "number of heads that are off",
            "heads": "number of all heads",
            "multiple": "whether it is a multiple of a pruning step, a tenth of all heads",
        },
    ),
    "head_use": swept(
        "How many languages' subnetworks use each attention head.",
        {
            "task": "task, or task and run",
            "layer": "layer, from 1",
            "head": "attention head of the layer, from 1",
            "languages": "number of languages whose subnetwork uses it",
        },
    ),
}
"""The documentation of each table of a sweep, by the name of its file."""
