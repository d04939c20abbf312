"""What operators and functions mean, on values.

Types are strict. A bool is no number: `true + 1` is an error and `true == 1` is false, as is every `==` between
different kinds, an int and a float excepted. Conditions and the operands of `and or not` are bools. Whatever could grow
beyond its bound is refused before it is computed.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from speczoo.specs.expression.tree import INTEGER
from speczoo.specs.limits import CHARACTERS, ITEMS

Computed: TypeAlias = Any  # None, bool, int, float, str, or a list of these; in a scope also a mapping, for attributes


class _Meter(threading.local):
    """How much this thread has computed so far: operations, and items of lists that were looked at."""

    spent = 0


METER = _Meter()


class OperationError(ArithmeticError):
    """An operation has no value. As Python's ZeroDivisionError and OverflowError, beside which it is caught, it is a
    cause and no problem yet: the evaluator makes an ExpressionError of each of them."""

    def __init__(self, message: str, limit: bool = False) -> None:
        super().__init__(message)
        self.limit = limit


def kind(value: Computed) -> str:
    """Return a value in words, short enough for a message."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{'the int' if isinstance(value, int) else 'the float'} {value!r}"
        case str():
            return f"the string {value if len(value) <= 40 else value[:37] + '...'!r}"
        case list():
            return f"a list of {len(value)}"
    return f"a {type(value).__name__}"


NUMBERS = frozenset({int, float})


def is_number(value: Computed) -> bool:
    return type(value) in NUMBERS


def bounded(value: Computed) -> Computed:
    """Return the value, when it is within the bounds; a number must be finite and real."""
    if type(value) is int:
        if not -INTEGER <= value <= INTEGER:
            raise OperationError("the result is larger than 2**63", limit=True)
    elif type(value) is float:
        if not math.isfinite(value):
            raise OperationError("the result is too large for a float")
    elif type(value) is complex:
        raise OperationError("the result is not a real number")
    return value


def size(value: Computed) -> int:
    """Return how many items a list holds, all the way down; what is no list holds one."""
    if type(value) is not list:
        return 0
    METER.spent += len(value)
    return sum(map(size, value)) + len(value)


def power(base: Computed, exponent: Computed) -> Computed:
    if type(base) is int and type(exponent) is int and exponent > 64 and abs(base) > 1:
        raise OperationError("the result is larger than 2**63", limit=True)
    return base**exponent


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": power,
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def arithmetic(symbol: str) -> Callable[[Computed, Computed], Computed]:
    """Return an operator of two numbers, or of lists and texts where Python has it: it raises OperationError for other
    values, and for results beyond the limits.
    """
    compute = ARITHMETIC[symbol]

    def run(left: Computed, right: Computed) -> Computed:
        if type(left) in NUMBERS and type(right) in NUMBERS:
            return bounded(compute(left, right))
        if symbol == "+" and type(left) is type(right) and type(left) in (list, str):
            within(left, 1, right)
            return left + right
        if symbol == "*" and type(left) in (list, str) and type(right) is int:
            within(left, right)
            return left * right
        if symbol == "*" and type(left) is int and type(right) in (list, str):
            within(right, left)
            return left * right
        raise OperationError(f"`{symbol}` does not take {kind(left)} and {kind(right)}")

    return run


def within(value: Computed, times: int, more: Computed = ()) -> None:
    """Refuse a list or string that would grow beyond its bound."""
    if type(value) is str:
        if len(value) * times + len(more) > CHARACTERS:
            raise OperationError(f"the string would have more than {CHARACTERS} characters", limit=True)
    elif size(value) * times + size(more) > ITEMS:
        raise OperationError(f"the list would have more than {ITEMS} items", limit=True)


def listed(*items: Computed) -> Computed:
    found = list(items)
    within(found, 1)
    return found


