"""What is said of languages whose data do harm, which no exchange rate can tell."""

import pandas as pd

from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables
from xling.report.words import SIGNIFICANT, listed, number

NAMED = 6
"""Languages that a sentence names; of more, it says how many."""

SCHEMA = across_runs(
    "What a language's data change, good or bad: from none of its examples to all of them, beside "
    "what the chosen law says of the other languages' data.",
    {
        "measure": "loss (minus the mean loss of a language's test examples) or accuracy",
        "test_language": "language of the test examples",
        "train_language": "language of the training examples",
        "change": "change of the measure; below 0: the data harm",
        "low": "lower end of the 95% t interval over the parts of the data",
        "high": "upper end of it",
        "q": "q-value of harm, against a change of 0 or more (t test, one-sided; false discovery "
        "rate over a measure)",
    },
)


def harmful(run: RunTables) -> pd.DataFrame:
    """Return the pairs of languages whose data are told to harm; earlier versions tell none."""
    table = run.tables.get("effect_changes", pd.DataFrame(columns=["q"]))
    return table[table["q"] < SIGNIFICANT]


def harm_sentences(run: RunTables) -> list[str]:
    """Say of each language whose data do harm, whom they harm and by how much."""
    texts = []
    pairs = harmful(run)
    for language in [
        name for name in run.languages if name in set(pairs.get("train_language", ()))
    ]:
        rows = pairs[pairs["train_language"] == language]
        told = listed(_by_measure(part) for _, part in rows.groupby("measure", sort=False))
        by, ends = "", ""
        if set(rows["measure"]) == {"loss"}:  # which also counts how sure a model is
            by, ends = " by loss alone", "; accuracy is not told to be lower"
        if len(texts) == 0 and _took_turns(run):
            ends += (
                ". (All fine-tunings took as many steps, mixture.steps=equal: what a language’s "
                "data add takes steps from the others’, and that may be the harm)"
            )
        texts.append(
            f"The data of {language} harm{by}: with all of them, {told} (q < {SIGNIFICANT}){ends}."
        )
    return texts


def _took_turns(run: RunTables) -> bool:
    """Tell whether fine-tunings on more data took no more steps."""
    table = run.tables.get("retrainings")
    if table is None or "steps" not in table:
        return False
    return table["steps"].nunique() == 1 < table["examples"].nunique()


def _by_measure(rows: pd.DataFrame) -> str:
    names = list(rows["test_language"])
    whom = listed(names) if len(names) <= NAMED else f"{len(names)} test languages"
    by = sorted(number(-change, 3) for change in (rows["change"].max(), rows["change"].min()))
    amount = by[0] if len(set(by)) == 1 else f"{by[0]} to {by[1]}"
    how = "higher" if rows["measure"].iloc[0] == "loss" else "lower"
    return f"{rows['measure'].iloc[0]} is {amount} {how} for {whom}"
