"""Pooling: the largest or the mean of each window, or of as many windows as the output has places."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import (
    Layer,
    Listed,
    Pad1,
    Pad2,
    Pad3,
    Positive,
    Shape,
    ShapeError,
    Size1,
    Size2,
    Size3,
    Value,
    show,
    sizes,
)
from speczoo.compiler.reach import SAME, Link, Sight, parted
from speczoo.compiler.strides import Laid, Layout, Lies, suggested
from speczoo.compiler.window import AXES, Spatial, Window, Windowed


class _Maxima(Layer, abstract=True):
    """Pools that give maxima, and where they stand where `return_indices` says so."""

    if TYPE_CHECKING:  # a field of the subclasses, which have it where torch has it
        return_indices: bool

    @property
    def several(self) -> bool:
        return self.return_indices

    def dtype(self, *x: Value) -> tuple[str, ...]:
        return ("float32", "int64") if self.return_indices else ("float32",)

    def given(self, out: Shape) -> Shape | list[Shape]:
        """Return the shapes of what comes out, from that of the maxima."""
        return [out, out] if self.return_indices else out

    def keeps(self, out: Shape, x: Shape) -> Kept:
        """Return what autograd keeps: where the maxima stand, which may be an output."""
        return Kept("input", outputs=(1,)) if self.return_indices else Kept("input", indices=math.prod(out))


class _OverMaps(Layer, abstract=True):
    """Pools that torch computes as those of maps, a length as one of height 1."""

    lies: ClassVar[Lies] = "suggested"

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        if len(out[0]) != 3:
            return super().laid_out(out, layouts, *x, training=training)
        maps = layouts[0].with_one(2)
        return tuple(Laid(suggested((*sizes[:2], 1, sizes[2]), maps).without(2)) for sizes in out)


class _MaxPool(_Maxima, Windowed, abstract=True):
    lies: ClassVar[Lies] = "suggested"

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    return_indices: bool = False
    ceil_mode: bool = False

    follows: ClassVar[Mapping[str, str]] = {"stride": "kernel_size"}
    saves: ClassVar[Saves] = "input"
    positional: ClassVar[int] = 1

    def window(self) -> Window:
        stride = self.kernel_size if self.stride is None else self.stride
        return Window.of(self.spatial, self.kernel_size, stride, self.padding, self.dilation, self.ceil_mode)

    def check(self, *x: Shape | None) -> None:
        _half(self.window())

    def infer(self, x: Shape) -> Shape | list[Shape]:
        out = self.slide(x)
        _meets(self.window(), x)
        return self.given(out)


def _meets(window: Window, x: Shape) -> None:
    """Raise ShapeError where a window holds padding alone, of which torch makes -inf, and on the way back of three
    axes a crash.

    A window that begins at -p takes the places d - p, 2d - p, ...: where the dilation is more than the input, it may
    step over all of it. Only the first can: there is another where the first fits, and with at most half of a window in
    the padding it fits into no input smaller than d.
    """
    axes = zip(AXES[len(window.kernel)], x[1:], window.before, window.dilation, strict=True)
    for name, size, p, d in axes:
        if -p % d >= size:
            raise ShapeError(
                "shape-mismatch",
                f"a window holds padding alone: dilated by {d}, it steps over the input, {show(x[1:])}",
                argument="dilation",
                notes=[f"{name}: the first place after the padding is {d} * {-(-p // d)} - {p} = {-p % d}, of {size}"],
                help=["`dilation: 1`, or a larger input"],
            )


def _half(window: Window) -> None:
    """Raise ShapeError where more than half of a window lies in the padding, which torch does not let."""
    for k, p in zip(window.kernel, window.before, strict=True):
        if p > k // 2:
            raise ShapeError(
                "bad-value",
                f"`padding: {p}` is more than half of the window of {k}",
                argument="padding",
                help=[f"at most {k // 2}"],
            )


class MaxPool1d(_MaxPool):
    """The largest value in each window of the length."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Pad1 = 0
    dilation: Size1 = 1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class MaxPool2d(_MaxPool):
    """The largest value in each window of height and width."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Pad2 = 0
    dilation: Size2 = 1
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class MaxPool3d(_MaxPool):
    """The largest value in each window of depth, height and width."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Pad3 = 0
    dilation: Size3 = 1
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class _AvgPool(_OverMaps, Windowed, abstract=True):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    follows: ClassVar[Mapping[str, str]] = {"stride": "kernel_size"}
    saves: ClassVar[Saves] = "input"
    positional: ClassVar[int] = 1

    def window(self) -> Window:
        stride = self.kernel_size if self.stride is None else self.stride
        return Window.of(self.spatial, self.kernel_size, stride, self.padding, 1, self.ceil_mode)

    def check(self, *x: Shape | None) -> None:
        _half(self.window())

    def infer(self, x: Shape) -> Shape:
        if self.spatial == 3:
            _covers(x, self.kernel_size)
        return self.slide(x)


