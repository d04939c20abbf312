"""What a spec declares that a parameter may be: `choices`, a `type` of few values, `min` and `max`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from speczoo.specs.parameter import Param


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both among them; None where there is no such end. Of whole numbers both are
    whole.
    """

    low: int | float | None
    high: int | float | None
    whole: bool


#: Values one by one, or an interval.
DeclaredValues: TypeAlias = tuple[Any, ...] | Interval


def declared(param: Param) -> DeclaredValues | None:
    """Return what a parameter may be; None where the spec declares neither values nor an end."""
    if param.choices:
        return tuple(param.choices)
    if param.type == "bool":
        return (False, True)
    if param.type not in ("int", "float") or (param.min is None and param.max is None):
        return None
    if param.type == "float":
        return Interval(param.min, param.max, whole=False)
    low, high = param.min, param.max
    return Interval(None if low is None else math.ceil(low), None if high is None else math.floor(high), whole=True)
