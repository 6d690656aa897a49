"""What a run says of its sketch passes."""

from xling.cli.messages import plan_line, unreached_line
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
