"""Segmentation data out of MNIST: digits thrown on a noisy canvas, with the class of every pixel.

A pixel belongs to a digit where the digit's own ink is at least half of full; digits never touch, clutter (pieces of
digits too small to be one) and Gaussian noise are laid over everything. The same recipe and seed give the same images.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from speczoo.training import recipe as r
from speczoo.training.dataset import Dataset, LabelledImages

SIDE = 28
INK = 128


def compose(spec: r.Canvas, digits: Dataset, seed: int) -> Dataset:
    """Return training canvases from training digits, validation canvases from test digits."""
    classes = ("background", "digit") if spec.labels == "digit" else ("background", *digits.classes)
    splits = []
    for number, (split, count) in enumerate(((digits.train, spec.train), (digits.valid, spec.valid))):
        generator = Generator().manual_seed(seed * 2 + number)
        splits.append(_canvases(spec, split, count, generator))
    return Dataset(splits[0], splits[1], classes)


def _canvases(spec: r.Canvas, digits: LabelledImages, count: int, generator: Generator) -> LabelledImages:
    size = spec.size
    images = torch.zeros(count, 1, size, size, dtype=torch.uint8)
    labels = torch.zeros(count, size, size, dtype=torch.long)
    places = size - SIDE + 1
    low, high = spec.digits
    wanted = torch.randint(low, high + 1, (count,), generator=generator)
    for i in range(count):
        used = torch.zeros(size, size, dtype=torch.bool)
        for _ in range(int(wanted[i])):
            _place(spec, digits, images[i, 0], labels[i], used, places, generator)
        _clutter(digits, images[i, 0], used, generator)
    noise = torch.randn(images.shape, generator=generator) * (255 * spec.noise)
    return LabelledImages((images.float() + noise).clamp_(0, 255).to(torch.uint8), labels)


def _place(
    spec: r.Canvas,
    digits: LabelledImages,
    image: Tensor,
    label: Tensor,
    used: Tensor,
    places: int,
    generator: Generator,
) -> None:
    """Place one digit where there is room, if ten tries find such."""
    which = int(torch.randint(len(digits), (1,), generator=generator))
    digit = digits.images[which, 0]
    if not bool(digit.any()):
        return
    for _ in range(10):
        top, left = torch.randint(places, (2,), generator=generator).tolist()
        window = (slice(top, top + SIDE), slice(left, left + SIDE))
        if not bool((used[window] & (digit > 0)).any()):
            break
    else:
        return
    image[window] = torch.maximum(image[window], digit)
    ink = digit >= INK
    label[window][ink] = 1 if spec.labels == "digit" else int(digits.labels[which]) + 1
    ys, xs = digit.nonzero().T
    used[window][int(ys.min()) : int(ys.max()) + 1, int(xs.min()) : int(xs.max()) + 1] = True


def _clutter(digits: LabelledImages, image: Tensor, used: Tensor, generator: Generator) -> None:
    """Draw scraps of 6 x 6 pixels out of other digits, where nothing else is."""
    size = image.shape[0]
    for _ in range(6):
        which, y, x = (int(torch.randint(end, (1,), generator=generator)) for end in (len(digits), 16, 16))
        top, left = torch.randint(size - 6, (2,), generator=generator).tolist()
        window = (slice(top, top + 6), slice(left, left + 6))
        if not bool(used[window].any()):
            image[window] = digits.images[which, 0, y + 6 : y + 12, x + 6 : x + 12]
