"""The sketch pass beside other libraries', same model and batch, in one process.

    PYTHON_WITH_PEERS -m benchmarks.peers

Peers pin their own versions and therefore need an environment of their own, with torch,
transformers and `pip install bergson captum`. Run by `benchmarks.sketch --peers PYTHON`; prints
JSON.

bergson sketches the encoder's linear layers (side 16, kept apart); captum's
TracInCPFastRandProj the last layer alone. xling sketches every parameter.
"""

import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import XLMRobertaConfig, XLMRobertaModel

from xling.sketch import GradientSketcher, Projection

REPETITIONS = 7


class Classifier(nn.Module):
    """An encoder of 4 x 256 with a head of two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = XLMRobertaModel(
            XLMRobertaConfig(
                vocab_size=8000,
                hidden_size=256,
                num_hidden_layers=4,
                num_attention_heads=4,
                intermediate_size=1024,
                type_vocab_size=1,
                attn_implementation="sdpa",
            ),
            add_pooling_layer=False,
        )
        self.head = nn.Linear(256, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Classify by the first position."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        return self.head(states.last_hidden_state[:, 0])


def bergson(model: Classifier, inputs: tuple[Tensor, Tensor], labels: Tensor) -> Callable[[], None]:
    """Return a pass of bergson over a batch."""
    from bergson.collector.gradient_collectors import TraceCollector
    from bergson.gradients import GradientProcessor

    processor = GradientProcessor(projection_dim=16)

    def work() -> None:
        collector = TraceCollector(
            model=model.encoder, processor=processor, device="cpu", dtype=torch.float32
        )
        model.requires_grad_(False)
        handle = model.encoder.embeddings.register_forward_hook(
            lambda module, args, output: output.requires_grad_()
        )
        with collector:
            cross_entropy(model(*inputs), labels, reduction="sum").backward()
        handle.remove()
        model.requires_grad_(True)

    return work


def captum(model: Classifier, inputs: tuple[Tensor, Tensor], labels: Tensor) -> Callable[[], None]:
    """Return a pass of captum over a batch: projected last-layer gradients."""
    from captum.influence import TracInCPFastRandProj
    from torch.utils.data import DataLoader, TensorDataset

    class Stacked(nn.Module):
        """Takes ids and mask as one tensor."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, both: Tensor) -> Tensor:
            return self.model(both[..., 0], both[..., 1])

    stacked = Stacked()
    loader = DataLoader(TensorDataset(torch.stack(inputs, dim=-1), labels), batch_size=len(labels))

    def work() -> None:
        TracInCPFastRandProj(
            stacked,
            stacked.model.head,
            loader,
            ["now"],
            checkpoints_load_func=lambda model, checkpoint: 1.0,
            loss_fn=nn.CrossEntropyLoss(reduction="sum"),
            projection_dim=256,
        )

    return work


def main() -> None:
    """Time all libraries, interleaved, and print the ratios."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Classifier().eval()
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(3.4, 0.4, 32).astype(int), 8, 55)
    ids = np.full((32, lengths.max()), 1)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(4, 8000, length)
    tokens = torch.tensor(ids)
    inputs, labels = (tokens, (tokens != 1).long()), torch.tensor(rng.integers(0, 2, 32))
    sketcher = GradientSketcher(model, Projection(16), epoch=1)

    def ours(examples: int = 32) -> None:
        first = [tensor[:examples] for tensor in inputs]
        with sketcher:
            sketcher(
                lambda: cross_entropy(model(*first), labels[:examples], reduction="none"), examples
            )

    ours(1)  # as every pass begins: an example alone

    works, why = {"xling": ours}, {}
    for name, make in (("bergson", bergson), ("captum", captum)):
        try:
            works[name] = make(model, inputs, labels)
            works[name]()
        except ImportError as error:
            works.pop(name, None)
            why[name] = f"not installed ({error.name})"
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repetition in range(REPETITIONS + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if repetition:
                seconds[name].append(time.process_time() - start)
    ratios = {
        name: [a / b for a, b in zip(values, seconds["xling"], strict=True)]
        for name, values in seconds.items()
        if name != "xling"
    }
    best = min(ratios, key=lambda name: median(ratios[name]), default=None)
    print(json.dumps({"best": best, "ratios": ratios, "missing": why}))


if __name__ == "__main__":
    main()
