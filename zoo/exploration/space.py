"""The settings of a sweep: the values of each parameter, and every combination of them, by number.

Nothing is listed before it is asked for: a space may have more settings than there is memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, Protocol

from speczoo.exploration import declared as declarations
from speczoo.exploration.declared import Interval
from speczoo.specs.copying import plain_copy
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.limits import DEFAULT
from speczoo.specs.parameter import Param
from speczoo.specs.source import Source

#: `2..6`, `16..64:16` (in steps of 16), `16..256*2` (each twice the one before it); an end may be missing.
_RANGE = re.compile(r"(-?[0-9.e+-]*?)\.\.(-?[0-9.e+-]*?)(?:([:*])([0-9.e+-]+))?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?(e[+-]?[0-9]{1,2})?", re.ASCII)
TERMS = 1_000  # of a range whose values multiply: fractions that grow


class SpaceError(ValueError):
    """No finite space was stated."""


class ValueSequence(Protocol):
    """A finite sequence whose length may be beyond what `len` can say."""

    @property
    def size(self) -> int: ...

    def at(self, index: int) -> Any: ...


@dataclass(frozen=True)
class Steps:
    """`first`, `first + step`, ...: whole numbers, or fractions that are as exact as they were written."""

    first: Fraction
    step: Fraction
    size: int
    whole: bool

    def at(self, index: int) -> int | float:
        value = self.first + index * self.step
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class ListedValues:
    """Values as they were written down."""

    values: tuple[Any, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    def at(self, index: int) -> Any:
        return self.values[index]


@dataclass(frozen=True)
class OneOf:
    """The values of several sequences, one after the other."""

    parts: tuple[ValueSequence, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def at(self, index: int) -> Any:
        for part in self.parts:
            if index < part.size:
                return part.at(index)
            index -= part.size
        raise IndexError(index)


@dataclass(frozen=True)
class Lists:
    """Every list that has a value of the first sequence, one of the second, ...; the last changes first."""

    parts: tuple[ValueSequence, ...]

    @property
    def size(self) -> int:
        size = 1
        for part in self.parts:
            size *= part.size
        return size

    def at(self, index: int) -> list[Any]:
        out = []
        for part in reversed(self.parts):
            index, here = divmod(index, part.size)
            out.append(part.at(here))
        return out[::-1]


class Space:
    """Every combination of values of some parameters, by number: the last parameter changes first."""

    def __init__(self, axes: Mapping[str, ValueSequence]) -> None:
        self.names = tuple(axes)
        self.values = Lists(tuple(axes.values()))

    @classmethod
    def of(cls, settings: Mapping[str, Any], params: Mapping[str, Param]) -> Space:
        """Return the space of Python's values, of these parameters: a list or a range has those of its items, a text
        is read as on the command line (`"2..6"`), all else is one value; so is one list, where the values are lists.

        Raises SpaceError.
        """
        axes: dict[str, ValueSequence] = {}
        for name, given in settings.items():
            param = params.get(name)
            if isinstance(given, str):
                axes[name] = read(name, written(name, given), param)
            elif isinstance(given, range) and given.step > 0 and given:
                axes[name] = Steps(Fraction(given[0]), Fraction(given.step), len(given), whole=True)
            else:
                axes[name] = ListedValues(tuple(_items(name, given, of_lists=name == "input" or _has_lists(param))))
        return cls(axes)

    @property
    def size(self) -> int:
        return self.values.size

    def at(self, index: int) -> dict[str, Any]:
        """Return the setting with this number."""
        return dict(zip(self.names, self.values.at(index), strict=True))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self.at(index) for index in range(self.size))


def _has_lists(param: Param | None) -> bool:
    return param is not None and param.type in ("list", "pair", "shape")


def _items(name: str, given: Any, *, of_lists: bool) -> list[Any]:
    """Return the values that one of Python's stands for, as plain data. Raises SpaceError."""
    if isinstance(given, Iterable) and not isinstance(given, Sequence | Mapping) and not hasattr(given, "__len__"):
        kind = type(given).__name__
        raise SpaceError(f"the values of {name} are a list or a range, whose end is known, not a {kind}")
    copied, problems = plain_copy({name: given}, DEFAULT)
    if problems:
        raise SpaceError(problems[0].message)
    value = copied[name]
    if not isinstance(value, list) or (of_lists and not any(isinstance(item, list | dict) for item in value)):
        return [value]
    if not value:
        raise SpaceError(f"{name} has no values")
    return value


