"""Constants are found again as rules over places: what the rule computes is the constant."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import speczoo
from speczoo.importing.constants import buffer_of, rounded_buffer_of


def built(arguments: dict[str, object]) -> Tensor:
    """The numbers of a Buffer with these arguments, as the network holds them."""
    layers = [
        {"id": "constant", "op": "Buffer", **arguments},
        {"id": "first", "op": "mul", "from": ["input", 0]},
    ]
    model = speczoo.build({"spec": 1, "name": "n", "input": [1], "layers": layers})
    found: Tensor = model.constant
    return found


@settings(max_examples=settings().max_examples // 2)
@given(st.integers(2, 6), st.integers(2, 4), st.lists(st.integers(-9, 9), min_size=5, max_size=5), st.booleans())
def test_sums_of_rows_and_columns(width: int, height: int, numbers: list[int], distances: bool) -> None:
    n = width * height
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    terms = [i // width, i % width, j // width, j % width]
    if distances:
        terms = [(terms[0] - terms[2]).abs(), (terms[1] - terms[3]).abs()]
    wanted = sum(a * term for a, term in zip(numbers, terms, strict=False)) + torch.full((n, n), numbers[-1])
    assert torch.equal(built(buffer_of(wanted)), wanted)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(["tril", "triu", "ones"]))
def test_masks(rows: int, columns: int, kind: str) -> None:
    ones = torch.ones(rows, columns)
    wanted = {"tril": ones.tril(), "triu": ones.triu(1), "ones": ones}[kind].bool()
    assert torch.equal(built(buffer_of(wanted)), wanted)


@given(st.integers(2, 4), st.integers(2, 5), st.data())
def test_masks_of_shifted_windows(across: int, side: int, data: st.DataObject) -> None:
    shift = data.draw(st.integers(1, side - 1))
    size = across * side
    regions = torch.zeros(size, size)
    cuts = (slice(0, -side), slice(-side, -shift), slice(-shift, None))
    for number, (rows, columns) in enumerate((a, b) for a in cuts for b in cuts):
        regions[rows, columns] = number
    parts = regions.view(across, side, across, side).permute(0, 2, 1, 3).reshape(across**2, side**2)
    wanted = torch.where(parts[:, None] == parts[:, :, None], 0.0, -100.0)
    assert torch.equal(built(buffer_of(wanted)), wanted)


@given(st.integers(3, 9), st.lists(st.integers(0, 2), min_size=1, max_size=8))
def test_axes_of_size_one_between(size: int, where: list[int]) -> None:
    wanted = torch.ones(size, size).tril()
    for axis in where:
        wanted = wanted.unsqueeze(axis)
    assert torch.equal(built(buffer_of(wanted)), wanted)


@given(st.integers(2, 5), st.integers(2, 5))
def test_tables_of_places_with_a_token_of_its_own(height: int, width: int) -> None:
    n = height * width
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    rows, columns = i // width - j // width + height - 1, i % width - j % width + width - 1
    inside = rows * (2 * width - 1) + columns
    most = int(inside.max())
    wanted = torch.full((n + 1, n + 1), most + 1)
    wanted[1:, 1:], wanted[0, 1:], wanted[0, 0] = inside, most + 2, most + 3
    assert torch.equal(built(buffer_of(wanted)), wanted)


@given(st.integers(2, 6), st.integers(2, 6))
def test_distances_and_their_squares_in_slices(height: int, width: int) -> None:
    n = height * width
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    down, across = (i // width - j // width).float(), (i % width - j % width).float()
    wanted = torch.stack([across, down, down**2 + across**2], -1)
    made = built(buffer_of(wanted))
    assert torch.equal(made, wanted)
    assert made.dtype == wanted.dtype


@given(st.integers(5, 70), st.lists(st.sampled_from([1.0, 2.0, 3.0, 6.0]), min_size=3, max_size=4))
def test_one_window_of_numbers_for_all_channels(channels: int, numbers: list[float]) -> None:
    kernel = torch.tensor(numbers)
    wanted = (kernel[:, None] * kernel[None] / kernel.sum() ** 2).expand(channels, 1, -1, -1).contiguous()
    assert torch.equal(built(buffer_of(wanted)), wanted)


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(2, 7), st.data())
def test_masks_of_what_was_before(out: int, channels: int, size: int, data: st.DataObject) -> None:
    wanted = torch.zeros(out, channels, size * size)
    wanted[..., : data.draw(st.integers(0, size * size))] = 1
    wanted = wanted.reshape(out, channels, size, size)
    assert torch.equal(built(buffer_of(wanted)), wanted)


@settings(max_examples=20)
@given(st.integers(3, 40), st.integers(2, 12), st.sampled_from(["turns", "halves", "both"]), st.booleans())
def test_sines_of_places(places: int, half: int, layout: str, first: bool) -> None:
    rates = torch.exp(torch.arange(half) * (-math.log(10_000.0) / (half - 1 if layout == "halves" else half)))
    angles = torch.arange(places)[:, None] * rates
    parts = (angles.sin(), angles.cos()) if first else (angles.cos(), angles.sin())
    if layout == "both":  # as rotations take them
        wanted = torch.cat([angles, angles], 1).sin()
    else:
        wanted = torch.stack(parts, 2).flatten(1) if layout == "turns" else torch.cat(parts, 1)
    made = rounded_buffer_of(wanted)
    assert made is not None
    torch.testing.assert_close(built(made), wanted, atol=1e-5, rtol=1e-3)


PARTS = {"axis": 2, "wave": 2, "again": 2}


@settings(max_examples=30)
@given(st.data(), st.integers(3, 7), st.integers(2, 9), st.booleans(), st.sampled_from([(0, 1.0), (1, 0.45)]))
def test_sines_of_places_of_a_grid(
    data: st.DataObject, side: int, count: int, apart: bool, first: tuple[int, float]
) -> None:
    """In any order of what a channel has: its axis, its wave, its frequency, and perhaps the same again."""
    order = data.draw(st.permutations(["axis", "wave", "band", *data.draw(st.sampled_from([[], ["again"]]))]))
    (start, scale), sizes = first, PARTS | {"band": count}
    rates = scale * 10_000.0 ** (-torch.arange(count) / count)
    axes = [torch.arange(start, start + side).float().reshape(shape) for shape in ((-1, 1), (1, -1))]
    angles = [axis.expand(side, side)[..., None] * rates for axis in axes]
    whole = torch.stack([torch.stack([angle.sin(), angle.cos()]) for angle in angles])  # axis, wave, row, column, band
    whole = whole.permute(2, 3, 0, 1, 4)[..., None].expand(-1, -1, -1, -1, -1, 2)
    places = ["axis", "wave", "band", "again"]
    turned = whole.permute(0, 1, *(2 + places.index(part) for part in [*order, *({*places} - {*order})]))
    turned = turned if "again" in order else turned[..., 0]
    wanted = turned.reshape(side, side, math.prod(sizes[part] for part in order))
    made = rounded_buffer_of(wanted.permute(2, 0, 1) if apart else wanted.flatten(0, 1))
    assert made is not None
    again = built(made)
    torch.testing.assert_close(
        again.permute(1, 2, 0) if apart else again.reshape(wanted.shape), wanted, atol=1e-4, rtol=1e-3
    )


@settings(max_examples=20)
@given(st.integers(3, 9), st.integers(3, 9), st.sampled_from([8, 4, 2]))
def test_logarithms_of_distances(height: int, width: int, factor: int) -> None:
    rows, columns = (torch.arange(1 - n, n) / (n - 1) * factor for n in (height, width))
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), 2)
    wanted = grid.sign() * torch.log2(grid.abs() + 1) / math.log2(8)
    made = rounded_buffer_of(wanted)
    assert (made is None) == (factor != 8)
    if made is not None:
        torch.testing.assert_close(built(made), wanted)


@given(st.lists(st.floats(-9, 9, width=32), min_size=9, max_size=20))
def test_what_has_no_rule_is_not_given_one(numbers: list[float]) -> None:
    wanted = torch.tensor(numbers)
    made = rounded_buffer_of(wanted)
    if made is not None:
        torch.testing.assert_close(built(made), wanted, atol=1e-5 * float(wanted.abs().max()) + 1e-30, rtol=0)
