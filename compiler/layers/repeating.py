"""The lower-case functions that move the places of an axis, repeat them, stretch it or pad it."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from speczoo.compiler.layer import Call, Int, Ints, Listed, Positive, Shape, ShapeError, Value, axis, show
from speczoo.compiler.layers.axes import Moves
from speczoo.compiler.layers.reduction import Axes, printed
from speczoo.compiler.reach import SAME, Link, Sight, moved, only, repeating, same, turned
from speczoo.compiler.strides import Laid, Layout, Lies, padded


class _Turned(Moves, abstract=True):
    """Functions of the axes `dims`, each of which is another order of its places."""

    dims: Axes

    axes: ClassVar[tuple[str, ...]] = ("dims",)
    unbatched: ClassVar[bool] = True
    views: ClassVar[bool] = False

    def places(self, rank: int) -> list[int]:
        """Return where `dims` stand in a shape. Raises ShapeError."""
        dims = (self.dims,) if isinstance(self.dims, int) else self.dims
        return [axis(d, rank, argument="dims") for d in dims]

    def infer(self, x: Shape) -> Shape:
        self.places(len(x))
        return x

    def printed_dims(self, x: Value) -> int | tuple[int, ...]:
        return printed(self.dims, x) if isinstance(self.dims, int) else tuple(printed(d, x) for d in self.dims)


class Roll(_Turned, op="roll"):
    """The places of axes `dims` moved on by `shifts`, those that fall off the end in front."""

    lies: ClassVar[Lies] = "suggested"
    shifts: Annotated[Int | tuple[Int, ...], Listed]
    dims: Axes

    reads: ClassVar[tuple[str, ...]] = ("torch.roll",)

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if self._count(self.shifts) != self._count(self.dims):
            message = f"`shifts` has {self._count(self.shifts)} numbers for {self._count(self.dims)} axes"
            raise ShapeError("bad-value", message, argument="shifts")

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return one part after the other; what is not moved at all is laid out plain."""
        if any(by % x[0].shape[at] == 0 for at, by in self._steps(len(x[0].shape))):
            return (Laid(Layout.plain(out[0])),)
        return super().laid_out(out, layouts, *x, training=training)

    def _steps(self, rank: int) -> Iterator[tuple[int, int]]:
        """Yield the axes of a shape that are moved, each with by how many places."""
        shifts = (self.shifts,) if isinstance(self.shifts, int) else self.shifts
        return zip(self.places(rank), shifts, strict=True)

    @staticmethod
    def _count(given: int | tuple[int, ...]) -> int:
        return len(given) if isinstance(given, tuple) else 1

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        by = [0] * len(x)
        for at, shift in self._steps(len(x)):
            by[at] += shift
        return (tuple(_circling(i, n, by[i]) if by[i] else Link(i, SAME) for i, n in enumerate(x)),)

    def call(self, x: Value) -> Call:
        args = {"shifts": self.shifts, "dims": self.printed_dims(x)}
        return Call(None, args, apply="torch.roll({0}, {shifts}, {dims})")


def _circling(at: int, size: int, by: int) -> Link:
    """Return the link of an axis whose places stand in a circle, moved on by so many."""

    def span(i: int) -> tuple[int, int]:
        place = (i - by) % size
        return place, place

    return repeating(at, size, size, size, span)


class Flip(_Turned, op="flip"):
    """The places of axes `dims` from the last to the first."""

    lies: ClassVar[Lies] = "elementwise"

    dims: Axes

    reads: ClassVar[tuple[str, ...]] = ("torch.flip",)

    def infer(self, x: Shape) -> Shape:
        turned = self.places(len(x))
        if len(set(turned)) != len(turned):
            raise ShapeError("bad-value", f"`dims: {self.dims}` names an axis twice", argument="dims")
        return x

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        places = self.places(len(x))
        return (tuple(Link(i, turned(n) if i in places else SAME) for i, n in enumerate(x)),)

    def call(self, x: Value) -> Call:
        dims = self.printed_dims(x)
        return Call(None, {"dims": dims if isinstance(dims, tuple) else (dims,)}, apply="torch.flip({0}, {dims})")


class Repeat(Moves, op="repeat"):
    """All of it again and again, so often on each axis as `repeats` says; the batch stays out of it."""

    repeats: Annotated[Annotated[tuple[Positive, ...], Field(min_length=1)], Listed]

    views: ClassVar[bool] = False
    unbatched: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("repeat", "squeeze")

    def infer(self, x: Shape) -> Shape:
        if len(self.repeats) != len(x):
            raise ShapeError(
                "bad-value",
                f"`repeats` has {len(self.repeats)} numbers for {len(x)} axes",
                argument="repeats",
                inputs={0: show(x)},
            )
        return tuple(n * times for n, times in zip(x, self.repeats, strict=True))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        axes = enumerate(zip(x, self.repeats, strict=True))
        return (
            tuple(
                Link(i, SAME) if times == 1 else repeating(i, n, n, 0, lambda place: (place, place))
                for i, (n, times) in axes
            ),
        )

    def call(self, x: Value) -> Call:
        args = {f"repeat_{i}": times for i, times in enumerate(self.repeats, 1)}
        repeated = f"{{0}}.repeat(1, {', '.join(f'{{{name}}}' for name in args)})"
        return Call(None, args, apply=repeated if x.batched else f"{repeated}.squeeze(0)")


