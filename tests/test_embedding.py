"""Passes that keep hidden states: shared out among processes, with their progress reported."""

import torch

from xling.attribution import Embedding
from xling.sketch import Sketches, Source


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.output = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, rows):
        return self.output(self.hidden(rows))


def test_every_process_writes_its_blocks_and_counts_its_examples(tmp_path):
    torch.manual_seed(0)
    model, rows = Model(), torch.randn(5, 3)
    ids = [str(index) for index in range(5)]
    source = Source(lambda group: model(rows[group]).sum(1), ids, [1] * 5)
    method, steps = Embedding(module="output"), []

    def progress(counts, total):
        for count in counts:
            steps.append((count, total))
            yield count

    for rank in range(2):
        method.represent(
            model, source, 1, folder=tmp_path, share=(rank, 2), block_rows=2, batch_tokens=2,
            precision="float32", progress=progress,
        )  # fmt: skip
        if rank == 0:
            assert sum(count for count, _ in steps) == 3 and {total for _, total in steps} == {3}
    assert sum(count for count, _ in steps) == 5
    made = Sketches.read(tmp_path)
    states = torch.nn.functional.normalize(model.hidden(rows)).detach().numpy()
    assert abs(made.units(0, 5) - states).max() < 1e-6
    assert made.metadata.batch_tokens == 2
