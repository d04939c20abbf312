"""Transforms for whole batches do to every image what torchvision's do to one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from speczoo.torchvision import torchvision
from speczoo.training import recipe_transforms
from speczoo.training.transforms import CenterCrop, RandomAffine, RandomCrop, RandomErasing, RandomFlip

torchvision()
from torchvision.transforms.v2 import functional as tv  # noqa: E402

sizes = st.integers(5, 20)


def images(n: int, height: int, width: int, seed: int) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def crops_as_torchvision(height: int, width: int, h: int, w: int, padding: int, seed: int) -> None:
    x = images(6, height, width, seed)
    transform = RandomCrop([h, w], padding)
    drawn = transform.draw(6, height, width, torch.Generator().manual_seed(seed))
    places = zip(x, drawn.tolist(), strict=True)
    expected = [tv.crop(tv.pad(image, [padding]), top, left, h, w) for image, (top, left) in places]
    assert torch.equal(transform.apply(x, drawn), torch.stack(expected))


@given(sizes, sizes, st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_crop_is_torchvisions(height: int, width: int, h: int, w: int, padding: int, seed: int) -> None:
    crops_as_torchvision(height, width, h, w, padding, seed)


@given(*[st.integers(1, 9)] * 4, st.integers(0, 40), st.integers(0, 99))
def test_crop_far_outside_is_torchvisions(height: int, width: int, h: int, w: int, padding: int, seed: int) -> None:
    assume(h <= height + 2 * padding and w <= width + 2 * padding)
    crops_as_torchvision(height, width, h, w, padding, seed)


class Largest(TorchDispatchMode):
    """Inside, how many numbers the largest tensor had that was made."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        found = [tensor.untyped_storage().nbytes() for tensor in tree_leaves(made) if isinstance(tensor, torch.Tensor)]
        self.numbers = max([self.numbers, *found])
        return made


@pytest.mark.parametrize("padding", [0, 4, 12, 8192])
def test_a_crop_takes_memory_by_its_size_and_not_by_its_padding(padding: int) -> None:
    x, transform = images(10, 12, 12, 0), RandomCrop(12, padding)
    drawn = transform.draw(10, 12, 12, torch.Generator().manual_seed(0))
    with Largest() as visited:
        transform.apply(x, drawn)
    assert visited.numbers <= 10 * 3 * 36**2


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_crops_take_memory_by_what_goes_in_and_comes_out(height: int, width: int, h: int, w: int, padding: int) -> None:
    """Long windows on wide images too, where what lies between might be as long as the one and as wide as the other."""
    x = images(3, height, width, 0)
    crops: list[RandomCrop | CenterCrop] = [CenterCrop([h, w])]
    if h <= height + 2 * padding and w <= width + 2 * padding:
        crops.append(RandomCrop([h, w], padding))
    for crop in crops:
        drawn = crop.draw(3, height, width, torch.Generator().manual_seed(0))
        with Largest() as visited:
            cropped = crop.apply(x, drawn)
        assert cropped.shape[2:] == (h, w)
        assert visited.numbers <= 9 * max(x.numel(), cropped.numel())
        if isinstance(crop, CenterCrop):
            assert torch.equal(cropped, tv.center_crop(x, [h, w]))


def test_crop_reaches_every_place_equally_often() -> None:
    drawn = RandomCrop(28, 3).draw(49_000, 28, 28, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn[:, 0] * 7 + drawn[:, 1], minlength=49)
    assert len(counts) == 49
    assert (counts - 1000).abs().max() < 5 * math.sqrt(1000)


@given(sizes, sizes, st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_affine_is_torchvisions(height: int, width: int, seed: int) -> None:
    x = images(5, height, width, seed)
    spec = recipe_transforms.RandomAffine(
        op="RandomAffine", degrees=40, translate=[0.2, 0.3], scale=[0.7, 1.4], shear=15
    )
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
    transform = RandomErasing(
        recipe_transforms.RandomErasing(op="RandomErasing", p=1.0, scale=[0.1, 0.2], ratio=[0.5, 2.0])
    )
    result = transform.apply(x, transform.draw(40, 32, 32, torch.Generator().manual_seed(seed)))
    for image in result:
        gone = (image == 0).all(0)
        rows, columns = gone.any(1).nonzero(), gone.any(0).nonzero()
        assert gone.sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        assert 0.08 < gone.float().mean() < 0.23
