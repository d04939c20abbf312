"""Where a product of sizes of several axes has a value: as LeNet-5's 400 features are 16 channels of 5 x 5 places."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

from speczoo.compiler.analysis.region import Region
from speczoo.compiler.analysis.size_set import ALL, NoShortRule
from speczoo.compiler.analysis.staircase import Staircase

#: The axes of a product, each with what it contributes.
Factors: TypeAlias = tuple[tuple[int, Staircase], ...]

#: Ways to divide up a product above which there is none.
FEW_PRODUCTS = 1 << 12


def rectangles(axes: int, factors: Factors, product: int, here: Region) -> Region:
    """Return where the product of staircases, one an axis, has a value: a box for each way to divide it up."""
    region = Region(())
    for tried, parts in enumerate(_divided(product, len(factors))):
        if tried > FEW_PRODUCTS:
            raise NoShortRule("a product of many factors")
        box = [ALL] * axes
        for (axis, f), part in zip(factors, parts, strict=True):
            if f.rising and f(here.least[axis]) > part:
                break
            box[axis] = f.equal_to(part)
        else:
            if all(box):
                region = region | Region((tuple(box),))
    return region


def _divided(product: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to write a number as a product of so many."""
    if parts == 1:
        yield (product,)
        return
    for first in _divisors(product):
        for rest in _divided(product // first, parts - 1):
            yield (first, *rest)


def _divisors(n: int) -> list[int]:
    if n > 1 << 32:
        raise NoShortRule("a large product")
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})
