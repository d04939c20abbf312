"""Functions and sets of sizes as arithmetic that a person reads: `ceil(n / 32)`, `multiples of 16 from 32`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from speczoo.compiler.analysis.region import Region, SizeBox
from speczoo.compiler.analysis.size_set import ALL, SizeSet
from speczoo.compiler.analysis.staircase import Staircase
from speczoo.compiler.analysis.symbolic import Size
from speczoo.specs.wording import enumerated

#: Sizes at which a formula is held to its function, and parts of a sentence, above which there is none.
POINTS, PARTS = 1 << 14, 6


# -- functions --------------------------------------------------------------------------------------------------------


def formula(size: Size | int, region: Region, names: Sequence[str]) -> str | None:
    """Return a size in terms of the input's on a region, `ceil(height / 32)`; None where there is no short one."""
    if isinstance(size, int):
        return str(size)
    if size.single is not None:
        axis, f = size.single
        return function(f, region.on(axis), names[axis])
    terms = []
    for factors, coefficient in size.terms.items():
        parts = [function(f, region.on(axis), names[axis]) for axis, f in factors]
        if None in parts or coefficient < 0:
            return None
        shown = [grouped(part) for part in parts if part is not None]
        terms.append(" * ".join([*([str(coefficient)] if coefficient != 1 else []), *shown]))
    return " + ".join(terms) + (_signed(size.constant) if size.constant else "")


def function(f: Staircase, sizes: SizeSet, name: str) -> str | None:
    """Return a function as it is on a set of sizes; None where it has no short formula."""
    points = _points(f, sizes)
    if points is None:
        return None
    first = points[0][1]
    step = math.gcd(*(value - first for _, value in points))
    if step == 0:
        return str(first)
    return _multiple(points, f, 1, name) or (_multiple(points, f, step, name) if step > 1 else None)


def _points(f: Staircase, sizes: SizeSet) -> list[tuple[int, int]] | None:
    """Return (n, f(n)) for sizes that decide what holds for all, two periods; None where these are many."""
    start = sizes.start if sizes.finite else sizes.start + 2 * math.lcm(f.period, sizes.period)
    if start > POINTS:
        return None
    return [(n, f(n)) for n in range(1, start) if n in sizes]


def _multiple(points: Sequence[tuple[int, int]], f: Staircase, step: int, name: str) -> str | None:
    """Return f(n) = step * floor((rise n + add) / period) + rest in words; None where it is no such function."""
    slope = Fraction(f.rise, f.period * step)
    rise, period = slope.numerator, slope.denominator
    rest = points[0][1] % step
    low = max((value - rest) // step * period - rise * n for n, value in points)
    high = min(((value - rest) // step + 1) * period - 1 - rise * n for n, value in points)
    if rise < 1 or low > high:
        return None
    exact = all((rise * n + low) % period == 0 for n, _ in points)
    add = low if exact else _plainest(low, high, rise, period)
    turns = add // period if step > 1 else 0
    inner = _quotient(rise, period, add - turns * period, exact, name)
    return f"{step} {grouped(inner)}{_signed(rest + turns * step)}" if step > 1 else inner


def _plainest(low: int, high: int, rise: int, period: int) -> int:
    """Return a number from `low` to `high`: one that is the least to be written in floor((rise n + add) / period)."""
    for remainder in (0, period - 1)[: 1 + (rise == 1)]:
        add = low + (remainder - low) % period
        if add <= high:
            return add
    return low


def _quotient(rise: int, period: int, add: int, exact: bool, name: str) -> str:
    times = name if rise == 1 else f"{rise} {name}"
    if period == 1:
        return f"{times}{_signed(add)}"
    if rise == 1 and add == period - 1 and not exact:
        return f"ceil({name} / {period})"
    over = f"({times}{_signed(add)}) / {period}" if add else f"{times} / {period}"
    return over if exact else f"floor({over})"


def _signed(number: int) -> str:
    return "" if number == 0 else f" + {number}" if number > 0 else f" - {-number}"


def grouped(text: str) -> str:
    """Return a formula as it stands in a product: in parentheses where it is a sum, a product or a quotient."""
    bare, deeper = "", text
    while bare != deeper:
        bare, deeper = deeper, re.sub(r"\([^()]*\)", "", deeper)
    return f"({text})" if re.search(r"[-+*/]|^\d+ ", bare) else text


# -- sets -------------------------------------------------------------------------------------------------------------


def members(sizes: SizeSet) -> str | None:
    """Return a set in words, its members called n; None where there are no short ones."""
    parts = [str(first) if first == last else f"{first} to {last}" for first, last in _runs(sizes.early)]
    if len(parts) > PARTS or not sizes:
        return None
    early = enumerated(parts) if parts else ""
    if sizes.finite:
        return early
    above = _above(sizes)
    return f"{early}, then {above}" if early and above else above


def _runs(bits: int) -> list[tuple[int, int]]:
    """Return (first, last) for each run of bits."""
    found, n = [], 0
    while bits:
        gap = (bits & -bits).bit_length() - 1
        bits >>= gap
        width = (~bits & (bits + 1)).bit_length() - 1
        bits >>= width
        n += gap
        found.append((n, n + width - 1))
        n += width
    return found


def _above(sizes: SizeSet) -> str | None:
    """Return the members from the start on in words."""
    period = sizes.period
    first = next(n for n in range(sizes.start, sizes.start + period) if n in sizes)
    if period == 1:
        return "every size" if sizes == ALL else f"{first} and up"
    remainders = [r for r in range(period) if sizes.cycle >> r & 1]
    since = "" if sizes == SizeSet.repeating(period, sizes.cycle) else f" from {first}"
    if len(remainders) == 1:
        if remainders[0] == 0:
            return f"even sizes{since}" if period == 2 else f"multiples of {period}{since}"
        return f"odd sizes{since}" if period == 2 else f"n mod {period} = {remainders[0]}{since}"
    if remainders[-1] - remainders[0] == len(remainders) - 1:
        return f"n mod {period} in {remainders[0]} to {remainders[-1]}{since}"
    if len(remainders) > PARTS:
        return None
    return f"n mod {period} in {', '.join(map(str, remainders))}{since}"


def region_in_words(region: Region, names: Sequence[str], at: Sequence[int] = ()) -> str | None:
    """Return which sizes a region has, that of a size `at` hand first; None where there are no short words."""
    if len(region.boxes) == 1:
        return _box(region.boxes[0], names)
    boxes = sorted(region.boxes, key=lambda box: (not (at and at in Region((box,))), *(s.least for s in box)))
    found: list[str] = []
    left = list(boxes)
    while left:
        box = left.pop(0)
        parts = [members(sizes) for sizes in box]
        if None in parts:
            return None
        text = " x ".join(part for part in parts if part is not None)
        if len(box) == 2 and box[0] != box[1] and (box[1], box[0]) in left:
            left.remove((box[1], box[0]))
            text += " and its transpose"
        found.append(text)
    if len(found) > PARTS:
        found = [*found[: PARTS - 1], f"{len(found) - PARTS + 1} more pairs of ranges"]
    return f"{' x '.join(names)}: {', or '.join(found)}"


def _box(box: SizeBox, names: Sequence[str]) -> str | None:
    groups: dict[SizeSet, list[str]] = {}
    for sizes, name in zip(box, names, strict=True):
        groups.setdefault(sizes, []).append(name)
    parts = [(enumerated(axes), members(sizes)) for sizes, axes in groups.items()]
    if any(text is None for _, text in parts):
        return None
    return "; ".join(f"{axes}: {text}" for axes, text in parts)
