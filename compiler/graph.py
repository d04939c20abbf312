"""The Graph: an expanded network with exact shapes, weights and costs. Frozen; nothing of it is filled in later.

A network is a tree of lists. A list is a `Composite`: its `Node`s in order, each with ordered inputs that are edges
of this list alone. Composites are interned: a block that is met again with the same arguments and the same shapes
flowing in is the same object, so that a thousand equal blocks cost one expansion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.specs.loaded_spec import LoadedSpec as LoadedSpec
from speczoo.specs.loaded_spec import UsedSpec
from speczoo.specs.spec import Entry, Expect, Loc, Spec

if TYPE_CHECKING:
    import networkx as nx


class Edge(NamedTuple):
    """An output of a node of the same list. Node `INPUT` is the list itself: its port is the input's number."""

    node: int
    port: int = 0


INPUT = -1
Operand: TypeAlias = Edge | int | float


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
    outputs: tuple[Value | None, ...]
    entry: Entry
    loc: Loc
    key: tuple[Any, ...]
    ports: tuple[str, ...] = ()
    shared: int | None = None
    named: bool = True
    written: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    arriving: tuple[Value | None, ...] = ()

    def replace(self, **changes: Any) -> Node:
        """A node like this one but for these fields; dataclasses.replace at a tenth of its price."""
        node = object.__new__(Node)
        mine = self.__dict__
        node.__dict__.update({name: mine[name] for name in NODE_FIELDS}, **changes)
        return node

    def containing(self, body: Composite) -> Node:
        """The node with a list as its body: what comes out of the list comes out of it."""
        ports = tuple(port.name for port in body.outputs) if len(body.outputs) > 1 else ()
        return self.replace(body=body, outputs=body.values, ports=ports)

    @property
    def arrived(self) -> tuple[Value, ...]:
        """What flows in, of a node that is whole."""
        return tuple(v for v in self.arriving if v is not None)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(v.shape for v in self.arrived)

    @cached_property
    def whole(self) -> bool:
        """Whether nothing about it is unknown."""
        return (
            None not in self.outputs
            and None not in self.arriving
            and not (isinstance(self.body, Composite) and not self.body.whole)
        )

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
        if self.body is None or not self.whole or self.outputs[0] is None:
            return 0
        return self.body.macs(self.outputs[0].shape, *self.shapes)

    @cached_property
    def size(self) -> int:
        """How many layers it stands for."""
        return self.body.size if isinstance(self.body, Composite) else 1


NODE_FIELDS = tuple(f.name for f in fields(Node))


