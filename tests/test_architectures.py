"""Sketches of every architecture are exact, whatever the size of the batch, or it is refused."""

import pytest
import torch
from architectures import FAST, LENGTHS, NOT_BUILT, REFUSED, build, names, outcome


def exact_or_refused(name: str) -> None:
    """Check one architecture in batches whose size divides the length, equals it or does not."""
    for lengths in LENGTHS.values():
        made = outcome(name, lengths)
        if name in REFUSED:
            assert REFUSED[name] in made.refused
            continue
        assert not made.refused
        assert made.difference < (2e-6 if made.dtype == torch.float64 else 2e-5), made


@pytest.mark.parametrize("name", FAST)
def test_common_architectures_are_exact(name):
    exact_or_refused(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*names()} - {*FAST, *NOT_BUILT}))
def test_every_other_architecture_is_exact_or_refused(name):
    exact_or_refused(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NOT_BUILT))
def test_what_is_not_tested_cannot_be_built(name):
    with pytest.raises(Exception):  # noqa: B017  transformers has no error of its own for it
        build(name)


@pytest.mark.parametrize("name", ["bert", "deberta-v2", "mpnet", "t5", "xlm-roberta"])
def test_common_encoders_are_sketched_in_batches(name):
    for lengths in LENGTHS.values():
        assert outcome(name, lengths).apart == ""


def test_what_keeps_examples_apart_is_stated():
    """The reason stands with the sketches: ConvBERT's padding, XLNet's second dimension."""
    lengths = LENGTHS["that does neither"]
    assert "padding changes" in outcome("convbert", lengths).apart
    assert "7, 2" in outcome("xlnet", lengths).apart
