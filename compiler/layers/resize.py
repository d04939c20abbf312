"""Layers that change how high and wide a map is: upsampling, interpolation, centre crop, subsampling."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import Call, Layer, Listed, Positive, Shape, ShapeError, Value, Views, show, sizes
from speczoo.compiler.layers.pool import averages
from speczoo.compiler.reach import SAME, Link, Sight, moved, parted, same, sampled, windows
from speczoo.compiler.strides import Laid, Layout, Lies, padded
from speczoo.compiler.window import AXES

Mode = Literal["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]

#: The batch-free ranks of the modes that take not just any.
_RANKS: dict[str, int] = {"linear": 2, "bilinear": 3, "bicubic": 3, "trilinear": 4}

Factor = Annotated[float, Field(gt=0)]


Sizes = Annotated[Positive | tuple[Positive, ...], Listed]
Factors = Annotated[Factor | tuple[Factor, ...], Listed]


def scaled(n: int, factor: float) -> int:
    """Return torch's floor(float(n) * factor), as whole-number arithmetic where that is the same."""
    over, under = float(factor).as_integer_ratio()
    return n * over // under if max(over, under) < 2**20 else math.floor(float(n) * factor)


class _Resize(Layer, abstract=True):
    """`size` or `scale_factor`: one of them, for every axis or one for each."""

    lies: ClassVar[Lies] = "suggested"

    size: Sizes | None = None
    scale_factor: Factors | None = None

    ranks: ClassVar[tuple[int, ...]] = (2, 3, 4)
    per_axis: ClassVar[tuple[str, ...]] = ("size", "scale_factor")

    def arithmetic(self, at: int, *x: Shape) -> str:
        factor = self.scale_factor
        if factor is None or at == 0:
            return ""
        by = factor[at - 1] if isinstance(factor, tuple) else factor
        return f"floor({x[0][at]} * {int(by) if by == int(by) else by})"

    def check(self, *x: Shape | None) -> None:
        if len(x) == 1 and (self.size is None) == (self.scale_factor is None):
            code = "missing-argument" if self.size is None else "bad-value"
            raise ShapeError(code, f"`{self.op}` needs `size` or `scale_factor`, and only one of them", argument="size")

    def resized(self, x: Shape, mode: str) -> Shape:
        n = len(x) - 1
        if mode in _RANKS and len(x) != _RANKS[mode]:
            fits = " or ".join(f"`{m}`" for m in ("linear", "bilinear", "trilinear")[n - 1 : n] if n <= 3)
            raise ShapeError(
                "bad-value",
                f"`mode: {mode}` takes {_RANKS[mode]} axes besides the batch, not {len(x)}",
                argument="mode",
                inputs={0: show(x)},
                help=[f"{fits} takes {len(x)}"],
            )
        name = "size" if self.size is not None else "scale_factor"
        wanted: Any = self.size if self.size is not None else self.scale_factor
        if isinstance(wanted, tuple) and len(wanted) != n:
            raise ShapeError(
                "bad-value", f"`{name}` has {len(wanted)} numbers for {n} axes", argument=name, inputs={0: show(x)}
            )
        if name == "size":
            return (x[0], *sizes(wanted, n))
        factors = wanted if isinstance(wanted, tuple) else (wanted,) * n
        out = tuple(scaled(size, factor) for size, factor in zip(x[1:], factors, strict=True))
        for i, (size, factor, got) in enumerate(zip(x[1:], factors, out, strict=True)):
            if got < 1:
                raise ShapeError(
                    "empty-output",
                    f"`scale_factor: {factor}` leaves nothing of {AXES[n][i]} {size}",
                    argument="scale_factor",
                    inputs={0: show(x)},
                    notes=[f"{AXES[n][i]}: {self.arithmetic(i + 1, x)} = {got}"],
                )
        return (x[0], *out)

    def steps(self, out: Shape, x: Shape) -> list[Fraction]:
        """Return how many places of the input one of the output is, on each spatial axis."""
        by = [Fraction(size, to) for size, to in zip(x[1:], out[1:], strict=True)]
        if self.scale_factor is None or getattr(self, "recompute_scale_factor", None):
            return by
        given = self.scale_factor
        factors = given if isinstance(given, tuple) else (given,) * (len(x) - 1)
        return [1 / Fraction(factor).limit_denominator(1000) for factor in factors]

    def resized_sight(self, mode: str, corners: bool, out: Shape, x: Shape) -> Sight:
        links = [Link(0, SAME)]
        for i, (size, to, step) in enumerate(zip(x[1:], out[1:], self.steps(out, x), strict=True), 1):
            if mode == "area":
                links.append(parted(i, size, to))
            elif mode.startswith("nearest"):
                links.append(sampled(i, size, step, step / 2 if mode == "nearest-exact" else Fraction(0), 0, 0))
            else:
                taps = (1, 2) if mode == "bicubic" else (0, 1)
                if corners:
                    step = Fraction(size - 1, to - 1) if to > 1 else Fraction(0)
                links.append(sampled(i, size, step, Fraction(0) if corners else (step - 1) / 2, *taps))
        return tuple(links)


