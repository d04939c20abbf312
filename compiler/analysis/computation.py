"""What a network computes: the same for two networks however they are written, in blocks or without, in one order or
another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import networkx as nx

from speczoo.compiler.analysis.canonical_arguments import canonical, not_default
from speczoo.compiler.cached import once
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.flat import flat
from speczoo.compiler.graph import Graph
from speczoo.compiler.init_rules import rules
from speczoo.compiler.initialisers import Initialiser
from speczoo.compiler.layer import Layer

#: An operand: which output of which step, or a number as it is written (1 and 1.0 are of two dtypes).
StepOutput: TypeAlias = tuple[int, int] | str
#: Takes the network's outputs, and what has weights but is not used.
_END = ("end",)


class AppliedLayer(NamedTuple):
    """A layer as it is applied. `arguments` are those that torch is called with, each in one of the forms that mean the
    same; `owner` is the path of the module with weights or buffers that it applies.
    """

    path: str
    op: str
    arguments: dict[str, Any]
    chosen: dict[str, Any]  # those that are not torch's defaults
    owner: str | None
    sources: tuple[StepOutput, ...]
    reads: tuple[str, ...]  # the sources by path: for people

    @property
    def meaning(self) -> tuple[Any, ...]:
        return self.op, self.arguments, self.owner, self.sources


class End(NamedTuple):
    """An output of the network."""

    name: str
    source: tuple[int, int]
    training_only: bool
    path: str  # the source's: for people


class Computation(NamedTuple):
    """The steps of a network, in an order that does not hang on the one that they are written in; and its outputs."""

    steps: tuple[AppliedLayer, ...]
    outputs: tuple[End, ...]


@once
def computation(graph: Graph) -> Computation:
    """Return the layers, each after what it takes, and the outputs by name.

    Layers without weights that no output needs are none of its steps.
    """
    network = flat(graph)
    ends: dict[str, tuple[str, int]] = network.graph["outputs"]
    unused = [path for path, data in network.nodes(data=True) if data["node"] is not None and data["node"].weights]
    network.add_edges_from((path, _END) for path in (*(path for path, _ in ends.values()), *sorted(unused)))
    order = [n for n in nx.dfs_postorder_nodes(nx.reverse_view(network), _END) if n != _END]
    layers = [path for path in order if network.nodes[path]["node"] is not None]
    number = {path: i for i, path in enumerate(layers)}
    number |= {name: -1 - i for i, (name, _) in enumerate(graph.settings.inputs)}
    outputs = []
    for port in graph.root.outputs:
        path, at = ends[port.name]
        outputs.append(End(port.name, (number[path], at), port.training_only, _place(path, at)))
    return Computation(tuple(_step(network, path, number) for path in layers), tuple(outputs))


def _step(network: nx.MultiDiGraph, path: str, number: dict[str, int]) -> AppliedLayer:
    node: Node = network.nodes[path]["node"]
    assert isinstance(node.body, Layer)
    module: str = network.nodes[path]["module"]
    made: Node = network.nodes[module]["node"] if module in network else node
    came = {d["position"]: (source, d["port"]) for source, _, d in network.in_edges(path, data=True)}
    numbers = {i: repr(operand) for i, operand in enumerate(node.inputs) if not isinstance(operand, Edge)}
    positions = range(len(node.inputs))
    return AppliedLayer(
        path,
        node.op,
        canonical(node.body, node.call),
        not_default(node.body, node.call),
        module if made.weights or made.buffers else None,
        tuple(numbers[i] if i in numbers else (number[came[i][0]], came[i][1]) for i in positions),
        tuple(numbers[i] if i in numbers else _place(*came[i]) for i in positions),
    )


def _place(path: str, port: int) -> str:
    return f"{path}.{port}" if port else path


@once
def initial(graph: Graph) -> dict[str, Initialiser]:
    """Return what parameters start as, by their names, where a rule says it: the last that speaks of one."""
    starting: dict[str, Initialiser] = {}
    for prefix, composite in _with_settings(graph.root, ""):
        assert composite.settings is not None
        own = Graph(composite.unit, composite, composite.settings)
        for rule in rules(own):
            for path, node, _ in own.walk():
                if rule.meets(path, node.op):
                    at = prefix + path
                    met = {f"{at}.{n}" if n else at: made for n, made in rule.initialisers if n in node.weights}
                    starting |= met | {name: made for key, made in met.items() for name in graph.one.get(key, ())}
    return {key: Initialiser(made.name, tuple(sorted(made.arguments))) for key, made in sorted(starting.items())}


def _with_settings(composite: Composite, prefix: str) -> Iterator[tuple[str, Composite]]:
    """Yield the specs in use, by the prefix of their paths, each before the one that uses it."""
    for node in composite.nodes:
        if isinstance(node.body, Composite) and node.shared is None:
            yield from _with_settings(node.body, f"{prefix}{node.name}.")
    if composite.settings is not None:
        yield prefix, composite
