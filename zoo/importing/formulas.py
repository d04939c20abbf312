"""Rules of constants that differ in numbers alone, as one rule over the side of a grid or window."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")

#: What places in grids and windows are computed by, of their side.
OF_SIDE: dict[str, Callable[[int], int]] = {
    "{}": lambda side: side,
    "2 * {}": lambda side: 2 * side,
    "{} - 1": lambda side: side - 1,
    "2 * {} - 1": lambda side: 2 * side - 1,
    "{} ** 2": lambda side: side**2,
    "2 * {0} * ({0} - 1)": lambda side: 2 * side * (side - 1),
}


def without_numbers(rule: str) -> str:
    """Return what rules share that differ in numbers alone."""
    return NUMBER.sub("#", rule)


def numbers(rule: str) -> list[Any]:
    """Return the numbers of a rule, in order."""
    return [ast.literal_eval(each) for each in NUMBER.findall(rule)]


def with_numbers(rule: str, texts: Sequence[str]) -> str:
    """Return a rule with these texts in the places of its numbers."""
    each = iter(texts)
    return NUMBER.sub(lambda _: next(each), rule)


def of_sides(column: Sequence[Any], known: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yield expressions that give a column of numbers by what may be the side of a grid."""
    for text, compute in OF_SIDE.items():
        for name, sides in known.items():
            if all(type(side) is int and compute(side) == number for side, number in zip(sides, column, strict=True)):
                yield f"$({text.format(name)})"
