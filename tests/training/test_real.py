"""The real thing, small: the zoo's networks on real digits, through the command's own path."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import speczoo
from speczoo.training.evaluate import predict
from speczoo.training.run import Run


def test_mnist_cnn_learns_digits(mnist: Path, tmp_path: Path) -> None:
    small = {"epochs": 2, "data.limit_train": 6000, "data.limit_valid": 1000}
    result = speczoo.train("mnist_cnn", set=small, data=mnist, out=tmp_path / "run", accelerator="cpu", quiet=True)
    assert result.accuracy > 0.93
    run = Run.open(tmp_path / "run")
    state = run.model().state_dict()
    rebuilt = speczoo.build("mnist_cnn")
    rebuilt.load_state_dict(torch.load(tmp_path / "run" / "model.pt", weights_only=True))
    assert all(torch.equal(value, state[key]) for key, value in rebuilt.state_dict().items())
    from PIL import Image

    from speczoo.training.data import load

    digits = load(run.recipe, mnist).valid
    for i in range(10):
        Image.fromarray(digits.images[i, 0].numpy()).save(tmp_path / f"{i}.png")
    found = predict(tmp_path / "run", [tmp_path / f"{i}.png" for i in range(10)])
    assert sum(p.label == str(int(label)) for p, label in zip(found, digits.labels[:10], strict=True)) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist_cnn", "lenet5"])
def test_a_documents_row_is_met(name: str, mnist: Path, tmp_path: Path) -> None:
    result = speczoo.train(name, data=mnist, out=tmp_path / "run", quiet=True)
    assert result.accuracy > result.expected["accuracy"] - 0.003
