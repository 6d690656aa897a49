"""The composed configuration as frozen, checked, plain dataclasses."""

import dataclasses
import hashlib
import json
import time
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from xling.errors import UserError, nearest

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Languages = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Strict = ConfigDict(extra="forbid")


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of a data set's columns; `id: None` identifies a row by its number."""

    id: str | None
    text: str
    text_pair: str | None
    label: str
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub, pinned to a revision."""

    path: str
    revision: str
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Task:
    """A classification task: one file of conf/task/."""

    name: str
    languages: tuple[str, ...]
    parallel: bool
    columns: Columns
    headerless: tuple[str, ...] | None
    labels: dict[str, tuple[str | int, ...]]
    ignore_labels: tuple[str | int, ...]
    learning_rate: float
    hub: Hub | None
    __pydantic_config__: ClassVar = Strict

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label is an index into them."""
        return tuple(self.labels)


@dataclasses.dataclass(frozen=True)
class Data:
    """Where the text comes from and how much of it is drawn; sizes are rows per language."""

    source: Literal["sample", "hub", "files"]
    path: str | None
    splits: dict[Literal["train", "dev", "test"], str]
    on_bad_row: Literal["stop", "drop"]
    train_per_language: Positive | None
    dev_per_language: Positive | None
    test_per_language: Positive | None
    max_length: Positive
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Tiny:
    """Shape of the encoder that is trained from scratch on the sample corpus."""

    layers: Positive
    hidden: Positive
    heads: Positive
    intermediate: Positive
    vocabulary: Positive
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Model:
    """The encoder: a hub id or folder (`path`), or a shape to build (`tiny`)."""

    name: str
    path: str | None
    revision: str | None
    learning_rate: float | None
    tiny: Tiny | None
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Tuning:
    """How the model is fine-tuned."""

    name: Literal["full", "sparse"]
    strict: bool
    epochs: Positive
    patience: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)] | None
    weight_decay: Annotated[float, Field(ge=0)]
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Subnetwork:
    """Which attention heads are on; `full` is all of them."""

    name: Literal["full", "identified", "random", "suboptimal", "composed", "file"]
    apply: Literal["both", "test"]
    seed: NotNegative
    language: str | None
    languages: Languages
    compose: Literal["union", "intersection"]
    path: str | None
    fraction: Annotated[float, Field(gt=0, lt=1)]
    keep: Annotated[float, Field(gt=0, le=1)]
    normalize: bool
    only: bool
    __pydantic_config__: ClassVar = Strict

    @property
    def found(self) -> bool:
        """Whether the masks come from pruning: all but the whole model and the user's own files."""
        return self.name not in ("full", "file")

    @property
    def in_tests_alone(self) -> bool:
        """Whether sparse fine-tuning goes through each language's own subnetwork instead."""
        return self.name in ("suboptimal", "composed")


FULL = Subnetwork(
    "full", "both", 0, None, (), "intersection", None, 0.1, 0.95, normalize=False, only=False
)
"""The whole model: every head is on."""


@dataclasses.dataclass(frozen=True)
class Sketch:
    """The random projection of the gradients, and the size of the sketch pass's batches."""

    side: Positive
    stack: Positive
    combine: Literal["sum", "concat"]
    seed: NotNegative
    method: Literal["kronecker", "dense", "exact"]
    twin: bool
    precision: Literal["fp32", "bf16"]
    store: Literal["float32", "float16", "int8"]
    skip: tuple[str, ...]
    batch_tokens: Positive | None
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Influence:
    """How many test examples are traced and how large the sets of influential examples are."""

    test_per_language: Positive
    test_languages: Languages | None
    top_k: Positive
    rerank: NotNegative
    similarity: Literal["cosine", "dot"]
    weights: Literal["equal", "learning_rate"]
    memory_gb: Annotated[float, Field(gt=0)]
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Tracker:
    """Where metrics go besides the run's own files."""

    name: Literal["none", "wandb", "trackio", "tensorboard"]
    mode: Literal["online", "offline"]
    project: str
    entity: str | None
    group: str | None
    tags: tuple[str, ...]
    artifacts: bool
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Devices, precision and threads of the training; `devices` are those of a node."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Positive
    num_nodes: Positive
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
    threads: Positive | None
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class LeaveOut:
    """What is dropped before fine-tuning again; `example: None` is nothing."""

    example: NotNegative | None
    sign: Literal["+", "-"]
    k: Positive
    control: NotNegative
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A sweep: grids of switch → values, as Hydra writes them.

    With the sample data, the grids are those of `sample`, each with `sample_size` as well.
    """

    name: str
    sweep: tuple[dict[str, str], ...]
    sample: tuple[dict[str, str], ...]
    sample_size: dict[str, str]
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a run depends on. Made by `checked`."""

    profile: str
    task: Task
    data: Data
    model: Model
    tuning: Tuning
    subnetwork: Subnetwork
    sketch: Sketch
    influence: Influence
    tracker: Tracker
    trainer: Trainer
    languages: Languages
    exclude: Languages
    imbalance: NotNegative
    imbalance_language: str | None
    compare_full: bool
    seed: NotNegative
    folder: str
    sweep: str | None
    dry_run: bool
    force: Annotated[float, BeforeValidator(lambda value: time.time() if value is True else value)]
    fail_fast: bool
    leave_out: LeaveOut
    experiment: Experiment | None = None
    __pydantic_config__: ClassVar = Strict

    @property
    def train_languages(self) -> tuple[str, ...]:
        """Languages that the model is trained on: all but the excluded ones."""
        return tuple(language for language in self.languages if language not in self.exclude)

    @property
    def traced_languages(self) -> tuple[str, ...]:
        """Languages whose test examples are traced, in the run's order."""
        chosen = self.influence.test_languages
        return tuple(each for each in self.languages if chosen is None or each in chosen)

    @property
    def learning_rate(self) -> float:
        """The override, else the model's own, else the task's (Choenni et al. 2023, §4.1)."""
        return self.tuning.learning_rate or self.model.learning_rate or self.task.learning_rate