class _Between(_Resize, abstract=True):
    """Resizes with a choice of what lies between the values."""

    mode: Mode = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    @property
    def saved(self) -> Saves:
        return "input" if self.mode == "area" else ""  # which is adaptive pooling

    def check(self, *x: Shape | None) -> None:
        if self.recompute_scale_factor and self.size is not None:
            raise ShapeError(
                "bad-value",
                "`recompute_scale_factor` needs a `scale_factor`, not a `size`",
                argument="recompute_scale_factor",
            )
        if self.align_corners is not None and self.mode not in _RANKS:
            message = f"`align_corners` means nothing to `mode: {self.mode}`"
            raise ShapeError("bad-value", message, argument="align_corners", help=["leave it out"])
        super().check(*x)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return (self.resized_sight(self.mode, bool(self.align_corners), out, x[0]), *[None] * (len(x) - 1))

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return averages(out) if self.mode == "area" else Kept()


class Upsample(_Between):
    """To `size`, or by `scale_factor`: floor(n * scale_factor) on each axis."""

    def infer(self, x: Shape) -> Shape:
        return self.resized(x, self.mode)


class UpsamplingNearest2d(_Resize):
    """Upsample with the nearest value, of channels x height x width."""

    ranks: ClassVar[tuple[int, ...]] = (3,)

    def infer(self, x: Shape) -> Shape:
        return self.resized(x, "nearest")

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (self.resized_sight("nearest", False, out, x),)


class UpsamplingBilinear2d(_Resize):
    """Upsample between the four nearest values, corners on corners, of channels x height x width."""

    ranks: ClassVar[tuple[int, ...]] = (3,)

    def infer(self, x: Shape) -> Shape:
        return self.resized(x, "bilinear")

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (self.resized_sight("bilinear", True, out, x),)


class Interpolate(_Between, op="interpolate"):
    """To `size`, by `scale_factor`, or to the size of another value, `like: ID`."""

    arity: ClassVar[tuple[int, float]] = (1, 2)
    references: ClassVar[tuple[str, ...]] = ("like",)
    reads: ClassVar[tuple[str, ...]] = ("F.interpolate", "shape")

    def check(self, *x: Shape | None) -> None:
        if len(x) == 2:
            _alone(self, "size", "scale_factor", "recompute_scale_factor")
        super().check(*x)

    def infer(self, *x: Shape) -> Shape:
        if len(x) == 1:
            return self.resized(x[0], self.mode)
        _same_rank(self.op, *x)
        like = type(self)(size=1, mode=self.mode)
        return (*like.resized(x[0], self.mode)[:1], *x[1][1:])

    def call(self, *x: Value) -> Call:
        default = type(self).model_fields
        args = {name: value for name in default if (value := getattr(self, name)) != default[name].default}
        given = "".join(f", {name}={{{name}}}" for name in args)
        like = ", size={1}.shape[2:]" if len(x) == 2 else ""
        return Call(None, args, apply=f"F.interpolate({{0}}{like}{given})")


def _alone(layer: Layer, *names: str) -> None:
    """Raise ShapeError where one of these arguments stands beside `like`."""
    for name in names:
        if getattr(layer, name) is not None:
            raise ShapeError("bad-value", f"`{layer.op}` takes `like` or `{name}`, not both", argument=name)


def _same_rank(op: str, x: Shape, like: Shape) -> None:
    if len(x) != len(like):
        raise ShapeError(
            "shape-mismatch",
            f"`{op}` needs values with as many axes: {show(x)} and {show(like)}",
            inputs={0: show(x), 1: show(like)},
        )


CENTER_CROP = '''
def center_crop(x: Tensor, size: list[int], axes: int = 2) -> Tensor:
    """The middle of x: its last `axes` axes cut down to `size`. narrow refuses what is larger than x."""
    for i in range(axes):
        axis = x.dim() - axes + i
        x = x.narrow(axis, (x.size(axis) - size[i]) // 2, size[i])
    return x
'''.strip()


