"""Data sets as tensors in memory: images uint8 [n, channels, height, width], labels int64.

Small images are cheapest kept decoded: a batch is then one gather, and random transforms run on whole batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class LabelledImages:
    """Images with their labels: [n] class numbers, or [n, height, width] where every pixel has one."""

    images: Tensor
    labels: Tensor
    names: tuple[str, ...] = ()  # of the files, where there are files

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: Tensor) -> LabelledImages:
        names = tuple(self.names[i] for i in index.tolist()) if self.names else ()
        return LabelledImages(self.images[index], self.labels[index], names)


@dataclass(frozen=True)
class Dataset:
    """Images to train on, to measure on and, perhaps, to predict; `mean` and `std` of each channel, where a recipe
    normalises.
    """

    train: LabelledImages
    valid: LabelledImages
    classes: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    test: LabelledImages | None = field(default=None)  # images without labels: theirs are all -100

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image as it is stored, before augmentation."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width
