"""Which values live in the same memory, and which ops write over it."""

from __future__ import annotations

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.graph import INPUT, Composite, Edge, Node, Operand
from speczoo.compiler.layer import Layer


def aliases(node: Node) -> bool:
    """Whether its output is its input's memory under another shape."""
    return isinstance(node.body, Layer) and bool(getattr(node.body, "views", False))


def writes(node: Node) -> tuple[int, ...]:
    """The inputs that it writes over: those of an in-place op, or of a list whose first reader is one."""
    if isinstance(node.body, Layer):
        return (0,) if node.body.inplace_ else ()
    return overwritten(node.body) if isinstance(node.body, Composite) else ()


def overwritten(composite: Composite) -> tuple[int, ...]:
    """The inputs of a list that something inside it writes over; found once for each list."""
    if "overwritten" not in composite.__dict__:
        found = set()
        for inner in composite.nodes:
            for position in writes(inner):
                source = storage(composite, composite.resolve(inner.inputs[position]))
                if isinstance(source, Edge) and source.node == INPUT:
                    found.add(source.port)
        composite.__dict__["overwritten"] = tuple(sorted(found))
    return composite.__dict__["overwritten"]  # type: ignore[no-any-return]


def storage(composite: Composite, source: Operand) -> Operand:
    """The edge whose memory a value lives in: behind views, omitted entries, in-place ops, and lists that give what
    flowed in."""
    if not isinstance(source, Edge) or source.node == INPUT:
        return source
    if "memories" not in composite.__dict__:
        composite.__dict__["memories"] = _memories(composite)
    found: Operand = composite.__dict__["memories"].get(source, source)
    return found


def is_part(composite: Composite, source: Operand) -> bool:
    """Whether a value is one of several views that were cut out of another at once, or a view of such a part."""
    if "parts" not in composite.__dict__:
        composite.__dict__["parts"] = _parts(composite)
    return source in composite.__dict__["parts"]


def within(node: Node) -> tuple[Operand, ...]:
    """Where each output lives, as the node itself sees it: an `INPUT` edge is one of its inputs, any other source a
    memory of its own, which outputs may share."""
    count = len(node.outputs)
    if isinstance(node.body, Composite):
        body = node.body
        ends = tuple(storage(body, body.resolve(port.edge)) for port in body.outputs)
        return ends + tuple(Edge(len(body.nodes), port) for port in range(len(ends), count))  # of a placeholder
    if node.body is None or aliases(node) or node.body.inplace_:
        return (Edge(INPUT),) * count
    return tuple(Edge(0, port) for port in range(count))


def flowing_in(node: Node, home: Operand) -> Operand | None:
    """What an output is the memory of, of what flows in; None where it has one of its own."""
    if not isinstance(home, Edge) or home.node != INPUT:
        return None
    return node.inputs[home.port] if home.port < len(node.inputs) else home


def _memories(composite: Composite) -> dict[Operand, Operand]:
    """For each output of a node the memory that it lives in."""
    out: dict[Operand, Operand] = {}
    for index, node in enumerate(composite.nodes):
        homes = within(node)
        for port, home in enumerate(homes):
            source = flowing_in(node, home)
            out[Edge(index, port)] = Edge(index, homes.index(home)) if source is None else out.get(source, source)
    return out


def _parts(composite: Composite) -> set[Operand]:
    out: set[Operand] = set()
    for index, node in enumerate(composite.nodes):
        body = node.body
        for port, home in enumerate(within(node)):
            if isinstance(body, Composite):
                cut = port < len(body.outputs) and is_part(body, body.resolve(body.outputs[port].edge))
            elif body is None or body.views is True:
                cut = body is not None and body.outputs
            else:
                continue
            if cut or flowing_in(node, home) in out:
                out.add(Edge(index, port))
    return out
