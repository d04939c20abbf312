"""The lower-case functions that bring several values together: arithmetic, concat, stack."""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate, islice
from typing import ClassVar

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Call, Int, Layer, Shape, ShapeError, Value, axis, show
from speczoo.compiler.reach import SAME, Link, Sight, one_part, same, whole
from speczoo.compiler.strides import Laid, Layout, Lies, elementwise, suggested
from speczoo.compiler.tape import Tape
from speczoo.specs.wording import enumerated


class Function(Layer, abstract=True):
    """A layer without a module: an expression in `forward`. In a list that is a pure chain it becomes a small module
    whose `forward` is that expression."""


class Merge(Function, abstract=True):
    """Functions that take Parameters beside batched values, and any dtype."""

    merges: ClassVar[bool] = True

    def dtype(self, *x: Value) -> str:
        """Return torch's promotion: a float among integers makes the result float, an integer among truths an
        integer.
        """
        kinds = [value.dtype for value in x]
        return "float32" if "float32" in kinds else "int64" if "int64" in kinds else kinds[0]


class Arithmetic(Merge, abstract=True):
    """Merges of equal shapes; `broadcast: true` lets axes of size 1 stretch, and values without a batch axis have fewer
    of them, the last ones. Numbers may stand among the inputs.
    """

    lies: ClassVar[Lies] = "elementwise"

    broadcast: bool = False

    arity: ClassVar[tuple[int, float]] = (2, float("inf"))
    numbers: ClassVar[bool] = True
    symbol: ClassVar[str] = ""

    def apply(self, *values: Value) -> tuple[Value, ...]:
        ranks = {len(v.shape) for v in values if v.batched or v.shape}
        if not ranks and values:
            help = ["entries are named by their `id`, not by their position"]
            message = f"`{self.op}` takes numbers only beside a value"
            raise ShapeError("bad-value", message, argument="from", help=help)
        fixed = {len(v.shape) for v in values if v.batched or (v.shape and not self.broadcast)}
        if fixed - {max(ranks, default=0)}:
            shown = enumerated([show(v.shape) for v in values if v.batched or v.shape])
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` inputs differ in the number of axes: {shown}",
                inputs={i: show(v.shape) for i, v in enumerate(values)},
            )
        return super().apply(*values)

    def infer(self, *x: Shape) -> Shape:
        rank = max(map(len, x))
        return _merged(self.op, {i: _widened(s, rank) for i, s in enumerate(x) if s}, self.broadcast)

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return the same; of several values that of the first two with the third, and so on."""
        if self.inplace_ or not self.symbol:
            return super().laid_out(out, layouts, *x, training=training)
        return (Laid(reduce(elementwise, layouts)),)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return tuple(_stretched(shape, out) for shape in x)

    def call(self, *x: Value) -> Call:
        return Call(None, apply=f" {self.symbol} ".join(f"{{{i}}}" for i in range(len(x))))


def no_truths(op: str, values: tuple[Value, ...]) -> None:
    """Raise ShapeError where a bool is among what flows in."""
    for i, value in enumerate(values):
        if value.dtype == "bool":
            raise ShapeError("shape-mismatch", f"`{op}` takes numbers, not bool", inputs={i: value.dtype})


def _merged(op: str, shapes: dict[int, Shape], broadcast: bool) -> Shape:
    """Return the common shape of equally long ones.

    Raises ShapeError that says which axis differs, and what would mend it.
    """
    out = []
    for i, column in enumerate(zip(*shapes.values(), strict=True)):
        size = common(column, broadcast)
        if size is None:
            raise _differing(op, shapes, i, column, broadcast)
        out.append(size)
    return tuple(out)


def _widened(shape: Shape, rank: int) -> Shape:
    """Return a shape with as many axes, those of 1 in front."""
    return (*(1,) * (rank - len(shape)), *shape)


def _stretched(shape: Shape, out: Shape) -> Sight:
    """Return how an input is seen whose axes of size 1 are all places of the output's."""
    more = len(out) - len(shape)
    own = zip(same(len(out))[more:], shape, out[more:], strict=True)
    return tuple(link if size == to else whole(size) for link, size, to in own)


def common(column: Sequence[int], broadcast: bool) -> int | None:
    """Return the size of an axis that all agree on, but for those of 1 that stretch; None where there is none."""
    size, *others = column
    for n in others:
        if broadcast and n == 1:
            continue
        if broadcast and size == 1:
            size = n
        elif n != size:
            return None
    return size


def _differing(op: str, shapes: dict[int, Shape], i: int, column: Sequence[int], broadcast: bool) -> ShapeError:
    rank = len(next(iter(shapes.values())))
    what = "channels" if i == 0 else "heights and widths" if rank == 3 else "sizes"
    numbers = [f"{n}" for n in column] if i == 0 else [show(s[1:]) for s in shapes.values()]
    help = ["`broadcast: true` stretches the axes of size 1"] if 1 in column and not broadcast else []
    lengths = dict(zip(shapes, column, strict=True))
    odd = [position for position, n in lengths.items() if column.count(n) == 1]
    first = odd if len(column) > 2 and len(odd) == 1 else []  # the one that all the others differ from
    return ShapeError(
        "shape-mismatch",
        f"`{op}` inputs differ in {what}: {enumerated(numbers)}",
        inputs={position: show(shapes[position]) for position in dict.fromkeys([*first, *shapes])},
        help=help,
    )


def _stretched_over(one: Shape, other: Shape) -> Shape:
    return tuple(map(max, one, other))


class Add(Arithmetic, op="add"):
    """The sum of its inputs: the skip edge of residual networks."""

    inplace: bool = False

    symbol: ClassVar[str] = "+"
    reads: ClassVar[tuple[str, ...]] = ("add_",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        outputs = super().apply(*values)
        if outputs != values[:1] and self.inplace:
            one, other = values[0], outputs[0]
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` writes over its first input, which is not what comes out: {show(other.shape)}",
                argument="inplace",
                inputs={0: f"{show(one.shape)}, {one.dtype}"},
                help=["put the largest value first, or write `inplace: false`"],
            )
        return outputs

    def call(self, *x: Value) -> Call:
        if not self.inplace:
            return super().call(*x)
        return Call(None, apply="{0}" + "".join(f".add_({{{i}}})" for i in range(1, len(x))))


