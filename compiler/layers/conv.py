"""Convolutions and transposed convolutions in one, two and three dimensions."""

import math
from typing import Any, ClassVar, Literal

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import (
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
    divisor,
    show,
    sizes,
)
from speczoo.compiler.layers.weight_norms import Norm, WeightNormed
from speczoo.compiler.reach import Sight, grouped, spread
from speczoo.compiler.strides import Lies
from speczoo.compiler.window import AXES, Spatial, Window, Windowed

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def _grouped(groups: int, out: int, x: Shape | None) -> None:
    """Raise ShapeError where the channels do not make so many groups."""
    into = x[0] if x is not None else 0
    for name, channels in (("in_channels", into), ("out_channels", out)):
        if channels % groups:
            raise ShapeError(
                "indivisible",
                f"`groups: {groups}` does not divide {name}, which is {channels}",
                argument="groups",
                inputs={0: f"{channels} channels"} if name == "in_channels" else {},
                help=[f"{divisor(math.gcd(into, out), groups)} would"] if x is not None else [],
            )


class _Conv(WeightNormed, Windowed, abstract=True):
    lies: ClassVar[Lies] = "suggested"

    in_channels: Positive | None = None
    out_channels: Positive
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: Positive = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"
    norm: Norm = None

    saves: ClassVar[Saves] = "input"
    derives: ClassVar[tuple[str, ...]] = ("in_channels",)
    positional: ClassVar[int] = 2

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"in_channels": x[0]}

    def check(self, *x: Shape | None) -> None:
        _grouped(self.groups, self.out_channels, x[0])
        if self.padding == "same" and any(s != 1 for s in sizes(self.stride, self.spatial)):
            halves = [(reach - 1) // 2 for reach in self.window().reach]
            half = halves[0] if len(set(halves)) == 1 else halves
            raise ShapeError(
                "bad-value",
                "`padding: same` needs stride 1: torch has no such thing for larger strides",
                argument="padding",
                help=[f"write `padding: {half}`: an odd window then gives ceil(n / s)"],
                replacement=half,
            )

    def infer(self, x: Shape) -> Shape:
        self._repeats(x)
        return (self.out_channels, *self.slide(x)[1:])

    def window(self) -> Window:
        padding = self.padding
        plain = Window.of(
            self.spatial, self.kernel_size, self.stride, 0 if isinstance(padding, str) else padding, self.dilation
        )
        if padding != "same":
            return plain
        reach = plain.reach  # the larger half comes after
        return plain._replace(before=tuple((n - 1) // 2 for n in reach), after=tuple(n // 2 for n in reach))

    def _repeats(self, x: Shape) -> None:
        """Raise ShapeError where an axis is too short to fill its padding; mirrored, it gives one less than it has."""
        spare = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if spare is None:
            return
        for name, size, pad in zip(AXES[self.spatial], x[1:], self.window().after, strict=True):
            if pad and pad + spare > size:
                raise ShapeError(
                    "shape-mismatch",
                    f"`padding_mode: {self.padding_mode}` cannot pad {name} {size} by {pad}: too little to repeat",
                    argument="padding_mode",
                    inputs={0: show(x)},
                    help=["`padding_mode: replicate` or `zeros` can"],
                )

    def scratch(self, x: Shape) -> int:
        """Return what is padded beforehand: what does not fill with zeros, and by how much more follows than stands in
        front.
        """
        window = self.window()
        around = zip(x[1:], window.before, window.after, strict=True)
        if self.padding_mode != "zeros":
            return x[0] * math.prod(size + before + after for size, before, after in around)
        if window.before == window.after:
            return 0
        return x[0] * math.prod(size + after - before for size, before, after in around)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return the input, or what it is padded to; the input of a mirrored padding, for its gradient, too."""
        padded = self.scratch(x[0].shape)
        mirrored = self.padding_mode in ("reflect", "replicate") and bool(wanted.inputs)
        return Kept("input" if not padded or mirrored else "", padded, once=self.computed_weight(wanted, x[0].shape))

    def computed_with(self, x: Shape) -> dict[str, Shape]:
        weight = {"weight": (self.out_channels, x[0] // self.groups, *sizes(self.kernel_size, self.spatial))}
        return weight | ({"bias": (self.out_channels,)} if self.bias else {})

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return ((grouped(0, x[0], out[0], self.groups), *self.window().sight(len(x))[1:]),)

    def macs(self, out: Shape, x: Shape) -> int:
        return math.prod(out) * (x[0] // self.groups) * math.prod(sizes(self.kernel_size, self.spatial))


class Conv1d(_Conv):
    """Convolution over length: channels x length."""

    kernel_size: Size1
    stride: Size1 = 1
    padding: Pad1 | Literal["same", "valid"] = 0
    dilation: Size1 = 1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class Conv2d(_Conv):
    """Convolution over height and width: channels x height x width."""

    kernel_size: Size2
    stride: Size2 = 1
    padding: Pad2 | Literal["same", "valid"] = 0
    dilation: Size2 = 1
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class Conv3d(_Conv):
    """Convolution over depth, height and width: channels x depth x height x width."""

    kernel_size: Size3
    stride: Size3 = 1
    padding: Pad3 | Literal["same", "valid"] = 0
    dilation: Size3 = 1
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class _ConvTranspose(WeightNormed, Spatial, abstract=True):
    in_channels: Positive | None = None
    out_channels: Positive
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    groups: Positive = 1
    bias: bool = True
    dilation: Any = 1
    padding_mode: Literal["zeros"] = "zeros"
    norm: Norm = None

    saves: ClassVar[Saves] = "input"
    derives: ClassVar[tuple[str, ...]] = ("in_channels",)
    rows: ClassVar[int] = 1
    positional: ClassVar[int] = 2

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"in_channels": x[0]}

    def check(self, *x: Shape | None) -> None:
        _grouped(self.groups, self.out_channels, x[0])
        fields = (self.output_padding, self.stride, self.dilation)
        for extra, s, d in zip(*(sizes(f, self.spatial) for f in fields), strict=True):
            if extra >= max(s, d):
                raise ShapeError(
                    "bad-value",
                    f"`output_padding: {extra}` must be smaller than the stride or the dilation",
                    argument="output_padding",
                )

    def infer(self, x: Shape) -> Shape:
        n = self.spatial
        out: list[int] = []
        fields = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        for name, size, k, s, p, extra, d in zip(AXES[n], x[1:], *(sizes(f, n) for f in fields), strict=True):
            got = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
            if got < 1:
                raise ShapeError(
                    "empty-output",
                    f"nothing is left of {size} after the padding of {p}",
                    argument="padding",
                    notes=[f"{name}: {self.arithmetic(len(out) + 1, x)} = {got}"],
                )
            out.append(got)
        return (self.out_channels, *out)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        return Kept("input", once=self.computed_weight(wanted, x[0].shape))

    def computed_with(self, x: Shape) -> dict[str, Shape]:
        weight = {"weight": (x[0], self.out_channels // self.groups, *sizes(self.kernel_size, self.spatial))}
        return weight | ({"bias": (self.out_channels,)} if self.bias else {})

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        fields = (self.kernel_size, self.stride, self.padding, self.dilation)
        axes = enumerate(zip(x[1:], *(sizes(f, self.spatial) for f in fields), strict=True), 1)
        return ((grouped(0, x[0], out[0], self.groups), *(spread(axis, *numbers) for axis, numbers in axes)),)

    def macs(self, out: Shape, x: Shape) -> int:
        return math.prod(x) * (self.out_channels // self.groups) * math.prod(sizes(self.kernel_size, self.spatial))

    def arithmetic(self, at: int, *x: Shape) -> str:
        if at == 0:
            return ""
        fields = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        k, s, p, extra, d = (sizes(f, self.spatial)[at - 1] for f in fields)
        return (
            f"({x[0][at]} - 1) * {s} + {d * (k - 1) + 1}"
            + (f" - 2 * {p}" if p else "")
            + (f" + {extra}" if extra else "")
        )


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over length: each input value spreads over a window of the output."""

    kernel_size: Size1
    stride: Size1 = 1
    padding: Pad1 = 0
    output_padding: Pad1 = 0
    dilation: Size1 = 1
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over height and width; with kernel 2 and stride 2 it doubles both."""

    kernel_size: Size2
    stride: Size2 = 1
    padding: Pad2 = 0
    output_padding: Pad2 = 0
    dilation: Size2 = 1
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over depth, height and width."""

    kernel_size: Size3
    stride: Size3 = 1
    padding: Pad3 = 0
    output_padding: Pad3 = 0
    dilation: Size3 = 1
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)
