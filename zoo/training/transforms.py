"""Torchvision's random transforms, for a whole batch at once: every image has numbers of its own.

Each transform draws its numbers for a batch first (`draw`: one row per image) and applies them then (`apply`). A
process that has only a part of the batch draws for all of it and takes its rows, so that images look the same however
many processes share the work. Images are [batch, channels, height, width], uint8 or float on the scale 0..255.

Where training images are cropped at random, all others are at their centre: a network sees one size of images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from speczoo.training import recipe_transforms
from speczoo.training.shapes import pair as pair


class Transform(Protocol):
    def draw(self, n: int, height: int, width: int, generator: Generator) -> Tensor: ...

    def apply(self, x: Tensor, drawn: Tensor) -> Tensor: ...


class RandomCrop:
    """Pads with zeros, then takes a window at a place that is drawn evenly from all that fit."""

    def __init__(self, size: int | Sequence[int], padding: int = 0) -> None:
        self.size, self.padding = pair(size), padding

    def draw(self, n: int, height: int, width: int, generator: Generator) -> Tensor:
        ends = (height + 2 * self.padding - self.size[0] + 1, width + 2 * self.padding - self.size[1] + 1)
        if min(ends) < 1:
            raise ValueError(f"RandomCrop takes {self.size} from {height} x {width} with padding {self.padding}")
        return torch.stack([torch.randint(end, (n,), generator=generator) for end in ends], 1)

    def apply(self, x: Tensor, drawn: Tensor) -> Tensor:
        (high, wide), (h, w) = x.shape[2:], self.size
        if h <= high and w <= wide:
            return self._windows(x, drawn, (0, 1))
        # padded on both axes at once, a long window on a wide image would be as large as neither of them
        for axis in (0, 1) if h * wide <= high * w else (1, 0):
            x = self._windows(x, drawn, (axis,))
        return x

    def _windows(self, x: Tensor, drawn: Tensor, axes: Sequence[int]) -> Tensor:
        """Return the windows along these axes, padded by no more than a window: one further out is as black."""
        around, sizes, places = [0, 0], list(x.shape[2:]), [torch.zeros_like(drawn[:, 0])] * 2
        for axis in axes:
            size = sizes[axis] = self.size[axis]
            pad = around[axis] = min(self.padding, size)
            places[axis] = (drawn[:, axis] - self.padding).clamp(-pad, x.shape[2 + axis] + pad - size) + pad
        x = F.pad(x, [around[1], around[1], around[0], around[0]])
        windows = x.unfold(2, sizes[0], 1).unfold(3, sizes[1], 1)  # a view: [n, c, tops, lefts, h, w]
        return windows[torch.arange(len(x), device=x.device), :, places[0], places[1]]


class CenterCrop:
    """Takes the window in the middle; images that are smaller get zeros around them."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair(size)

    def draw(self, n: int, height: int, width: int, generator: Generator) -> Tensor:
        return torch.empty(n, 0)

    def apply(self, x: Tensor, drawn: Tensor) -> Tensor:
        return _center_crop(x, self.size)


class RandomFlip:
    """Mirrors so large a share of the images along one axis."""

    def __init__(self, dim: int, p: float) -> None:
        self.dim, self.p = dim, p

    def draw(self, n: int, height: int, width: int, generator: Generator) -> Tensor:
        return torch.rand(n, 1, generator=generator) < self.p

    def apply(self, x: Tensor, drawn: Tensor) -> Tensor:
        return torch.where(drawn[:, :, None, None], x.flip(self.dim), x)


class RandomAffine:
    """Rotation by up to `degrees`, translation, scale, shear; bilinear, with zeros outside."""

    def __init__(self, spec: recipe_transforms.RandomAffine) -> None:
        self.spec = spec

    def draw(self, n: int, height: int, width: int, generator: Generator) -> Tensor:
        """Return angle, shift right, shift down, scale, shear: radians and whole pixels, as torchvision draws them."""
        s = self.spec
        u = torch.rand(n, 5, generator=generator) * 2 - 1
        across, down = s.translate or (0.0, 0.0)
        low, high = s.scale or (1.0, 1.0)
        columns = (
            u[:, 0] * math.radians(s.degrees),
            (u[:, 1] * across * width).round(),
            (u[:, 2] * down * height).round(),
            low + (u[:, 3] + 1) / 2 * (high - low),
            u[:, 4] * math.radians(s.shear),
        )
        return torch.stack(columns, 1)

    def apply(self, x: Tensor, drawn: Tensor) -> Tensor:
        n, _, height, width = x.shape
        angle, right, down, scale, shear = drawn.to(x.device).unbind(1)
        cos, sin, tan = angle.cos(), angle.sin(), shear.tan()
        # output -> input: the inverse of rotate(angle) . shear_x(shear) . scale, about the centre
        rows = torch.stack([-sin * tan + cos, cos * tan + sin, -sin, cos], 1).reshape(n, 2, 2) / scale[:, None, None]
        ys = torch.arange(height, device=x.device) - (height - 1) / 2
        xs = torch.arange(width, device=x.device) - (width - 1) / 2
        points = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(1, -1, 2)
        points = (points - torch.stack([right, down], 1)[:, None]) @ rows.transpose(1, 2)
        grid = points / torch.tensor([width / 2, height / 2], device=x.device)
        x = x if x.is_floating_point() else x.float()
        return F.grid_sample(x, grid.reshape(n, height, width, 2), align_corners=False)