def drawn(size: int, count: int, seed: int) -> Sequence[int]:
    """Return `count` different numbers below `size`, in order: all of them where there are no more."""
    if count >= size:
        return range(size)
    random = Random(seed)
    if 2 * count > size:
        return sorted(random.sample(range(size), count))
    found: set[int] = set()
    while len(found) < count:
        found.add(random.randrange(size))
    return sorted(found)


def written(name: str, text: str) -> list[Any]:
    """Return `16,32` as the items that a spec would have between brackets. Raises SpaceError."""
    report = Report()
    document = parse(Source.of(f"{name}: [{text}]", name), report)
    if not report.ok or document is None or set(document.data) != {name} or "\n" in text:
        reason = report.errors[0].message if report.errors else "this is not a list of values"
        raise SpaceError(f"{name}={text}: {reason}")
    items: list[Any] = document.data[name]
    return items


def read(name: str, items: Sequence[Any], param: Param | None = None) -> ValueSequence:
    """Return the values that were written for a parameter: each item is one, or a range.

    A range inside a list stands for every list with one of its numbers there. Raises SpaceError.
    """
    if not items:
        raise SpaceError(f"{name} has no values")
    if param is not None and param.type in ("str", "op"):
        return ListedValues(tuple(items))
    parts = [_values(name, item) for item in items]
    return parts[0] if len(parts) == 1 else OneOf(tuple(parts))


def declared(name: str, param: Param) -> ValueSequence:
    """Return all values that a parameter may have, by what the spec says of it. Raises SpaceError."""
    match declarations.declared(param):
        case tuple(values):
            return ListedValues(values)
        case Interval(int(low), int(high), whole=True):
            return read(name, [f"{low}..{high}"])
    example = {"float": "0.1..0.5:0.1", "int": "16..64:16"}.get(param.type or "", "A,B")
    lacks = "no min and max" if param.type == "int" else "no choices"
    raise SpaceError(f"{name} has {lacks} in the spec: say which values are intended, as {name}={example}")


def ends_of(item: Any) -> tuple[float, float] | None:
    """Return the ends of a range of fractions without steps, `1e-4..1e-1`; None for what is none."""
    match = _RANGE.fullmatch(item) if isinstance(item, str) else None
    if match is None or match[3] or not all(map(_NUMBER.fullmatch, (match[1], match[2]))):
        return None
    low, high = float(match[1]), float(match[2])
    return (low, high) if low < high and not all(map(_WHOLE.fullmatch, (match[1], match[2]))) else None


def _values(name: str, item: Any) -> ValueSequence:
    if isinstance(item, list):
        parts = tuple(_values(name, each) for each in item)
        return Lists(parts) if any(not isinstance(part, ListedValues) for part in parts) else ListedValues((item,))
    if not isinstance(item, str) or (match := _RANGE.fullmatch(item)) is None:
        return ListedValues((item,))
    first, last, how, step = match.groups()
    if not first or not last:
        raise SpaceError(f"{name}: {item!a} has no {'end' if first else 'start'}")
    if not all(map(_NUMBER.fullmatch, (first, last, *([step] if step else ())))):
        raise SpaceError(f"{name}: {item!a} is no range of numbers of up to 18 digits, as 2..6, 16..64:16 or 16..256*2")
    whole = all(map(_WHOLE.fullmatch, (first, last, *([step] if step else ()))))
    if not whole and step is None:
        raise SpaceError(f"{name}: {item!a} has numbers without end: say a step, as {first}..{last}:0.1")
    values = _multiplied if how == "*" else _stepped
    return values(name, item, Fraction(Decimal(first)), Fraction(Decimal(last)), Fraction(Decimal(step or 1)), whole)


def _stepped(name: str, item: str, first: Fraction, last: Fraction, step: Fraction, whole: bool) -> ValueSequence:
    if step <= 0 or last < first:
        raise SpaceError(f"{name}: {item!a} has no values: it runs from the smaller to the larger, by more than 0")
    return Steps(first, step, int((last - first) // step) + 1, whole)


def _multiplied(name: str, item: str, first: Fraction, last: Fraction, factor: Fraction, whole: bool) -> ValueSequence:
    if factor <= 1 or first <= 0 or last < first:
        raise SpaceError(f"{name}: {item!a} has no values: from more than 0 to what is larger, by a factor over 1")
    value, found = first, list[Any]()
    while value <= last:
        if len(found) == TERMS:
            raise SpaceError(f"{name}: {item!a} has more than {TERMS:,} values; a larger factor has fewer")
        found.append(int(value) if whole else float(value))
        value *= factor
    return ListedValues(tuple(found))
