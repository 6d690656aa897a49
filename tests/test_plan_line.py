"""What a run says of its sketch passes."""

from xling.cli.messages import epoch_line, plan_line, unreached_line
from xling.sketch import Estimate

ESTIMATE = dict(
    examples=1000, tokens=30_000, dimensions=1024, disk_bytes=2_000_000, batch_tokens=1024,
    batch_bytes=0, seconds=12.0,
)  # fmt: skip


def test_the_plan_says_when_examples_are_sketched_one_at_a_time_and_why():
    assert "batches of up to 1,024 tokens" in plan_line(Estimate(**ESTIMATE))
    line = plan_line(Estimate(**ESTIMATE, apart="padding changes what the model computes"))
    assert "one example at a time, as padding changes what the model computes" in line
    assert "batches" not in line


def test_parameters_that_no_gradient_reaches_are_counted_and_named():
    line = unreached_line(["a.weight", "b", "c", "d"])
    assert "no gradient reaches 4 of" in line and line.endswith("a.weight, b, c, …")


def test_the_accuracies_of_many_languages_are_cut_to_the_lowest():
    def line(count: int) -> str:
        accuracies = {f"l{n}": 1 - n / 100 for n in range(count)}
        record = {"epoch": 2, "train_loss": 0.5, "dev_accuracy": 0.9, "languages": accuracies}
        return epoch_line(record)

    assert line(2) == "epoch  2  loss 0.500  dev accuracy 0.900  (l0 1.00  l1 0.99)"
    assert line(20).endswith("l18 0.82  l19 0.81)")
    many = "(lowest of 21 languages: l20 0.80  l19 0.81  l18 0.82  l17 0.83  l16 0.84  l15 0.85)"
    assert line(21).endswith(many)