class Mul(Arithmetic, op="mul"):
    """The product of its inputs, value by value: gates, scales, squeeze-and-excitation."""

    saves: ClassVar[Saves] = "factors"

    symbol: ClassVar[str] = "*"

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return the factors, and the products of the first ones, each for the gradient of what it is multiplied by."""
        tape = Tape(wanted, *x)
        made, *others = tape.given
        shapes = [_widened(value.shape, len(out)) for value in x]
        for partial, other in zip(islice(accumulate(shapes, _stretched_over), 1, None), others, strict=True):
            made = tape.product(made, other, math.prod(partial))
        return tape.kept()


class Sub(Arithmetic, op="sub"):
    """The first input minus the second."""

    arity: ClassVar[tuple[int, float]] = (2, 2)
    symbol: ClassVar[str] = "-"

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)


class Div(Arithmetic, op="div"):
    """The first input divided by the second."""

    saves: ClassVar[Saves] = "input"

    arity: ClassVar[tuple[int, float]] = (2, 2)
    symbol: ClassVar[str] = "/"

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        a, b = (value.shape for value in x)
        return Kept(inputs=((0, 1) if 1 in wanted.inputs else (1,)) if a and b else ())  # beside a number nothing

    def dtype(self, *x: Value) -> str:
        found = super().dtype(*x)
        return found if found.startswith(("float", "bfloat")) else "float32"


def _parts(values: tuple[Value, ...]) -> str:
    """Return the inputs of a cat or stack, Parameters stretched over the batch: over one sample where all are alone."""
    samples = next((f"{{{i}}}.shape[0]" for i, v in enumerate(values) if v.batched), "1")
    return ", ".join(
        f"{{{i}}}" if v.batched else f"{{{i}}}.expand({samples}, {', '.join(['-1'] * len(v.shape))})"
        for i, v in enumerate(values)
    )


def _joined(out: Shape, parts: Sequence[Layout]) -> Layout:
    """Return how values one after the other lie: with channels innermost where those of all of them are."""
    found = [suggested(out, part) for part in parts]
    return found[0] if all(layout == found[0] for layout in found) else Layout.plain(out)


class _Joined(Merge, abstract=True):
    arity: ClassVar[tuple[int, float]] = (1, float("inf"))
    dim: Int

    def leads(self, *x: Value) -> bool:
        return False

    def call(self, *x: Value) -> Call:
        joined = f"{self.reads[0]}([{_parts(x)}], {{dim}})"
        return Call(None, {"dim": self.dim}, apply=joined if self.batched(*x) else f"{joined}.squeeze(0)")


class Concat(_Joined, op="concat"):
    """Its inputs one after the other along `dim` (channels by default); all other axes agree."""

    dim: Int = 1

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    reads: ClassVar[tuple[str, ...]] = ("torch.cat", "expand", "shape", "squeeze")

    def infer(self, *x: Shape) -> Shape:
        at = axis(self.dim, len(x[0]))
        for position, shape in enumerate(x[1:], 1):
            if len(shape) != len(x[0]) or any(
                a != b for i, (a, b) in enumerate(zip(x[0], shape, strict=True)) if i != at
            ):
                rest = "heights and widths" if at == 0 and len(x[0]) == 3 else "sizes on the other axes"
                where = "channels" if at == 0 else f"axis {self.dim}"
                first, other = (x[0], shape)
                if rest == "heights and widths" and len(shape) == 3:
                    first, other = x[0][1:], shape[1:]
                raise ShapeError(
                    "shape-mismatch",
                    f"`concat` along {where} needs equal {rest}: {show(first)} and {show(other)}",
                    inputs={0: show(x[0]), position: show(shape)},
                )
        return (*x[0][:at], sum(s[at] for s in x), *x[0][at + 1 :])

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return (Laid(_joined(out[0], layouts)),)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        at, own = axis(self.dim, len(out)), same(len(out))
        if at == 0:  # channels, that nobody asks which of them is seen
            return tuple((whole(shape[0]), *own[1:]) for shape in x)
        starts = accumulate((shape[at] for shape in x), initial=0)
        parts = (one_part(at, start, shape[at], out[at]) for start, shape in zip(starts, x, strict=False))
        return tuple((*own[:at], part, *own[at + 1 :]) for part in parts)


class Stack(_Joined, op="stack"):
    """Equal inputs along a new axis `dim`."""

    dim: Int = 1

    axes: ClassVar[tuple[str, ...]] = ("dim",)
    reads: ClassVar[tuple[str, ...]] = ("torch.stack", "expand", "shape", "squeeze")

    def infer(self, *x: Shape) -> Shape:
        at = axis(self.dim, len(x[0]), extra=1)
        for position, shape in enumerate(x[1:], 1):
            if shape != x[0]:
                raise ShapeError(
                    "shape-mismatch",
                    f"`stack` needs equal shapes: {show(x[0])} and {show(shape)}",
                    inputs={0: show(x[0]), position: show(shape)},
                )
        return (*x[0][:at], len(x), *x[0][at:])

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        at = axis(self.dim, len(out[0]) - 2, extra=1) + 1
        return (Laid(_joined(out[0], [layout.with_one(at) for layout in layouts])),)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        at = axis(self.dim, len(x[0]), extra=1)
        return (tuple(Link(i + (i >= at), SAME) for i in range(len(x[0]))),) * len(x)
