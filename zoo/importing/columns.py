"""What differs between instances of a block: one number for each, and the shortest words that give all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from speczoo.specs.keys import keys
from speczoo.specs.spec import Entry

#: What an entry says by itself, or reads, so that no parameter is called so.
RESERVED = frozenset([*keys(Entry), "input", "in_channels", "in_features", "in_shape"])

#: Arguments of what slides over a map, which no number of channels has to do with.
WINDOW = frozenset(["kernel", "stride", "padding", "dilation", "output_padding"])

#: A value for each instance.
Column = tuple[Any, ...]


def key(column: Sequence[Any]) -> str:
    """Return what tells columns apart: 1 is not True, nor 1.0."""
    return repr(list(column))


@dataclass
class Scope:
    """The words that give columns in one block: what flows in, and the parameters so far."""

    words: dict[str, Column] = field(default_factory=dict)
    params: dict[str, Column] = field(default_factory=dict)
    taken: Collection[str] = ()

    def say(self, column: Column, wanted: str, here: Mapping[str, Column]) -> Any:
        """Return what stands for a column: the value, an expression over words, or a parameter of that name.

        `here` are words that hold at its own entry alone.
        """
        if len({key([each]) for each in column}) == 1:
            return column[0]
        if all(isinstance(each, list) for each in column) and len({len(each) for each in column}) == 1:
            return [self.say(part, wanted, here) for part in zip(*column, strict=True)]
        for text in self.expressions(column, here, wanted):
            return text
        name = self._free(wanted)
        self.params[name] = column
        return f"${name}"

    def expressions(self, column: Column, here: Mapping[str, Column], wanted: str) -> Iterator[str]:
        """Yield expressions that give a column, the simplest first: sizes by sizes, and windows by windows."""
        known = {**here, **self.params, **self.words}
        if wanted in WINDOW:
            yield from _of_windows(
                column, {k: v for k, v in known.items() if re.sub(r"_\d+$", "", k) in WINDOW}, wanted
            )
            return
        for name, each in known.items():
            if key(each) == key(column):
                yield f"${name}" if name.isidentifier() else f"$({name})"
        if not all(type(each) is int and each > 0 for each in column):
            return
        for name, each in known.items():
            if all(type(n) is int and n > 0 for n in each):
                yield from _multiples(name, each, column)

    def _free(self, wanted: str) -> str:
        wanted = f"{wanted}_" if wanted in RESERVED else wanted
        numbered = [wanted, *(f"{wanted}_{number}" for number in range(2, 100))]
        return next(name for name in numbered if not {name} & {*self.params, *self.words, *self.taken})


def _of_windows(column: Column, known: Mapping[str, Column], wanted: str) -> Iterator[str]:
    """Yield what gives an argument of a window by others: themselves, or the padding that keeps a size."""
    for name, each in known.items():
        if key(each) == key(column) and wanted.rstrip("_") == re.sub(r"_\d+$", "", name):
            yield f"${name}"
        halves = [n // 2 for n in each if type(n) is int]
        if wanted == "padding" and key(halves) == key(column):
            yield f"$({name} // 2)"


def _multiples(name: str, known: Column, column: Column) -> Iterator[str]:
    ratio = Fraction(column[0], known[0])
    if all(Fraction(a, b) == ratio for a, b in zip(column, known, strict=True)):
        if ratio.denominator == 1:
            yield f"$({ratio.numerator} * {name})"
        elif ratio.numerator == 1:
            yield f"$({name} // {ratio.denominator})"
    if ratio < 1 and len(set(column)) > 1:
        by = math.floor(1 / ratio)
        if by > 1 and all(a == b // by for a, b in zip(column, known, strict=True)):
            yield f"$({name} // {by})"


def type_of(column: Column) -> str | None:
    """Return the type of a parameter that has these values; None where no one type holds them."""
    kinds = {type(each) for each in column}
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int"
    if kinds <= {int, float}:
        return "float"
    if kinds == {str}:
        return "str"
    pairs = all(type(each) is int or (isinstance(each, list) and len(each) == 2) for each in column)
    if pairs and all(type(n) is int for each in column if isinstance(each, list) for n in each):
        return "pair"
    return "list" if kinds == {list} else None


def default_of(column: Column) -> Any:
    """Return what most instances have, where that is two thirds of them; None where there is no such value."""
    counted: dict[str, int] = {}
    for each in column:
        counted[key([each])] = counted.get(key([each]), 0) + 1
    most = max(counted, key=lambda text: counted[text])
    if 3 * counted[most] < 2 * len(column) or len(column) < 3:
        return None
    return next(each for each in column if key([each]) == most)
