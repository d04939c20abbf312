"""Values put where other values say: what pooling took back in its places, and images read at the points of a grid."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import (
    Call,
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
    T,
    Value,
    show,
    sizes,
)
from speczoo.compiler.layers.function import Function
from speczoo.compiler.reach import SAME, Link, Sight, whole
from speczoo.compiler.strides import Lies
from speczoo.compiler.window import AXES, Spatial


class _MaxUnpool(Spatial, abstract=True):
    """The inverse of MaxPool: from `x.0` and `x.1` of a pool with `return_indices: true`; `like: ID` is a value as
    large as that pool's input, where its size does not follow."""

    lies: ClassVar[Lies] = "suggested"

    kernel_size: Any
    stride: Any = None
    padding: Any = 0

    follows: ClassVar[dict[str, str]] = {"stride": "kernel_size"}
    saves: ClassVar[Saves] = "input"
    positional: ClassVar[int] = 1
    arity: ClassVar[tuple[int, float]] = (2, 3)
    references: ClassVar[tuple[str, ...]] = ("like",)
    reads: ClassVar[tuple[str, ...]] = ("shape",)

    def held(self, values: tuple[T, ...]) -> tuple[T, ...]:
        return values[:1]

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for value in values[1:2]:
            if value.dtype != "int64":
                message = f"`{self.op}` takes indices (int64) as input 2, not {value.dtype}"
                help = ["a pool with `return_indices: true` gives them, as `id.1`"]
                raise ShapeError("shape-mismatch", message, inputs={1: value.dtype}, help=help)
        return super().apply(*values)

    def infer(self, *x: Shape) -> Shape:
        n = self.spatial
        if x[1] != x[0]:
            message = f"`{self.op}` needs an index for each value: {show(x[0])} and {show(x[1])}"
            raise ShapeError("shape-mismatch", message, inputs={0: show(x[0]), 1: show(x[1])})
        steps = sizes(self.kernel_size if self.stride is None else self.stride, n)
        windows = zip(x[0][-n:], sizes(self.kernel_size, n), steps, sizes(self.padding, n), strict=True)
        out = tuple((size - 1) * stride - 2 * padding + kernel for size, kernel, stride, padding in windows)
        if len(x) == 2:
            return (*x[0][:-n], *out)
        if len(x[2]) != len(x[0]):
            message = f"`like` has {len(x[2])} axes besides the batch, and {len(x[0])} are wanted"
            raise ShapeError("shape-mismatch", message, argument="like", inputs={2: show(x[2])})
        for name, size, wanted, step in zip(AXES[n], out, x[2][-n:], steps, strict=True):
            if wanted <= size - step or wanted >= size + step:
                raise ShapeError(
                    "shape-mismatch",
                    f"a {name} of {wanted} cannot have been pooled to this: it would be about {size}",
                    argument="like",
                    inputs={0: show(x[0]), 2: show(x[2])},
                )
        return (*x[0][:-n], *x[2][-n:])

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return Kept(inputs=(1,))

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        sight = (Link(0, SAME), *map(whole, x[0][1:]))
        return (sight, sight, *[None] * (len(x) - 2))

    def call(self, *x: Value) -> Call:
        args = self.arguments(*(v.shape for v in x))
        usual = {"stride": None, "padding": 0}
        size = f", output_size={{2}}.shape[{-self.spatial}:]" if len(x) == 3 else ""
        return Call(f"nn.{self.op}", args, usual, 1, apply=f"{{self}}({{0}}, {{1}}{size})")


class MaxUnpool1d(_MaxUnpool):
    """The values of a MaxPool1d back in their places, zeros elsewhere."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Pad1 = 0
    spatial: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2,)


class MaxUnpool2d(_MaxUnpool):
    """The values of a MaxPool2d back in their places, zeros elsewhere."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Pad2 = 0
    spatial: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (3,)


class MaxUnpool3d(_MaxUnpool):
    """The values of a MaxPool3d back in their places, zeros elsewhere."""

    lies: ClassVar[Lies] = "plain"
    kernel_size: Size3
    stride: Size3 | None = None
    padding: Pad3 = 0
    spatial: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4,)


