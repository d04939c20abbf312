"""Layers that move values about without changing them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

from speczoo.compiler.layer import (
    Call,
    Int,
    Ints,
    Layer,
    Pad2,
    Positive,
    Shape,
    ShapeError,
    Size2,
    Value,
    Views,
    axis,
    divisor,
    show,
    sizes,
)
from speczoo.compiler.layers.reduction import printed
from speczoo.compiler.reach import Link, Sight, mixing, reshaped, same, sampled, whole, windows
from speczoo.compiler.strides import Laid, Layout, Lies, suggested
from speczoo.compiler.window import Window, Windowed


class Identity(Layer):
    """Its input."""

    unbatched: ClassVar[bool] = True
    integer: ClassVar[bool | None] = None
    views: ClassVar[Views] = True


class Flatten(Layer):
    """Axes `start_dim` to `end_dim` (torch's numbers) become one.

    Where a list is an nn.Sequential it is nn.Flatten; in a written-out forward it is torch.flatten.
    """

    start_dim: Int = 1
    end_dim: Int = -1

    integer: ClassVar[bool | None] = None
    views: ClassVar[Views] = True
    unbatched: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("start_dim", "end_dim")
    reads: ClassVar[tuple[str, ...]] = ("torch.flatten",)

    def infer(self, x: Shape) -> Shape:
        first = axis(self.start_dim, len(x), argument="start_dim")
        last = axis(self.end_dim, len(x), argument="end_dim")
        if first > last:
            message = f"`start_dim: {self.start_dim}` comes after `end_dim: {self.end_dim}`"
            raise ShapeError("bad-value", message, argument="start_dim")
        return (*x[:first], math.prod(x[first : last + 1]), *x[last + 1 :])

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (reshaped(x, out),)

    def call(self, x: Value) -> Call:
        args = {"start_dim": printed(self.start_dim, x), "end_dim": printed(self.end_dim, x)}
        end = "" if args["end_dim"] == -1 else ", {end_dim}"
        return replace(super().call(x), args=args, inline=f"torch.flatten({{0}}, {{start_dim}}{end})")


def resolvable(wanted: Shape, argument: str) -> None:
    """Raise ShapeError for what is no shape, with one -1 in it at most."""
    if any(n < 1 and n != -1 for n in wanted) or wanted.count(-1) > 1:
        message = f"`{argument}: {list(wanted)}` takes sizes of 1 and more, and one -1 for what is left"
        raise ShapeError("bad-value", message, argument=argument)


def resolved(wanted: Shape, total: int, argument: str) -> Shape:
    """Return a resolvable shape that holds `total` values, its one -1 worked out. Raises ShapeError."""
    known = math.prod(n for n in wanted if n != -1)
    rest = total // known if -1 in wanted else 1
    if rest * known != total:
        shown = show(["?" if n == -1 else n for n in wanted])
        raise ShapeError(
            "shape-mismatch",
            f"{total} values do not fit into {shown}",
            argument=argument,
            notes=[f"{shown} holds {known}" + (" times a whole number" if -1 in wanted else "")],
        )
    return tuple(rest if n == -1 else n for n in wanted)


class Unflatten(Layer):
    """Axis `dim` becomes the axes `unflattened_size`, of which one may be -1."""

    dim: Int
    unflattened_size: Ints

    positional: ClassVar[int] = 2
    integer: ClassVar[bool | None] = None
    views: ClassVar[Views] = True
    unbatched: ClassVar[bool] = True

    axes: ClassVar[tuple[str, ...]] = ("dim",)

    def call(self, x: Value) -> Call:
        made = super().call(x)
        return replace(made, args=made.args | {"dim": printed(self.dim, x)})

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if not self.unflattened_size:
            raise ShapeError("bad-value", "`unflattened_size` is empty", argument="unflattened_size")
        resolvable(self.unflattened_size, "unflattened_size")

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x))
        return (*x[:at], *resolved(self.unflattened_size, x[at], "unflattened_size"), *x[at + 1 :])

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (reshaped(x, out),)


class PixelShuffle(Layer):
    """Channels to places: C r^2 x H x W becomes C x rH x rW."""

    lies: ClassVar[Lies] = "suggested"

    upscale_factor: Positive

    positional: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (3,)

    def infer(self, x: Shape) -> Shape:
        r = self.upscale_factor
        if x[0] % (r * r):
            raise ShapeError(
                "indivisible",
                f"`upscale_factor: {r}` needs a multiple of {r * r} channels, not {x[0]}",
                argument="upscale_factor",
                inputs={0: f"{x[0]} channels"},
                help=[f"{-(-x[0] // (r * r)) * r * r} channels would do"],
            )
        return (x[0] // (r * r), x[1] * r, x[2] * r)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        step = Fraction(1, self.upscale_factor)
        return ((whole(x[0]), *(sampled(axis, x[axis], step, Fraction(0), 0, 0) for axis in (1, 2))),)


class PixelUnshuffle(Layer):
    """Places to channels: C x rH x rW becomes C r^2 x H x W."""

    lies: ClassVar[Lies] = "suggested"

    downscale_factor: Positive

    positional: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (3,)

    def infer(self, x: Shape) -> Shape:
        r = self.downscale_factor
        for name, n in zip(("height", "width"), x[1:], strict=True):
            if n // r * r != n:
                raise ShapeError(
                    "indivisible",
                    f"`downscale_factor: {r}` does not divide the {name}, which is {n}",
                    argument="downscale_factor",
                    inputs={0: show(x)},
                    help=[f"a {name} of {(n + r - 1) // r * r} would do"],
                )
        return (x[0] * r * r, x[1] // r, x[2] // r)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        block = windows(self.downscale_factor, 0, self.downscale_factor)
        return ((whole(x[0]), Link(1, block), Link(2, block)),)


class ChannelShuffle(Layer):
    """The channels of all groups interleaved: one of the first, one of the second, and so on (ShuffleNet)."""

    groups: Positive

    positional: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2, 3, 4)
    views: ClassVar[Views] = True

    def infer(self, x: Shape) -> Shape:
        if x[0] % self.groups:
            raise ShapeError(
                "indivisible",
                f"`groups: {self.groups}` does not divide the {x[0]} channels",
                argument="groups",
                inputs={0: f"{x[0]} channels"},
                help=[f"{divisor(x[0], self.groups)} would"],
            )
        return x

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return that of a copy, as kernels of CPUs make; others may give one group back as it is."""
        return (Laid(suggested(out[0], layouts[0])),)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, [0]),)


