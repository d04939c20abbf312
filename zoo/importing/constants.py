"""Constants as the language says them: numbers, short lists, and rules over places that are found and held to all."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from speczoo.compiler.layer import FLOAT32_MAX
from speczoo.importing.piecewise import pieces
from speczoo.importing.refusals import NumbersUnknown, Unsayable
from speczoo.importing.smooth import PLACES, places, smooth, varying
from speczoo.specs.expression import substituted_in

#: How many numbers a list may have, and one that nothing shorter says.
SHORT, LONGEST = 64, 256
#: How many numbers say themselves better than a rule does.
FEW = 8
#: What places are called along axes of size 1, of which no rule speaks.
SINGLE = "abcdefgh"


class Term(NamedTuple):
    """A number that places give: its expression, and its value at all places."""

    text: str
    values: Tensor


def buffer_of(value: Tensor) -> dict[str, Any]:
    """Return the arguments of a `Buffer` that holds these numbers. Raises Unsayable where nothing says them."""
    if value.is_meta:
        raise NumbersUnknown("it takes a constant whose numbers are not known on the device `meta`")
    if not value.numel() or value.dtype.is_complex:
        raise Unsayable("it takes a constant of no numbers, or of complex ones")
    if value.is_floating_point():
        value = value.clamp(-FLOAT32_MAX, FLOAT32_MAX)  # a mask's infinite numbers
    shape = [*value.shape]
    first = value.flatten()[0]
    if bool((value == first).all()):
        return {"shape": shape, "value": _shortest(first.item())}
    long = value.squeeze()
    named = long.dim() <= len(PLACES) and value.dim() - long.dim() <= len(SINGLE)
    rule = _found(long) if named and value.numel() > FEW else None
    numbers = _shortest(value.tolist()) if value.numel() <= SHORT else []
    if numbers and (rule is None or 2 * len(rule) >= len(str(numbers))):
        return {"value": numbers}
    if rule is None:
        raise Unsayable(f"it takes a constant of {value.numel():,} numbers, whose rule is not found")
    if value.is_floating_point() and "." not in rule:
        rule = f"float({rule})"  # whole numbers make a constant of these
    return {"shape": shape, "at": _places(shape), "value": f"$({rule})"}


def rounded_buffer_of(value: Tensor) -> dict[str, Any] | None:
    """Return the arguments of a `Buffer` that holds these numbers but for rounding; None where no rule gives them."""
    long = value.squeeze()
    if value.is_meta or not value.is_floating_point() or not 0 < long.dim() <= len(PLACES) or value.numel() <= FEW:
        return None
    if not bool(value.isfinite().all()):
        return None
    rule = smooth(long) or next(pieces(long, _nearly), None)
    if rule is None:
        return None
    rule = rule if "/" in rule or "." in rule else f"float({rule})"
    return {"shape": [*value.shape], "at": _places(value.shape), "value": f"$({rule})"}


def listed_buffer_of(value: Tensor) -> dict[str, Any] | None:
    """Return the arguments of a `Buffer` that lists these numbers, in order; None where they are too many."""
    if value.is_meta or not 0 < value.numel() <= LONGEST or not bool(value.isfinite().all()):
        return None
    return {"shape": [*value.shape], "value": _shortest(value.flatten().tolist())}


def _nearly(value: Tensor) -> str | None:
    """Return the expression over places that gives a tensor but for rounding, or exactly."""
    return _rule(value) or smooth(value)


def _shortest(numbers: Any) -> Any:
    """Return numbers in the fewest digits that make the same float32."""
    if isinstance(numbers, list):
        return [*map(_shortest, numbers)]
    if not isinstance(numbers, float) or not math.isfinite(numbers):
        return numbers
    texts = (float(f"{numbers:.{digits}g}") for digits in range(1, 10))
    return next((n for n in texts if _single(n) == _single(numbers)), numbers)


def _single(number: float) -> float:
    """Return the float32 that is nearest to a number."""
    return struct.unpack("f", struct.pack("f", number))[0]  # type: ignore[no-any-return]


def _places(shape: Sequence[int]) -> list[str]:
    """Return what the places along each axis are called: by order along those of which rules speak."""
    long, single = iter(PLACES), iter(SINGLE)
    return [next(single if size == 1 else long) for size in shape]


def levels_of(value: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """Return the few numbers that a constant is made of, in order, and the `Buffer` that says which of them is where:
    those of a table whose diagonals hold one number each are in the order of these.

    Raises Unsayable where they are many, or no rule says that.
    """
    if value.dim() == 2 and value.dtype != torch.bool and sum(value.shape) <= SHORT + 1:
        rows, columns = value.shape
        diagonals = torch.cat([value[1:, 0].flip(0), value[0]])
        along = torch.arange(columns)[None] - torch.arange(rows)[:, None] + rows - 1
        if torch.equal(diagonals[along], value):
            return diagonals, buffer_of(along)
    levels, which = torch.unique(value, return_inverse=True)
    if levels.numel() > SHORT or value.dtype == torch.bool:
        raise Unsayable(f"it takes a constant of {value.numel():,} numbers, whose rule is not found")
    return levels, buffer_of(which)


def _found(value: Tensor) -> str | None:
    """Return the expression over places that gives a tensor, or each of its parts; None where none is found."""
    if (rule := _rule(value) or next(pieces(value, _found), None)) is not None:
        return rule
    less, names = varying(value)
    rule = _found(less) if 0 < less.dim() < value.dim() else None
    return substituted_in(rule, names) if rule is not None else None


def _rule(value: Tensor) -> str | None:
    """Return the expression over places that gives a tensor; None where none is found."""
    if bool((value == value.flatten()[0]).all()):
        return str(value.flatten()[0].item())
    if value.dtype == torch.bool:
        return _order(value)
    low, high = value.aminmax()
    if bool(((value == low) | (value == high)).all()):
        order = _order(value == high) or _step(value == high)
        if order is not None:
            return f"{high.item()} if {order} else {low.item()}"
    for terms in _terms(value):
        if (found := _weighted(value, terms)) is not None:
            return found
    return None


def _order(value: Tensor) -> str | None:
    """Return the comparison of two places that gives truths."""
    axes = _axes(value)
    if value.dim() == 1:
        side = round(value.numel() ** 0.5)
        axes = _digits(axes[0], side) if side**2 == value.numel() else axes
    if len(axes) < 2:
        return None
    (*_, a, b) = axes
    for sign, compare in (("<=", torch.le), ("<", torch.lt), (">", torch.gt), ("==", torch.eq)):
        truth = compare(b.values, a.values)
        if torch.equal(truth.expand_as(value), value):
            return f"{b.text} {sign} {a.text}"
    return None


def _step(value: Tensor) -> str | None:
    """Return up to which place, counted row by row, truths are the first of a tensor: as masks have it that let a
    convolution see what was before.
    """
    count = int(value.sum())
    if not bool(value.flatten()[:count].all()) or value.dim() > 2:
        return None
    return f"i < {count}" if value.dim() == 1 else f"{value.shape[1]} * i + j < {count}"


def _axes(value: Tensor) -> list[Term]:
    """Return the places along each axis, as they stretch over the tensor."""
    return [Term(name, at) for name, at in zip(PLACES, places(value), strict=False)]


def _terms(value: Tensor) -> Iterator[list[Term]]:
    """Yield numbers of places that a tensor may be made of: places, rows and columns of a grid, and their distances."""
    axes = _axes(value)
    yield axes
    if value.dim() == 1 and (side := round(value.numel() ** 0.5)) ** 2 == value.numel():
        axes = _digits(axes[0], side)
    for width in _widths(min(int(axis.values.numel()) for axis in axes)):
        digits = [digit for axis in axes for digit in _digits(axis, width)]
        yield digits
        if len(digits) == 4:
            yield _distances(digits, 1)
            yield _squares(digits)
    sides = [round(axis.values.numel() ** 0.5) for axis in axes]
    if len(sides) == 2 and sides[0] < sides[1]:
        yield _distances([digit for axis, side in zip(axes, sides, strict=True) for digit in _digits(axis, side)], 2)


def _distances(digits: Sequence[Term], stride: int) -> list[Term]:
    """Return how far places of two grids are from each other, where the first takes every so many-th of the second."""
    a, b, c, d = digits
    times = "" if stride == 1 else f"{stride} * "
    return [
        Term(f"abs({times}({x.text}) - {y.text})" if times else f"abs({x.text} - {y.text})", distance)
        for x, y in ((a, c), (b, d))
        for distance in [(stride * x.values - y.values).abs()]
    ]


def _squares(digits: Sequence[Term]) -> list[Term]:
    """Return how far places of a grid are from each other, squared."""
    a, b, c, d = digits
    return [Term(f"({x.text} - {y.text}) ** 2", (x.values - y.values) ** 2) for x, y in ((a, c), (b, d))]


def _digits(axis: Term, width: int) -> list[Term]:
    name = axis.text if axis.text.isidentifier() else f"({axis.text})"
    return [Term(f"{name} // {width}", axis.values // width), Term(f"{name} % {width}", axis.values % width)]


def _widths(size: int) -> Iterator[int]:
    """Yield the widths of grids that have so many places, squares first."""
    found = [width for width in range(2, size) if size % width == 0]
    yield from sorted(found, key=lambda width: abs(width - size // width))


def _weighted(value: Tensor, terms: Sequence[Term]) -> str | None:
    """Return the sum of multiples of numbers that gives a tensor; None where none does."""
    grid = [term.values for term in terms]
    flat = torch.stack([each.expand(value.shape).flatten() for each in grid]).double()
    wanted = value.flatten().double()
    rows = torch.cat([flat, torch.ones(1, flat.shape[1], dtype=torch.double)])
    solved = torch.linalg.lstsq(rows.T, wanted[:, None]).solution.flatten()
    numbers = [_exact(float(n), value) for n in solved]
    made = sum(n * row for n, row in zip(numbers, rows, strict=True))
    assert isinstance(made, Tensor)
    if not torch.equal(made.reshape(value.shape).to(value.dtype), value):
        return None
    return _sum(numbers, [*(term.text for term in terms), ""])


def _exact(number: float, value: Tensor) -> float:
    """Return the number that was intended by one that was solved for."""
    if not value.is_floating_point():
        return round(number)
    near = round(number * 2**12) / 2**12
    return near if abs(near - number) < 1e-7 else number


def _sum(numbers: Sequence[float], texts: Sequence[str]) -> str:
    out = ""
    for number, text in zip(numbers, texts, strict=True):
        if not number:
            continue
        size = f"{abs(number)}"
        grouped = f"({text})" if " " in text and not text.startswith("abs") and not text.endswith("** 2") else text
        part = size if not text else text if abs(number) == 1 and not out else f"{size} * {grouped}"
        part = grouped if text and abs(number) == 1 else part
        out += (" - " if number < 0 else " + " if out else "") + part
    return out.strip() or "0"
