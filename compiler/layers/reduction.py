"""The lower-case functions that reduce axes of one value, or go along one. Axes are torch's; the batch is refused."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import Call, Int, Listed, Shape, ShapeError, Value, axis, show
from speczoo.compiler.layers.function import Function, no_truths
from speczoo.compiler.reach import SAME, Link, Sight, causal, mixing, same, whole
from speczoo.compiler.strides import Lies

Axes = Annotated[Int | Annotated[tuple[Int, ...], Field(min_length=1)], Listed]


def printed(dim: int, x: Value, *, extra: int = 0) -> int:
    """Return the number of an axis for torch: of a value without a batch axis, which may be stored with an axis before
    its own, counted from the end, where `extra` ones come. Raises ShapeError.
    """
    rank = len(x.shape)
    return dim if x.batched else axis(dim, rank, extra=extra) - rank - extra


class _Along(Function, abstract=True):
    """Functions of the axis `dim`, or of several, as torch's method of that name. `reads` has the name alone; arguments
    are printed where they are not the default."""

    dim: Any

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    unbatched: ClassVar[bool] = True

    def gone(self, rank: int) -> list[int]:
        """Return the places of `dim` in a shape. Raises ShapeError."""
        dims = (self.dim,) if isinstance(self.dim, int) else self.dim
        found = [axis(d, rank) for d in dims]
        if len(set(found)) != len(found):
            raise ShapeError("bad-value", f"`dim: {list(dims)}` names an axis twice", argument="dim")
        return found

    def dims(self, x: Value) -> int | tuple[int, ...]:
        """Return `dim` for torch. Raises ShapeError."""
        return printed(self.dim, x) if isinstance(self.dim, int) else tuple(printed(d, x) for d in self.dim)

    def stated(self) -> dict[str, Any]:
        """Return the arguments besides `dim` that are not the default."""
        fields = type(self).model_fields
        return {
            name: given for name in fields if (given := getattr(self, name)) != fields[name].default and name != "dim"
        }

    def call(self, x: Value) -> Call:
        stated = self.stated()
        options = "".join(f", {name}={{{name}}}" for name in stated)
        return Call(None, {"dim": self.dims(x), **stated}, apply=f"{{0}}.{self.reads[0]}({{dim}}{options})")


class _Reduction(_Along, abstract=True):
    dim: Axes
    keepdim: bool = False

    def infer(self, x: Shape) -> Shape:
        gone = self.gone(len(x))
        return tuple(1 if i in gone else n for i, n in enumerate(x) if self.keepdim or i not in gone)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        gone = self.gone(len(x))
        kept = [i for i in range(len(x)) if self.keepdim or i not in gone]
        return (tuple(whole(n) if i in gone else Link(kept.index(i), SAME) for i, n in enumerate(x)),)


class Mean(_Reduction, op="mean"):
    """The mean over the axes `dim`, which stay as axes of 1 where `keepdim` is true."""

    reads: ClassVar[tuple[str, ...]] = ("mean",)


class _Counted(_Along, abstract=True):
    """Functions that count in whole numbers, of bool too."""

    integer: ClassVar[bool | None] = None

    def dtype(self, *x: Value) -> str:
        return x[0].dtype if x[0].is_float else "int64"


class Sum(_Reduction, _Counted, op="sum"):
    """The sum over the axes `dim`."""

    reads: ClassVar[tuple[str, ...]] = ("sum",)


class Prod(_Reduction, _Counted, op="prod"):
    """The product over the axis `dim`."""

    dim: Int

    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("prod",)


class Cumsum(_Counted, op="cumsum"):
    """At each place of axis `dim` the sum of all up to it."""

    dim: Int

    reads: ClassVar[tuple[str, ...]] = ("cumsum",)

    def infer(self, x: Shape) -> Shape:
        self.gone(len(x))
        return x

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        (at,) = self.gone(len(x))
        own = same(len(x))
        return ((*own[:at], causal(at, x[at]), *own[at + 1 :]),)


class Amax(_Reduction, op="amax"):
    """The greatest over the axes `dim`; several that are share the gradient."""

    integer: ClassVar[bool | None] = None
    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("amax",)


class Amin(_Reduction, op="amin"):
    """The smallest over the axes `dim`; several that are share the gradient."""

    integer: ClassVar[bool | None] = None
    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("amin",)


class _Place(_Reduction, abstract=True):
    dim: Int

    integer: ClassVar[bool | None] = None

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)

    def dtype(self, *x: Value) -> str:
        return "int64"


class Argmax(_Place, op="argmax"):
    """Where on axis `dim` the greatest stands, as int64; no gradient flows."""

    reads: ClassVar[tuple[str, ...]] = ("argmax",)


class Argmin(_Place, op="argmin"):
    """Where on axis `dim` the smallest stands, as int64; no gradient flows."""

    reads: ClassVar[tuple[str, ...]] = ("argmin",)


class Logsumexp(_Reduction, op="logsumexp"):
    """log of the sum of exp(x) over the axes `dim`."""

    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("logsumexp",)


class _Spread(_Reduction, abstract=True):
    dim: Axes
    correction: Annotated[int, Field(ge=0)] = 1
    keepdim: bool = False

    def infer(self, x: Shape) -> Shape:
        if math.prod(x[i] for i in self.gone(len(x))) <= self.correction:
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` with `correction: {self.correction}` needs more values than that",
                argument="dim",
                inputs={0: show(x)},
                help=["`correction: 0` takes any number of values"],
            )
        return super().infer(x)


class Var(_Spread, op="var"):
    """The variance over the axes `dim`: the sum of squares about the mean, divided by n - `correction`."""

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("var",)


class Std(_Spread, op="std"):
    """The standard deviation over the axes `dim`: the square root of `var`."""

    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("std",)


Power = Annotated[float, Field(gt=0)]


class Norm(_Reduction, op="norm"):
    """The sum of |x|^p over the axes `dim`, to the power of 1 / p."""

    p: Power = 2.0
    dim: Axes
    keepdim: bool = False

    saves: ClassVar[Saves] = "both"
    reads: ClassVar[tuple[str, ...]] = ("torch.linalg.vector_norm",)

    def call(self, x: Value) -> Call:
        args = {"p": self.p, "dim": self.dims(x)} | ({"keepdim": True} if self.keepdim else {})
        options = ", keepdim={keepdim}" if self.keepdim else ""
        return Call(None, args, apply=f"torch.linalg.vector_norm({{0}}, {{p}}, {{dim}}{options})")


class Normalize(_Along, op="normalize"):
    """Divided by its `norm` over axis `dim`, or by `eps` where that is larger."""

    lies: ClassVar[Lies] = "elementwise"

    p: Power = 2.0
    dim: Int = 1
    eps: Annotated[float, Field(gt=0)] = 1e-12

    saves: ClassVar[Saves] = "input"
    reads: ClassVar[tuple[str, ...]] = ("F.normalize",)

    def infer(self, x: Shape) -> Shape:
        self.gone(len(x))
        return x

    def keeps(self, out: Shape, x: Shape) -> Kept:
        """Return the norms, too, before and after they are held above `eps`."""
        (gone,) = self.gone(len(x))
        return Kept("input", 2 * math.prod((*x[:gone], *x[gone + 1 :])))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, self.gone(len(x))),)

    def call(self, x: Value) -> Call:
        args = self.stated() | ({"dim": dim} if (dim := self.dims(x)) != 1 else {})
        options = "".join(f", {name}={{{name}}}" for name in args)
        return Call(None, args, apply=f"F.normalize({{0}}{options})")
