"""How long the values of a list live in its forward: which variable has each, and when it is let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from speczoo.compiler.composite import Composite
from speczoo.compiler.dataflow import Edge, Operand
from speczoo.compiler.layer import Layer
from speczoo.compiler.lower.forward import Statement, argument, order
from speczoo.compiler.lower.instance_grouping import inline, origin, unwritten
from speczoo.compiler.program import Assignment


class Step(NamedTuple):
    """An entry of a list as its forward applies it when evaluated: by its number, with the variables that take what it
    gives, and those that are let go after it.
    """

    entry: int
    targets: tuple[str, ...]
    drops: tuple[str, ...] = ()


#: Of lists that were written in one place, by that: the first that has each entry, by its number.
Likes: TypeAlias = Mapping[tuple[Any, ...], Mapping[int, Composite]]


def likes(root: Composite) -> Likes:
    """Return, for all lists of a network, what the lists have that share a class with them."""
    found: dict[tuple[Any, ...], dict[int, Composite]] = {}
    visited = {root}
    left = [root]
    while left:
        composite = left.pop()
        own = found.setdefault(origin(composite), {})
        for index, node in enumerate(composite.nodes):
            if node.body is not None:
                own.setdefault(index, composite)
            if isinstance(node.body, Composite) and node.body not in visited:
                visited.add(node.body)
                left.append(node.body)
    return found


def steps(composite: Composite, likes: Likes) -> tuple[Step, ...]:
    """Return the steps of a list. An entry that it lacks, and another list of its class has, hands on what flows in."""
    if unwritten([composite]) or inline(composite):
        return tuple(Step(i, ("input",)) for i, node in enumerate(composite.nodes) if node.body is not None)
    having = likes[origin(composite)]
    behind: dict[Operand, Operand] = {}
    statements: list[Statement | None] = []
    for index, node in enumerate(composite.nodes):
        inputs = [behind.get(edge, edge) for edge in node.inputs]
        if index in having:
            statements.append(_statement(having[index], index, inputs))
        else:
            behind[Edge(index)] = inputs[0]
            statements.append(None)
    outputs = [port._replace(edge=_edge(behind.get(port.edge, port.edge))) for port in composite.outputs]
    lines, _ = order(statements, [argument(name) for name, _ in composite.inputs], outputs)
    applied = [i for i, made in enumerate(statements) if made is not None and made.express is not None]
    assigned = [line for line in lines if isinstance(line, Assignment)]
    pairs = zip(applied, assigned, strict=True)
    return tuple(Step(i, line.targets, line.drops) for i, line in pairs if not line.training)


def _statement(composite: Composite, index: int, inputs: list[Operand]) -> Statement | None:
    """Return an entry as its list's forward sees it; None of one whose module is kept and not applied."""
    node = composite.nodes[index]
    if isinstance(node.body, Layer) and node.call.parameter:
        return Statement.of(composite, index, (), None)
    return Statement.of(composite, index, inputs, "".join) if index in composite.wiring.needed else None


def _edge(source: Operand) -> Edge:
    assert isinstance(source, Edge)
    return source
