"""Network, data and machine have to fit together; where they do not, what is said is about what does not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from speczoo.training import cookbook, memory
from speczoo.training.data import load
from speczoo.training.dataset import Split
from speczoo.training.engine import check
from speczoo.training.errors import DataError, TrainingError
from speczoo.training.run import build
from tests.training.toys import network, recipe


def test_other_counts_of_classes_are_told_with_what_to_set(corners: Path) -> None:
    dataset = load(cookbook.load(recipe(corners)))
    with pytest.raises(DataError, match="7 outputs and the data 4 classes") as caught:
        check(network(classes=7), dataset.shape, dataset)
    assert caught.value.help == "--set network.params.num_classes=4"


def test_a_classifier_on_labelled_pixels_is_told_as_such(corners: Path) -> None:
    dataset = load(cookbook.load(recipe(corners)))
    pixels = Split(dataset.train.images, torch.zeros(len(dataset.train), 12, 12, dtype=torch.long))
    for outputs in (4, 7):
        with pytest.raises(DataError, match=r"labels want \[4, 12, 12\]") as caught:
            check(network(classes=outputs), dataset.shape, dataclasses.replace(dataset, train=pixels))
        assert "every pixel" in caught.value.help


def test_a_network_that_no_memory_holds_is_told_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total", lambda: 1_000_000_000)
    chosen = cookbook.load("mnist_cnn", ["network.params.num_classes=10000000"])
    with pytest.raises(TrainingError, match=r"the weights of `mnist_cnn` take .* this machine has 1 GB") as caught:
        build(chosen)
    assert caught.value.exit_code == 1
