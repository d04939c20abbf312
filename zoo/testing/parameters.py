"""The values of a spec's parameters within their declared ranges: `type`, `min`, `max` and `choices`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from speczoo.specs.parameter import Param
from speczoo.specs.spec import Spec
from speczoo.specs.wording import printed

EVERY = 100  # values of a range that are all tried, one by one; of a larger one some are drawn
BEYOND = 16  # how far values are drawn from the one bound of a range that has no other


class Range(NamedTuple):
    """What a parameter may be: drawn, the smallest first; all of it, in order, where that is few; and what is said of a
    value of it.
    """

    values: SearchStrategy[Any]
    few: Sequence[Any] | None
    words: str


def ranges(spec: Spec) -> dict[str, Range]:
    """Return the range of every parameter that declares one: bounds, choices, or a type of few values."""
    return {name: found for name, param in spec.params.items() if (found := _range(param)) is not None}


def _range(param: Param) -> Range | None:
    if param.choices:
        return _few(param.choices, "is one of its choices")
    if param.type == "bool":
        return _few([False, True], "is one of its two values")
    if param.type not in ("int", "float") or (param.min is None and param.max is None):
        return None
    low = param.min if param.min is not None else param.max - BEYOND  # type: ignore[operator]
    high = param.max if param.max is not None else _beyond(param, low)
    words = f"{printed(low)} to {printed(high)}" if param.max is not None else f"{printed(low)} and more"
    words = f"is in its range: {words if param.min is not None else f'{printed(high)} and less'}"
    if param.type == "float":
        return Range(st.floats(low, high, allow_nan=False), None, words)
    first, last = math.ceil(low), math.floor(high)
    if last < first:
        return None
    if last - first < EVERY:
        return _few(range(first, last + 1), words)
    return Range(st.integers(first, last), None, words)


def _beyond(param: Param, low: float) -> float:
    """Return how far a range without a `max` is looked at: a little beyond the default."""
    default = param.default if isinstance(param.default, int | float) else low
    return max(low, default) + BEYOND


def _few(values: Sequence[Any], words: str) -> Range:
    return Range(st.sampled_from(values), values, words)