def constant(number: float) -> Value:
    """What a number among the inputs is: nothing flows, but its kind counts."""
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
    inputs: tuple[tuple[str, Value | None], ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Port, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings | None = None  # of a network or a use
    pruned: bool = False

    @cached_property
    def whole(self) -> bool:
        return all(node.whole for node in self.nodes) and bool(self.outputs) and None not in self.values

    @cached_property
    def values(self) -> tuple[Value | None, ...]:
        return tuple(self.value(port.edge) for port in self.outputs)

    def value(self, edge: Operand) -> Value | None:
        if not isinstance(edge, Edge):
            return constant(edge)
        return self.inputs[edge.port][1] if edge.node == INPUT else self.nodes[edge.node].outputs[edge.port]

    def maker(self, index: int) -> int:
        """The node that made the module which a node applies: itself, but where it shares another's."""
        shared = self.nodes[index].shared
        return index if shared is None else shared

    @cached_property
    def params(self) -> int:
        return sum(node.params for node in self.nodes)

    @cached_property
    def needed(self) -> frozenset[int]:
        """The nodes that any output needs."""
        return self.reached(tuple(port.edge for port in self.outputs))

    @cached_property
    def inference_only(self) -> frozenset[int]:
        """The nodes that outputs outside training need."""
        return self.reached(tuple(port.edge for port in self.outputs if not port.training_only))

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
        return sum(n.body.weighted if isinstance(n.body, Composite) else n.params > 0 for n in self.nodes)

    @cached_property
    def view(self) -> nx.DiGraph:
        """Nodes by number with INPUT for the list's own inputs. A view: `add(x, x)` is one edge here."""
        import networkx as nx  # a quarter of a second that most checks do not need

        graph = nx.DiGraph()
        graph.add_node(INPUT)
        graph.add_nodes_from(range(len(self.nodes)))
        graph.add_edges_from(
            (e.node, i) for i, node in enumerate(self.nodes) for e in node.inputs if isinstance(e, Edge)
        )
        graph.add_edges_from((node.shared, i) for i, node in enumerate(self.nodes) if node.shared is not None)
        return graph

    def reached(self, edges: tuple[Edge, ...]) -> frozenset[int]:
        """The nodes that these edges come from, near and far."""
        if self.chain and edges == (self.outputs[0].edge,):
            return frozenset(range(len(self.nodes)))
        needed = {edge.node for edge in edges}
        for index in range(len(self.nodes) - 1, -1, -1):  # nodes stand in order: one pass backwards meets them all
            if index in needed:
                node = self.nodes[index]
                needed.update(e.node for e in node.inputs if isinstance(e, Edge))
                if node.shared is not None:
                    needed.add(node.shared)
        return frozenset(needed - {INPUT})

    @cached_property
    def chain(self) -> bool:
        """Whether it is a pure chain: each entry takes the one output of the one before it; the last is the output."""
        last = Edge(INPUT)
        for i, node in enumerate(self.nodes):
            if node.inputs != (last,) or node.shared is not None or len(node.outputs) != 1:
                return False
            last = Edge(i)
        return (
            len(self.inputs) == 1
            and [port.edge for port in self.outputs] == [last]
            and not self.outputs[0].training_only
        )

    def resolve(self, edge: Operand) -> Operand:
        """The edge behind nodes that `when` left out."""
        if isinstance(edge, Edge) and edge.node != INPUT and self.nodes[edge.node].body is None:
            return self._behind[edge.node]
        return edge

    @cached_property
    def _behind(self) -> dict[int, Operand]:
        """The edge behind each node that `when` left out."""
        out: dict[int, Operand] = {}
        for index, node in enumerate(self.nodes):
            if node.body is None and node.inputs:
                source = node.inputs[0]
                out[index] = out.get(source.node, source) if isinstance(source, Edge) else source
            elif node.body is None:
                out[index] = Edge(index)
        return out


class Row(NamedTuple):
    """A leaf layer or merge of a network, in execution order. Shapes are without the batch axis."""

    path: str
    op: str
    inputs: tuple[Shape, ...]
    output: Shape
    params: int
    trainable: int
    macs: int
    node: Node


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


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network. `root` is its list; what it costs and what its state_dict holds is derived from it.

    `used` is what the names under `use` were found to mean, near and far, by the spec that says them.
    """

    unit: LoadedSpec
    root: Composite
    settings: Settings
    used: Mapping[tuple[int, str], UsedSpec | str] = field(default_factory=dict, repr=False)

    def use(self, unit: LoadedSpec, name: str) -> LoadedSpec | None:
        """The spec that a spec of this network names under `use`."""
        found = self.used.get((id(unit.spec), name))
        return found.unit if isinstance(found, UsedSpec) else None

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def spec(self) -> Spec:
        return self.unit.spec

    @cached_property
    def frozen(self) -> tuple[str, ...]:
        return tuple(self.spec.freeze)

    def walk(self, composite: Composite | None = None, prefix: str = "") -> Iterator[tuple[str, Node, Composite]]:
        """Every leaf with its path and its list, in execution order."""
        composite = composite or self.root
        for node in composite.nodes:
            path = prefix + node.name
            if isinstance(node.body, Composite):
                yield from self.walk(node.body, path + ".")
            elif node.body is not None:
                yield path, node, composite

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        out = []
        for path, node, _ in self.walk():
            output = node.outputs[0]
            assert output is not None
            trainable = sum(
                math.prod(s) for n, s in node.weights.items() if not self.is_frozen(f"{path}.{n}" if n else path)
            )
            out.append(Row(path, node.op, node.shapes, output.shape, node.params, trainable, node.macs, node))
        return tuple(out)

    def is_frozen(self, key: str) -> bool:
        return any(matches(pattern, key) for pattern in self.frozen)

    @cached_property
    def params(self) -> int:
        return self.root.params

    @cached_property
    def trainable_params(self) -> int:
        return sum(row.trainable for row in self.rows) if self.frozen else self.params

    @property
    def macs(self) -> int:
        return self.root.macs

    @cached_property
    def state(self) -> dict[str, Shape]:
        """The state_dict that torch will show: names, shapes and order, buffers included."""
        out: dict[str, Shape] = {}

        def collect(composite: Composite, prefix: str) -> None:
            own = [n for n in composite.nodes if n.shared is None]
            for node in own:
                if "" in node.weights:  # a Parameter: its key is its id, and torch lists it before child modules
                    out[prefix + node.name] = node.weights[""]
            for node in own:
                if isinstance(node.body, Composite):
                    collect(node.body, f"{prefix}{node.name}.")
                elif "" not in node.weights:
                    items = {**node.weights, **node.buffers}
                    nested = {k: v for k, v in items.items() if "." in k}
                    for key in [*(k for k in items if k not in nested), *nested]:
                        out[f"{prefix}{node.name}.{key}"] = items[key]

        collect(self.root, "")
        return out


def matches(pattern: str, path: str) -> bool:
    """Path globs: `*` is within one part, `**` over any number of parts (none too)."""
    parts, goal = pattern.split("."), path.split(".")
    reach = {0}
    for part in parts:
        if part == "**":
            reach = {j for i in reach for j in range(i, len(goal) + 1)}
        else:
            reach = {i + 1 for i in reach if i < len(goal) and _fits(part, goal[i])}
    return len(goal) in reach


def _fits(pattern: str, text: str) -> bool:
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(head):
        return False
    at = len(head)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])