def checked(values: dict[str, Any]) -> Config:
    """Turn the composed values into a `Config`.

    Raises:
        UserError: a value of the wrong type or range, or values that do not fit each other.
    """
    try:
        config = TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        raise UserError("\n".join(_explain(problem) for problem in error.errors())) from None
    _check_languages(config)
    _check_subnetwork(config)
    _check_tracker(config.tracker)
    if config.sketch.twin and config.sketch.method == "exact":
        raise UserError(
            "sketch.twin=true: exact gradients have no noise that a twin could tell. Leave it out, "
            "or choose sketch=default."
        )
    if not config.imbalance:  # then the language makes no difference, nor may it name another run
        config = dataclasses.replace(config, imbalance_language=None)
    if not config.exclude:  # the model is trained on all languages: likewise
        config = dataclasses.replace(config, compare_full=False)
    if config.leave_out.example is None:
        config = nothing_left_out(config)
    return dataclasses.replace(config, subnetwork=_settled(config.subnetwork))


def nothing_left_out(config: Config) -> Config:
    """Return the run that a fine-tuning without some examples is compared with."""
    return dataclasses.replace(config, leave_out=LeaveOut(None, "+", 1, 0))


def whole_model(config: Config) -> Config:
    """Return the run that one with subnetworks is compared with: all heads, in tuning and test."""
    tuning = dataclasses.replace(config.tuning, name="full", strict=False)
    return dataclasses.replace(config, tuning=tuning, subnetwork=FULL)


def alone(config: Config, language: str) -> Config:
    """Return the fine-tuning on a language alone, from which its subnetwork is pruned."""
    others = tuple(each for each in config.languages if each != language)
    return dataclasses.replace(
        nothing_left_out(whole_model(config)),
        exclude=others,
        imbalance=0,
        imbalance_language=None,
        compare_full=False,
    )


def _settled(subnetwork: Subnetwork) -> Subnetwork:
    """Return the subnetwork with what makes no difference to it set back."""
    if subnetwork.name == "full":
        return FULL
    own = {
        "random": ("seed",),
        "suboptimal": ("language",),
        "composed": ("languages", "compose"),
        "file": ("path",),
    }.get(subnetwork.name, ())
    pruned = ("fraction", "keep", "normalize") if subnetwork.found else ()
    kept = {key: getattr(subnetwork, key) for key in ("name", "apply", "only", *own, *pruned)}
    return dataclasses.replace(FULL, **kept)


def _explain(problem: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "literal_error":
        allowed = problem["ctx"]["expected"]
        choices = [choice.strip("' ") for choice in allowed.replace(" or ", ", ").split(",")]
        hint = nearest(problem["input"], choices)
        return f"{key}={problem['input']} is not possible: write {allowed}.{hint}"
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key} is not a setting of xling."
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{key}={problem['input']} is not possible: {message}."


