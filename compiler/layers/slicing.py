"""The lower-case functions that take parts of an axis. Axes are torch's numbers; the batch is refused."""

from typing import ClassVar

from speczoo.compiler.kept import Kept
from speczoo.compiler.layer import (
    Call,
    Int,
    NonNegative,
    Positive,
    Shape,
    ShapeError,
    Value,
    axis,
    bare,
    show,
)
from speczoo.compiler.layers.axes import Moves, counted
from speczoo.compiler.layers.reduction import printed
from speczoo.compiler.reach import SAME, Link, Sight, moved, only, same, whole, windows
from speczoo.compiler.strides import Layout


def _subscript(x: Value, at: int, inner: str) -> str:
    """Return a subscript that is `inner` on an axis, and all of the others."""
    if x.batched:
        return f"{{0}}[{':, ' * (at + 1)}{inner}]"
    return f"{{0}}[..., {inner}{', :' * (len(x.shape) - at - 1)}]"


class Select(Moves, op="select"):
    """The one slice at `index` of axis `dim`, which goes; -1 is the last."""

    dim: Int
    index: Int

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    applied: ClassVar[tuple[str, ...]] = ("dim",)  # by its place in a subscript
    unbatched: ClassVar[bool] = True

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x))
        if not -x[at] <= self.index < x[at]:
            raise ShapeError(
                "bad-value",
                f"`index: {self.index}` is not in axis {self.dim}, which has {x[at]}",
                argument="index",
                inputs={0: show(x)},
                help=[f"0 to {x[at] - 1}, or from the end -1 to {-x[at]}"],
            )
        return (*x[:at], *x[at + 1 :])

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.without(self.dim)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(x)), same(len(out))
        return ((*own[:at], only(self.index % x[at]), *own[at:]),)

    def call(self, x: Value) -> Call:
        return Call(None, {"index": self.index}, apply=_subscript(x, axis(self.dim, len(x.shape)), "{index}"))


class IndexSelect(Moves, op="index_select"):
    """The slices of its first input along axis `dim` at the places that its second, whole numbers in a list without a
    batch axis, says: as a table of relative positions is looked up. Of a value without a batch axis, a vector or a
    matrix, a row for each of a sample's whole numbers: `dim: 1`, as an Embedding by a `Parameter`.
    """

    dim: Int

    arity: ClassVar[tuple[int, float]] = (2, 2)
    axes: ClassVar[tuple[str, ...]] = ("dim",)
    integer: ClassVar[bool | None] = None
    views: ClassVar[bool] = False
    unbatched: ClassVar[bool] = True
    merges: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("index_select", "F.embedding", "unsqueeze", "squeeze")

    def apply(self, *values: Value) -> tuple[Value, ...]:
        if len(values) == 2:
            self._check_places(*values)
        return super().apply(*values)

    def _check_places(self, x: Value, index: Value) -> None:
        """Raise ShapeError for places that are none of whole numbers, or more than one list for all samples."""
        if index.dtype != "int64":
            message = f"the places are whole numbers (int64), not {index.dtype}"
            raise ShapeError("shape-mismatch", message, inputs={1: index.dtype})
        if not index.batched:
            if len(index.shape) != 1:
                message = f"the places are one list, not {show(index.shape)}"
                help = ["put a `reshape` before it"]
                raise ShapeError("shape-mismatch", message, inputs={1: show(index.shape)}, help=help)
        elif x.batched:
            message = "places of each sample are looked up in a value without a batch axis, as of a `Parameter`"
            raise ShapeError("shape-mismatch", message, inputs={0: f"{show(x.shape)} of each sample"})
        elif len(x.shape) > 2 or axis(self.dim, len(x.shape)):
            message = "places of each sample are looked up in a vector or along the first axis of a matrix, `dim: 1`"
            raise ShapeError("shape-mismatch", message, inputs={0: show(x.shape)})

    def infer(self, x: Shape, index: Shape) -> Shape:
        at = axis(self.dim, len(x))
        return (*x[:at], *index, *x[at + 1 :])

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return Kept(inputs=(1,))

    def sees(self, port: int, out: Shape, x: Shape, index: Shape) -> tuple[Sight, ...]:
        at, more = axis(self.dim, len(x)), len(index) - 1
        behind = (Link(i + more, SAME) for i in range(at + 1, len(x)))
        return ((*same(len(x))[:at], whole(x[at]), *behind), tuple(Link(at + i, SAME) for i in range(len(index))))

    def call(self, *x: Value) -> Call:
        if x[1].batched:
            table = bare(0, x[0])
            looked_up = f"F.embedding({{1}}, {table})"
            vector = f"F.embedding({{1}}, {table}.unsqueeze(1)).squeeze(-1)"
            return Call(None, apply=looked_up if len(x[0].shape) == 2 else vector)
        return Call(None, {"dim": printed(self.dim, x[0])}, apply=f"{{0}}.index_select({{dim}}, {bare(1, x[1])})")


def _place(index: int, size: int) -> int:
    """Return the place that an index of Python's slices means: counted from the end below 0, and never beyond one."""
    place = index if index >= 0 else size + index
    return size if place > size else 0 if place < 0 else place