class RandomErasing:
    """Blackens one rectangle of an image; rectangles that would not fit are cut to fit."""

    def __init__(self, spec: recipe_transforms.RandomErasing) -> None:
        self.spec = spec

    def draw(self, n: int, height: int, width: int, generator: Generator) -> Tensor:
        s = self.spec
        u = torch.rand(n, 5, generator=generator)
        area = height * width * (s.scale[0] + u[:, 0] * (s.scale[1] - s.scale[0]))
        low, high = math.log(s.ratio[0]), math.log(s.ratio[1])
        ratio = (low + u[:, 1] * (high - low)).exp()
        h = (area * ratio).sqrt().round().clamp(1, height)
        w = (area / ratio).sqrt().round().clamp(1, width)
        top = (u[:, 2] * (height - h + 1)).floor()
        left = (u[:, 3] * (width - w + 1)).floor()
        keep = u[:, 4] >= s.p
        h = torch.where(keep, torch.zeros_like(h), h)
        return torch.stack([top, left, h, w], 1)

    def apply(self, x: Tensor, drawn: Tensor) -> Tensor:
        top, left, h, w = (column[:, None, None, None] for column in drawn.to(x.device).unbind(1))
        ys = torch.arange(x.shape[2], device=x.device)[:, None]
        xs = torch.arange(x.shape[3], device=x.device)
        return x.masked_fill((ys >= top) & (ys < top + h) & (xs >= left) & (xs < left + w), 0)


def augmentation(steps: Sequence[Any]) -> list[Transform]:
    return [_transform(step) for step in steps]


def centring(steps: Sequence[Any]) -> list[Transform]:
    """Give images that are not augmented the size that augmentation gives to others, from their middle."""
    return [CenterCrop(step.size) for step in steps if isinstance(step, recipe_transforms.RandomCrop)]


def _center_crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    from speczoo.torchvision import torchvision

    torchvision()
    from torchvision.transforms.v2 import functional as tv

    # torchvision pads before it crops: a long window on a wide image would be as large as neither of them in between
    within = [min(side, own) for side, own in zip(size, x.shape[2:], strict=True)]
    cropped: Tensor = tv.center_crop(tv.center_crop(x, within), list(size))
    return cropped


def _transform(step: Any) -> Transform:
    match step:
        case recipe_transforms.RandomCrop():
            return RandomCrop(step.size, step.padding)
        case recipe_transforms.RandomHorizontalFlip():
            return RandomFlip(3, step.p)
        case recipe_transforms.RandomVerticalFlip():
            return RandomFlip(2, step.p)
        case recipe_transforms.RandomAffine():
            return RandomAffine(step)
        case recipe_transforms.RandomErasing():
            return RandomErasing(step)
    raise AssertionError(step)


def prepare(images: Tensor, steps: Sequence[Any]) -> Tensor:
    """Apply torchvision's own transforms to uint8 images [n, channels, height, width], a slice at a time."""
    from speczoo.torchvision import torchvision

    torchvision()
    from torchvision.transforms.v2 import functional as tv

    for step in steps:
        match step:
            case recipe_transforms.Resize():
                size = [step.size] if isinstance(step.size, int) else list(step.size)
                images = torch.cat([tv.resize(part, size, antialias=True) for part in torch.split(images, 1000)])
            case recipe_transforms.CenterCrop():
                images = _center_crop(images, pair(step.size))
            case recipe_transforms.Pad():
                images = F.pad(images, [step.padding] * 4)
            case recipe_transforms.Grayscale():
                images = tv.rgb_to_grayscale(images)
    return images
