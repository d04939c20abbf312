"""Batches are a function of seed and epoch; processes that share them see together what one would see alone."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speczoo.training.data import measure
from speczoo.training.dataset import LabelledImages
from speczoo.training.loader import IGNORED, Batches
from speczoo.training.transforms import RandomCrop

counts, sizes, worlds = st.integers(1, 60), st.integers(1, 9), st.integers(1, 4)


def split(count: int) -> LabelledImages:
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, 1, 6, 6), dtype=torch.uint8, generator=generator)
    return LabelledImages(images, torch.arange(count))


def batches(count: int, size: int, world: int = 1, rank: int = 0, **options: bool) -> Batches:
    return Batches(split(count), size, [0.5], [0.25], [RandomCrop(6, 2)] if options.get("shuffle") else [],
                   rank=rank, world=world, **options)  # fmt: skip


@given(counts, sizes, worlds)
@settings(max_examples=60, deadline=None)
def test_evaluation_sees_every_image_once(count: int, size: int, world: int) -> None:
    shares = [list(batches(count, size, world, rank)) for rank in range(world)]
    labels = torch.cat([y for share in shares for _, y in share])
    assert sorted(labels[labels != IGNORED].tolist()) == list(range(count))
    assert len({len(share) for share in shares}) == 1
    assert all(len(share) == len(batches(count, size, world)) for share in shares)


@given(counts, sizes, worlds, st.booleans())
@settings(max_examples=60, deadline=None)
def test_processes_share_the_batches_of_one(count: int, size: int, world: int, drop: bool) -> None:
    alone = list(batches(count, size * world, shuffle=True, drop_last=drop))
    shares = [list(batches(count, size, world, rank, shuffle=True, drop_last=drop)) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    for number, (x, y) in enumerate(alone):
        if len(y) % world == 0:
            assert torch.equal(torch.cat([share[number][1] for share in shares]), y)
            assert torch.equal(torch.cat([share[number][0] for share in shares]), x)
        assert len({len(share[number][1]) for share in shares}) == 1


@given(counts, sizes, worlds, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_smallest_batch_is_foreseen(count: int, size: int, world: int, drop: bool) -> None:
    made = batches(count, size, world, shuffle=True, drop_last=drop)
    assert made.smallest == min(len(y) for _, y in made)


def test_epochs_differ_and_repeat() -> None:
    first, again, second = (batches(30, 7, shuffle=True) for _ in range(3))
    second.epoch = 1
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(next(iter(first))[1], next(iter(second))[1])
    assert sorted(torch.cat([y for _, y in second]).tolist()) == list(range(30))


def test_statistics_normalise() -> None:
    data = split(50)
    mean, std = measure(data.images)
    x = torch.cat([x for x, _ in Batches(data, 7, mean, std)])
    assert abs(float(x.mean())) < 1e-5
    assert abs(float(x.std(correction=0)) - 1) < 1e-5
