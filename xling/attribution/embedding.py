"""Examples represented by the hidden states that a model gives them; no gradients are needed."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from xling.attribution.method import OF_COMPARISON, PassOptions, check_options
from xling.attribution.products import InnerProducts, Similarity, check_similarity
from xling.errors import ArgumentError
from xling.sketch import Sketches, SketchMetadata, Source
from xling.sketch.arguments import (
    check_equally_many,
    distinct_ids,
    strings,
    token_counts,
    whole_number,
)
from xling.sketch.examples import batches, checked_share, weights_digest
from xling.sketch.frozen import frozen

BATCH_TOKENS = 4096
"""Padded tokens per batch, where nothing else is said."""


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Similarity of hidden states: what goes into a module, in evaluation mode.

    s_e(z, z') = cos(h(z, θ_e), h(z', θ_e)), with the state h behind the tanh of the classifier's
    head unless another module is named.

    Attributes:
        module: whose input is the hidden state, one vector for each example.
        similarity: of two hidden states.
    """

    module: str = "head.output"
    similarity: Similarity = dataclasses.field(default="cosine", metadata=OF_COMPARISON)

    def __post_init__(self) -> None:
        check_similarity(self.similarity)
        if not isinstance(self.module, str):
            raise ValueError(
                f"module={self.module!r} is not possible: write the name of a module of the model, "
                "such as 'head.output'."
            )

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Keep every example's hidden state; see `xling.sketch.sketch_examples` for the options.

        `groups` and `announce` have no meaning here: there are no norms of parameters, and the pass
        costs no more than predictions.

        Raises:
            ValueError: the model has no such module, or does not run it exactly once with a vector
                for each example; an unknown option, or one that is not what it should be; a state
                that is zero or not finite.
            OtherSketchesError: a folder of other representations.
        """
        ids, lengths = distinct_ids(examples.ids), token_counts(examples.lengths)
        check_options(options)
        groups = options.get("groups")
        groups = None if groups is None else strings("groups", groups)
        check_equally_many(ids=ids, lengths=lengths, groups=groups)
        epoch = whole_number("epoch", epoch, least=0)
        batch_tokens = options.get("batch_tokens")
        batch_tokens = BATCH_TOKENS if batch_tokens is None else batch_tokens
        batch_tokens = whole_number("batch_tokens", batch_tokens)
        rank, processes = checked_share(options.get("share", (0, 1)))
        with frozen(model), torch.no_grad():
            states = self._states(model, examples.losses)
            shortest = min(range(len(ids)), key=lengths.__getitem__)
            metadata = SketchMetadata(
                ids=ids,
                settings={
                    "representation": dataclasses.asdict(self),
                    "epoch": epoch,
                    "weights": weights_digest(model),
                },
                dimensions=states([shortest]).shape[1],
                precision=options.get("precision", "float16"),
                block_rows=options.get("block_rows", 1024),
                batch_tokens=batch_tokens,
            )
            made = Sketches.empty(metadata, options.get("folder"))
            todo = [block for block in made.missing() if block % processes == rank]
            spans = [range(len(ids))[metadata.span(block)] for block in todo]

            def work() -> Iterator[int]:
                for block, span in zip(todo, spans, strict=True):
                    rows = np.empty((len(span), metadata.dimensions), np.float32)
                    for group in batches([lengths[index] for index in span], batch_tokens):
                        rows[group] = states([span[place] for place in group]).float().cpu().numpy()
                        yield len(group)
                    _check_states(rows, [ids[index] for index in span])
                    made.write(block, rows, {}, {})

            progress = options.get("progress", lambda done, total: done)
            for _ in progress(work(), sum(map(len, spans))):
                pass
        return made

    def compare(self, train: Sketches, test: Sketches) -> InnerProducts:
        """Compare hidden states of the same model."""
        return InnerProducts(train, test, self.similarity)

    def _states(
        self, model: nn.Module, run: Callable[[list[int]], Any]
    ) -> Callable[[list[int]], Tensor]:
        """Return what runs the model on some examples and takes their hidden states."""
        if self.module not in dict(model.named_modules()):
            raise ValueError(f"The model has no module {self.module}.")
        module = model.get_submodule(self.module)

        def states(group: list[int]) -> Tensor:
            seen: list[Any] = []
            hook = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
            try:
                run(group)
            finally:
                hook.remove()
            if len(seen) != 1 or seen[0].ndim != 2 or len(seen[0]) != len(group):
                shapes = ", ".join(str(tuple(state.shape)) for state in seen) or "nothing"
                raise ValueError(
                    f"{self.module} took {shapes} for {len(group)} examples: a hidden state is one "
                    "vector for each."
                )
            return seen[0]

        return states


METHOD = Embedding


def _check_states(rows: np.ndarray, ids: list[str]) -> None:
    norms = np.linalg.norm(rows, axis=1)
    wrong = ~(np.isfinite(norms) & (norms > 0))
    if wrong.any():
        raise ArgumentError(
            "losses",
            f"The hidden state of example {ids[int(wrong.argmax())]} is zero or not finite "
            f"({int(wrong.sum())} such examples); it cannot be compared.",
        )
