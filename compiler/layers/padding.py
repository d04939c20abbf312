"""Paddings: `padding` is one number for every side, or torch's list, the last axis first: left, right, top, bottom."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from speczoo.compiler.kept import Saves
from speczoo.compiler.layer import Float, Int, Listed, Shape, ShapeError, Value, show
from speczoo.compiler.reach import SAME, Link, Sight, moved
from speczoo.compiler.strides import Laid, Layout, Lies, padded
from speczoo.compiler.window import AXES, Spatial

Sides1 = Annotated[Int | tuple[Int, Int], Listed]
Sides2 = Annotated[Int | tuple[Int, Int, Int, Int], Listed]
Sides3 = Annotated[Int | tuple[Int, Int, Int, Int, Int, Int], Listed]


class _Pad(Spatial, abstract=True):
    """Negative numbers cut off."""

    lies: ClassVar[Lies] = "suggested"

    padding: Any

    positional: ClassVar[int] = 1
    #: How much longer than its padding an axis has to be; None where any length will do.
    allowance: ClassVar[int | None] = None
    #: Whether negative sides are cut off before the others are added, and so must leave something that is there.
    cuts_first: ClassVar[bool] = True

    def sides(self, i: int) -> tuple[int, int]:
        """Return what comes before and after spatial axis i; torch's list has the last axis first."""
        if isinstance(self.padding, int):
            return self.padding, self.padding
        at = 2 * (self.spatial - 1 - i)
        return self.padding[at], self.padding[at + 1]

    def arithmetic(self, at: int, *x: Shape) -> str:
        before, after = self.sides(at - 1) if at else (0, 0)
        return f"{x[0][at]} + {before} + {after}" if before or after else ""

    def infer(self, x: Shape) -> Shape:
        n = self.spatial
        out: list[int] = []
        for i, size in enumerate(x[-n:]):
            before, after = self.sides(i)
            if self.allowance is not None and max(before, after) > 0 and max(before, after) + self.allowance > size:
                raise ShapeError(
                    "shape-mismatch",
                    f"`{self.op}` cannot pad {AXES[n][i]} {size} by {max(before, after)}: too little to repeat",
                    argument="padding",
                    inputs={0: show(x)},
                    help=[f"at most {size - self.allowance}"] if size > self.allowance else [],
                )
            cut = min(before, 0) + min(after, 0)
            if size + before + after < 1 or (self.cuts_first and size + cut < 0):
                raise ShapeError(
                    "empty-output",
                    f"a padding of {before} and {after} leaves nothing of {AXES[n][i]} {size}",
                    argument="padding",
                    notes=[f"{AXES[n][i]}: {self.arithmetic(i + 1, x)} = {size + before + after}"],
                )
            out.append(size + before + after)
        return (*x[:-n], *out)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return ((Link(0, SAME), *(Link(i + 1, moved(self.sides(i)[0])) for i in range(self.spatial))),)


class _Constant(_Pad, abstract=True):
    padding: Any

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        grows = any(side > 0 for i in range(self.spatial) for side in self.sides(i))
        return (Laid(padded(self.lies, out[0], layouts[0], grows=grows)),)


class _ConstantPad(_Constant, abstract=True):
    padding: Any
    value: Float

    positional: ClassVar[int] = 2


class ConstantPad1d(_ConstantPad):
    """`value` on both sides of the length."""

    padding: Sides1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class ConstantPad2d(_ConstantPad):
    """`value` around height and width."""

    padding: Sides2
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class ConstantPad3d(_ConstantPad):
    """`value` around depth, height and width."""

    padding: Sides3
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class ZeroPad1d(_Constant):
    """Zeros on both sides of the length."""

    padding: Sides1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class ZeroPad2d(_Constant):
    """Zeros around height and width."""

    padding: Sides2
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class ZeroPad3d(_Constant):
    """Zeros around depth, height and width."""

    padding: Sides3
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class ReflectionPad1d(_Pad):
    """The length mirrored at both ends, the end itself not repeated."""

    saves: ClassVar[Saves] = "input"

    padding: Sides1
    spatial: ClassVar[int] = 1
    cuts_first: ClassVar[bool] = False
    ranks: ClassVar[tuple[int, ...]] = (2,)
    allowance: ClassVar[int | None] = 1


class ReflectionPad2d(_Pad):
    """Height and width mirrored at their ends, the end itself not repeated."""

    saves: ClassVar[Saves] = "input"

    padding: Sides2
    spatial: ClassVar[int] = 2
    cuts_first: ClassVar[bool] = False
    ranks: ClassVar[tuple[int, ...]] = (3,)
    allowance: ClassVar[int | None] = 1


class ReflectionPad3d(_Pad):
    """Depth, height and width mirrored at their ends, the end itself not repeated."""

    saves: ClassVar[Saves] = "input"

    padding: Sides3
    spatial: ClassVar[int] = 3
    cuts_first: ClassVar[bool] = False
    ranks: ClassVar[tuple[int, ...]] = (4,)
    allowance: ClassVar[int | None] = 1


class ReplicationPad1d(_Pad):
    """The end values of the length repeated."""

    saves: ClassVar[Saves] = "input"

    padding: Sides1
    spatial: ClassVar[int] = 1
    cuts_first: ClassVar[bool] = False
    ranks: ClassVar[tuple[int, ...]] = (2,)


class ReplicationPad2d(_Pad):
    """The end values of height and width repeated."""

    saves: ClassVar[Saves] = "input"

    padding: Sides2
    spatial: ClassVar[int] = 2
    cuts_first: ClassVar[bool] = False
    ranks: ClassVar[tuple[int, ...]] = (3,)


class ReplicationPad3d(_Pad):
    """The end values of depth, height and width repeated."""

    saves: ClassVar[Saves] = "input"

    padding: Sides3
    spatial: ClassVar[int] = 3
    cuts_first: ClassVar[bool] = False
    ranks: ClassVar[tuple[int, ...]] = (4,)


class CircularPad1d(_Pad):
    """The length continued from its other end."""

    lies: ClassVar[Lies] = "plain"
    padding: Sides1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)
    allowance: ClassVar[int | None] = 0


class CircularPad2d(_Pad):
    """Height and width continued from their other ends."""

    lies: ClassVar[Lies] = "plain"
    padding: Sides2
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)
    allowance: ClassVar[int | None] = 0


class CircularPad3d(_Pad):
    """Depth, height and width continued from their other ends."""

    lies: ClassVar[Lies] = "plain"
    padding: Sides3
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)
    allowance: ClassVar[int | None] = 0
