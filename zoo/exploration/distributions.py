"""What a search draws a parameter's values from: what the spec declares of it, or what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from speczoo.exploration import declared as declarations
from speczoo.exploration import space
from speczoo.exploration.declared import Interval
from speczoo.exploration.space import SpaceError, Steps, ValueSequence
from speczoo.specs.parameter import Param

MOST = 1_000  # values of a choice
DECADES = 100  # how many times the least the most is, from where a range is searched on the scale of logarithms


@dataclass(frozen=True)
class Choice:
    """One of several values, none nearer to one than to another."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, both among them, in steps."""

    low: int
    high: int
    step: int = 1


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`; on the scale of logarithms where it spans decades."""

    low: float
    high: float

    @property
    def log(self) -> bool:
        return self.low > 0 and self.high / self.low >= DECADES


Distribution: TypeAlias = Choice | Whole | Real


def declared(param: Param) -> Distribution | None:
    """Return the distribution that a spec declares by `choices`, or by `min` and `max`; None where it declares none."""
    match declarations.declared(param):
        case tuple(values):
            return Choice(values)
        case Interval(int(low), int(high), whole=True) if low <= high:
            return Whole(low, high)
        case Interval(int() | float() as low, int() | float() as high, whole=False):
            return Real(float(low), float(high))
    return None


def read(name: str, text: str, param: Param | None = None) -> Distribution:
    """Return the distribution of `--set name=text`: a range of numbers, or a choice of values. Raises SpaceError."""
    items = space.written(name, text)
    if len(items) == 1 and (ends := space.ends_of(items[0])) is not None:
        return Real(*ends)
    values = space.read(name, items, param)
    if values.size > MOST and not _is_whole(values):
        raise SpaceError(f"{name}={text} has {values.size:,} values, none nearer to another: {MOST:,} at most")
    return _distribution(values)


def _is_whole(values: ValueSequence) -> TypeGuard[Steps]:
    return isinstance(values, Steps) and values.whole


def _distribution(values: ValueSequence) -> Distribution:
    if _is_whole(values):
        return Whole(int(values.at(0)), int(values.at(values.size - 1)), int(values.step))
    return Choice(tuple(values.at(index) for index in range(values.size)))
