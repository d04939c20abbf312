"""How long the values of one list live in its forward: which variable has each, and when it is let go."""

from __future__ import annotations

from typing import NamedTuple

from speczoo.compiler.cached import once
from speczoo.compiler.composite import Composite
from speczoo.compiler.dataflow import Edge, Operand
from speczoo.compiler.layer import Layer
from speczoo.compiler.lower.forward import Statement, argument, order
from speczoo.compiler.lower.instance_grouping import inline, unwritten
from speczoo.compiler.program import Assignment


class Step(NamedTuple):
    """An entry of a list as its forward applies it when evaluated: by its number, with the variables that take what it
    gives, and those that are let go after it.
    """

    entry: int
    targets: tuple[str, ...]
    drops: tuple[str, ...] = ()


@once
def steps(composite: Composite) -> tuple[Step, ...]:
    """Return the steps of a list that is lowered by itself; a class that it shares with other lists has these, too, but
    for entries that stand in those alone.
    """
    there = [i for i, node in enumerate(composite.nodes) if node.body is not None]
    if unwritten([composite]) or inline(composite):
        return tuple(Step(i, ("input",)) for i in there)
    statements = [_statement(composite, i) if i in there else None for i in range(len(composite.nodes))]
    outputs = [port._replace(edge=_edge(composite.wiring.resolve(port.edge))) for port in composite.outputs]
    lines, _ = order(statements, [argument(name) for name, _ in composite.inputs], outputs)
    applied = [i for i, made in enumerate(statements) if made is not None and made.express is not None]
    assigned = [line for line in lines if isinstance(line, Assignment)]
    return tuple(
        Step(i, line.targets, line.drops)
        for i, line in zip(applied, assigned, strict=True)
        if i in composite.wiring.inference_only
    )


def _statement(composite: Composite, index: int) -> Statement | None:
    """Return an entry as its list's forward sees it; None of one whose module is kept and not applied."""
    node, wiring = composite.nodes[index], composite.wiring
    if isinstance(node.body, Layer) and node.call.parameter:
        return Statement.of(composite, index, (), None)
    if index not in wiring.needed:
        return None
    return Statement.of(composite, index, [wiring.resolve(edge) for edge in node.inputs], "".join)


def _edge(source: Operand) -> Edge:
    assert isinstance(source, Edge)
    return source
