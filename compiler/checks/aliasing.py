"""Which values live in the same memory, and which ops write over it."""

from __future__ import annotations

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.graph import INPUT, Composite, Edge, Node, Source
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


def storage(composite: Composite, source: Source) -> Source:
    """The edge whose memory a value lives in: behind views, omitted entries and in-place ops."""
    if not isinstance(source, Edge) or source.node == INPUT:
        return source
    if "memories" not in composite.__dict__:
        composite.__dict__["memories"] = _memories(composite)
    found: Source | None = composite.__dict__["memories"][source.node]
    return source if found is None else found


def _memories(composite: Composite) -> list[Source | None]:
    """For each node the memory of another that its output lives in; None where it is its own."""
    out: list[Source | None] = []
    for node in composite.nodes:
        if node.body is None or aliases(node) or (isinstance(node.body, Layer) and node.body.inplace_):
            source = node.inputs[0] if node.inputs else Edge(INPUT)
            before = out[source.node] if isinstance(source, Edge) and source.node != INPUT else None
            out.append(source if before is None else before)
        else:
            out.append(None)
    return out
