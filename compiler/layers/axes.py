"""The lower-case functions that work on the axes of one value. Axes are torch's numbers; the batch is refused."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from speczoo.compiler.layer import Call, Int, Ints, Listed, Positive, Shape, ShapeError, Value, Views, axis, show
from speczoo.compiler.layers.function import Function
from speczoo.compiler.layers.reduction import printed
from speczoo.compiler.layers.reshape import resolvable, resolved
from speczoo.compiler.reach import SAME, Link, Sight, moved, only, reshaped, same
from speczoo.compiler.strides import Layout


class Moves(Function, abstract=True):
    """Functions that leave the values as they are, whatever their kind."""

    integer: ClassVar[bool | None] = None
    views: ClassVar[Views] = True


MOST = 1_000  # parts of one value


def counted(parts: int, argument: str) -> None:
    """Raise ShapeError where these are too many parts of one value."""
    if parts > MOST:
        raise ShapeError("limit-exceeded", f"{parts:,} parts of one value; the limit is {MOST:,}", argument=argument)


def _only(parts: Sequence[Shape]) -> str:
    """Return what takes the one part out of torch's tuple of one."""
    return "[0]" if len(parts) == 1 else ""


def _cut(dim: int, port: int, parts: Sequence[Shape], rank: int) -> tuple[Sight, ...]:
    """Return how one of several parts along an axis sees what was cut."""
    at, own = axis(dim, rank), same(rank)
    start = sum(part[at] for part in parts[:port])
    return ((*own[:at], Link(at, moved(-start)), *own[at + 1 :]),)


class Chunk(Moves, op="chunk"):
    """`chunks` parts along `dim`, as `id.0`, `id.1` and so on; all as long as the first but the last, if it must be
    shorter. A length that gives fewer parts is refused."""

    chunks: Positive
    dim: Int = 1

    outputs: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("dim",)
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("chunk",)

    def infer(self, x: Shape) -> list[Shape]:
        at = axis(self.dim, len(x))
        each = (x[at] + self.chunks - 1) // self.chunks
        last = x[at] - each * (self.chunks - 1)
        counted(self.chunks if last > 0 else 1, "chunks")
        if last < 1:
            raise ShapeError(
                "indivisible",
                f"{x[at]} cannot be cut into {self.chunks} parts of {each}",
                argument="chunks",
                inputs={0: show(x)},
                notes=[f"{self.chunks - 1} parts of {each} leave {last} for the last one"],
            )
        return [(*x[:at], n, *x[at + 1 :]) for n in (*[each] * (self.chunks - 1), last)]

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.part(out)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return _cut(self.dim, port, self.infer(x), len(x))

    def call(self, x: Value) -> Call:
        apply = "{0}.chunk({chunks}, {dim})" + _only(self.infer(x.shape))
        return Call(None, {"chunks": self.chunks, "dim": printed(self.dim, x)}, apply=apply)


