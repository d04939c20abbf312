"""A network as a tree of its parts: layers, and blocks with the sums of what is in them; equal neighbours are one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from speczoo.compiler.analysis.cost import Cost, cost
from speczoo.compiler.analysis.receptive_field import ReceptiveField, receptive_fields
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.graph import Graph, Row
from speczoo.compiler.layer import Shape
from speczoo.compiler.unknown import UNKNOWN


@dataclass(frozen=True)
class OutlinePart:
    """A layer or a block, or `count` equal ones one after the other, with what they cost together.

    `name` is its own, `path` that in the network, of the first of several. Shapes are without the batch axis;
    `receptive_field` is that of what comes out of it, None where what flows in comes out. What only training computes
    has its MACs, which count in no sum.
    """

    name: str
    path: str
    kind: str
    inputs: tuple[Shape, ...]
    output: Shape
    cost: Cost
    trainable: int
    receptive_field: ReceptiveField | None
    parts: tuple[OutlinePart, ...] = ()
    count: int = 1
    same: Any = None  # what equal neighbours have in common

    def to_json(self) -> dict[str, Any]:
        """Return it and its parts as plain data."""
        field = self.receptive_field
        return {
            "path": self.path,
            "op": self.kind,
            "count": self.count,
            "output": self.output,
            "params": self.cost.params,
            "trainable": self.trainable,
            "macs": self.cost.macs,
            "receptive_field": field and field.to_json(),
            "blocks": [part.to_json() for part in self.parts],
        }


def layers(graph: Graph) -> tuple[OutlinePart, ...]:
    """Return a part for each layer of `graph.rows`."""
    return tuple(_layer(row, field) for row, field in zip(graph.rows, receptive_fields(graph), strict=True))


def outline(graph: Graph) -> tuple[OutlinePart, ...]:
    """Return the parts of a network, with theirs in them."""
    return _list(graph.root, "", iter(layers(graph))).parts


def cut(parts: Iterable[OutlinePart], depth: int) -> tuple[OutlinePart, ...]:
    """Return the parts as deep as this: 1 for those of the network alone."""
    return tuple(replace(part, parts=cut(part.parts, depth - 1) if depth > 1 else ()) for part in parts)


def _layer(row: Row, field: ReceptiveField) -> OutlinePart:
    own = cost(row.node)
    same = (row.node.body, own)
    return OutlinePart(row.node.name, row.path, row.op, row.inputs, row.output, own, row.trainable, field, same=same)


class _List(NamedTuple):
    """What is in a list, and what it amounts to."""

    parts: tuple[OutlinePart, ...]
    cost: Cost
    trainable: int
    receptive_field: ReceptiveField | None


def _list(composite: Composite, prefix: str, leaves: Iterator[OutlinePart]) -> _List:
    made: dict[int, OutlinePart] = {}
    for index in composite.wiring.order:
        node = composite.nodes[index]
        if isinstance(node.body, Composite):
            made[index] = _block(node, node.body, prefix + node.name, leaves)
        elif node.body is not None:
            made[index] = next(leaves)
    evaluated = composite.wiring.inference_only
    costs = [part.cost if i in evaluated else part.cost._replace(macs=0, activations=0) for i, part in made.items()]
    edge = composite.wiring.resolve(composite.outputs[0].edge)
    last = made.get(edge.node) if isinstance(edge, Edge) else None
    return _List(
        _folded(made.values()),
        Cost(*map(sum, zip(*costs, strict=True))) if costs else Cost(),
        sum(part.trainable for part in made.values()),
        last.receptive_field if last is not None else None,
    )


def _block(node: Node, body: Composite, path: str, leaves: Iterator[OutlinePart]) -> OutlinePart:
    inner = _list(body, f"{path}.", leaves)
    value = node.outputs[0]
    assert value is not UNKNOWN
    kind = node.op
    if body.kind == "group" and inner.parts and len({part.kind for part in inner.parts}) == 1:
        kind = counted(sum(part.count for part in inner.parts), inner.parts[0].kind)
    _, own, trainable, field = inner
    same = (body, own, trainable)
    return OutlinePart(node.name, path, kind, node.shapes, value.shape, own, trainable, field, inner.parts, same=same)


def counted(count: int, kind: str) -> str:
    """Return `3 x BasicBlock`; one is itself."""
    return f"{count} x {kind}" if count > 1 else kind


def _folded(parts: Iterable[OutlinePart]) -> tuple[OutlinePart, ...]:
    return tuple(_together([*run]) for _, run in groupby(parts, key=lambda part: part.same))


def _together(run: Sequence[OutlinePart]) -> OutlinePart:
    first, last, count = run[0], run[-1], len(run)
    if count == 1:
        return first
    together = Cost(*(count * number for number in first.cost))
    return replace(
        first,
        name=f"{first.name} … {last.name}",
        output=last.output,
        cost=together,
        trainable=count * first.trainable,
        receptive_field=last.receptive_field,
        count=count,
    )
