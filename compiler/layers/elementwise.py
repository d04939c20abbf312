"""The lower-case functions of single values: exponentials, powers, roots, rounding, bounds."""

from collections.abc import Sequence
from typing import ClassVar

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import Call, Float, Shape, ShapeError, Value, Views
from speczoo.compiler.layers.function import Arithmetic, Function, no_truths
from speczoo.compiler.strides import Laid, Layout, Lies, elementwise


class _Elementwise(Function, abstract=True):
    """Functions of one value, number by number, by torch's name. `reads` has that name alone."""

    lies: ClassVar[Lies] = "elementwise"
    unbatched: ClassVar[bool] = True

    def call(self, x: Value) -> Call:
        return Call(None, apply=f"{self.reads[0]}({{0}})")


class Exp(_Elementwise, op="exp"):
    """e to the power of x."""

    saves: ClassVar[Saves] = "output"
    reads: ClassVar[tuple[str, ...]] = ("torch.exp",)


class Expm1(_Elementwise, op="expm1"):
    """exp(x) - 1, exact for x near 0."""

    saves: ClassVar[Saves] = "output"
    reads: ClassVar[tuple[str, ...]] = ("torch.expm1",)


class Log(_Elementwise, op="log"):
    """The natural logarithm."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.log",)


class Log1p(_Elementwise, op="log1p"):
    """log(1 + x), exact for x near 0."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.log1p",)


class Log2(_Elementwise, op="log2"):
    """The logarithm of base 2."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.log2",)


class Sin(_Elementwise, op="sin"):
    """The sine of an angle in radians."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.sin",)


class Cos(_Elementwise, op="cos"):
    """The cosine of an angle in radians."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.cos",)


class Atan(_Elementwise, op="atan"):
    """The angle in radians, between -pi / 2 and pi / 2, whose tangent is x."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.atan",)


class Erf(_Elementwise, op="erf"):
    """The error function: twice the normal distribution's share between 0 and x of variance 1 / 2."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.erf",)


class Sqrt(_Elementwise, op="sqrt"):
    """The square root."""

    saves: ClassVar[Saves] = "output"
    reads: ClassVar[tuple[str, ...]] = ("torch.sqrt",)


class Rsqrt(_Elementwise, op="rsqrt"):
    """1 / sqrt(x)."""

    saves: ClassVar[Saves] = "output"
    reads: ClassVar[tuple[str, ...]] = ("torch.rsqrt",)


class Reciprocal(_Elementwise, op="reciprocal"):
    """1 / x."""

    saves: ClassVar[Saves] = "output"
    reads: ClassVar[tuple[str, ...]] = ("torch.reciprocal",)


class Floor(_Elementwise, op="floor"):
    """The largest whole number that is not above x; no gradient flows."""

    reads: ClassVar[tuple[str, ...]] = ("torch.floor",)


class Ceil(_Elementwise, op="ceil"):
    """The smallest whole number that is not below x; no gradient flows."""

    reads: ClassVar[tuple[str, ...]] = ("torch.ceil",)


class Round(_Elementwise, op="round"):
    """The nearest whole number, of two the even one; no gradient flows."""

    reads: ClassVar[tuple[str, ...]] = ("torch.round",)


class _OfNumbers(_Elementwise, abstract=True):
    """Functions of whole numbers, too."""

    integer: ClassVar[bool | None] = None

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)


class Abs(_OfNumbers, op="abs"):
    """|x|."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.abs",)


class Neg(_OfNumbers, op="neg"):
    """-x."""

    reads: ClassVar[tuple[str, ...]] = ("torch.neg",)


class Sign(_OfNumbers, op="sign"):
    """-1 below 0, 1 above, and 0 itself; no gradient flows."""

    reads: ClassVar[tuple[str, ...]] = ("torch.sign",)


