"""The lower-case functions that are matrix products: matmul, einsum."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Call, Shape, ShapeError, Value, bare, show
from speczoo.compiler.layers.function import Merge, common, no_truths
from speczoo.compiler.reach import SAME, Link, Sight, whole
from speczoo.compiler.strides import Laid, Layout, elementwise


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

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the factors whose matrices, as often as they are multiplied, do not become one list; or, beside one
        matrix that trains, the other one where its rows do not become those of one.
        """
        layouts = wanted.layouts
        ranks = [len(value.shape) + value.batched for value in x]
        larger = 0 if ranks[0] >= ranks[1] else 1
        if min(ranks) == 2 < max(ranks) and self._folds(layouts[larger], larger, trained=1 - larger in wanted.inputs):
            large = layouts[larger].turned(-2, -1) if larger else layouts[larger]
            rows = (large.numbers // large.sizes[-1], large.sizes[-1])
            return {larger: large.numbers} if large.copied(rows) else {}
        lead = tuple(map(max, *(layout.sizes[:-2] for layout in self._even(layouts))))
        found = {}
        for i, layout in enumerate(self._even(layouts)):
            every = layout.stretched((*lead, *layout.sizes[-2:]))
            if every.copied((math.prod(lead), *layout.sizes[-2:])):
                found[i] = every.numbers
        return found

    @staticmethod
    def _even(layouts: Sequence[Layout]) -> list[Layout]:
        """Return layouts with as many axes, new ones in front."""
        most = max(len(layout.sizes) for layout in layouts)
        return [layout.stretched((1,) * (most - len(layout.sizes)) + layout.sizes) for layout in layouts]

    @staticmethod
    def _folds(layout: Layout, position: int, *, trained: bool) -> bool:
        """Return whether torch multiplies all matrices of a factor as one beside a single one, which is `trained`."""
        if trained or position:
            return trained
        axes = range(len(layout.sizes) - 2)
        return all(layout.strides[i] == layout.strides[i + 1] * layout.sizes[i + 1] for i in axes)

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


def _named(labels: tuple[str, ...], axes: int) -> list[str]:
    """Return a name for each of so many axes, the batch first, of which an ellipsis takes those that are left."""
    rest = axes - len(labels)
    return ["batch", *(name for label in labels for name in (_many(rest) if label == ELLIPSIS else [label]))]


def _many(count: int) -> list[str]:
    return [f"{ELLIPSIS}{i}" for i in range(count, 0, -1)]


def _in_order(layout: Layout, axes: Sequence[str], wanted: Sequence[str]) -> Layout:
    """Return a layout with its named axes in this order, and of 1 where it has none."""
    own = dict(zip(axes, zip(*layout, strict=True), strict=True))
    found = [own.get(label, (1, 0)) for label in wanted]
    return Layout(tuple(size for size, _ in found), tuple(stride for _, stride in found))


class _Plan(NamedTuple):
    """How torch multiplies two values: their axes' names and layouts, the output's names, and of axes longer than 1
    those that both have, that the first or the second has alone, and those that are summed over.
    """

    given: tuple[tuple[list[str], Layout], ...]
    output: list[str]
    both: list[str]
    first: list[str]
    second: list[str]
    summed: list[str]

    @classmethod
    def of(cls, equation: str, layouts: Sequence[Layout]) -> "_Plan":
        """Return the plan of an equation for values that lie so."""
        terms = Terms.of(equation)
        free = [terms.free(labels) for labels in terms.inputs]
        given = tuple((_named(f, len(layout.sizes)), layout) for f, layout in zip(free, layouts, strict=True))
        last = terms.free(terms.output)
        widest = max(sum(name.startswith(ELLIPSIS) for name in names) for names, _ in given)
        output = _named(last, len(last) + widest if ELLIPSIS in last else len(last) + 1)
        one, other = ({name for name, size in zip(names, x.sizes, strict=True) if size > 1} for names, x in given)
        return cls(
            given,
            output,
            [name for name in output if name in one & other],
            [name for name in output if name in one - other],
            [name for name in output if name in other - one],
            sorted((one & other) - {*output}),
        )


class Einsum(Merge, op="einsum"):
    """The sum of products of two values that `equation` says, as `bhid,bhjd->bhij`: the batch is a letter in front, or
    within an ellipsis in front."""

    equation: Equation

    saves: ClassVar[Saves] = "factors"
    arity: ClassVar[tuple[int, float]] = (2, 2)
    reads: ClassVar[tuple[str, ...]] = ("torch.einsum", "squeeze")

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

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return a list of matrices, whose axes are put in the order of the output's; a product number by number where
        nothing is summed.
        """
        plan = _Plan.of(self.equation, layouts)
        if plan.summed:
            order = [plan.output.index(label) for label in (*plan.both, *plan.first, *plan.second)]
            rest = [i for i in range(len(plan.output)) if i not in order]
            return (Laid(Layout.nested(out[0], [*order, *rest])),)
        return (Laid(elementwise(*(_in_order(layout, axes, plan.output) for axes, layout in plan.given))),)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        return Kept(inputs=wanted.factors)

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the factors whose axes, in the order of a product of matrices, are not those of one list of them."""
        plan, found = _Plan.of(self.equation, wanted.layouts), {}
        sides = (plan.both, plan.first, plan.summed), (plan.both, plan.summed, plan.second)
        for i, ((axes, layout), groups) in enumerate(zip(plan.given, sides, strict=True)):
            own = _in_order(layout, axes, [label for group in groups for label in group])
            sizes = dict(zip(axes, layout.sizes, strict=True))
            if plan.summed and own.copied([math.prod(sizes[label] for label in group) for group in groups]):
                found[i] = layout.numbers
        return found

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
        first, second = (bare(position, value) for position, value in enumerate(x))
        return Call(None, {"equation": self.equation}, apply=f"torch.einsum({{equation}}, {first}, {second})")
