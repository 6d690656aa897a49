"""What makes the commands that the tests fork cheap; imported by the server they are forked from.

Half of the time of a small run goes into the drawing of figures as files, trial steps for a whole
second, and the tokenizer of a tiny model. Tests of their own look at these. So the forks leave the
files of figures empty, try a few steps, and take a tokenizer that another one has trained; what
depends on no switch of the tests is there before they begin. Commands by `run_command` leave out
nothing.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from forkserver import KEPT
from transformers import PreTrainedTokenizerFast

from xling.cli.compose import register_resolvers
from xling.data.sample import rows
from xling.evaluation import mixtures
from xling.models import encoder
from xling.pipeline import cost
from xling.pipeline.paths import default_settings
from xling.report import export
from xling.report.templating import templates

Train = Callable[[Iterable[str], int], PreTrainedTokenizerFast]
Draw = Callable[[dict[str, Any], Path], list[Path]]


def trained_once(train: Train, folder: Path) -> Train:
    """Return what trains a tokenizer as `train` does, but the same one only once."""

    def trained(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
        texts = [*texts]
        words = "\n".join([str(vocab_size), *texts])
        file = folder / hashlib.sha256(words.encode()).hexdigest()
        if not file.exists():
            part = file.with_suffix(f".{os.getpid()}")
            part.write_bytes(pickle.dumps(train(texts, vocab_size)))
            part.rename(file)
        return pickle.loads(file.read_bytes())

    return trained


def left_empty(draw: Draw) -> Draw:
    """Return what leaves the files of reports' figures empty, and draws what a tracker shows."""

    def drawn(spec: dict[str, Any], stem: Path) -> list[Path]:
        if stem.parent.name != "figures":
            return draw(spec, stem)
        files = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".svg", ".png", ".pdf")]
        for file in files:
            file.touch()
        return files

    return drawn


def made_beforehand() -> None:
    """Make what nearly all of the commands would make anew."""
    register_resolvers()
    default_settings("sample")
    for language in ("de", "en", "fr"):
        rows("xnli", language, "dev")
    for languages in (2, 3):
        mixtures._design(languages, 40, 0)
    for name in templates().list_templates(["j2"]):
        templates().get_template(name)


encoder.train_tokenizer = trained_once(encoder.train_tokenizer, Path(os.environ[KEPT]))
cost.TRIAL_SECONDS = 0.0
export._save = left_empty(export._save)
made_beforehand()