class Square(_OfNumbers, op="square"):
    """x times itself."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.square",)


class Clamp(_Elementwise, op="clamp"):
    """x kept between `min` and `max`, either of which may be left out."""

    min: Float | None = None
    max: Float | None = None

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.clamp",)

    def check(self, *x: Shape | None) -> None:
        if self.min is None and self.max is None:
            raise ShapeError("missing-argument", "`clamp` needs `min` or `max`, or both", argument="min")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ShapeError("bad-value", f"`min: {self.min}` is above `max: {self.max}`", argument="min")

    def call(self, x: Value) -> Call:
        args = {name: bound for name in ("min", "max") if (bound := getattr(self, name)) is not None}
        given = "".join(f", {name}={{{name}}}" for name in args)
        return Call(None, args, apply=f"torch.clamp({{0}}{given})")


class Pairwise(Arithmetic, abstract=True):
    """Functions of two values, number by number, by torch's name. `reads` has that name alone."""

    arity: ClassVar[tuple[int, float]] = (2, 2)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)

    def call(self, *x: Value) -> Call:
        return Call(None, apply=f"{self.reads[0]}({{0}}, {{1}})")


class _Greater(Pairwise, abstract=True):
    numbers: ClassVar[bool] = False
    saves: ClassVar[Saves] = "input"


class Maximum(_Greater, op="maximum"):
    """The greater of two values."""

    reads: ClassVar[tuple[str, ...]] = ("torch.maximum",)


class Minimum(_Greater, op="minimum"):
    """The smaller of two values."""

    reads: ClassVar[tuple[str, ...]] = ("torch.minimum",)


class Named(Pairwise, abstract=True):
    """Functions whose second value may be a number by the name that torch has for it, which `number` says."""

    lies: ClassVar[Lies] = "elementwise"

    arity: ClassVar[tuple[int, float]] = (1, 2)
    merges: ClassVar[bool] = False  # one value stands alone, and may be the one before
    unbatched: ClassVar[bool] = True
    integer: ClassVar[bool | None] = None
    number: ClassVar[str] = ""

    def check(self, *x: Shape | None) -> None:
        given = getattr(self, self.number) is not None
        if given == (len(x) == 2):
            code = "bad-value" if given else "missing-argument"
            message = f"`{self.op}` takes two inputs, or one and `{self.number}`"
            raise ShapeError(code, message, argument=self.number)

    def call(self, *x: Value) -> Call:
        if len(x) == 2:
            return super().call(*x)
        return Call(None, {self.number: getattr(self, self.number)}, apply=f"{self.reads[0]}({{0}}, {{{self.number}}})")


class Pow(Named, op="pow"):
    """The first input to the power of the second, or of `exponent`."""

    exponent: Float | None = None

    number: ClassVar[str] = "exponent"
    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("torch.pow",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for i, value in enumerate(values):
            if not value.is_float and (value.batched or value.shape):
                message = f"`pow` takes floating point numbers, not {value.dtype}"
                raise ShapeError("shape-mismatch", message, inputs={i: value.dtype})
        return super().apply(*values)

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return the same; powers of a number lie plain."""
        if not x[0].batched and not x[0].shape:
            return (Laid(Layout.plain(out[0])),)
        return super().laid_out(out, layouts, *x, training=training)

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        if len(x) == 1:
            return Kept("input")
        return Kept("both" if all(x) else "input" if x[0] else "output")


class _Kind(Function, abstract=True):
    """Another kind of numbers, as a tensor's method of that name has it. `reads` has the name alone."""

    lies: ClassVar[Lies] = "elementwise"

    integer: ClassVar[bool | None] = None
    unbatched: ClassVar[bool] = True
    views: ClassVar[Views] = True  # of what is of that kind already
    kind: ClassVar[str] = ""

    def dtype(self, *x: Value) -> str:
        return self.kind

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        if x[0].dtype == self.kind:
            return (Laid(layouts[0], 0),)
        return (Laid(elementwise(*layouts)),)

    def call(self, x: Value) -> Call:
        return Call(None, apply=f"{{0}}.{self.reads[0]}()")


class AsFloat(_Kind, op="float"):
    """The same numbers as float32, true as 1."""

    kind: ClassVar[str] = "float32"
    reads: ClassVar[tuple[str, ...]] = ("float",)


class AsLong(_Kind, op="long"):
    """The whole parts of the numbers as int64, true as 1; no gradient flows."""

    kind: ClassVar[str] = "int64"
    reads: ClassVar[tuple[str, ...]] = ("long",)


class AsBool(_Kind, op="bool"):
    """Whether a number is another than 0; no gradient flows."""

    kind: ClassVar[str] = "bool"
    reads: ClassVar[tuple[str, ...]] = ("bool",)