class RepeatInterleave(Moves, op="repeat_interleave"):
    """Each place of axis `dim` `repeats` times, one after the other."""

    repeats: Positive
    dim: Int

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    unbatched: ClassVar[bool] = True
    views: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("repeat_interleave",)

    def infer(self, x: Shape) -> Shape:
        at = axis(self.dim, len(x))
        return (*x[:at], x[at] * self.repeats, *x[at + 1 :])

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(x)), same(len(x))
        return ((*own[:at], repeating(at, x[at], self.repeats, 1, lambda i: (0, 0)), *own[at + 1 :]),)

    def call(self, x: Value) -> Call:
        args = {"repeats": self.repeats, "dim": printed(self.dim, x)}
        return Call(None, args, apply="{0}.repeat_interleave({repeats}, {dim})")


class Expand(Moves, op="expand"):
    """Axes of 1 stretched to `size`, where -1 leaves one as it is, or to another value's (`like: ID`), whose batch a
    value without one takes; no memory is taken."""

    size: Ints | None = None

    arity: ClassVar[tuple[int, float]] = (1, 2)
    references: ClassVar[tuple[str, ...]] = ("like",)
    merges: ClassVar[bool] = False
    unbatched: ClassVar[bool] = True
    overlaps: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("expand", "expand_as", "shape")

    def check(self, *x: Shape | None) -> None:
        if self.size is None and len(x) == 1:
            raise ShapeError("missing-argument", "`expand` needs `size` or `like`", argument="size")
        if self.size is not None and any(n < 1 and n != -1 for n in self.size):
            message = f"`size: {list(self.size)}` takes sizes of 1 and more, and -1 for what stays"
            raise ShapeError("bad-value", message, argument="size")

    def apply(self, *values: Value) -> tuple[Value, ...]:
        if len(values) == 1 and not values[0].batched:
            message = "`expand` gives a Parameter a batch axis where `like` names a value that has one"
            raise ShapeError("missing-argument", message, argument="like")
        return super().apply(*values)

    def infer(self, *x: Shape) -> Shape:
        wanted = x[1] if self.size is None else self.size
        if len(wanted) != len(x[0]):
            raise ShapeError(
                "shape-mismatch",
                f"`expand` keeps the number of axes: {show(x[0])} and {show(wanted)}",
                argument=None if self.size is None else "size",
                inputs={i: show(shape) for i, shape in enumerate(x)},
            )
        for n, to in zip(x[0], wanted, strict=True):
            if to != n and n != 1 and to != -1:
                raise ShapeError(
                    "shape-mismatch",
                    f"`expand` stretches axes of 1, and {show(x[0])} is not {show(wanted)} but for these",
                    argument=None if self.size is None else "size",
                    inputs={i: show(shape) for i, shape in enumerate(x)},
                    help=["`repeat` repeats an axis of any size"],
                )
        return tuple(n if to == -1 else to for n, to in zip(x[0], wanted, strict=True))

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout:
        return x.stretched(out)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        links = (Link(i, SAME) if n == to else only(0) for i, (n, to) in enumerate(zip(x[0], out, strict=True)))
        return (tuple(links), *[None] * (len(x) - 1))

    def call(self, *x: Value) -> Call:
        if self.size is None:
            return Call(None, apply="{0}.expand_as({1})")
        args = {f"size_{i}": n for i, n in enumerate(self.size, 1)}
        sizes = "".join(f", {{{name}}}" for name in args)
        batch = "{1}.shape[0]" if len(x) == 2 else "-1"
        return Call(None, args, apply=f"{{0}}.expand({batch}{sizes})")


class Pad(Moves, op="pad"):
    """`value` around the last axes: `pad` is torch's list, the last axis first (left, right, top, bottom, ...); below 0
    it cuts off."""

    pad: Annotated[Annotated[tuple[Int, ...], Field(min_length=2)], Listed]
    value: float = 0.0

    views: ClassVar[bool] = False
    unbatched: ClassVar[bool] = True
    integer: ClassVar[bool | None] = False
    reads: ClassVar[tuple[str, ...]] = ("F.pad",)

    def check(self, *x: Shape | None) -> None:
        if len(self.pad) % 2:
            raise ShapeError("bad-value", f"`pad` takes two numbers for each axis, not {len(self.pad)}", argument="pad")

    def _sides(self, rank: int) -> list[tuple[int, int]]:
        """Return what comes before and after each axis of a shape. Raises ShapeError."""
        pairs = list(zip(self.pad[::2], self.pad[1::2], strict=True))
        if len(pairs) > rank:
            message = f"`pad` has numbers for {len(pairs)} axes, and there are {rank} besides the batch"
            raise ShapeError("bad-value", message, argument="pad")
        return [(0, 0)] * (rank - len(pairs)) + pairs[::-1]

    def infer(self, x: Shape) -> Shape:
        out = []
        for n, (before, after) in zip(x, self._sides(len(x)), strict=True):
            if n + before + after < 1 or n + min(before, 0) + min(after, 0) < 0:
                raise ShapeError(
                    "empty-output",
                    f"a padding of {before} and {after} leaves nothing of an axis of {n}",
                    argument="pad",
                    inputs={0: show(x)},
                )
            out.append(n + before + after)
        return tuple(out)

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return (Laid(padded("suggested", out[0], layouts[0], grows=max(self.pad) > 0)),)

    def arithmetic(self, at: int, *x: Shape) -> str:
        before, after = self._sides(len(x[0]))[at]
        return f"{x[0][at]} + {before} + {after}" if before or after else ""

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        sides = self._sides(len(x))
        return (tuple(Link(i, moved(before) if before else SAME) for i, (before, _) in enumerate(sides)),)

    def call(self, x: Value) -> Call:
        given = ", value={value}" if self.value else ""
        args = {"pad": self.pad} | ({"value": self.value} if self.value else {})
        return Call(None, args, apply=f"F.pad({{0}}, {{pad}}{given})")
