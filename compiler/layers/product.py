"""The lower-case functions that are matrix products: matmul, einsum."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Call, Shape, ShapeError, Value, show
from speczoo.compiler.layers.function import Merge, common, no_truths
from speczoo.compiler.reach import SAME, Link, Sight, whole


def _one_kind(op: str, values: tuple[Value, ...]) -> None:
    """Raise ShapeError where truths flow in, or numbers of several kinds."""
    no_truths(op, values)
    if len({v.dtype for v in values}) > 1:
        raise ShapeError(
            "shape-mismatch",
            f"`{op}` needs matrices of one kind: {' and '.join(v.dtype for v in values)}",
            inputs={i: v.dtype for i, v in enumerate(values)},
        )


class MatMul(Merge, op="matmul"):
    """Matrix products over the last two axes: ... x n x m times ... x m x p; all other axes agree, or are those that a
    value without a batch axis lacks."""

    broadcast: bool = False

    saves: ClassVar[Saves] = "factors"
    arity: ClassVar[tuple[int, float]] = (2, 2)
    least: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("torch.matmul",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        _one_kind(self.op, values)
        shorter = min(values, key=lambda value: len(value.shape), default=None)
        if shorter is not None and shorter.batched and len({len(value.shape) for value in values}) > 1:
            raise self._unequal(*(value.shape for value in values))
        return super().apply(*values)

    def _unequal(self, *x: Shape) -> ShapeError:
        first, second = x
        ones = any(1 in shape[:-2] for shape in x) and len(first) == len(second) and not self.broadcast
        return ShapeError(
            "shape-mismatch",
            f"`matmul` needs equal axes before the last two: {show(first)} and {show(second)}",
            inputs={0: show(first), 1: show(second)},
            help=["`broadcast: true` stretches the axes of size 1"] if ones else [],
        )

    def infer(self, a: Shape, b: Shape) -> Shape:
        lead = (a if len(a) >= len(b) else b)[:-2]
        shared = min(len(a), len(b)) - 2
        out = list(lead)
        for i in range(shared):
            size = common((a[-3 - i], b[-3 - i]), self.broadcast)
            if size is None:
                raise self._unequal(a, b)
            out[len(lead) - 1 - i] = size
        if a[-1] != b[-2]:
            raise ShapeError(
                "shape-mismatch",
                f"`matmul` needs as many columns as rows: {a[-1]} and {b[-2]}",
                inputs={0: show(a), 1: show(b)},
                help=["`{op: transpose, dim0: -2, dim1: -1}` turns a matrix"] if a[-1] == b[-1] else [],
            )
        return (*out, a[-2], b[-1])

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return tuple(tuple(self._links(shape, out, position)) for position, shape in enumerate(x))

    @staticmethod
    def _links(shape: Shape, out: Shape, position: int) -> Iterator[Link]:
        mixed = len(shape) - 1 - position  # columns of the first, rows of the second
        for i, size in enumerate(shape):
            at = i + len(out) - len(shape)
            yield whole(size) if i == mixed or size != out[at] else Link(at, SAME)

    def macs(self, out: Shape, a: Shape, b: Shape) -> int:
        return math.prod(out) * a[-1]

    def call(self, a: Value, b: Value) -> Call:
        return Call(None, apply="torch.matmul({0}, {1})")


TERM = r"[A-Za-z ]*(?:\.\.\.)?[A-Za-z ]*"
Equation = Annotated[str, Field(pattern=f"^{TERM},{TERM}->{TERM}$", max_length=100)]
ELLIPSIS = "..."


def _labels(term: str) -> tuple[str, ...]:
    """Return the letters of a term, and its ellipsis as one."""
    return tuple(re.findall(r"[A-Za-z]|\.\.\.", term))


class Terms(NamedTuple):
    """An equation taken apart: the labels of each input's axes, and of the output's."""

    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]

    @classmethod
    def of(cls, equation: str) -> "Terms":
        """Return the terms of an equation. Raises ShapeError where they do not go together."""
        left, _, right = equation.partition("->")
        terms = cls(tuple(map(_labels, left.split(","))), _labels(right))
        for labels in (*terms.inputs, terms.output):
            twice = next((label for label in labels if labels.count(label) > 1), None)
            if twice is not None:
                raise _wrong(f"`{twice}` stands twice in one term: no diagonals are taken")
        known = {label for labels in terms.inputs for label in labels}
        for label in (terms.output[:1] or ("",)) + terms.output:
            if label not in known:
                what = f"`{label}` comes out, and no input has it" if label else "nothing comes out, not even the batch"
                raise _wrong(what)
        return terms

    @property
    def batch(self) -> str:
        """The label of the batch axis: the first that comes out. An ellipsis has it within."""
        return self.output[0]

    def free(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels of axes that a shape without the batch has."""
        return tuple(label for label in labels if label == ELLIPSIS or label != self.batch)


def _wrong(message: str) -> ShapeError:
    return ShapeError("bad-value", message, argument="equation")


def _adjoin(group: list[str], axes: list[str]) -> bool:
    """Return whether axes stand side by side, in this order, among these."""
    places = [axes.index(label) for label in group]
    return places == list(range(places[0], places[0] + len(places))) if places else True