class Slice(Moves, op="slice"):
    """The places of axis `dim` from `start` up to `stop`, which is left out, every `step`-th, as in Python."""

    dim: Int
    start: Int = 0
    stop: Int | None = None
    step: Positive = 1

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    applied: ClassVar[tuple[str, ...]] = ("dim",)  # by its place in a subscript
    unbatched: ClassVar[bool] = True

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x))
        start, stop = self._bounds(x[at])
        if stop <= start:
            raise ShapeError(
                "empty-output",
                f"from {self.start} to {self.stop} there is nothing of axis {self.dim}, which has {x[at]}",
                argument="start" if self.stop is None else "stop",
                inputs={0: show(x)},
                notes=[f"it would begin at {start}, and end before {stop}"],
            )
        return (*x[:at], (stop - start + self.step - 1) // self.step, *x[at + 1 :])

    def _bounds(self, size: int) -> tuple[int, int]:
        return _place(self.start, size), size if self.stop is None else _place(self.stop, size)

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.part(out, {self.dim: self.step})

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(x)), same(len(x))
        start, _ = self._bounds(x[at])
        return ((*own[:at], Link(at, windows(self.step, -start, 1)), *own[at + 1 :]),)

    def call(self, x: Value) -> Call:
        defaults = {"start": 0, "stop": None, "step": 1}
        args = {name: given for name, default in defaults.items() if (given := getattr(self, name)) != default}
        start, stop, step = (f"{{{name}}}" if name in args else "" for name in defaults)
        inner = f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        return Call(None, args, apply=_subscript(x, axis(self.dim, len(x.shape)), inner))


class Narrow(Moves, op="narrow"):
    """`length` places of axis `dim` from `start` on, or as many as another value has (`like: ID`)."""

    dim: Int
    start: NonNegative = 0
    length: Positive | None = None

    arity: ClassVar[tuple[int, float]] = (1, 2)
    axes: ClassVar[tuple[str, ...]] = ("dim",)
    references: ClassVar[tuple[str, ...]] = ("like",)
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("narrow", "shape")

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if (len(x) == 2) == (self.length is not None):
            code = "missing-argument" if self.length is None else "bad-value"
            raise ShapeError(code, "`narrow` takes `length` or `like`", argument="length")

    def infer(self, *x: Shape) -> Shape:
        at = axis(self.dim, len(x[0]))
        wanted = self.length
        if wanted is None:
            wanted = x[1][axis(self.dim, len(x[1]))]
        if self.start + wanted > x[0][at]:
            raise ShapeError(
                "shape-mismatch",
                f"`narrow` to {wanted} from {self.start} on goes beyond axis {self.dim}, which has {x[0][at]}",
                argument="length" if len(x) == 1 else None,
                inputs={i: show(shape) for i, shape in enumerate(x)},
            )
        return (*x[0][:at], wanted, *x[0][at + 1 :])

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.part(out)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(x[0])), same(len(x[0]))
        return ((*own[:at], Link(at, moved(-self.start)), *own[at + 1 :]), *[None] * (len(x) - 1))

    def batched(self, *x: Value) -> bool:
        return x[0].batched  # `like` gives a number alone

    def call(self, *x: Value) -> Call:
        args = {"dim": printed(self.dim, x[0]), "start": self.start}
        if len(x) == 1:
            return Call(None, args | {"length": self.length}, apply="{0}.narrow({dim}, {start}, {length})")
        args["like_dim"] = printed(self.dim, x[1])
        return Call(None, args, apply="{0}.narrow({dim}, {start}, {1}.shape[{like_dim}])")


class Unbind(Moves, op="unbind"):
    """Each slice of axis `dim`, which goes, as `id.0`, `id.1` and so on."""

    dim: Int

    outputs: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("dim",)
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("unbind",)

    def infer(self, x: Shape) -> list[Shape]:
        at = axis(self.dim, len(x))
        counted(x[at], "dim")
        return [(*x[:at], *x[at + 1 :]) for _ in range(x[at])]

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.without(self.dim)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(x)), same(len(out))
        return ((*own[:at], only(port), *own[at:]),)

    def call(self, x: Value) -> Call:
        alone = "[0]" if x.shape[axis(self.dim, len(x.shape))] == 1 else ""
        return Call(None, {"dim": printed(self.dim, x)}, apply="{0}.unbind({dim})" + alone)


class SlidingWindow(Moves, op="sliding_window"):
    """The windows of `size` places, `step` apart, along the axis `dimension`, as a tensor's `unfold` has them: the axis
    is of the windows, a new last one of the places in each."""

    dimension: Int
    size: Positive
    step: Positive

    axes: ClassVar[tuple[str, ...]] = ("dimension",)
    overlaps: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("unfold",)

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dimension, len(x), argument="dimension")
        if x[at] < self.size:
            raise ShapeError(
                "empty-output",
                f"a window of {self.size} does not fit into axis {self.dimension}, which has {x[at]}",
                argument="size",
                inputs={0: show(x)},
            )
        return (*x[:at], (x[at] - self.size) // self.step + 1, *x[at + 1 :], self.size)

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        windows = x.part(out[:-1], {self.dimension: self.step})
        return Layout(out, (*windows.strides, x.strides[self.dimension]))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dimension, len(x), argument="dimension"), same(len(x))
        return ((*own[:at], Link(at, windows(self.step, 0, self.size)), *own[at + 1 :]),)

    def arithmetic(self, at: int, *x: Shape) -> str:
        if at != axis(self.dimension, len(x[0]), argument="dimension"):
            return ""
        return f"floor(({x[0][at]} - {self.size}) / {self.step}) + 1"

    def call(self, x: Value) -> Call:
        args = {"dimension": self.dimension, "size": self.size, "step": self.step}
        return Call(None, args, apply="{0}.unfold({dimension}, {size}, {step})")
