"""The lists of a network: a `Composite` is its `Node`s in order, each with ordered inputs that are edges of this list
alone. Frozen; what a list costs and gives is derived from it.

Composites are interned: a block that is met again with the same arguments and the same shapes flowing in is the same
object, so that a thousand equal blocks cost one expansion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any, Literal, NamedTuple

import networkx as nx

from speczoo.compiler.cached import cached_property
from speczoo.compiler.dataflow import INPUT, OUTPUT, Edge, Operand, ancestors, dataflow, roots, topological_sort
from speczoo.compiler.layer import Call, Layer, Shape, Value
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Entry, Expect


@dataclass(frozen=True, eq=False)
class Node:
    """An entry as it stands in the network: a layer or a list applied to its inputs.

    `name` is its state_dict name. A node without a body was left out by `when`; its one output is its first input.
    `shared` is the node whose module it applies again. `key` is the entry's place and its loop turns: it lines up the
    instances of one block. `written` are the arguments as the spec has them, `scope` the names they may read.
    """

    name: str
    op: str
    inputs: tuple[Operand, ...]
    body: Layer | Composite | None
    outputs: tuple[Value | Unknown, ...]
    entry: Entry
    loc: Loc
    key: tuple[Any, ...]
    ports: tuple[str, ...] = ()
    shared: int | None = None
    named: bool = True
    written: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    arriving: tuple[Value | Unknown, ...] = ()

    def __repr__(self) -> str:
        return f"<Node {self.name}: {self.op}>"

    def replace(self, **changes: Any) -> Node:
        """Return a node like this one but for these fields; dataclasses.replace at a tenth of its price."""
        node = object.__new__(Node)
        mine = self.__dict__
        node.__dict__.update({name: mine[name] for name in NODE_FIELDS}, **changes)
        return node

    def containing(self, body: Composite) -> Node:
        """Return the node with a list as its body: what comes out of the list comes out of it."""
        ports = tuple(port.name for port in body.outputs) if len(body.outputs) > 1 else ()
        return self.replace(body=body, outputs=body.values, ports=ports)

    @property
    def arrived(self) -> tuple[Value, ...]:
        """What flows in, of a node that is whole."""
        return tuple(v for v in self.arriving if v is not UNKNOWN)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(v.shape for v in self.arrived)

    @cached_property
    def whole(self) -> bool:
        """Whether nothing about it is unknown."""
        return (
            UNKNOWN not in self.outputs
            and UNKNOWN not in self.arriving
            and not (isinstance(self.body, Composite) and not self.body.whole)
        )

    @cached_property
    def call(self) -> Call:
        """How torch makes and applies it, of a layer that is whole."""
        assert isinstance(self.body, Layer)
        return self.body.call(*self.arrived)

    @cached_property
    def weights(self) -> dict[str, Shape]:
        """Parameters of its own module; none where it shares another's."""
        return (
            self.body.weights(*self.shapes)
            if isinstance(self.body, Layer) and self.shared is None and self.whole
            else {}
        )

    @cached_property
    def buffers(self) -> dict[str, Shape]:
        return (
            self.body.buffers(*self.shapes)
            if isinstance(self.body, Layer) and self.shared is None and self.whole
            else {}
        )

    @cached_property
    def params(self) -> int:
        if isinstance(self.body, Composite):
            return self.body.params if self.shared is None else 0
        return sum(math.prod(shape) for shape in self.weights.values())

    @cached_property
    def macs(self) -> int:
        if isinstance(self.body, Composite):
            return self.body.macs
        if self.body is None or not self.whole or self.outputs[0] is UNKNOWN:
            return 0
        return self.body.macs(self.outputs[0].shape, *self.shapes)

    @cached_property
    def size(self) -> int:
        """How many layers it stands for."""
        return self.body.size if isinstance(self.body, Composite) else 1


NODE_FIELDS = tuple(f.name for f in fields(Node))


def constant(number: float) -> Value:
    """Return what a number among the inputs is: nothing flows, but its kind counts."""
    return Value((), "int64" if isinstance(number, int) else "float32", batched=False)


class Port(NamedTuple):
    """An output of a list."""

    name: str
    edge: Edge
    training_only: bool = False


