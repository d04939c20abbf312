"""A tiny data set, a recipe for it, and a network that learns it in seconds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from speczoo.training.engine import Result, train


def corner(number: int, generator: torch.Generator) -> Image.Image:
    pixels = torch.randint(0, 120, (12, 12), generator=generator)
    top, left = (0 if number < 2 else 6), (6 if number % 2 == 0 else 0)
    pixels[top : top + 6, left : left + 6] += 90
    return Image.fromarray(pixels.to(torch.uint8).numpy(), "L")


def idx(path: Path, array: torch.Tensor) -> None:
    """A tensor of bytes in the format that MNIST comes in."""
    path.write_bytes(
        struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + bytes(array.flatten().tolist())
    )


def digits(root: Path, train: int, test: int) -> None:
    """MNIST with so many images: image i is gray of the value i, and called i % 10."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", train), ("t10k", test)):
        idx(raw / f"{name}-images-idx3-ubyte", torch.arange(count)[:, None, None].expand(count, 28, 28))
        idx(raw / f"{name}-labels-idx1-ubyte", torch.arange(count) % 10)


def recipe(root: Path, **changes: Any) -> dict[str, Any]:
    return {
        "recipe": 1,
        "name": "corners",
        "network": "none",
        "data": {"dataset": "folder", "root": str(root), "mode": "L"},
        "transforms": {"augment": [{"op": "RandomCrop", "size": 12, "padding": 1}]},
        "optimizer": {"op": "AdamW", "lr": 0.01},
        "schedule": {"op": "OneCycleLR"},
        "batch_size": 20,
        "epochs": 4,
        **changes,
    }


def network(classes: int = 4, norm: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Dropout(0.1 if norm else 0.0),
        nn.Flatten(),
        nn.Linear(4 * 36, classes),
    )


def run(given: Any, model: nn.Module | None = None, **options: Any) -> Result:
    return train(given, model=model or network(), accelerator="cpu", report=False, quiet=True, **options)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
