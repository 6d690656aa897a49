"""Kinds of task: losses, probabilities and correct predictions, by hand."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import xling
from xling.tasks import Classification

LOGITS = torch.tensor([[0.0, math.log(3)], [2.0, 2.0], [5.0, -5.0]])
LABELS = torch.tensor([1, 0, 1])


def test_the_losses_of_a_classification_are_minus_the_log_probabilities_of_the_right_classes():
    losses = Classification().losses(LOGITS, LABELS)
    expected = [-math.log(3 / 4), math.log(2), 10 + math.log1p(math.exp(-10))]
    assert losses.tolist() == pytest.approx(expected, rel=1e-5)


def test_probabilities_are_in_single_precision_and_sum_to_one():
    probabilities = Classification().probabilities(LOGITS.to(torch.bfloat16))
    assert probabilities.dtype == torch.float32
    assert probabilities[0].tolist() == pytest.approx([1 / 4, 3 / 4], abs=2e-3)
    assert probabilities.sum(1).tolist() == pytest.approx([1, 1, 1])


def test_a_prediction_is_correct_where_the_most_probable_class_is_the_right_one():
    kind = Classification()
    assert kind.correct(LOGITS, LABELS).tolist() == [True, True, False]
    assert kind.correct(LOGITS.numpy(), LABELS.numpy()).tolist() == [True, True, False]
    assert kind.correct(np.zeros((0, 2)), np.zeros(0, int)).tolist() == []


def test_the_first_of_equally_probable_classes_is_predicted():
    assert Classification().predictions(LOGITS).tolist() == [1, 0, 0]


def test_the_most_probable_class_is_taken_in_one_place():
    files = Path(xling.__file__).parent.rglob("*.py")
    users = [file.name for file in files if re.search(r"argmax\(-?1\)", file.read_text("utf-8"))]
    assert users == ["classification.py"]


def test_the_loss_is_defined_in_one_place():
    files = Path(xling.__file__).parent.rglob("*.py")
    users = [file.name for file in files if "import cross_entropy" in file.read_text("utf-8")]
    assert users == ["classification.py"]
