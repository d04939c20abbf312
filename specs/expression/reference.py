"""The functions of expressions, in words."""

from __future__ import annotations

from typing import NamedTuple


class Function(NamedTuple):
    """How a function is called, and what it gives."""

    call: str
    doc: str

    @property
    def parameters(self) -> list[str]:
        """Its parameters by name, in order."""
        return [word.strip() for word in self.call.partition("(")[2].rstrip(")").split(",")]


FUNCTIONS: dict[str, Function] = {
    "min": Function("min(a, b, ...)", "The least of numbers, or of one list."),
    "max": Function("max(a, b, ...)", "The largest of numbers, or of one list."),
    "abs": Function("abs(x)", "The absolute value."),
    "ceil": Function("ceil(x)", "Rounded up."),
    "floor": Function("floor(x)", "Rounded down."),
    "round": Function(
        "round(x, digits)", "Rounded to the nearest, halves to even; to so many digits where they are given."
    ),
    "sqrt": Function("sqrt(x)", "The square root."),
    "exp": Function("exp(x)", "The exponential."),
    "log": Function("log(x)", "The natural logarithm."),
    "sin": Function("sin(x)", "The sine, of radians."),
    "cos": Function("cos(x)", "The cosine, of radians."),
    "len": Function("len(list)", "The number of items of a list, or of characters of a text."),
    "sum": Function("sum(list)", "The sum of a list."),
    "int": Function("int(x)", "Cut to an integer."),
    "float": Function("float(x)", "As a float."),
    "make_divisible": Function(
        "make_divisible(x, divisor, least)",
        "The nearest multiple of `divisor`, at least `least`, never below 90 % of `x`: how MobileNets round channels.",
    ),
}
