"""The values of a spec's parameters within their declared ranges: `type`, `min`, `max` and `choices`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from speczoo.exploration.declared import Interval, declared
from speczoo.specs.parameter import Param
from speczoo.specs.spec import Spec
from speczoo.specs.wording import printed

EVERY = 100  # values of a range that are all tried, one by one; of a larger one some are drawn
BEYOND = 16  # how far values are drawn from the one bound of a range that has no other


class ParameterRange(NamedTuple):
    """What a parameter may be: drawn, the smallest first; all of it, in order, where that is few; and how a value
    of it is shown.
    """

    values: SearchStrategy[Any]
    few: Sequence[Any] | None
    words: str


def ranges(spec: Spec) -> dict[str, ParameterRange]:
    """Return the range of every parameter that declares one: bounds, choices, or a type of few values."""
    return {name: found for name, param in spec.params.items() if (found := _range(param)) is not None}


def _range(param: Param) -> ParameterRange | None:
    match declared(param):
        case None:
            return None
        case tuple(values):
            return _few(values, "is one of its choices" if param.choices else "is one of its two values")
        case Interval(low, high, whole):
            return _numbers(*_ends(low, high, param.default), whole, f"is in its range: {_in_words(low, high)}")


def _numbers(low: float, high: float, whole: bool, words: str) -> ParameterRange | None:
    if not whole:
        return ParameterRange(st.floats(low, high, allow_nan=False), None, words)
    first, last = int(low), int(high)
    if last - first >= EVERY:
        return ParameterRange(st.integers(first, last), None, words)
    return _few(range(first, last + 1), words) if first <= last else None


def _ends(low: float | None, high: float | None, default: Any) -> tuple[float, float]:
    """Return how far a range with an end is looked at: below it, where it has no `min`; a little beyond the default,
    where it has no `max`.
    """
    if high is None:
        assert low is not None
        return low, max(low, default if isinstance(default, int | float) else low) + BEYOND
    return high - BEYOND if low is None else low, high


def _in_words(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"{printed(high)} and less" if low is None else f"{printed(low)} and more"
    return f"{printed(low)} to {printed(high)}"


def _few(values: Sequence[Any], words: str) -> ParameterRange:
    return ParameterRange(st.sampled_from(values), values, words)
