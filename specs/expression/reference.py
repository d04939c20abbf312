"""The functions of expressions, in words."""

from __future__ import annotations

from typing import NamedTuple


class FunctionDoc(NamedTuple):
    """How a function is called, and what it gives."""

    call: str
    doc: str

    @property
    def parameters(self) -> list[str]:
        """Its parameters by name, in order."""
        return [word.strip() for word in self.call.partition("(")[2].rstrip(")").split(",")]


FUNCTIONS: dict[str, FunctionDoc] = {
    "min": FunctionDoc("min(a, b, ...)", "The least of numbers, or of one list."),
    "max": FunctionDoc("max(a, b, ...)", "The largest of numbers, or of one list."),
    "abs": FunctionDoc("abs(x)", "The absolute value."),
    "ceil": FunctionDoc("ceil(x)", "Rounded up."),
    "floor": FunctionDoc("floor(x)", "Rounded down."),
    "round": FunctionDoc(
        "round(x, digits)", "Rounded to the nearest, halves to even; to so many digits where they are given."
    ),
    "sqrt": FunctionDoc("sqrt(x)", "The square root."),
    "exp": FunctionDoc("exp(x)", "The exponential."),
    "log": FunctionDoc("log(x)", "The natural logarithm."),
    "sin": FunctionDoc("sin(x)", "The sine, of radians."),
    "cos": FunctionDoc("cos(x)", "The cosine, of radians."),
    "len": FunctionDoc("len(list)", "The number of items of a list, or of characters of a text."),
    "sum": FunctionDoc("sum(list)", "The sum of a list."),
    "int": FunctionDoc("int(x)", "Cut to an integer."),
    "float": FunctionDoc("float(x)", "As a float."),
    "make_divisible": FunctionDoc(
        "make_divisible(x, divisor, least)",
        "The nearest multiple of `divisor`, at least `least`, never below 90 % of `x`: how MobileNets round channels.",
    ),
}