@dataclass(frozen=True, eq=False)
class Composite:
    """A list of entries, expanded: the network, a block, an inline group, or a spec that is used as an op."""

    kind: Literal["network", "block", "group", "use"]
    name: str
    unit: LoadedSpec
    loc: Loc
    inputs: tuple[tuple[str, Value | Unknown], ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Port, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings | None = None  # of a network or a use
    pruned: bool = False

    def __repr__(self) -> str:
        return f"<Composite: {self.kind} {self.name}, {len(self.nodes)} entries>"

    @cached_property
    def whole(self) -> bool:
        return all(node.whole for node in self.nodes) and bool(self.outputs) and None not in self.values

    @cached_property
    def values(self) -> tuple[Value | Unknown, ...]:
        return tuple(self.value(port.edge) for port in self.outputs)

    def value(self, edge: Operand) -> Value | Unknown:
        if not isinstance(edge, Edge):
            return constant(edge)
        return self.inputs[edge.port][1] if edge.node == INPUT else self.nodes[edge.node].outputs[edge.port]

    def maker(self, index: int) -> int:
        """Return the node that made the module which a node applies: itself, but where it shares another's."""
        shared = self.nodes[index].shared
        return index if shared is None else shared

    @cached_property
    def params(self) -> int:
        return sum(node.params for node in self.nodes)

    @cached_property
    def needed(self) -> frozenset[int]:
        """The nodes that any output needs."""
        return self.ancestors([OUTPUT]) if not self.chain else frozenset(range(len(self.nodes)))

    @cached_property
    def inference_only(self) -> frozenset[int]:
        """The nodes that outputs outside training need."""
        lasting = [port.edge for port in self.outputs if not port.training_only]
        return self.ancestors(lasting) if len(lasting) < len(self.outputs) else self.needed

    @cached_property
    def macs(self) -> int:
        return sum(node.macs for i, node in enumerate(self.nodes) if i in self.inference_only)

    @cached_property
    def size(self) -> int:
        return 1 + sum(node.size for node in self.nodes)

    @cached_property
    def leaves(self) -> int:
        """How many layers and merges it holds, near and far, those that `when` left out not among them."""
        return sum(n.body.leaves if isinstance(n.body, Composite) else n.body is not None for n in self.nodes)

    @cached_property
    def weighted(self) -> int:
        """How many of them have parameters of their own."""
        return sum(
            n.body.weighted if isinstance(n.body, Composite) else n.params > 0 for n in self.nodes if n.shared is None
        )

    @cached_property
    def dataflow(self) -> nx.DiGraph:
        """The values that its nodes give and take, see `dataflow`."""
        entries = ((i, node.inputs, len(node.outputs)) for i, node in enumerate(self.nodes))
        return dataflow(entries, (port.edge for port in self.outputs))

    @cached_property
    def dependencies(self) -> nx.DiGraph:
        """The dataflow with an edge from each node to those that share its module."""
        sharing = [(node.shared, i) for i, node in enumerate(self.nodes) if node.shared is not None]
        if not sharing:
            return self.dataflow
        graph = nx.DiGraph(self.dataflow)
        graph.add_edges_from(sharing)
        return nx.freeze(graph)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The numbers of its nodes in the order of execution: that in which they are written."""
        return topological_sort(self.dependencies) if not self.chain else tuple(range(len(self.nodes)))

    def ancestors(self, targets: Iterable[Edge | str]) -> frozenset[int]:
        """Return the nodes that these values, or OUTPUT, come from, near and far."""
        return frozenset(node for node in ancestors(self.dependencies, targets) if isinstance(node, int))

    @cached_property
    def chain(self) -> bool:
        """Whether it is a pure chain: each entry takes the one output of the one before it; the last is the output."""
        if not len(self.inputs) == len(self.outputs) == 1 or self.outputs[0].training_only:
            return False
        if any(len(node.inputs) != 1 or node.shared is not None for node in self.nodes):
            return False
        ports = chain.from_iterable((i, Edge(i)) for i in range(len(self.nodes)))
        path = [Edge(INPUT), *ports, OUTPUT]
        return self.dataflow.size() == len(path) - 1 and bool(nx.is_simple_path(self.dataflow, path))

    def resolve(self, edge: Operand) -> Operand:
        """Return the edge behind nodes that `when` left out."""
        return self._behind.get(edge, edge)

    @cached_property
    def _behind(self) -> dict[Operand, Operand]:
        """The edge behind what each node gives that `when` left out."""
        passing = [(node.inputs[0], Edge(i)) for i, node in enumerate(self.nodes) if node.body is None and node.inputs]
        return roots(nx.DiGraph(passing)) if passing else {}


@dataclass(frozen=True)
class Settings:
    """What was chosen of a spec: its variant, all its parameters' values, its inputs, its taps."""

    name: str
    variant: str | None
    params: Mapping[str, Any]
    inputs: tuple[tuple[str, Value], ...]
    expect: Expect | None
    taps: Mapping[str, str] | None = None
    changed: bool = False  # parameters, input or taps are not those that `expect` speaks of
