"""Which sizes of its input a network takes, as it is built for the one that it declares, and what comes out."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import NamedTuple, SupportsIndex, cast

from speczoo.compiler.analysis.rule import REFUSALS, NodeValues, SizeRule, at, inputs, rule_of, walk
from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Node
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.compiler.reapply import outputs_again
from speczoo.compiler.window import AXES


class Axis(NamedTuple):
    """A free axis: of which input, which of its axes (torch's number), what it is called, how long it is declared."""

    input: str
    dim: int
    name: str
    declared: int


class RefusedSize(NamedTuple):
    """Which layer does not take a size, and why."""

    path: str
    op: str
    why: str


class Sizes:
    """The sizes that a network takes. Sizes are given axis by axis, those of one input after those of another."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._dims = _free_dims(graph)

    def __repr__(self) -> str:
        return f"<Sizes of {self.graph.name}: {' x '.join(axis.name for axis in self.axes) or 'no free axis'}>"

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The free axes: those that are not channels or features."""
        found = []
        for name, value in inputs(self.graph):
            dims = self._dims[name]
            names = AXES.get(len(dims)) or [f"axis {dim + 1}" for dim in dims]
            of = f"{name} " if len(self.graph.root.inputs) > 1 else ""
            found += [Axis(name, d + 1, f"{of}{n}", value.shape[d]) for d, n in zip(dims, names, strict=True)]
        return tuple(found)

    @cached_property
    def rule(self) -> SizeRule | None:
        """What holds for every size; None where no short rule exists."""
        return rule_of(self.graph, self._dims)

    def accepts(self, *sizes: int) -> bool:
        """Return whether the network takes inputs of these sizes. Raises TypeError for another number of sizes, and for
        what is no whole number.
        """
        sizes = self._counted(sizes)
        if self.rule is None:
            return self.refusal(*sizes) is None
        symbols = self.rule.symbols(sizes)
        return symbols is not None and symbols in self.rule.region

    def output(self, *sizes: int) -> Shape | dict[str, Shape]:
        """Return the shape of what comes out, without the batch axis; one by name where there are several.

        Raises ValueError for sizes that the network does not take, with the layer that refuses them.
        """
        sizes = self._counted(sizes)
        if not self.accepts(*sizes):
            refusal = self.refusal(*sizes)
            raise ValueError(f"{refusal.path or refusal.op}: {refusal.why}" if refusal else "this size is not taken")
        if self.rule is None:
            shapes = [value.shape for value in walk(self.graph, self._resized(sizes), _applied)]
        else:
            symbols = self.rule.symbols(sizes)
            assert symbols is not None
            shapes = [at(value.shape, symbols) for value in self.rule.outputs]
        named = dict(zip((port.name for port in self.graph.root.outputs), shapes, strict=True))
        return named if len(named) > 1 else shapes[0]

    def refusal(self, *sizes: int) -> RefusedSize | None:
        """Return the first layer that does not take inputs of these sizes, by its rule for ints."""
        sizes = self._counted(sizes)
        if any(size < 1 for size in sizes):
            return RefusedSize("", "input", "sizes are integers of at least 1")
        try:
            walk(self.graph, self._resized(sizes), _applied)
        except _Refused as refused:
            return refused.refusal
        return None

    def _counted(self, sizes: Sequence[SupportsIndex]) -> tuple[int, ...]:
        """Return as many whole numbers as there are free axes. Raises TypeError."""
        if len(sizes) != len(self.axes):
            names = ", ".join(axis.name for axis in self.axes) or "none"
            count = f"{len(self.axes)} free ax{'i' if len(self.axes) == 1 else 'e'}s"
            raise TypeError(f"{self.graph.name} has {count} ({names}), and sizes for {len(sizes)} are given")
        for size in sizes:
            if isinstance(size, bool) or not hasattr(size, "__index__"):
                raise TypeError(f"a size is a whole number, not {size!r}")
        return tuple(map(operator.index, sizes))

    def _resized(self, sizes: Sequence[int]) -> NodeValues:
        left = iter(sizes)
        return tuple(
            value._replace(shape=tuple(next(left) if d in self._dims[name] else n for d, n in enumerate(value.shape)))
            for name, value in inputs(self.graph)
        )


class _Refused(Exception):
    def __init__(self, refusal: RefusedSize) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _applied(path: str, node: Node, arriving: NodeValues) -> NodeValues:
    """Return what comes out of a layer where ints flow in. Raises _Refused."""
    if arriving == node.arriving:
        return cast(NodeValues, node.outputs)
    try:
        return outputs_again(node, arriving)
    except REFUSALS as error:
        raise _Refused(RefusedSize(path, node.op, str(error))) from None


# -- which axes are free ----------------------------------------------------------------------------------------------


def _free_dims(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Return the axes of each input that are no channels or features, as places in its shape.

    The first axis of a float input is its channels; of tokens x features it is the last, which a network shows by
    taking but one number of them. The axes of integers are all free: it is an embedding that gives them channels.
    """
    dims = {name: tuple(range(1 if value.is_float else 0, len(value.shape))) for name, value in inputs(graph)}
    for name, value in inputs(graph):
        tokens = {**dims, name: (0,)}
        if value.is_float and len(value.shape) == 2 and _pinned(graph, dims) and not _pinned(graph, tokens):
            dims = tokens
    return dims


def _pinned(graph: Graph, dims: Mapping[str, Sequence[int]]) -> bool:
    """Return whether one of these axes, if they were free, could have but one size."""
    rule = rule_of(graph, dims)
    return rule is not None and any(map(operator.eq, rule.region.least, rule.region.greatest))
