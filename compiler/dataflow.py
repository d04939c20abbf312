"""The dataflow of a list as a DiGraph of networkx: its order, and what reaches what, are asked of it.

Nodes of a DiGraph are a list's entries, by number; the values that flow between them, as `Edge`s; and `OUTPUT`, which
takes what the list gives. It is a view: an entry that takes one value twice has one edge from it here, and which input
is which stands in `Node.inputs`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import networkx as nx


class Edge(NamedTuple):
    """An output of a node of the same list. Node `INPUT` is the list itself: its port is the input's number."""

    node: int
    port: int = 0


@lru_cache(maxsize=4096)
def edge(node: int, port: int = 0) -> Edge:
    """Return the edge from this output of a node, the same object each time: every list has the first ones."""
    return Edge(node, port)


INPUT = -1
OUTPUT = "output"
Operand: TypeAlias = Edge | int | float


def dataflow(
    entries: Iterable[tuple[int, Iterable[Operand], int]],
    outputs: Iterable[Edge],
    sharing: Iterable[tuple[int, int]] = (),
) -> nx.DiGraph:
    """Return the frozen DiGraph of entries (number, inputs, how many outputs) of a list that gives these outputs; with
    an edge from each entry to one that applies its module again, of those of which that is `sharing`.
    """
    graph = nx.DiGraph()
    graph.add_node(OUTPUT)
    edges: list[tuple[Hashable, Hashable]] = [*((given, OUTPUT) for given in outputs), *sharing]
    for number, inputs, count in entries:
        edges += [(operand, number) for operand in inputs if isinstance(operand, Edge)]
        edges += [(number, edge(number, port)) for port in range(count)]
    graph.add_edges_from(edges)
    return nx.freeze(graph)


def topological_sort(graph: nx.DiGraph) -> tuple[int, ...]:
    """Return the numbers of the entries in the order in which they can run, the lower number first where several can.

    Raises networkx.NetworkXUnfeasible for a graph with a cycle.
    """
    return tuple(n for n in nx.lexicographical_topological_sort(graph, key=_number) if isinstance(n, int))


def _number(node: Hashable) -> float:
    return node if isinstance(node, int) else node.node if isinstance(node, Edge) else float("inf")


def descendants(graph: nx.DiGraph, sources: Iterable[Hashable]) -> frozenset[Any]:
    """Return what any of these reaches, themselves included, by one search from all of them."""
    return frozenset(chain.from_iterable(nx.bfs_layers(graph, [node for node in sources if node in graph])))


def ancestors(graph: nx.DiGraph, targets: Iterable[Hashable]) -> frozenset[Any]:
    """Return what reaches any of these, themselves included, by one search from all of them."""
    return descendants(nx.reverse_view(graph), targets)


def roots(forest: nx.DiGraph) -> dict[Operand, Operand]:
    """Return the root of the tree that each value of a forest stands in, roots themselves left out."""
    found: dict[Operand, Operand] = {}
    for value in nx.topological_sort(forest):
        for source in forest.predecessors(value):
            found[value] = found.get(source, source)
    return found
