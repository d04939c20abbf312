"""Constants that were computed in single precision: rules that give their numbers but for rounding.

Lines over places, powers of one number, and logarithms of distances; `waves` has sines whose frequencies are powers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import torch
from torch import Tensor

from speczoo.importing.waves import ROUND, Rule, power, waves
from speczoo.specs.expression import substituted_in

#: What the places along each axis are called.
PLACES = "ijkl"
#: How far a number may be from that of its rule, as a part of the largest; waves of far places are less exact.
CLOSE, OF_WAVES = 1e-5, 1e-3
#: The largest numbers of a fraction that is found in rounded ones.
LARGEST = 4_096


def smooth(value: Tensor) -> str | None:
    """Return an expression over the places i, j, k, l that gives a tensor of fractions but for rounding; None where
    none is found.
    """
    value, names = varying(value.double())
    for search, close in ((_line, CLOSE), (_powers, CLOSE), (_logarithms, CLOSE), (waves, OF_WAVES)):
        for text, made in search(value) if names else ():
            if float((made - value).abs().max()) <= close * float(value.abs().max()):
                return substituted_in(text, names)
    return None


def varying(value: Tensor) -> tuple[Tensor, dict[str, str]]:
    """Return a tensor without the axes along which it stays the same, and what the places along its own axes are called
    by what they are called here.
    """
    axes = [axis for axis in range(value.dim()) if not bool((value == value.narrow(axis, 0, 1)).all())]
    for axis in reversed(range(value.dim())):
        value = value.select(axis, 0) if axis not in axes else value
    return value, dict(zip(PLACES, (PLACES[axis] for axis in axes), strict=False))


def _line(value: Tensor) -> Iterator[Rule]:
    """Yield a sum of fractions of places."""
    rows = torch.stack(
        [*(each.double().expand(value.shape).flatten() for each in places(value)), torch.ones(value.numel()).double()]
    )
    solved = torch.linalg.lstsq(rows.T, value.flatten()[:, None]).solution.flatten()
    fractions = [Fraction(float(n)).limit_denominator(LARGEST) for n in solved]
    shared = math.lcm(*(each.denominator for each in fractions))
    if shared > LARGEST:
        return
    whole = [int(each * shared) for each in fractions]
    made = (rows * torch.tensor(whole, dtype=torch.double)[:, None] / shared).sum(0).reshape(value.shape)
    parts = [f"{n} * {name}" if n != 1 else name for n, name in zip(whole[:-1], PLACES, strict=False) if n]
    sums = " + ".join([*parts, *([str(whole[-1])] if whole[-1] else [])]).replace("+ -", "- ")
    yield (f"({sums}) / {shared}" if " + " in sums or " - " in sums else f"{sums} / {shared}"), made


def _powers(value: Tensor) -> Iterator[Rule]:
    """Yield powers of a number, which begin at 1."""
    if value.dim() == 1 and bool((value > 0).all()):
        yield from power(value, "i")


def _logarithms(value: Tensor) -> Iterator[Rule]:
    """Yield the logarithms of distances from the middle, with a sign: windows' coordinates far apart and near."""
    if value.dim() != 1 or value.numel() % 2 == 0 or not torch.allclose(value, -value.flip(0), atol=1e-6):
        return
    middle, edge = value.numel() // 2, float(value[-1])
    apart = (torch.arange(value.numel()).double() - middle) / middle
    for factor in (8, 1, 2, 4, 16, 32):
        shape = apart.sign() * torch.log(1 + factor * apart.abs())
        for largest in {factor, 2} - {1}:
            if abs(edge - math.log(1 + factor) / math.log(largest)) < ROUND:
                sign = f"(1 if i > {middle} else -1)"
                yield (
                    f"{sign} * log(1 + {factor} * abs(i - {middle}) / {middle}) / log({largest})",
                    shape / math.log(largest),
                )


def places(value: Tensor) -> list[Tensor]:
    """Return the places along each axis, as they stretch over a tensor."""
    shapes = ([size if at == axis else 1 for at in range(value.dim())] for axis, size in enumerate(value.shape))
    return [torch.arange(max(shape)).reshape(shape) for shape in shapes]
