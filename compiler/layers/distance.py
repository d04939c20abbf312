"""How near two values are to each other."""

import math
from typing import Annotated, ClassVar

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Int, Layer, Shape, ShapeError, Value, axis, show
from speczoo.compiler.reach import SAME, Link, Sight, whole


class _Distance(Layer, abstract=True):
    saves: ClassVar[Saves] = "input"
    arity: ClassVar[tuple[int, float]] = (2, 2)
    least: ClassVar[int] = 1

    def equal(self, a: Shape, b: Shape) -> None:
        """Raise ShapeError where two inputs differ."""
        if a != b:
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` needs equal shapes: {show(a)} and {show(b)}",
                inputs={0: show(a), 1: show(b)},
            )


def _along(at: int, x: tuple[Shape, ...], kept: bool) -> tuple[Sight, ...]:
    """Return how values are seen whose axis `at` is taken whole, and goes or is of size 1 then."""
    return tuple(
        tuple(whole(n) if i == at else Link(i - (i > at and not kept), SAME) for i, n in enumerate(shape))
        for shape in x
    )


class CosineSimilarity(_Distance):
    """The cosine of the angle between two values along `dim`, which goes."""

    dim: Int = 1
    eps: Annotated[float, Field(gt=0)] = 1e-8

    axes: ClassVar[tuple[str, ...]] = ("dim",)

    def infer(self, a: Shape, b: Shape) -> Shape:
        self.equal(a, b)
        at = axis(self.dim, len(a))
        return (*a[:at], *a[at + 1 :])

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return of each input that a gradient is wanted of itself, in unit length, and its lengths."""
        sides = tuple(sorted(wanted.inputs))
        return Kept(numbers=len(sides) * (math.prod(x[0].shape) + 2 * math.prod(out)), inputs=sides)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return _along(axis(self.dim, len(x[0])), x, False)


class PairwiseDistance(_Distance):
    """The norm of power `p` of two values' difference along the last axis, which goes unless `keepdim` is true."""

    saves: ClassVar[Saves] = "both"

    p: Annotated[float, Field(gt=0)] = 2.0
    eps: Annotated[float, Field(ge=0)] = 1e-6
    keepdim: bool = False

    def infer(self, a: Shape, b: Shape) -> Shape:
        self.equal(a, b)
        return (*a[:-1], 1) if self.keepdim else a[:-1]

    def keeps(self, out: Shape, a: Shape, b: Shape) -> Kept:
        return Kept("output", math.prod(a))

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return _along(len(x[0]) - 1, x, self.keepdim)
