"""Between which numbers an expression lies, by those between which its names do: whether it has a value at all of them.

After Moore, "Interval Analysis", 1966: bounds that are not the narrowest, found without trying any value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

from speczoo.specs.expression import Binary, BoolOp, Compare, Constant, Expr, FunctionCall, IfElse, Name, Unary

LARGEST = 2.0**53  # whole numbers up to here are doubles, too
GREATEST_EXPONENT = 700.0


class Uncertain(Exception):
    """The bounds of the parts do not say whether there is a value."""


class NumberRange(NamedTuple):
    """The least that a number may be, and the most."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


TRUTH = NumberRange(0, 1)


def bounds(expr: Expr, names: Mapping[str, NumberRange]) -> NumberRange:
    """Return numbers between which an expression lies; a truth lies between 0 and 1. Raises Uncertain where it may have
    no value.
    """
    found = _bounds(expr, names)
    computed = not isinstance(expr, Constant | Unary | IfElse)
    if computed and not max(abs(found.low), abs(found.high)) <= LARGEST:
        raise Uncertain
    return found


def _bounds(expr: Expr, names: Mapping[str, NumberRange]) -> NumberRange:
    match expr:
        case Constant(value=bool()):
            return TRUTH
        case Constant(value=int() | float() as value):
            return NumberRange(value, value)
        case Name(name=name) if name in names:
            return names[name]
        case Unary(operator=sign, operand=operand):
            inner = bounds(operand, names)
            return NumberRange(-inner.high, -inner.low) if sign == "-" else inner
        case Binary(operator=sign, left=left, right=right):
            return ARITHMETIC[sign](bounds(left, names), bounds(right, names))
        case Compare(operands=operands) | BoolOp(operands=operands):
            for operand in operands:
                bounds(operand, names)
            return TRUTH
        case IfElse(test=test, value=value, other=other):
            bounds(test, names)
            return _hull(bounds(value, names), bounds(other, names))
        case FunctionCall(function=function, arguments=arguments) if function in CALLS:
            return CALLS[function](*(bounds(argument, names) for argument in arguments))
    raise Uncertain


def _hull(*parts: NumberRange) -> NumberRange:
    return NumberRange(min(part.low for part in parts), max(part.high for part in parts))


def _corners(compute: Callable[[float, float], float]) -> Callable[[NumberRange, NumberRange], NumberRange]:
    """Return the bounds of what grows or falls all along in either operand."""

    def run(a: NumberRange, b: NumberRange) -> NumberRange:
        found = [compute(x, y) for x, y in product(a, b)]
        return NumberRange(min(found), max(found))

    return run


def _divided(compute: Callable[[float, float], float]) -> Callable[[NumberRange, NumberRange], NumberRange]:
    def run(a: NumberRange, b: NumberRange) -> NumberRange:
        if b.holds(0):
            raise Uncertain
        return _corners(compute)(a, b)

    return run


def _remainder(a: NumberRange, b: NumberRange) -> NumberRange:
    if b.holds(0):
        raise Uncertain
    return NumberRange(0, b.high) if b.low > 0 else NumberRange(b.low, 0)


def _power(a: NumberRange, b: NumberRange) -> NumberRange:
    """Return the bounds of powers of what is positive, or of a whole power that is known."""
    try:
        if a.low > 0:
            return _corners(lambda x, y: float(x) ** y)(a, b)
        if b.low == b.high >= 0 and b.low == int(b.low):
            ends = [float(a.low) ** int(b.low), float(a.high) ** int(b.low), *([0.0] if a.holds(0) else [])]
            return NumberRange(min(ends), max(*ends, 1.0))
    except OverflowError:
        pass
    raise Uncertain


def _rising(
    compute: Callable[[float], float], least: float = -math.inf, most: float = math.inf
) -> Callable[..., NumberRange]:
    """Return the bounds of a function that rises, where it is defined."""

    def run(*given: NumberRange) -> NumberRange:
        if len(given) != 1 or given[0].low < least or given[0].high > most:
            raise Uncertain
        return NumberRange(compute(given[0].low), compute(given[0].high))

    return run


def _absolute(a: NumberRange) -> NumberRange:
    ends = (abs(a.low), abs(a.high))
    return NumberRange(0 if a.holds(0) else min(ends), max(ends))


ARITHMETIC: dict[str, Callable[[NumberRange, NumberRange], NumberRange]] = {
    "+": lambda a, b: NumberRange(a.low + b.low, a.high + b.high),
    "-": lambda a, b: NumberRange(a.low - b.high, a.high - b.low),
    "*": _corners(lambda x, y: x * y),
    "/": _divided(lambda x, y: x / y),
    "//": _divided(lambda x, y: x // y),
    "%": _remainder,
    "**": _power,
}
CALLS: dict[str, Callable[..., NumberRange]] = {
    "min": _hull,
    "max": _hull,
    "abs": _absolute,
    "float": lambda a: a,
    "floor": _rising(math.floor),
    "ceil": _rising(math.ceil),
    "round": _rising(round),
    "int": _rising(int),
    "sqrt": _rising(math.sqrt, least=0),
    "log": _rising(math.log, least=5e-324),
    "exp": _rising(math.exp, most=GREATEST_EXPONENT),
    "sin": lambda a: NumberRange(-1, 1),
    "cos": lambda a: NumberRange(-1, 1),
}
