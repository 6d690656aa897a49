"""Corpora of which it is known what each language's data does, as files with a task of their own.

A text is a handful of words, of which some tell its label. To know the label of a test text, a
model must have seen that very word in training: so each further example that holds the label words
of the tests' vocabulary helps, and no other does.
"""

import dataclasses
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import run_xling

CLASSES = ("good", "bad")
PLAIN_WORDS = 12
"""In each vocabulary: words that both classes have."""

LENGTH = 8
TELLING = {"train": 2, "dev": 1, "test": 1}
"""Words of a text that tell its label, of `LENGTH`: a test shows which of them were learnt."""

EXAMPLES = {"train": 100, "dev": 60, "test": 100}
"""Of each language."""

TASK = """name: planted
languages: [{languages}]
parallel: false
columns: {{id: id, text: text, text_pair: null, label: label}}
headerless: null
labels: {{good: [good], bad: [bad]}}
ignore_labels: []
learning_rate: 2e-3
hub: null
"""

LEARNING = (
    "--config-dir",
    "conf",
    "task=planted",
    "data=files",
    "data.path=data",
    "tuning.epochs=8",
    "tuning.patience=8",
    "tuning.batch_size=16",
    "model.learning_rate=2e-3",
    "model.pooling=mean",  # of a bag of words; the first token's state takes longer to see any
    "model.tiny.layers=1",
    "model.tiny.hidden=32",
    "model.tiny.heads=2",
    "model.tiny.intermediate=32",
    "model.tiny.vocabulary=900",
    "mixture.steps=equal",  # few examples are to tell little, not to be learnt from for fewer steps
    "mixture.seeds=1",
    "retrain.processes=1",
    "influence.test_per_language=20",
    "influence.top_k=20",
)
"""Switches by which a fine-tuning takes half a second and learns the words it has seen."""


@dataclasses.dataclass(frozen=True)
class Planted:
    """How a language's texts are made.

    Attributes:
        train: the vocabulary of its training texts.
        test: that of its development and test texts.
        noise: whether the labels of the training texts are drawn at random.
    """

    train: str
    test: str
    noise: bool = False


Corpus = Mapping[str, Planted]


def write(folder: Path, corpus: Corpus, label_words: int = 40) -> None:
    """Write the files of a corpus below `data`, and its task below `conf`.

    Args:
        label_words: of each class, in each vocabulary.
    """
    (folder / "data").mkdir(parents=True)
    (folder / "conf" / "task").mkdir(parents=True)
    task = TASK.format(languages=", ".join(corpus))
    (folder / "conf" / "task" / "planted.yaml").write_text(task, "utf-8")
    names = sorted({name for made in corpus.values() for name in (made.train, made.test)})
    words = vocabularies(names, label_words)
    for number, (language, made) in enumerate(corpus.items()):
        rng = np.random.default_rng(number)
        for split, count in EXAMPLES.items():
            vocabulary = words[made.train if split == "train" else made.test]
            lines = texts(vocabulary, count, TELLING[split], rng)
            labels = [CLASSES[n % 2] for n in range(count)]
            if split == "train" and made.noise:
                labels = rng.permutation(labels).tolist()
            rows = [f"{split}{n}\t{lines[n]}\t{labels[n]}" for n in range(count)]
            file = folder / "data" / f"{split}.{language}.tsv"
            file.write_text("\n".join(["id\ttext\tlabel", *rows]) + "\n", "utf-8")


def texts(words: list[np.ndarray], count: int, telling: int, rng: np.random.Generator) -> list[str]:
    """Make texts of the two classes by turns.

    Args:
        words: good ones, bad ones, plain ones.
        telling: how many of a text's words are of its class.
    """
    made = []
    for number in range(count):
        marks = rng.choice(words[number % 2], telling)
        plain = rng.choice(words[2], LENGTH - telling)
        made.append(" ".join(rng.permutation([*marks, *plain])))
    return made


def vocabularies(names: list[str], label_words: int) -> dict[str, list[np.ndarray]]:
    """Make words of two syllables: good ones, bad ones, plain ones. No word is in two places."""
    syllables = ["".join(letters) for letters in product("bdfgklmnprst", "aeiou")]
    words = np.array(["".join(pair) for pair in product(syllables, repeat=2)])
    ends = np.cumsum([label_words, label_words, PLAIN_WORDS])
    chosen = np.random.default_rng(0).permutation(words)[: len(names) * ends[-1]]
    parts = chosen.reshape(len(names), ends[-1])
    return {name: np.split(part, ends[:-1]) for name, part in zip(names, parts, strict=True)}


def evaluated(folder: Path, evaluation: str, *switches: str) -> dict[str, pd.DataFrame]:
    """Return the tables of an evaluation by the real command, given in the folder of a corpus."""
    done = run_xling(*LEARNING, f"evaluate={evaluation}", *switches, folder=folder)
    assert done.returncode == 0, done.stderr
    (tables,) = folder.glob(f"multirun/planted/tiny-files-{evaluation}-*/tables")
    return {file.stem: pd.read_parquet(file) for file in tables.glob("*.parquet")}


def of_pairs(table: pd.DataFrame, column: str, measure: str = "accuracy") -> pd.DataFrame:
    """Return a column of a table of effects: test languages by training languages."""
    chosen = table[table["measure"] == measure]
    return chosen.pivot(index="test_language", columns="train_language", values=column)


def law_of_all(tables: dict[str, pd.DataFrame], measure: str) -> tuple[str, float]:
    """Return the law that was chosen for all languages together, and its cross-validated R²."""
    chosen = tables["effect_overall"].query("chosen and measure == @measure")
    return chosen["law"].item(), chosen["r2"].item()