class Unfold(Windowed):
    """The windows of channels x height x width as columns: values of a window x number of windows."""

    kernel_size: Size2
    dilation: Size2 = 1
    padding: Pad2 = 0
    stride: Size2 = 1

    positional: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (3,)

    def window(self) -> Window:
        return Window.of(2, self.kernel_size, self.stride, self.padding, self.dilation)

    def arithmetic(self, at: int, *x: Shape) -> str:
        return ""  # the windows of both axes become one

    def infer(self, x: Shape) -> Shape:
        _, height, width = self.slide(x)
        return (x[0] * math.prod(sizes(self.kernel_size, 2)), height * width)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return (tuple(map(whole, x[0])),)


class Fold(Windowed):
    """Columns of windows summed back into channels x height x width: what Unfold took apart."""

    output_size: Size2
    kernel_size: Size2
    dilation: Size2 = 1
    padding: Pad2 = 0
    stride: Size2 = 1

    positional: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (2,)

    def window(self) -> Window:
        return Window.of(2, self.kernel_size, self.stride, self.padding, self.dilation)

    def arithmetic(self, at: int, *x: Shape) -> str:
        return ""  # the windows of both axes become one

    def infer(self, x: Shape) -> Shape:
        area = math.prod(sizes(self.kernel_size, 2))
        if x[0] % area:
            message = f"{x[0]} values do not make windows of {area}"
            raise ShapeError("indivisible", message, argument="kernel_size", inputs={0: show(x)})
        out = (x[0] // area, *sizes(self.output_size, 2))
        _, height, width = self.slide(out)
        if height * width != x[1]:
            raise ShapeError(
                "shape-mismatch",
                f"{show(out[1:])} has {height * width} windows, and {x[1]} flow in",
                argument="output_size",
                inputs={0: show(x)},
                notes=[f"{height} x {width} = {height * width}"],
            )
        return out

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return (tuple(map(whole, x[0])),)