def equal(left: Computed, right: Computed) -> bool:
    """Return equality without coercion, an int and a float excepted."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is list and type(right) is list:
        METER.spent += len(left)
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and bool(left == right)


def contains(item: Computed, group: Computed) -> bool:
    if type(group) is list:
        METER.spent += len(group)
        return any(equal(item, member) for member in group)
    if type(group) is str and type(item) is str:
        return item in group
    raise OperationError(f"`in` does not take {kind(item)} and {kind(group)}")


def comparison(symbol: str) -> Callable[[Computed, Computed], bool]:
    """Return an operator that compares two values; of the order of what has none it raises OperationError."""
    match symbol:
        case "==":
            return equal
        case "!=":
            return lambda left, right: not equal(left, right)
        case "in":
            return contains
        case "not in":
            return lambda left, right: not contains(left, right)
    compute = ORDER[symbol]

    def run(left: Computed, right: Computed) -> bool:
        if (type(left) in NUMBERS and type(right) in NUMBERS) or (type(left) is str and type(right) is str):
            return compute(left, right)
        raise OperationError(f"`{symbol}` does not take {kind(left)} and {kind(right)}")

    return run


def truth(value: Computed, wanting: str) -> bool:
    if type(value) is bool:
        return value
    raise OperationError(f"`{wanting}` takes true or false, not {kind(value)}")


def number(value: Computed, wanting: str) -> Computed:
    if is_number(value):
        return value
    raise OperationError(f"`{wanting}` takes numbers, not {kind(value)}")


def integer(value: Computed, wanting: str) -> int:
    if type(value) is int:
        return value
    raise OperationError(f"{wanting} is an int, not {kind(value)}")


def index(value: Computed, position: Computed) -> Computed:
    if type(value) not in (list, str):
        raise OperationError(f"only lists and strings have an index, not {kind(value)}")
    if not -len(value) <= integer(position, "an index") < len(value):
        items = "characters" if type(value) is str else "items"
        raise OperationError(f"index {position} is out of range: there are {len(value)} {items}, counted from 0")
    return value[position]


def slice_of(value: Computed, start: Computed, stop: Computed, step: Computed) -> Computed:
    """Return `value[start:stop:step]` of a list or a text. Raises OperationError for others, and for a step of 0."""
    if type(value) not in (list, str):
        raise OperationError(f"only lists and strings have slices, not {kind(value)}")
    for bound in (start, stop, step):
        if bound is not None:
            integer(bound, "a bound of a slice")
    if step == 0:
        raise OperationError("the step of a slice is not 0")
    METER.spent += len(value)
    return value[start:stop:step]


def unary(symbol: str) -> Callable[[Computed], Computed]:
    if symbol == "not":
        return lambda value: not truth(value, "not")
    if symbol == "-":
        return lambda value: -number(value, "-")
    return lambda value: number(value, "+")


def numbers(name: str, arguments: tuple[Computed, ...]) -> Any:
    """Return the numbers that `min`, `max` or `sum` is about: its arguments or those in its one list."""
    found: Any = arguments
    if len(arguments) == 1:
        if type(arguments[0]) is not list:
            raise OperationError(f"`{name}` of one argument takes a list, not {kind(arguments[0])}")
        found = arguments[0]
        if not found and name != "sum":
            raise OperationError(f"an empty list has no `{name}`")
    METER.spent += len(found)
    for value in found:
        number(value, name)
    return found


def length(value: Computed) -> int:
    if type(value) in (list, str):
        return len(value)
    raise OperationError(f"`len` takes a list or a string, not {kind(value)}")


def rounded(value: Computed, digits: Computed = None) -> Computed:
    """Round a number; halves go to the even neighbour, as in Python."""
    number(value, "round")
    if digits is None:
        return round(value)
    if not 0 <= integer(digits, "the number of digits") <= 15:
        raise OperationError(f"`round` keeps 0 to 15 digits, not {digits}")
    return round(value, digits)


def square_root(value: Computed) -> float:
    if number(value, "sqrt") < 0:
        raise OperationError(f"{kind(value)} has no real square root")
    return math.sqrt(value)


def logarithm(value: Computed) -> float:
    if number(value, "log") <= 0:
        raise OperationError(f"{kind(value)} has no logarithm")
    return math.log(value)


def make_divisible(value: Computed, divisor: Computed, least: Computed = None) -> int:
    """Return the multiple of `divisor` nearest to `value`, halves up, at least `least` (else `divisor`) and 90 % of
    `value`.

    The rule by which MobileNets round channels, as torchvision has it.
    """
    number(value, "make_divisible")
    if integer(divisor, "the divisor") < 1:
        raise OperationError(f"the divisor is at least 1, not {divisor}")
    least = divisor if least is None else integer(least, "the least value")
    nearest: int = max(least, int(value + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * value else nearest + divisor


CALLS: dict[str, Callable[..., Computed]] = {
    "min": lambda *arguments: min(numbers("min", arguments)),
    "max": lambda *arguments: max(numbers("max", arguments)),
    "abs": lambda value: abs(number(value, "abs")),
    "ceil": lambda value: math.ceil(number(value, "ceil")),
    "floor": lambda value: math.floor(number(value, "floor")),
    "round": rounded,
    "sqrt": square_root,
    "exp": lambda value: math.exp(number(value, "exp")),
    "log": logarithm,
    "sin": lambda value: math.sin(number(value, "sin")),
    "cos": lambda value: math.cos(number(value, "cos")),
    "len": length,
    "sum": lambda *arguments: sum(numbers("sum", arguments)),
    "int": lambda value: int(number(value, "int")),
    "float": lambda value: float(number(value, "float")),
    "make_divisible": make_divisible,
}