class Split(Moves, op="split"):
    """Parts along `dim`, as `id.0`, `id.1` and so on: each `split_size` long (the last one what is left), or of the
    sizes listed."""

    split_size: Annotated[Positive | Annotated[tuple[Positive, ...], Field(min_length=1)], Listed]
    dim: Int = 1

    outputs: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("dim",)
    per_axis: ClassVar[tuple[str, ...]] = ("split_size",)
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("split",)

    def infer(self, x: Shape) -> list[Shape]:
        at, size = axis(self.dim, len(x)), self.split_size
        if isinstance(size, int):
            counted(-(-x[at] // size), "split_size")
            size = tuple(min(size, x[at] - start) for start in range(0, x[at], size))
        if sum(size) != x[at]:
            raise ShapeError(
                "shape-mismatch",
                f"`split_size` adds up to {sum(size)}, and axis {self.dim} has {x[at]}",
                argument="split_size",
                inputs={0: show(x)},
            )
        return [(*x[:at], n, *x[at + 1 :]) for n in size]

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.part(out)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return _cut(self.dim, port, self.infer(x), len(x))

    def call(self, x: Value) -> Call:
        apply = "{0}.split({split_size}, {dim})" + _only(self.infer(x.shape))
        return Call(None, {"split_size": self.split_size, "dim": printed(self.dim, x)}, apply=apply)


class Permute(Moves, op="permute"):
    """The axes in another order, the batch first: `dims: [0, 2, 3, 1]` puts the channels last."""

    dims: Ints

    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("movedim", "permute")

    def check(self, *x: Shape | None) -> None:
        self._order(max(1, len(self.dims)) if not x or x[0] is None else len(x[0]) + 1)

    def infer(self, x: Shape) -> Shape:
        return tuple(x[d - 1] for d in self._order(len(x) + 1)[1:])

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        order = self._order(len(out))
        return x.permuted(order)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        order = self._order(len(x) + 1)
        return (tuple(Link(order.index(i + 1) - 1, SAME) for i in range(len(x))),)

    def _order(self, total: int) -> list[int]:
        order = [d % total if -total <= d < total else d for d in self.dims]
        if order[:1] != [0] and 0 in order:
            message = f"`dims: {list(self.dims)}` moves the batch, which a spec never touches"
            raise ShapeError("bad-value", message, argument="dims", help=["begin with 0"])
        if sorted(order) != list(range(total)):
            message = f"`dims: {list(self.dims)}` is not an order of the axes 0 to {total - 1}"
            raise ShapeError("bad-value", message, argument="dims")
        return order

    def call(self, x: Value) -> Call:
        if not x.batched:  # it may be stored with an axis before its own
            rank = len(x.shape)
            places = {"source": tuple(d - 1 - rank for d in self._order(rank + 1)[1:]), "to": tuple(range(-rank, 0))}
            return Call(None, places, apply="{0}.movedim({source}, {to})")
        plain = f"{{0}}.permute({', '.join(map(str, self.dims))})"
        return Call(None, {"dims": self.dims}, apply="{0}.permute({dims})", inline=plain)


class Reshape(Moves, op="reshape"):
    """The same values in the axes `shape`, of which one may be -1; the batch stays out of it."""

    shape: Ints

    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("reshape", "shape")

    def check(self, *x: Shape | None) -> None:
        resolvable(self.shape, "shape")

    def infer(self, x: Shape) -> Shape:
        return resolved(self.shape, math.prod(x), "shape")

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (reshaped(x, out),)

    def leads(self, *x: Value) -> bool:
        return False

    def call(self, x: Value) -> Call:
        if not x.batched:
            return Call(None, {"shape": self.shape}, apply="{0}.reshape({shape})")
        args = {f"size_{i}": n for i, n in enumerate(self.shape, 1)}
        rest = "".join(f", {{{name}}}" for name in args)
        return Call(None, args, apply=f"{{0}}.reshape({{0}}.shape[0]{rest})")


class Transpose(Moves, op="transpose"):
    """Axes `dim0` and `dim1` change places."""

    dim0: Int
    dim1: Int

    axes: ClassVar[tuple[str, ...]] = ("dim0", "dim1")
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("transpose",)

    def infer(self, x: Shape) -> Shape:
        a, b = axis(self.dim0, len(x), argument="dim0"), axis(self.dim1, len(x), argument="dim1")
        out = list(x)
        out[a], out[b] = out[b], out[a]
        return tuple(out)

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.turned(self.dim0, self.dim1)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        places = self.infer(tuple(range(len(x))))
        return (tuple(Link(places.index(i), SAME) for i in range(len(x))),)

    def call(self, x: Value) -> Call:
        args = {"dim0": printed(self.dim0, x), "dim1": printed(self.dim1, x)}
        return Call(None, args, apply="{0}.transpose({dim0}, {dim1})")


class Squeeze(Moves, op="squeeze"):
    """Axis `dim`, which must be of size 1, goes."""

    dim: Int

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("squeeze",)

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x))
        if x[at] != 1:
            message = f"`squeeze` takes away axes of size 1, and axis {self.dim} has {x[at]}"
            raise ShapeError("shape-mismatch", message, argument="dim", inputs={0: show(x)})
        return (*x[:at], *x[at + 1 :])

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(x)), same(len(out))
        return ((*own[:at], only(0), *own[at:]),)

    def call(self, x: Value) -> Call:
        return Call(None, {"dim": printed(self.dim, x)}, apply="{0}.squeeze({dim})")


class Unsqueeze(Moves, op="unsqueeze"):
    """A new axis of size 1 at `dim`."""

    dim: Int

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("unsqueeze",)

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x), extra=1)
        return (*x[:at], 1, *x[at:])

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at = axis(self.dim, len(x), extra=1)
        return (tuple(Link(i + (i >= at), SAME) for i in range(len(x))),)

    def call(self, x: Value) -> Call:
        return Call(None, {"dim": printed(self.dim, x, extra=1)}, apply="{0}.unsqueeze({dim})")
