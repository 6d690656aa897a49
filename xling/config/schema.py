"""The configuration as frozen dataclasses: one per group of conf/, and `Config` for all of it."""

import dataclasses
import time
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Languages = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Column = str | tuple[str, ...]
"""The name of a column, or several, of which the first that a file has is read."""


def listed(value: object) -> object:
    """Return a single value as a list of one."""
    return [value] if isinstance(value, str | int) else value


Labels = Annotated[tuple[str | int, ...], BeforeValidator(listed)]
Strict = ConfigDict(extra="forbid")


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of a data set's columns; `id: None` means that rows are identified by their number."""

    id: Column | None
    text: Column
    text_pair: Column | None
    label: Column
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face Hub, pinned to a revision."""

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
    labels: dict[str, Labels]
    ignore_labels: Labels
    learning_rate: float
    hub: Hub | None
    __pydantic_config__: ClassVar = Strict

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label is an index into them."""
        return tuple(self.labels)


@dataclasses.dataclass(frozen=True)
class Data:
    """Where the text comes from and how much of it is drawn; sizes count rows per language.

    `files` is the pattern of the files' names, with {split} and {lang}; None: the usual ones.
    """

    source: Literal["sample", "hub", "files"]
    path: str | None
    splits: dict[Literal["train", "dev", "test"], str]
    on_bad_row: Literal["stop", "drop"]
    train_per_language: Positive | None
    dev_per_language: Positive | None
    test_per_language: Positive | None
    max_length: Positive
    files: str | None = None
    language_column: str | None = None
    split_column: str | None = None
    quotes: Literal["auto", "csv", "escaped", "none"] = "auto"
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Tiny:
    """Shape of an encoder that is trained from scratch on the sample corpus."""

    layers: Positive
    hidden: Positive
    heads: Positive
    intermediate: Positive
    vocabulary: Positive
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Model:
    """The encoder: a Hub id or folder (`path`), or the shape of one to build (`tiny`).

    `pooling` says which hidden state the classifier reads; `trust_remote_code` lets the model run
    Python code that its files bring.
    """

    name: str
    path: str | None
    revision: str | None
    learning_rate: float | None
    tiny: Tiny | None
    pooling: Literal["auto", "first", "last", "mean"] = "auto"
    trust_remote_code: bool = False
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
    """Which attention heads are on; `full` means all of them."""

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
    def is_pruned(self) -> bool:
        """Whether the masks come from pruning, not from the user's files or the whole model."""
        return self.name not in ("full", "file")

    @property
    def tests_only(self) -> bool:
        """Whether only tests use it: sparse fine-tuning uses each language's own subnetwork."""
        return self.name in ("suboptimal", "composed")


FULL = Subnetwork(
    "full", "both", 0, None, (), "intersection", None, 0.1, 0.95, normalize=False, only=False
)
"""The whole model: every head is on."""


@dataclasses.dataclass(frozen=True)
class Sketch:
    """The random projection of gradients, and the batch size of the sketch pass."""

    side: Positive
    stack: Positive
    combine: Literal["sum", "concat", "parts"]
    seed: NotNegative
    method: Literal["kronecker", "dense", "exact"]
    twin: bool
    precision: Literal["fp32", "bf16"]
    store: Literal["float32", "float16", "int8"]
    skip: tuple[str, ...]
    batch_tokens: Positive | None
    __pydantic_config__: ClassVar = Strict


Setting = Literal[
    "similarity", "weights", "rerank", "parameters", "damping", "moments", "fit_examples"
]
"""A setting of influence that not every method has."""


