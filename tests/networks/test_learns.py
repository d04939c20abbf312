"""What is built learns: a plain loop over the real digits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import speczoo
from speczoo.torchvision import torchvision

ROOT = Path(__file__).parents[2]


def data() -> Path:
    for place in (os.environ.get("ZOO_DATA"), ROOT.parent / "shared" / "data"):
        if place and (Path(place) / "MNIST").is_dir():
            return Path(place)
    pytest.skip("no MNIST: set ZOO_DATA to a folder in torchvision's layout")


def digits(train: bool, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of mean 0 and deviation 1, and their labels."""
    torchvision()
    from torchvision.datasets import MNIST

    kept = MNIST(data(), train=train)
    return (kept.data[:count, None].float() / 255 - 0.1307) / 0.3081, kept.targets[:count]


@pytest.mark.alike  # `training/test_real.py` learns digits with another network
def test_mnist_resnet_in_a_third_of_an_epoch() -> None:
    images, labels = digits(train=True, count=20_000)
    model = speczoo.build("mnist_resnet", seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for batch in torch.randperm(len(images), generator=generator).split(128):
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, labels = digits(train=False, count=10_000)
    model.eval()
    with torch.inference_mode():
        right = sum(
            int((model(i).argmax(1) == k).sum()) for i, k in zip(images.split(500), labels.split(500), strict=True)
        )
    assert right > 9_000
