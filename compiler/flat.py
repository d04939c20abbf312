"""A network as one flat graph: its layers by path, whatever blocks and groups they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import networkx as nx

from speczoo.compiler.composite import Composite
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.graph import Graph

ValueOrigin: TypeAlias = tuple[str, int]  # a layer's path, or an input's name, and which of its outputs


def flat(graph: Graph) -> nx.MultiDiGraph:
    """Return a node for each input and each layer, by name and path, and an edge for each value that flows between two.

    A node has `op` (`input` of inputs), `node`, the compiler's own (None of inputs), and `module`, the path of the
    module that it applies: its own path, but where it shares another's. An edge has `value` (shape without the batch
    axis, and dtype), `port` (which output of its source) and `position` (which input of its target).
    What `when` left out has no node. `graph["outputs"]` maps the network's outputs to their sources and ports.
    """
    found = nx.MultiDiGraph()
    for name, _ in graph.root.inputs:
        found.add_node(name, op="input", node=None, module=None)
    ends = _add(found, graph.root, "", "", [(name, 0) for name, _ in graph.root.inputs])
    found.graph["outputs"] = {port.name: end for port, end in zip(graph.root.outputs, ends, strict=True)}
    return found


def _add(
    found: nx.MultiDiGraph, composite: Composite, prefix: str, owner: str, arriving: Sequence[ValueOrigin | None]
) -> list[ValueOrigin | None]:
    """Add a list's layers, whose paths begin with `prefix` and their modules' with `owner`; where its outputs come
    from.
    """
    made: dict[Edge, ValueOrigin | None] = {Edge(INPUT, port): origin for port, origin in enumerate(arriving)}

    def origin(operand: Operand) -> ValueOrigin | None:
        return made[operand] if isinstance(operand, Edge) else None  # a number comes from nowhere

    for index, node in enumerate(composite.nodes):
        module = owner + composite.nodes[composite.maker(index)].name
        path, given = prefix + node.name, [origin(operand) for operand in node.inputs]
        if node.body is None:
            made[Edge(index)] = given[0]
        elif isinstance(node.body, Composite):
            ends = _add(found, node.body, f"{path}.", f"{module}.", given)
            made |= {Edge(index, port): end for port, end in enumerate(ends)}
        else:
            found.add_node(path, op=node.op, node=node, module=module)
            for position, source in enumerate(given):
                if source is not None:
                    value = node.arriving[position]
                    found.add_edge(source[0], path, value=value, port=source[1], position=position)
            made |= {Edge(index, port): (path, port) for port in range(len(node.outputs))}
    return [origin(port.edge) for port in composite.outputs]
