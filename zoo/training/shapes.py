"""The shape of an image on its way into the network, as far as a recipe states it: without torch and without data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.training import recipe as r
from speczoo.training import recipe_transforms

ImageShape = tuple[int, int, int]  # channels, height, width

STORED: dict[str, ImageShape] = {
    **dict.fromkeys(("MNIST", "FashionMNIST", "KMNIST"), (1, 28, 28)),
    **dict.fromkeys(("CIFAR10", "CIFAR100", "SVHN"), (3, 32, 32)),
    "STL10": (3, 96, 96),
}


def stored(data: Any) -> ImageShape | None:
    """Return the shape of a data set's images; None for files of one's own."""
    return (1, data.size, data.size) if isinstance(data, r.Canvas) else STORED.get(data.dataset)


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def after(shape: ImageShape, step: Any) -> ImageShape:
    """Return the shape that a transform makes of an image.

    Raises ValueError for a crop that is larger than the image.
    """
    channels, height, width = shape
    match step:
        case recipe_transforms.Resize(size=int(short)):  # the shorter side; the other keeps its proportion
            least = min(height, width)
            return channels, short * height // least, short * width // least
        case recipe_transforms.Resize() | recipe_transforms.CenterCrop():
            return channels, *pair(step.size)
        case recipe_transforms.Pad():
            return channels, height + 2 * step.padding, width + 2 * step.padding
        case recipe_transforms.Grayscale():
            return 1, height, width
        case recipe_transforms.RandomCrop():
            high, wide = pair(step.size)
            if high > height + 2 * step.padding or wide > width + 2 * step.padding:
                padded = f" padded by {step.padding}" if step.padding else ""
                raise ValueError(f"{high} x {wide} cannot be cropped from images of {height} x {width}{padded}")
            return channels, high, wide
    return shape
