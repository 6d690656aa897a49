"""What the tests share: configurations, a tokenizer, encoded examples, a model."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from forkserver import Forked, Server, server
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from xling.cli.compose import conf_folder, register_resolvers
from xling.config import Config, checked
from xling.models.classifier import Classifier

pytest_plugins = [
    "clusters",
    "corpus_files",
    "runs",
    "served_hub",
    "small_models",
    "small_tunings",
    "tracked_runs",
]
"""Modules of fixtures, by what they make."""

register_resolvers()
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)  # two busy threads on two cores are slower than one

LONGEST = (
    "test_slurm",
    "test_ranks",
    "test_report_reader",
    "test_retrain",
    "test_experiments",
    "test_run",
    "test_sweep",
    "test_report",
    "test_hub",
    "test_model_",
    "test_tuning",
    "test_wandb",
)
"""Prefixes of the files to start first, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""

    def place(item: pytest.Item) -> int:
        starts = (i for i, name in enumerate(LONGEST) if item.path.stem.startswith(name))
        return next(starts, len(LONGEST))

    items.sort(key=place)


LANGUAGES = ("de", "en", "fr")
PAD = 1
SHAPE = dict(
    vocab_size=60,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    max_position_embeddings=40,
    pad_token_id=PAD,
)


def config(*overrides: str) -> Config:
    """Compose and check a configuration, as the command line does."""
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        composed = compose("config", list(overrides))
    return checked(OmegaConf.to_container(composed, resolve=True, throw_on_missing=True))


def run_xling(
    *arguments: str, folder: Path, module: str = "xling", timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m xling` in a folder of its own, as a user does; forked, without its imports."""
    with start_xling(*arguments, folder=folder, module=module, **environment) as command:
        out, errors = command.communicate(timeout)
    return subprocess.CompletedProcess(command.args, command.returncode, out, errors)


def start_xling(
    *arguments: str, folder: Path, module: str = "xling", merged: bool = False, **environment: str
) -> Forked:
    """Start what `run_xling` runs, to be watched or killed; its errors may go to its output."""
    return commands().start(
        module, *arguments, cwd=folder, env=surroundings(**environment), merged=merged
    )


def run_command(
    *arguments: str, folder: Path, module: str = "xling", timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the real command, as a user does: a new interpreter, with its imports."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=surroundings(**environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def surroundings(**more: str) -> dict[str, str]:
    """Return the environment of a command."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "", **more}


_ending = ExitStack()
_at_first = surroundings()


@cache
def commands() -> Server:
    """Start, once for all tests of this process, what the commands are forked from."""
    return _ending.enter_context(server("xling", "hydra", "shortcuts", environment=_at_first))


def pytest_unconfigure() -> None:
    """End it."""
    _ending.close()


SMALL = (
    "languages=[de,en,fr]",
    "data.train_per_language=40",
    "data.dev_per_language=20",
    "data.test_per_language=20",
    "tuning.epochs=2",
    "tuning.batch_size=16",
    "model.tiny.layers=1",
    "model.tiny.hidden=32",
    "model.tiny.intermediate=32",
    "model.tiny.vocabulary=1200",
    "influence.test_per_language=4",
    "influence.top_k=10",
)
"""Overrides for a whole run in seconds."""


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of 60 words w4 ... w59."""
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{index}" for index in range(4, 60))]
    plain = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        cls_token="<s>",
    )


def encoded(count: int, seed: int = 0) -> datasets.Dataset:
    """Random sequences of 4 to 14 tokens in three languages; word 4 or 5 gives the label."""
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        label = int(rng.integers(2))
        length = int(rng.integers(4, 15))
        ids = [0, *rng.integers(6, 60, length - 2).tolist(), 2]
        ids[int(rng.integers(1, length - 1))] = 4 + label
        language = LANGUAGES[index % 3]
        rows.append(
            {
                "id": f"{language}{index}",
                "language": language,
                "label": label,
                "input_ids": ids,
                "attention_mask": [1] * length,
                "length": length,
            }
        )
    return datasets.Dataset.from_list(rows)


@pytest.fixture
def make_model() -> Callable[[], Classifier]:
    """A small classifier, the same weights every time, in evaluation mode as a loaded one."""

    def make() -> Classifier:
        torch.manual_seed(0)
        shape = XLMRobertaConfig(**SHAPE, type_vocab_size=1)
        return Classifier(XLMRobertaModel(shape, add_pooling_layer=False), classes=2).eval()

    return make


from report_fixtures import (  # noqa: E402, F401  the reports that several test files look at
    chromium,
    embedding_folder,
    look,
    opened,
    page_file,
    run_folder,
    run_page,
    show,
    subnetwork_folder,
    subnetwork_run,
    subnetwork_tables,
    sweep_folder,
    sweep_of_all_kinds,
)