def _check_languages(config: Config) -> None:
    if len(set(config.languages)) < len(config.languages):
        raise UserError(f"languages={list(config.languages)} names a language twice.")
    for language in config.exclude:
        if language not in config.languages:
            raise UserError(
                f"exclude={language}: the run has no such language; it has "
                f"{', '.join(config.languages)}.{nearest(language, config.languages)}"
            )
    if len(config.train_languages) < 2:
        left = ", ".join(config.train_languages) or "none"
        raise UserError(
            f"exclude={','.join(config.exclude)} leaves {left} to train on; influence between "
            "languages needs two or more. Leave out fewer, or add some: languages=[...]."
        )
    if config.imbalance and config.imbalance_language not in config.train_languages:
        raise UserError(
            f"imbalance_language={config.imbalance_language}: not a training language of this run. "
            f"Write one of {', '.join(config.train_languages)}."
            f"{nearest(config.imbalance_language, config.train_languages)}"
        )


def _check_subnetwork(config: Config) -> None:
    subnetwork, tuning = config.subnetwork, config.tuning
    named = {
        "suboptimal": (subnetwork.language,) if subnetwork.language else (),
        "composed": subnetwork.languages,
    }.get(subnetwork.name, ())
    for language in (*named, *(config.influence.test_languages or ())):
        if language not in config.languages:
            key = "subnetwork" if language in named else "influence.test_languages"
            raise UserError(
                f"{key}: the run has no language {language}; it has "
                f"{', '.join(config.languages)}.{nearest(language, config.languages)}"
            )
    problem = None
    if tuning.name == "sparse" and subnetwork.name == "full":
        problem = (
            "tuning=sparse needs the subnetworks to train through: write subnetwork=identified, "
            "random or file."
        )
    elif tuning.strict and tuning.name != "sparse":
        problem = "tuning.strict=true is of sparse fine-tuning: write tuning=sparse as well."
    elif subnetwork.name == "suboptimal" and not subnetwork.language:
        problem = (
            "subnetwork=suboptimal: whose subnetwork should all test languages go through? Write "
            f"subnetwork.language={config.languages[0]}, for instance."
        )
    elif subnetwork.name == "composed" and len(set(subnetwork.languages)) < 2:
        problem = (
            "subnetwork=composed: of which languages? Write two or more, as in "
            f"'subnetwork.languages=[{','.join(config.languages[:2])}]'."
        )
    elif subnetwork.name == "file" and not subnetwork.path:
        problem = (
            "subnetwork=file: write subnetwork.path=DIR, a folder with a mask per language, as in "
            f"{config.languages[0]}.json; every run with subnetworks leaves one, masks/."
        )
    elif subnetwork.name != "full" and config.compare_full:
        problem = "compare_full=true is for runs without a subnetwork: leave one of the two out."
    elif subnetwork.name != "full" and config.leave_out.example is not None:
        problem = "leave_out.example is for runs without a subnetwork: leave one of the two out."
    elif subnetwork.only and not subnetwork.found:
        problem = "subnetwork.only=true: there is nothing to identify; write subnetwork=identified."
    if problem:
        raise UserError(problem)


def _check_tracker(tracker: Tracker) -> None:
    if tracker.name == "wandb":
        return
    of_wandb = {"mode": tracker.mode == "online", "entity": tracker.entity}
    of_wandb["artifacts"] = tracker.artifacts
    for key, given in of_wandb.items():
        if given:
            value = str(getattr(tracker, key))
            raise UserError(
                f"tracker.{key}={value.lower() if key == 'artifacts' else value} is of W&B and "
                f"tracker={tracker.name} has no such thing: write tracker=wandb, or leave it out."
            )


NO_PART = (
    "folder",
    "tracker",
    "profile",
    "sweep",
    "dry_run",
    "force",
    "fail_fast",
    "experiment",
)
"""Settings that take no part in what a run's result is."""


def identity(config: Config, fingerprints: dict[str, str]) -> dict[str, Any]:
    """Return all that can change a run's result, as plain values.

    Left out: where it runs (trainer but for the precision), where it is written, how it is
    tracked, and the batch size of the sketch pass. `fingerprints` are digests of local files that
    the configuration only points to.
    """
    values = dataclasses.asdict(config)
    for key in NO_PART:
        del values[key]
    del values["sketch"]["batch_tokens"]
    del values["influence"]["memory_gb"]
    del values["subnetwork"]["path"]  # the masks' digest stands for it
    values["trainer"] = {"precision": config.trainer.precision}
    values["tuning"]["learning_rate"] = config.learning_rate
    return {**values, "fingerprints": fingerprints}


def plain(config: Config) -> dict[str, Any]:
    """Return the configuration as nested plain values, but for where it runs and is tracked."""
    values = dataclasses.asdict(config)
    for key in set(NO_PART) - {"profile"}:
        del values[key]
    return values


def digest(values: Any) -> str:
    """Return 8 hexadecimal digits that name plain values (sorted JSON)."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
