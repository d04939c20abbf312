"""Transforms for whole batches do to every image what torchvision's do to one."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speczoo.torchvision import torchvision
from speczoo.training import recipe as r
from speczoo.training.transforms import RandomAffine, RandomCrop, RandomErasing, RandomFlip

torchvision()
from torchvision.transforms.v2 import functional as tv  # noqa: E402

sizes = st.integers(5, 20)


def images(n: int, height: int, width: int, seed: int) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


@given(sizes, sizes, st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_crop_is_torchvisions(height: int, width: int, h: int, w: int, padding: int, seed: int) -> None:
    x = images(6, height, width, seed)
    transform = RandomCrop([h, w], padding)
    drawn = transform.draw(6, height, width, torch.Generator().manual_seed(seed))
    places = zip(x, drawn.tolist(), strict=True)
    expected = [tv.crop(tv.pad(image, [padding]), top, left, h, w) for image, (top, left) in places]
    assert torch.equal(transform.apply(x, drawn), torch.stack(expected))


def test_crop_reaches_every_place_equally_often() -> None:
    drawn = RandomCrop(28, 3).draw(49_000, 28, 28, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn[:, 0] * 7 + drawn[:, 1], minlength=49)
    assert len(counts) == 49
    assert (counts - 1000).abs().max() < 5 * math.sqrt(1000)


@given(sizes, sizes, st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_affine_is_torchvisions(height: int, width: int, seed: int) -> None:
    x = images(5, height, width, seed)
    spec = r.RandomAffine(op="RandomAffine", degrees=40, translate=[0.2, 0.3], scale=[0.7, 1.4], shear=15)
    transform = RandomAffine(spec)
    drawn = transform.draw(5, height, width, torch.Generator().manual_seed(seed))
    ours = transform.apply(x, drawn)
    for image, result, (angle, right, down, scale, shear) in zip(x, ours, drawn.tolist(), strict=True):
        expected = tv.affine(
            image.float(), math.degrees(angle), [int(right), int(down)], scale, [math.degrees(shear), 0.0],
            interpolation=tv.InterpolationMode.BILINEAR,
        )  # fmt: skip
        # torchvision blends the border with a mask of its own: compare where the picture surely reaches
        inside = tv.affine(
            torch.ones_like(image).float(), math.degrees(angle), [int(right), int(down)], scale,
            [math.degrees(shear), 0.0], interpolation=tv.InterpolationMode.BILINEAR,
        ) > 0.999  # fmt: skip
        assert torch.allclose(result[inside], expected[inside], atol=0.05)


@pytest.mark.parametrize(("dim", "op"), [(3, tv.horizontal_flip), (2, tv.vertical_flip)])
def test_flip_is_torchvisions(dim: int, op: object) -> None:
    x = images(8, 6, 9, 1)
    transform = RandomFlip(dim, 0.5)
    drawn = transform.draw(8, 6, 9, torch.Generator().manual_seed(3))
    assert 0 < drawn.sum() < 8
    expected = [op(image) if flip else image for image, flip in zip(x, drawn[:, 0], strict=True)]  # type: ignore[operator]
    assert torch.equal(transform.apply(x, drawn), torch.stack(expected))


@given(st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_erasing_blackens_one_rectangle_of_the_area_asked_for(seed: int) -> None:
    x = torch.full((40, 2, 32, 32), 7, dtype=torch.uint8)
    transform = RandomErasing(r.RandomErasing(op="RandomErasing", p=1.0, scale=[0.1, 0.2], ratio=[0.5, 2.0]))
    result = transform.apply(x, transform.draw(40, 32, 32, torch.Generator().manual_seed(seed)))
    for image in result:
        gone = (image == 0).all(0)
        rows, columns = gone.any(1).nonzero(), gone.any(0).nonzero()
        assert gone.sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        assert 0.08 < gone.float().mean() < 0.23