class Einsum(Merge, op="einsum"):
    """The sum of products of two values that `equation` says, as `bhid,bhjd->bhij`: the batch is a letter in front, or
    within an ellipsis in front."""

    equation: Equation

    saves: ClassVar[Saves] = "factors"
    arity: ClassVar[tuple[int, float]] = (2, 2)
    reads: ClassVar[tuple[str, ...]] = ("torch.einsum",)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        _one_kind(self.op, values)
        terms = Terms.of(self.equation)
        for position, (labels, value) in enumerate(zip(terms.inputs, values, strict=False)):  # count is asked later
            if value.batched and labels[:1] != (terms.batch,):
                raise _wrong(f"input {position + 1} has a batch axis, so its term begins with `{terms.batch}`")
            if not value.batched and terms.batch != ELLIPSIS and terms.batch in labels:
                raise _wrong(f"input {position + 1} has no batch axis, and its term has `{terms.batch}`")
            if value.batched and terms.batch in labels[1:]:
                raise _wrong(f"`{terms.batch}` is the batch, and stands in front alone")
        return super().apply(*values)

    def check(self, *x: Shape | None) -> None:
        Terms.of(self.equation)

    def sizes(self, *x: Shape) -> dict[str, Shape]:
        """Return the size of each letter, and the sizes that an ellipsis stands for, the batch left out. Raises
        ShapeError.
        """
        terms = Terms.of(self.equation)
        found: dict[str, Shape] = {}
        for position, (labels, shape) in enumerate(zip(terms.inputs, x, strict=True)):
            for label, part in self._parts(position, terms.free(labels), shape):
                if label == ELLIPSIS and not part:
                    continue  # of a value that lacks these axes
                if found.setdefault(label, part) != part:
                    raise ShapeError(
                        "shape-mismatch",
                        f"`{label}` is {show(found[label])} and {show(part)}",
                        argument="equation",
                        inputs={i: show(s) for i, s in enumerate(x)},
                    )
        return found

    @staticmethod
    def _parts(position: int, labels: tuple[str, ...], shape: Shape) -> Iterator[tuple[str, Shape]]:
        """Yield each label with the axes that it stands for. Raises ShapeError."""
        rest = len(shape) - len(labels) + 1 if ELLIPSIS in labels else 1
        if rest < 0 or (ELLIPSIS not in labels and len(labels) != len(shape)):
            raise ShapeError(
                "shape-mismatch",
                f"`equation` names {len(labels)} axes of input {position + 1} besides the batch: {show(shape)}",
                argument="equation",
                inputs={position: show(shape)},
            )
        at = 0
        for label in labels:
            width = rest if label == ELLIPSIS else 1
            yield label, shape[at : at + width]
            at += width

    def infer(self, *x: Shape) -> Shape:
        terms, sizes = Terms.of(self.equation), self.sizes(*x)
        return tuple(n for label in terms.free(terms.output) for n in sizes.get(label, ()))

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        terms, sizes = Terms.of(self.equation), self.sizes(*x)
        starts: dict[str, int] = {}
        at = 0
        for label in terms.free(terms.output):
            starts[label] = at
            at += len(sizes.get(label, ()))
        return tuple(
            tuple(
                Link(starts[label] + i, SAME) if label in starts else whole(n)
                for label, part in self._parts(position, terms.free(labels), shape)
                for i, n in enumerate(part)
            )
            for position, (labels, shape) in enumerate(zip(terms.inputs, x, strict=True))
        )

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return each factor beside which a gradient of the other is wanted: a copy where it is laid out anew, as
        axes that become one of a matrix are apart in it.
        """
        terms, sizes = Terms.of(self.equation), self.sizes(*(value.shape for value in x))
        long = {label for label, size in sizes.items() if math.prod(size) != 1}
        long |= {terms.batch} if wanted.batch > 1 else set()
        order = [label for label in (*terms.output, *sorted({*sizes} - {*terms.output})) if label in long]
        first, second = ({*labels} for labels in terms.inputs)
        both, summed = first & second & {*terms.output}, (first & second) - {*terms.output}
        copies, kept = 0, []
        for position in wanted.factors:
            axes = [label for label in terms.inputs[position] if label in long]
            groups = [[label for label in order if label in group] for group in (both, summed, {*axes} - both - summed)]
            if summed and not all(_adjoin(group, axes) for group in groups):
                copies += math.prod(x[position].shape)
            else:
                kept.append(position)
        return Kept(numbers=copies, inputs=tuple(kept))

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return products as torch takes them: what one input alone has is summed before, and where nothing is summed
        over it is none of matrices.
        """
        terms, sizes = Terms.of(self.equation), self.sizes(*x)
        first, second = ({*terms.free(labels)} for labels in terms.inputs)
        summed = {label for label in (first & second) - {*terms.output} if math.prod(sizes.get(label, ())) != 1}
        kept = (first | second) & {*terms.output}
        return math.prod(math.prod(sizes.get(label, ())) for label in kept | summed) if summed else 0

    def call(self, *x: Value) -> Call:
        return Call(None, {"equation": self.equation}, apply="torch.einsum({equation}, {0}, {1})")