def _covers(x: Shape, kernel: Any) -> None:
    """Raise ShapeError where an input is smaller than the window, padding not counted, as torch does over three
    axes.
    """
    for name, size, k in zip(AXES[3], x[1:], sizes(kernel, 3), strict=True):
        if size < k:
            raise ShapeError(
                "shape-mismatch",
                f"the window of {show(sizes(kernel, 3))} is larger than the input, {show(x[1:])}",
                argument="kernel_size",
                inputs={0: show(x)},
                notes=[f"{name}: {size} < {k}; over three axes, torch does not count the padding"],
                help=["a smaller window, or a `ConstantPad3d` before it"],
            )


class AvgPool1d(_AvgPool):
    """The mean of each window of the length."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Pad1 = 0
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class AvgPool2d(_AvgPool):
    """The mean of each window of height and width."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Pad2 = 0
    divisor_override: Positive | None = None
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class AvgPool3d(_AvgPool):
    """The mean of each window of depth, height and width."""

    lies: ClassVar[Lies] = "plain"
    kernel_size: Size3
    stride: Size3 | None = None
    padding: Pad3 = 0
    divisor_override: Positive | None = None
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class _LPPool(_OverMaps, Windowed, abstract=True):
    norm_type: Annotated[float, Field(gt=0)]
    kernel_size: Any
    stride: Any = None
    ceil_mode: bool = False

    follows: ClassVar[Mapping[str, str]] = {"stride": "kernel_size"}
    saves: ClassVar[Saves] = "input"
    positional: ClassVar[int] = 2

    def window(self) -> Window:
        stride = self.kernel_size if self.stride is None else self.stride
        return Window.of(self.spatial, self.kernel_size, stride, ceil=self.ceil_mode)

    def infer(self, x: Shape) -> Shape:
        if self.spatial == 3:
            _covers(x, self.kernel_size)
        return self.slide(x)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input", math.prod(x) + 4 * math.prod(out))  # powers, their means, sign, size and root of these


class LPPool1d(_LPPool):
    """The norm of power `norm_type` of each window of the length."""

    kernel_size: Positive
    stride: Size1 | None = None
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class LPPool2d(_LPPool):
    """The norm of power `norm_type` of each window of height and width."""

    kernel_size: Size2
    stride: Size2 | None = None
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class LPPool3d(_LPPool):
    """The norm of power `norm_type` of each window of depth, height and width."""

    lies: ClassVar[Lies] = "plain"
    kernel_size: Size3
    stride: Size3 | None = None
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


Out = Positive | None
Out1 = Annotated[Positive | tuple[Positive], Listed]
Out2 = Annotated[Positive | tuple[Out, Out], Listed]
Out3 = Annotated[Positive | tuple[Out, Out, Out], Listed]


class _Adaptive(Spatial, abstract=True):
    """`output_size` windows that cover the input; null keeps an axis as it is."""

    lies: ClassVar[Lies] = "suggested"
    saves: ClassVar[Saves] = "input"

    output_size: Any

    positional: ClassVar[int] = 1

    def infer(self, x: Shape) -> Shape | list[Shape]:
        return self.adapted(x)

    def adapted(self, x: Shape) -> Shape:
        """Return the shape with as many places on each spatial axis as are wanted."""
        n = self.spatial
        wanted = sizes(self.output_size, n)
        return (*x[:-n], *(size if out is None else out for size, out in zip(x[-n:], wanted, strict=True)))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        parts = enumerate(zip(x[1:], out[1:], strict=True), 1)
        return ((Link(0, SAME), *(parted(axis, size, count) for axis, (size, count) in parts)),)


class _AdaptiveMax(_OverMaps, _Maxima, _Adaptive, abstract=True):
    return_indices: bool = False

    def infer(self, x: Shape) -> Shape | list[Shape]:
        out = self.adapted(x)
        return self.given(out)


class _AdaptiveAvg(_OverMaps, _Adaptive, abstract=True):
    def keeps(self, out: Shape, x: Shape) -> Kept:
        return averages(out)


def averages(out: Shape) -> Kept:
    """Return what autograd keeps of averages: nothing where one comes out, which is a plain mean."""
    return Kept("input" if math.prod(out[1:]) > 1 else "")


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest value in each of `output_size` parts of the length."""

    output_size: Out1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The largest value in each of `output_size` parts of height and width; null keeps an axis."""

    output_size: Out2
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """The largest value in each of `output_size` parts of depth, height and width; null keeps an axis."""

    lies: ClassVar[Lies] = "plain"
    output_size: Out3
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class AdaptiveAvgPool1d(_AdaptiveAvg):
    """The mean of each of `output_size` parts of the length."""

    output_size: Out1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class AdaptiveAvgPool2d(_AdaptiveAvg):
    """The mean of each of `output_size` parts of height and width; null keeps an axis."""

    output_size: Out2
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class AdaptiveAvgPool3d(_AdaptiveAvg):
    """The mean of each of `output_size` parts of depth, height and width; null keeps an axis."""

    lies: ClassVar[Lies] = "plain"
    output_size: Out3
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)