@dataclasses.dataclass(frozen=True)
class Influence:
    """The attribution method, the test examples to trace, and the number of examples to keep.

    What a method is like: `gradients` says whether it compares gradients, `checkpoints` whether it
    looks at the model at all, `uses` which of the settings below it has: `similarity`, `weights`,
    `rerank`, `parameters`, `damping`, `moments`, `fit_examples`. Others, and those of `sketch` that
    have no effect on it, are refused (`xling.config.checks`).
    """

    method: str
    gradients: bool
    test_per_language: Positive
    test_languages: Languages | None
    top_k: Positive
    rerank: NotNegative
    similarity: Literal["cosine", "dot"]
    weights: Literal["equal", "learning_rate"]
    memory_gb: Annotated[float, Field(gt=0)]
    checkpoints: bool = True
    uses: tuple[Setting, ...] = ()
    parameters: Languages = ()
    damping: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    moments: Literal["none", "adafactor", "adamw"] = "none"
    fit_examples: Positive = 1000
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
    """Devices, precision and threads of the training; `devices` counts the devices of one node."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Positive
    num_nodes: Positive
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
    threads: Positive | None
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class LeaveOut:
    """Which training examples are dropped before fine-tuning again; none if `example` is None."""

    example: NotNegative | None
    sign: Literal["+", "-"]
    k: Positive
    control: NotNegative
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Mixture:
    """The fine-tunings on mixtures of the languages' training data.

    With `steps=equal` each takes as many steps as the one on all data, else as many epochs.
    """

    fits: Annotated[int, Field(ge=8)]
    seeds: NotNegative
    steps: Literal["epochs", "equal"]
    __pydantic_config__: ClassVar = Strict


CONTROLS = ("same_language", "same_label", "count", "random")
"""Methods that look at no model and no text: what predicts no better than they has told nothing."""


@dataclasses.dataclass(frozen=True)
class Faithfulness:
    """The fine-tunings on random halves that attribution methods are to predict.

    `again` of the `subsets` are fine-tuned a second time, with another seed; `methods` are files of
    conf/influence/. Others are on all data but the share `drop` that a method ranks first, under
    `drop_seeds` seeds.
    """

    subsets: Annotated[int, Field(ge=8)]
    again: Annotated[int, Field(ge=4)]
    methods: Languages
    drop: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    drop_seeds: Annotated[int, Field(ge=2)] = 2
    __pydantic_config__: ClassVar = Strict

    @property
    def dropping(self) -> tuple[str, ...]:
        """Methods whose first examples are left out: all but controls, if any examples are."""
        names = dict.fromkeys(self.methods) if self.drop else ()
        return tuple(name for name in names if name not in CONTROLS)


@dataclasses.dataclass(frozen=True)
class Recommend:
    """Which data to add, and which to leave out, for whom: by language, or example by example.

    `candidates` are languages of the run that the present training data is without; `total` is the
    size of what is recommended, None for half of all examples, by example a quarter; a language can
    be left out if that costs at most `margin` of the measure. `seeds` fine-tunings of each mixture
    verify it.
    """

    target: str
    by: Literal["language", "example"]
    measure: Literal["loss", "accuracy"]
    total: Positive | None
    candidates: Languages
    margin: Annotated[float, Field(ge=0)]
    seeds: Annotated[int, Field(ge=2)]
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Retrain:
    """How the fine-tunings of an evaluation are divided: over processes of a job, and over jobs."""

    processes: Positive | None
    worker: NotNegative
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A sweep: grids that map switches to values, in Hydra's syntax.

    With the sample data, the grids in `sample` replace those in `sweep`, and `sample_size` is added
    to each.
    """

    name: str
    sweep: tuple[dict[str, str], ...]
    sample: tuple[dict[str, str], ...]
    sample_size: dict[str, str]
    __pydantic_config__: ClassVar = Strict


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a run depends on. Created by `checked`."""

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
    evaluate: Literal["language_effects", "faithfulness", "recommend"] | None
    mixture: Mixture
    faithfulness: Faithfulness
    recommend: Recommend
    retrain: Retrain
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
        return tuple(code for code in self.languages if chosen is None or code in chosen)

    @property
    def has_base(self) -> bool:
        """Whether it fine-tunes again on some of the examples of a run, which comes first."""
        return self.leave_out.example is not None or self.evaluate is not None

    @property
    def learning_rate(self) -> float:
        """The override, else the model's rate, else the task's (Choenni et al. 2023, §4.1)."""
        return self.tuning.learning_rate or self.model.learning_rate or self.task.learning_rate
