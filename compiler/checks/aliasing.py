"""Which values live in the same memory, and which ops write over it."""

from __future__ import annotations

import networkx as nx

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.cached import once
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand, descendants, roots
from speczoo.compiler.layer import Layer


def aliases(node: Node) -> bool:
    """Return whether its output is its input's memory under another shape."""
    return isinstance(node.body, Layer) and bool(getattr(node.body, "views", False))


def writes(node: Node) -> tuple[int, ...]:
    """Return the inputs that it writes over: those of an in-place op, or of a list whose first reader is one."""
    if isinstance(node.body, Layer):
        return (0,) if node.body.inplace_ else ()
    return overwritten(node.body) if isinstance(node.body, Composite) else ()


@once
def written(composite: Composite) -> tuple[tuple[int, ...], ...]:
    """Return the inputs that each entry of a list writes over."""
    return tuple(map(writes, composite.nodes))


@once
def overwritten(composite: Composite) -> tuple[int, ...]:
    """Return the inputs of a list that something inside it writes over."""
    found = set()
    for inner, positions in zip(composite.nodes, written(composite), strict=True):
        for position in positions:
            source = storage(composite, composite.resolve(inner.inputs[position]))
            if isinstance(source, Edge) and source.node == INPUT:
                found.add(source.port)
    return tuple(sorted(found))


def storage(composite: Composite, source: Operand) -> Operand:
    """Return the edge whose memory a value lives in: behind views, omitted entries, in-place ops, and lists that give
    what flowed in.
    """
    return _memories(composite).get(source, source)


def is_part(composite: Composite, source: Operand) -> bool:
    """Return whether a value is one of several views that were cut out of another at once, or a view of such a part."""
    return source in _parts(composite)


def within(node: Node) -> tuple[Operand, ...]:
    """Return where each output lives, as the node itself sees it: an `INPUT` edge is one of its inputs, any other
    source a memory of its own, which outputs may share.
    """
    count = len(node.outputs)
    if isinstance(node.body, Composite):
        body = node.body
        ends = tuple(storage(body, body.resolve(port.edge)) for port in body.outputs)
        return ends + tuple(Edge(len(body.nodes), port) for port in range(len(ends), count))  # of a placeholder
    if node.body is None or aliases(node) or node.body.inplace_:
        return (Edge(INPUT),) * count
    return tuple(Edge(0, port) for port in range(count))


def flowing_in(node: Node, home: Operand) -> Operand | None:
    """Return what an output is the memory of, of what flows in; None where it has one of its own."""
    if not isinstance(home, Edge) or home.node != INPUT:
        return None
    return node.inputs[home.port] if home.port < len(node.inputs) else home


@once
def aliasing(composite: Composite) -> nx.DiGraph:
    """Return the values of a list that share a memory, as a forest: an edge from a value to each that is the same
    memory again, `view` where it was not written over between.
    """
    edges = []
    for index, node in enumerate(composite.nodes):
        view = not isinstance(node.body, Layer) or node.body.views is True
        own: dict[Operand, Edge] = {}
        for port, home in enumerate(within(node)):
            value = Edge(index, port)
            source = flowing_in(node, home)
            if source is None:
                source = own.setdefault(home, value)
            if source != value:
                edges.append((source, value, {"view": view}))
    forest = nx.DiGraph()
    forest.add_edges_from(edges)
    return nx.freeze(forest)


@once
def _memories(composite: Composite) -> dict[Operand, Operand]:
    """Map each value that lives in another's memory to that one."""
    return roots(aliasing(composite))


@once
def _parts(composite: Composite) -> frozenset[Operand]:
    every = ((Edge(i, port), node) for i, node in enumerate(composite.nodes) for port in range(len(node.outputs)))
    cut = frozenset(value for value, node in every if _cut(node, value.port))
    if not cut:
        return cut
    memories = aliasing(composite)
    views = nx.subgraph_view(memories, filter_edge=lambda a, b: memories.edges[a, b]["view"])
    return cut | descendants(views, cut)


def _cut(node: Node, port: int) -> bool:
    """Return whether an output is a part that was cut out by the node, or inside it."""
    body = node.body
    if isinstance(body, Composite):
        return port < len(body.outputs) and is_part(body, body.resolve(body.outputs[port].edge))
    return body is not None and body.views is True and bool(body.outputs)
