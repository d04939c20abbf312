"""How long the values of a list live in its forward: which variable has each, and when it is let go."""

from __future__ import annotations

from typing import NamedTuple

from speczoo.compiler.composite import Composite
from speczoo.compiler.dataflow import Edge, Operand
from speczoo.compiler.layer import Layer
from speczoo.compiler.lower.forward import Statement, argument, order
from speczoo.compiler.lower.instance_grouping import InstanceGroup, InstanceGroups, unwritten
from speczoo.compiler.program import Assignment


class ForwardStep(NamedTuple):
    """An entry of a list as its forward applies it when evaluated: by its number, with the variables that take what it
    gives, and those that are let go after it.
    """

    entry: int
    targets: tuple[str, ...]
    drops: tuple[str, ...] = ()


class Lifetimes:
    """The steps of all lists of a network, by the classes that are written for them."""

    def __init__(self, root: Composite) -> None:
        self._groups: dict[Composite, InstanceGroup] = {}
        known = InstanceGroups(root).of
        visited, left = {root}, [(root, root)]
        while left:
            composite, made = left.pop()
            if id(made) in known:
                self._groups[composite] = known[id(made)]
            for index, node in enumerate(composite.nodes):
                if isinstance(node.body, Composite) and node.body not in visited:
                    visited.add(node.body)
                    left.append((node.body, _made(made, index)))

    def of(self, composite: Composite) -> tuple[ForwardStep, ...]:
        """Return the steps of a list. An entry that it lacks, and another list of its class has, hands on what flows
        in.
        """
        group = self._groups.get(composite)
        if group is None or unwritten(group.instances):
            return tuple(ForwardStep(i, ("input",)) for i, node in enumerate(composite.nodes) if node.body is not None)
        behind: dict[Operand, Operand] = {}
        statements: list[Statement | None] = []
        for index, having in enumerate(group.lines.having):
            inputs = [behind.get(edge, edge) for edge in (having or composite).nodes[index].inputs]
            if having is not None:
                statements.append(_statement(having, index, inputs))
            else:
                behind[Edge(index)] = inputs[0]
                statements.append(None)
        outputs = [port._replace(edge=_edge(behind.get(port.edge, port.edge))) for port in composite.outputs]
        lines, _ = order(statements, [argument(name) for name, _ in composite.inputs], outputs)
        applied = [i for i, made in enumerate(statements) if made is not None and made.express is not None]
        assigned = [line for line in lines if isinstance(line, Assignment)]
        pairs = zip(applied, assigned, strict=True)
        return tuple(ForwardStep(i, line.targets, line.drops) for i, line in pairs if not line.training)


def _made(made: Composite, index: int) -> Composite:
    """Return the list whose class an entry's list is an instance of: its own, or of a shared module that of its maker.
    `made` is the one whose class has the entry.
    """
    body = made.nodes[made.maker(index)].body
    assert isinstance(body, Composite)
    return body


def _statement(composite: Composite, index: int, inputs: list[Operand]) -> Statement | None:
    """Return an entry as its list's forward sees it; None of one whose module is kept and not applied."""
    node = composite.nodes[index]
    if isinstance(node.body, Layer) and node.call.parameter:
        return Statement.of(composite, index, (), None)
    return Statement.of(composite, index, inputs, "".join) if index in composite.wiring.needed else None


def _edge(source: Operand) -> Edge:
    assert isinstance(source, Edge)
    return source
