"""The lower-case functions around bool: comparisons, logic, and what chooses by it."""

from typing import ClassVar

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import Call, Float, Shape, ShapeError, Value, show
from speczoo.compiler.layers.elementwise import Named
from speczoo.compiler.layers.function import Arithmetic, Function
from speczoo.compiler.strides import Lies


class _Comparison(Named, abstract=True):
    """Whether a relation holds, as bool."""

    other: Float | None = None

    number: ClassVar[str] = "other"
    numbers: ClassVar[bool] = False

    def dtype(self, *x: Value) -> str:
        return "bool"


class Eq(_Comparison, op="eq"):
    """Whether the first input is the second, or `other`."""

    reads: ClassVar[tuple[str, ...]] = ("torch.eq",)


class Ne(_Comparison, op="ne"):
    """Whether the first input is not the second, or `other`."""

    reads: ClassVar[tuple[str, ...]] = ("torch.ne",)


class Lt(_Comparison, op="lt"):
    """Whether the first input is below the second, or `other`."""

    reads: ClassVar[tuple[str, ...]] = ("torch.lt",)


class Le(_Comparison, op="le"):
    """Whether the first input is at most the second, or `other`."""

    reads: ClassVar[tuple[str, ...]] = ("torch.le",)


class Gt(_Comparison, op="gt"):
    """Whether the first input is above the second, or `other`."""

    reads: ClassVar[tuple[str, ...]] = ("torch.gt",)


class Ge(_Comparison, op="ge"):
    """Whether the first input is at least the second, or `other`."""

    reads: ClassVar[tuple[str, ...]] = ("torch.ge",)


def _truths(op: str, position: int, value: Value) -> None:
    """Raise ShapeError where an input is no bool."""
    if value.dtype != "bool":
        message = f"`{op}` takes a bool as input {position + 1}, not {value.dtype}"
        help = ["comparisons give one: `{op: gt, other: 0}`"]
        raise ShapeError("shape-mismatch", message, inputs={position: value.dtype}, help=help)


class LogicalNot(Function, op="logical_not"):
    """Whether a bool is false."""

    lies: ClassVar[Lies] = "elementwise"

    integer: ClassVar[bool | None] = None
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("torch.logical_not",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for position, value in enumerate(values):
            _truths(self.op, position, value)
        return super().apply(*values)

    def call(self, x: Value) -> Call:
        return Call(None, apply="torch.logical_not({0})")


class _Logical(Arithmetic, abstract=True):
    """Functions of two bools, by torch's name."""

    arity: ClassVar[tuple[int, float]] = (2, 2)
    numbers: ClassVar[bool] = False

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for position, value in enumerate(values):
            _truths(self.op, position, value)
        return super().apply(*values)

    def call(self, *x: Value) -> Call:
        return Call(None, apply=f"{self.reads[0]}({{0}}, {{1}})")


class LogicalAnd(_Logical, op="logical_and"):
    """Whether both of two bools are true."""

    reads: ClassVar[tuple[str, ...]] = ("torch.logical_and",)


class LogicalOr(_Logical, op="logical_or"):
    """Whether at least one of two bools is true."""

    reads: ClassVar[tuple[str, ...]] = ("torch.logical_or",)


class Where(Arithmetic, op="where"):
    """The second input where the first, a bool, is true, and the third elsewhere."""

    arity: ClassVar[tuple[int, float]] = (3, 3)
    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("torch.where",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for value in values[:1]:
            _truths(self.op, 0, value)
        return super().apply(*values)

    def dtype(self, *x: Value) -> str:
        return super().dtype(*x[1:])

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return Kept(inputs=(0,))

    def call(self, *x: Value) -> Call:
        return Call(None, apply="torch.where({0}, {1}, {2})")


class MaskedFill(Arithmetic, op="masked_fill"):
    """The first input, and `value` where the second, a bool, is true."""

    value: Float

    arity: ClassVar[tuple[int, float]] = (2, 2)
    numbers: ClassVar[bool] = False
    lies: ClassVar[Lies] = "plain"
    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("masked_fill",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for value in values[:1]:
            if not value.is_float:
                message = f"`masked_fill` fills floating point numbers, not {value.dtype}"
                raise ShapeError("shape-mismatch", message, inputs={0: value.dtype})
        for value in values[1:2]:
            _truths(self.op, 1, value)
        return super().apply(*values)

    def infer(self, *x: Shape) -> Shape:
        out = super().infer(*x)
        if out != x[0]:
            message = f"`masked_fill` fills {show(x[0])}, and the mask is {show(x[1])}"
            raise ShapeError("shape-mismatch", message, inputs={i: show(shape) for i, shape in enumerate(x)})
        return out

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return Kept(inputs=(1,))

    def call(self, *x: Value) -> Call:
        return Call(None, {"value": self.value}, apply="{0}.masked_fill({1}, {value})")
