"""A case of a layer, its arguments and what flows in, and the pieces that cases are drawn from.

A layer of the language has a function in `speczoo.testing.families` that draws its cases: arguments and inputs that fit
it, and some that nearly do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import ValidationError

from speczoo.compiler.layer import Layer, ShapeError, Value

Arguments: TypeAlias = dict[str, Any]
Drawn: TypeAlias = tuple[Arguments, tuple[Value, ...]]
Family: TypeAlias = Callable[[DrawFn, type[Layer]], Drawn]

#: Which function draws the cases of an op.
FAMILIES: dict[str, Family] = {}

NUMBER = 2  # the number that stands among the inputs of arithmetic


class Case(NamedTuple):
    """A layer's arguments as a spec states them, and what flows into it."""

    op: str
    arguments: Arguments
    inputs: tuple[Value, ...]

    def accepted(self) -> Layer | None:
        """Return the layer; None where its arguments, or what flows in, are refused."""
        try:
            layer = Layer.registry[self.op](**self.arguments)
            layer.apply(*self.inputs)
        except (ValidationError, ShapeError):
            return None
        return layer


def family(*ops: str) -> Callable[[Family], Family]:
    """Let the function under it draw the cases of these ops."""

    def register(function: Family) -> Family:
        FAMILIES.update(dict.fromkeys(ops, function))
        return function

    return register


# -- pieces ---------------------------------------------------------------------------------------------------------


def size(low: int = 1, high: int = 6) -> SearchStrategy[int]:
    return st.integers(low, high)


def shape(draw: DrawFn, *ranks: int, high: int = 6) -> tuple[int, ...]:
    """Draw a shape of one of these ranks; longer ones have smaller sizes."""
    rank = draw(st.sampled_from(ranks))
    return tuple(draw(size(1, high if rank < 4 else 4)) for _ in range(rank))


def each(n: int, numbers: SearchStrategy[int]) -> SearchStrategy[Any]:
    """Draw one number, or a list with one for each of n axes."""
    return st.one_of(numbers, st.lists(numbers, min_size=n, max_size=n))


def some(draw: DrawFn, **strategies: SearchStrategy[Any]) -> Arguments:
    """Draw any of these arguments, the others left to their defaults."""
    return {name: draw(strategy) for name, strategy in strategies.items() if draw(st.booleans())}


def value(*sizes: int, **kwargs: Any) -> tuple[Value, ...]:
    return (Value(tuple(sizes), **kwargs),)


def dims(low: int = -4, high: int = 4) -> SearchStrategy[int]:
    return st.integers(low, high)


NUMBERS = st.floats(-2, 2, width=16)
POSITIVE = st.floats(0.125, 2, width=16)
EPS = st.sampled_from([1e-6, 1e-5, 1e-3])
DIMENSIONS = ("1d", "2d", "3d")


def every(prefix: str) -> list[str]:
    return [prefix + d for d in DIMENSIONS]


def spatial(layer: type[Layer]) -> int:
    return int(layer.op[-2])


def shape_of(most: int) -> SearchStrategy[list[int]]:
    return st.lists(size(1, 4), max_size=most)