class GridSample(Function, op="grid_sample"):
    """An image or volume read at the points of a grid, the second input: places of the output x coordinates between -1
    and 1, the last axis first."""

    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool = False

    saves: ClassVar[Saves] = "input"
    arity: ClassVar[tuple[int, float]] = (2, 2)
    ranks: ClassVar[tuple[int, ...]] = (3, 4)
    reads: ClassVar[tuple[str, ...]] = ("F.grid_sample",)

    def infer(self, x: Shape, grid: Shape) -> Shape:
        n = len(x) - 1
        if len(grid) != len(x) or grid[-1] != n:
            raise ShapeError(
                "shape-mismatch",
                f"the grid for {show(x)} has {n} axes and {n} coordinates, and is {show(grid)}",
                inputs={0: show(x), 1: show(grid)},
            )
        if self.mode == "bicubic" and n == 3:
            raise ShapeError("bad-value", "`mode: bicubic` is for images alone", argument="mode", inputs={0: show(x)})
        return (x[0], *grid[:-1])

    def sees(self, port: int, out: Shape, x: Shape, grid: Shape) -> tuple[Sight, ...]:
        points = tuple(Link(i + 1, SAME) for i in range(len(grid) - 1))
        return (Link(0, SAME), *map(whole, x[1:])), (*points, whole(grid[-1]))

    def call(self, x: Value, grid: Value) -> Call:
        args: dict[str, Any] = {"align_corners": self.align_corners}
        usual = {"mode": "bilinear", "padding_mode": "zeros"}
        args = {name: given for name, default in usual.items() if (given := getattr(self, name)) != default} | args
        options = "".join(f", {name}={{{name}}}" for name in args)
        return Call(None, args, apply=f"F.grid_sample({{0}}, {{1}}{options})")


Extents = Annotated[
    tuple[Positive, Positive] | tuple[Positive, Positive, Positive],
    Listed,
    Field(description="Height and width, or depth, height and width."),
]


class AffineGrid(Function, op="affine_grid"):
    """The grid of points, for `grid_sample`, that matrices of 2 x 3 (or 3 x 4) map an image (or volume) of `size` to,
    or one as large as another value (`like: ID`)."""

    size: Extents | None = None
    align_corners: bool = False

    arity: ClassVar[tuple[int, float]] = (1, 2)
    references: ClassVar[tuple[str, ...]] = ("like",)
    reads: ClassVar[tuple[str, ...]] = ("F.affine_grid", "shape")

    def held(self, values: tuple[T, ...]) -> tuple[T, ...]:
        return values[:1]

    def check(self, *x: Shape | None) -> None:
        if (self.size is None) == (len(x) == 1):
            code = "missing-argument" if self.size is None else "bad-value"
            raise ShapeError(code, "`affine_grid` takes `size` or `like`", argument="size")

    def infer(self, *x: Shape) -> Shape:
        out = x[1][1:] if self.size is None else self.size
        n = len(out)
        if n not in (2, 3) or x[0] != (n, n + 1):
            raise ShapeError(
                "shape-mismatch",
                f"an affine map of {n} axes is {n} x {n + 1}, not {show(x[0])}",
                inputs={i: show(shape) for i, shape in enumerate(x)},
            )
        return (*out, n)

    def macs(self, out: Shape, *x: Shape) -> int:
        return math.prod(out) * x[0][1]

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return ((Link(len(out) - 1, SAME), whole(x[0][1])), *[None] * (len(x) - 1))

    def call(self, *x: Value) -> Call:
        args: dict[str, Any] = {"align_corners": self.align_corners}
        if self.size is None:
            size = "{1}.shape"
        else:
            args = {f"size_{i}": n for i, n in enumerate(self.size)} | args
            size = f"({{0}}.shape[0], 1, {', '.join(f'{{size_{i}}}' for i in range(len(self.size)))})"
        return Call(None, args, apply=f"F.affine_grid({{0}}, {size}, align_corners={{align_corners}})")