class Crop(Layer, op="crop"):
    """The middle of its input, as large as another value (`like: ID`) or as `size` says.

    Of an odd rest, the smaller half is cut off in front.
    """

    size: Sizes | None = None

    arity: ClassVar[tuple[int, float]] = (1, 2)
    ranks: ClassVar[tuple[int, ...]] = (2, 3, 4)
    integer: ClassVar[bool | None] = None
    views: ClassVar[Views] = True
    references: ClassVar[tuple[str, ...]] = ("like",)
    reads: ClassVar[tuple[str, ...]] = ("shape",)
    support: ClassVar[tuple[str, ...]] = (CENTER_CROP,)

    def check(self, *x: Shape | None) -> None:
        if len(x) == 2:
            _alone(self, "size")
        elif self.size is None:
            raise ShapeError("missing-argument", "`crop` needs `like` or `size`", argument="like")

    def infer(self, *x: Shape) -> Shape:
        n = len(x[0]) - 1
        if self.size is None:
            _same_rank(self.op, *x)
            wanted = x[1][1:]
        else:
            wanted = sizes(self.size, n)
        if len(wanted) != n:
            raise ShapeError("bad-value", f"`size` has {len(wanted)} numbers for {n} axes", argument="size")
        for i, (have, want) in enumerate(zip(x[0][1:], wanted, strict=True)):
            if have < want:
                raise ShapeError(
                    "shape-mismatch",
                    f"cannot crop {show(x[0][1:])} to {show(wanted)}: its {AXES[n][i]} is smaller",
                    argument="size" if len(x) == 1 else None,
                    inputs={i: show(s) for i, s in enumerate(x)},
                    help=["swap the two: crop the larger one"] if len(x) == 2 else [],
                )
        return (x[0][0], *wanted)

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.part(out)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        cut = enumerate(zip(x[0][1:], out[1:], strict=True), 1)
        middle = (Link(0, SAME), *(Link(i, moved(-((have - want) // 2))) for i, (have, want) in cut))
        return (middle, *[None] * (len(x) - 1))

    def call(self, *x: Value) -> Call:
        n = len(x[0].shape) - 1
        args: dict[str, Any] = {} if self.size is None else {"size": sizes(self.size, n)}
        args |= {} if n == 2 else {"axes": n}
        size = "{size}" if self.size is not None else "{1}.shape[2:]"
        axes = "" if n == 2 else ", axes={axes}"
        return Call(None, args, apply=f"center_crop({{0}}, {size}{axes})", support=self.support)


class Subsample(Layer, op="subsample"):
    """Every `stride`-th place of each axis after the channels, the first among them."""

    stride: Sizes

    ranks: ClassVar[tuple[int, ...]] = (2, 3, 4)
    per_axis: ClassVar[tuple[str, ...]] = ("stride",)
    integer: ClassVar[bool | None] = None
    views: ClassVar[Views] = True

    def infer(self, x: Shape) -> Shape:
        n = len(x) - 1
        if isinstance(self.stride, tuple) and len(self.stride) != n:
            raise ShapeError("bad-value", f"`stride` has {len(self.stride)} numbers for {n} axes", argument="stride")
        return (x[0], *((size - 1) // s + 1 for size, s in zip(x[1:], sizes(self.stride, n), strict=True)))

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.part(out, dict(enumerate(sizes(self.stride, len(out) - 2), 2)))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        strides = enumerate(sizes(self.stride, len(x) - 1), 1)
        return ((Link(0, SAME), *(Link(i, windows(stride, 0, 1)) for i, stride in strides)),)

    def arithmetic(self, at: int, *x: Shape) -> str:
        stride = sizes(self.stride, len(x[0]) - 1)
        return f"floor(({x[0][at]} - 1) / {stride[at - 1]}) + 1" if at else ""

    def call(self, x: Value) -> Call:
        args = {f"stride_{i}": s for i, s in enumerate(sizes(self.stride, len(x.shape) - 1))}
        return Call(None, args, apply=f"{{0}}[:, :, {', '.join(f'::{{{name}}}' for name in args)}]")


class PadChannels(Layer, op="pad_channels"):
    """Channels of zeros after its own, up to `to`: with `subsample` the parameter-free shortcut (option A) of
    He et al. 2015, as its authors' first implementation has it."""

    to: Positive

    least: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("F.pad", "shape")

    def infer(self, x: Shape) -> Shape:
        if self.to < x[0]:
            raise ShapeError(
                "shape-mismatch",
                f"`pad_channels` to {self.to} cannot take channels away: there are {x[0]}",
                argument="to",
                inputs={0: f"{x[0]} channels"},
                help=[f"at least {x[0]}, or a 1x1 convolution"],
            )
        return (self.to, *x[1:])

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (same(len(x)),)

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return (Laid(padded("suggested", out[0], layouts[0], grows=self.to > x[0].shape[0])),)

    def call(self, x: Value) -> Call:
        zeros = "0, 0, " * (len(x.shape) - 1)
        return Call(None, {"to": self.to}, apply=f"F.pad({{0}}, ({zeros}0, {{to}} - {{0}}.shape[1]))")
