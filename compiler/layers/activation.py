"""Element-wise activations, and gates."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import (
    FLOAT32_MAX,
    Call,
    Float,
    Int,
    Layer,
    Positive,
    Shape,
    ShapeError,
    Value,
    axis,
)
from speczoo.compiler.layers.reduction import printed
from speczoo.compiler.reach import Link, Reach, Sight, same
from speczoo.compiler.strides import Laid, Layout, Lies, elementwise


class _InPlace(Layer, abstract=True):
    """Activations whose one argument is whether they write over their input."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True

    inplace: bool = False


class ReLU(_InPlace):
    """max(x, 0)."""

    saves: ClassVar[Saves] = "output"
    saves_inplace: ClassVar[Saves] = "output"


class ReLU6(_InPlace):
    """x kept between 0 and 6."""

    saves: ClassVar[Saves] = "input"


class SELU(_InPlace):
    """ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al. 2017)."""

    saves: ClassVar[Saves] = "input"
    saves_inplace: ClassVar[Saves] = "output"


class SiLU(_InPlace):
    """x sigmoid(x), also called swish."""

    saves: ClassVar[Saves] = "input"


class Mish(_InPlace):
    """x tanh(softplus(x))."""

    saves: ClassVar[Saves] = "input"


class Hardsigmoid(_InPlace):
    """relu6(x + 3) / 6: a sigmoid made of straight lines."""

    saves: ClassVar[Saves] = "input"


class Hardswish(_InPlace):
    """x relu6(x + 3) / 6: SiLU made of straight lines (MobileNetV3)."""

    saves: ClassVar[Saves] = "input"


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "output"


class LogSigmoid(Layer):
    """log(sigmoid(x))."""

    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input", math.prod(x))


class Tanh(Layer):
    """The hyperbolic tangent."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "output"


class Tanhshrink(Layer):
    """x - tanh(x)."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("", math.prod(x))


class Softsign(Layer):
    """x / (1 + |x|)."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input", math.prod(x))


def _bent(layer: Layer, argument: str, slope: float) -> ShapeError | None:
    """Return an in-place op keeps its output alone, which does not show on which side of 0 the input was where a slope
    is negative.
    """
    if not layer.inplace_ or slope >= 0:
        return None
    message = f"with `{argument}: {getattr(layer, argument)}` and `inplace` there is no backward pass"
    return ShapeError("unsafe-inplace", message, argument="inplace", help=["write `inplace: false`"])


class ELU(Layer):
    """x above 0, alpha (exp(x) - 1) below."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"
    saves_inplace: ClassVar[Saves] = "output"

    alpha: Float = 1.0
    inplace: bool = False

    def no_backward(self) -> ShapeError | None:
        return _bent(self, "alpha", self.alpha)


class CELU(Layer):
    """x above 0, alpha (exp(x / alpha) - 1) below."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"
    saves_inplace: ClassVar[Saves] = "output"

    alpha: Float = 1.0
    inplace: bool = False

    def check(self, *x: Shape | None) -> None:
        if abs(self.alpha) * FLOAT32_MAX < 1:
            raise ShapeError("bad-value", "`alpha` cannot be 0, or nearly: x is divided by it", argument="alpha")

    def no_backward(self) -> ShapeError | None:
        return _bent(self, "alpha", self.alpha)


class LeakyReLU(Layer):
    """x above 0, negative_slope x below."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"
    saves_inplace: ClassVar[Saves] = "output"

    negative_slope: Float = 0.01
    inplace: bool = False

    def no_backward(self) -> ShapeError | None:
        return _bent(self, "negative_slope", self.negative_slope)


class RReLU(Layer):
    """LeakyReLU with a random slope while training, and the middle one otherwise."""

    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"
    saves_inplace: ClassVar[Saves] = "output"

    lower: Float = 1 / 8
    upper: Float = 1 / 3
    inplace: bool = False

    def check(self, *x: Shape | None) -> None:
        if self.lower > self.upper:
            raise ShapeError("bad-value", f"`lower: {self.lower}` is above `upper: {self.upper}`", argument="lower")

    def no_backward(self) -> ShapeError | None:
        return _bent(self, "lower", (self.lower + self.upper) / 2)  # the slope of evaluation

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept(self.saved, math.prod(x))  # the slopes


class PReLU(Layer):
    """LeakyReLU with a learned slope: one for all, or one a channel."""

    lies: ClassVar[Lies] = "elementwise"
    saves: ClassVar[Saves] = "input"

    num_parameters: Positive = 1
    init: Float = 0.25

    least: ClassVar[int] = 1

    def infer(self, x: Shape) -> Shape:
        if self.num_parameters not in (1, x[0]):
            raise ShapeError(
                "shape-mismatch",
                f"`num_parameters: {self.num_parameters}` fits neither all channels at once (1) nor each of {x[0]}",
                argument="num_parameters",
                inputs={0: f"{x[0]} channels"},
                help=[f"make it {x[0]}, or leave it out for one slope"],
            )
        return x

    parameters: ClassVar[tuple[str, ...]] = ("weight",)

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}


class GELU(Layer):
    """x times the normal distribution's share below x."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    approximate: Literal["none", "tanh"] = "none"


class Hardtanh(Layer):
    """x kept between min_val and max_val."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    min_val: Float = -1.0
    max_val: Float = 1.0
    inplace: bool = False

    def check(self, *x: Shape | None) -> None:
        if self.max_val <= self.min_val:
            message = f"`max_val: {self.max_val}` is not above `min_val: {self.min_val}`"
            raise ShapeError("bad-value", message, argument="max_val")


class Hardshrink(Layer):
    """x where |x| is above lambd, 0 elsewhere."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    lambd: Float = 0.5


class Softshrink(Layer):
    """x moved towards 0 by lambd, 0 where |x| is below it."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    lambd: Float = 0.5

    def check(self, *x: Shape | None) -> None:
        if self.lambd < 0:
            raise ShapeError("bad-value", f"`lambd: {self.lambd}` is below 0", argument="lambd")


class Softplus(Layer):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above threshold."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    beta: Float = 1.0
    threshold: Float = 20.0


class Threshold(Layer):
    """x where it is above threshold, value elsewhere."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True
    saves: ClassVar[Saves] = "input"

    threshold: Float
    value: Float
    inplace: bool = False

    positional: ClassVar[int] = 2


class GLU(Layer):
    """a sigmoid(b), where a and b are the halves of x along `dim`."""

    saves: ClassVar[Saves] = "input"

    dim: Int = -1

    least: ClassVar[int] = 1
    unbatched: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("dim",)

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x))
        if x[at] % 2:
            raise ShapeError(
                "indivisible",
                f"`GLU` halves axis {self.dim}, and {x[at]} is odd",
                argument="dim",
                inputs={0: f"{x[at]}"},
                help=[f"{x[at] + 1} would do: the output has half of it"],
            )
        return (*x[:at], x[at] // 2, *x[at + 1 :])

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return (Laid(elementwise(layouts[0].part(out[0]))),)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at = axis(self.dim, len(x))
        own = same(len(x))
        return ((*own[:at], Link(at, Reach(1, ((0, x[at] // 2),))), *own[at + 1 :]),)

    def call(self, x: Value) -> Call:
        return replace(super().call(x), args={"dim": printed(self.dim, x)})
