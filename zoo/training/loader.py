"""Batches of a split: which images, in which order, how augmented, is a function of (seed, epoch) alone.

So a resumed run goes on as if it had never stopped, and processes that share a batch need not talk: each works out the
whole order and takes its part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from speczoo.training.dataset import LabelledImages
from speczoo.training.transforms import Transform

IGNORED = -100  # the label that losses and metrics pass over; it pads the last batch of several processes


class Batches:
    """Iterates over (images, labels): float [n, channels, height, width], normalised; int64.

    `batch_size` is that of one process; `world` processes take turns of it in one order. A last incomplete batch is
    left out with `drop_last`; otherwise, in training, it is filled from the start of the order until every process has
    the same number of images, and in evaluation with images that are marked as ignored.
    """

    def __init__(
        self,
        split: LabelledImages,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Sequence[Transform] = (),
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.images, self.labels = split.images, split.labels
        self.batch_size, self.augment, self.seed = batch_size, list(augment), seed
        self.shuffle, self.rank, self.world = shuffle, rank, world
        self.drop_last = drop_last and len(split) >= batch_size * world
        self.scale = torch.tensor(std)[:, None, None].mul(255).reciprocal()
        self.shift = torch.tensor(mean)[:, None, None].mul(255)
        self.epoch = 0

    def __len__(self) -> int:
        whole, rest = divmod(len(self.images), self.batch_size * self.world)
        return whole + bool(rest and not self.drop_last)

    @property
    def smallest(self) -> int:
        """How many images the smallest batch of an epoch has, in one process."""
        rest = len(self.images) % (self.batch_size * self.world)
        return -(-rest // self.world) if rest and not self.drop_last else self.batch_size

    def to(self, device: torch.device) -> Batches:
        """Keep the images on `device`, so that batches are made there."""
        self.images, self.labels = self.images.to(device), self.labels.to(device)
        self.scale, self.shift = self.scale.to(device), self.shift.to(device)
        return self

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(mix(self.seed, self.epoch))
        count = len(self.images)
        order = torch.randperm(count, generator=generator) if self.shuffle else torch.arange(count)
        step = self.batch_size * self.world
        for start in range(0, len(self) * step, step):
            index = order[start : start + step]
            short = -len(index) % self.world
            index = torch.cat([index, order[:short].repeat(-(-short // count))[:short]]) if short else index
            real = torch.arange(len(index)) < len(index) - (0 if self.shuffle else short)
            yield self._batch(index, real, generator)

    def _batch(self, index: Tensor, real: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        size = len(index) // self.world
        mine = slice(self.rank * size, (self.rank + 1) * size)
        device = self.images.device
        chosen = index[mine].to(device)
        x, y = self.images[chosen], self.labels[chosen]
        height, width = self.images.shape[2:]
        for transform in self.augment:
            drawn = transform.draw(len(index), height, width, generator)[mine].to(device)
            x = transform.apply(x, drawn)
            height, width = x.shape[2:]
        if not bool(real.all()):
            y = y.clone()
            y[~real[mine].to(device)] = IGNORED
        return self.normalize(x), y

    def normalize(self, x: Tensor) -> Tensor:
        return (x.float() - self.shift).mul_(self.scale)


def mix(*numbers: int) -> int:
    """Return one seed out of several numbers: different for (0, 1) and (1, 0)."""
    value = 0x9E3779B97F4A7C15
    for number in numbers:
        value = ((value ^ number) * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & (2**63 - 1)
        value ^= value >> 31
    return value
