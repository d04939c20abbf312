"""Sines and cosines of places, whose frequencies are powers of one number: the places of tokens, and of a grid's.

Along its columns such a table has a wave (a sine or a cosine), an axis of the grid, a frequency, and the same again, in
some order, each of which may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations, product
from typing import NamedTuple

import torch
from torch import Tensor

#: How far from a round number one that was solved for may be.
ROUND = 1e-4
#: How small an angle may be that its cosine says it.
LEAST_ANGLE = 0.05
#: The numbers whose powers frequencies are, the usual one first.
BASES = (10_000, 2, 10, 100, 1_000, 100_000, 500_000)
#: How many widths of a grid are tried.
WIDTHS = 4
#: A rule, and the numbers that it gives.
Rule = tuple[str, Tensor]


class _Grid(NamedTuple):
    """A table as rows x columns of a grid x what each place has, with the expressions of these three places."""

    values: Tensor
    row: str
    column: str
    channel: str
    back: tuple[int, ...]  # the axes of the table among these, where it has three


class _Digit(NamedTuple):
    """What a number of a channel has for one of the parts that it is made of: its expression, and its values."""

    text: str
    first: str  # the expression of its being 0
    values: Tensor


def power(value: Tensor, name: str, least: float = 0.0) -> Iterator[Rule]:
    """Yield what has the exponent of a place, over a number of them, by the first numbers above the least."""
    exponents = torch.arange(value.numel()).double()
    large = int((value > least).sum())
    if large < 2 or bool((value[:large] <= 0).any()):
        return
    first, last = (float(value[at].log()) for at in (0, large - 1))
    step = (last - first) / (large - 1)
    if abs(first) > ROUND or not step:
        return
    for base in BASES:
        count = math.log(base) / abs(step)
        if count >= 1 and abs(count - round(count)) < ROUND * count:
            sign = "-" if step < 0 else ""
            rule = f"{base} ** ({sign}{name} / {round(count)})"
            made = base ** (math.copysign(1, step) * exponents / round(count))
            yield (rule if round(count) > 1 else f"{base}.0 ** {f'({sign}{name})' if sign else name}"), made


def waves(value: Tensor) -> Iterator[Rule]:
    """Yield sines and cosines of places, a frequency each, of a table over the places i, j and perhaps k."""
    for grid in _grids(value):
        count = grid.values.shape[2]
        axes = 1 if grid.values.shape[1] == 1 else 2
        for kinds, copies in ((2, 1), (1, 1), (1, 2), *([(2, 2)] if axes == 2 else [])):
            sizes = {"wave": kinds, "axis": axes, "again": copies, "band": count // (kinds * axes * copies)}
            if math.prod(sizes.values()) == count and sizes["band"] > 1:
                for order in permutations(sizes):
                    yield from _of(grid, order, sizes) if _is_first(order, sizes) else ()


def _is_first(order: Sequence[str], sizes: dict[str, int]) -> bool:
    """Return whether parts of size 1, which may stand anywhere, stand in front, by name: each order is taken once."""
    single = [name for name in order if sizes[name] == 1]
    return [*order[: len(single)]] == sorted(single)


def _grids(value: Tensor) -> Iterator[_Grid]:
    """Yield a table as a grid: of one row of places, of rows and columns of them, or as it is."""
    if value.dim() == 2 and min(value.shape) > 1:
        size = value.shape[0]
        yield _Grid(value[:, None], "i", "", "j", ())
        widths = [width for width in range(2, size) if size % width == 0]
        for width in sorted(widths, key=lambda n: abs(n - size // n))[:WIDTHS]:
            yield _Grid(value.reshape(-1, width, value.shape[1]), f"(i // {width})", f"(i % {width})", "j", ())
    if value.dim() == 3 and min(value.shape) > 1:
        yield _Grid(value, "i", "j", "k", (0, 1, 2))
        yield _Grid(value.permute(1, 2, 0), "j", "k", "i", (2, 0, 1))


def _of(grid: _Grid, order: Sequence[str], sizes: dict[str, int]) -> Iterator[Rule]:
    """Yield the rule of a table whose channels are made of parts of these sizes, the first of which changes last."""
    parts = _digits(grid.channel, order, sizes)
    split = grid.values.reshape(*grid.values.shape[:2], *(sizes[name] for name in order))
    turned = split.permute(0, 1, *(2 + order.index(name) for name in ("axis", "wave", "band", "again")))
    if not torch.equal(turned[..., 0], turned[..., -1]):
        return
    series = turned[..., 0]  # row, column, axis, wave, band
    by_row = sizes["axis"] == 1 or torch.equal(series[:, :1, 0].expand_as(series[:, :, 0]), series[:, :, 0])
    rows = series[:, 0, 0] if by_row else series[0, :, 0]
    single = sizes["wave"] == 1
    for of_sine, start in product((0, 1), (0, 1)):
        wave = rows[:, 0 if single else of_sine]
        for scale, text, bands in _frequencies(wave, start, parts["band"].text, is_cosine=single and of_sine == 1):
            yield _rule(grid, parts, (of_sine, start, by_row), scale, text, bands)


def _frequencies(wave: Tensor, start: int, name: str, *, is_cosine: bool) -> Iterator[tuple[float, str, Tensor]]:
    """Yield what all frequencies of a wave over places, the first of which is `start`, are multiples of, and what they
    are beside that: an expression, and numbers.
    """
    row = wave[1 - start].clamp(-1, 1)
    angles = row.acos() if is_cosine else row.asin()
    scale = float(angles[0])
    if scale <= 0:
        return
    scale = 1.0 if abs(scale - 1) < ROUND else float(f"{scale:.7g}")
    for text, bands in power(angles / scale, name, LEAST_ANGLE if is_cosine else 0.0):
        yield scale, text, bands


def _rule(
    grid: _Grid, parts: dict[str, _Digit], layout: tuple[int, int, bool], scale: float, text: str, bands: Tensor
) -> Rule:
    """Return a rule, and its numbers: `layout` says which wave is the sine, the first place, and whether the first axis
    is that of rows.
    """
    of_sine, start, by_row = layout
    sizes = grid.values.shape
    rows, columns = (torch.arange(start, size + start).double() for size in sizes[:2])
    at = [rows[:, None, None], columns[:, None]]
    names = [f"({name.strip('()')} + 1)" if start else name for name in (grid.row, grid.column)]
    place, name = at[0], names[0]
    if parts["axis"].text:
        first, second = (0, 1) if by_row else (1, 0)
        place = torch.where(parts["axis"].values == 0, at[first], at[second])
        name = f"({names[first]} if {parts['axis'].first} else {names[second]})"
    angle = f"{name} * {text}" if scale == 1 else f"{scale} * {name} * {text}"
    angles = place * (scale * bands[parts["band"].values])
    both = [("sin", angles.sin()), ("cos", angles.cos())]
    (one, first_wave), (other, second_wave) = both[::-1] if of_sine else both
    if not parts["wave"].text:
        rule, made = f"{one}({angle})", first_wave.expand(sizes)
    else:
        rule = f"{one}({angle}) if {parts['wave'].first} else {other}({angle})"
        made = torch.where(parts["wave"].values == 0, first_wave, second_wave).expand(sizes)
    return rule, made.permute(grid.back) if grid.back else made.flatten(0, 1)


def _digits(name: str, order: Sequence[str], sizes: dict[str, int]) -> dict[str, _Digit]:
    """Return what a channel has for each part that it is made of; no text for what is missing."""
    found, stride = {}, math.prod(sizes.values())
    channels = torch.arange(stride)
    outermost = True
    for part in order:
        stride //= sizes[part]
        values = channels // stride % sizes[part]
        divided = f"{name} // {stride}" if stride > 1 else name
        text = divided if outermost else f"({divided}) % {sizes[part]}" if stride > 1 else f"{name} % {sizes[part]}"
        first = f"{name} < {stride}" if outermost and sizes[part] == 2 else f"{text} == 0"
        found[part] = _Digit(f"({text})" if sizes[part] > 1 else "", first, values)
        outermost = outermost and sizes[part] == 1
    return found
