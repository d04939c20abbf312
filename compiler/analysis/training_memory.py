"""The bytes that autograd keeps of a network for its backward pass."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from speczoo.compiler.analysis.cost import ITEM_SIZES
from speczoo.compiler.analysis.residence import Home, Residence, Residences, Unit, input_layouts, shape_of_first
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.graph import Graph
from speczoo.compiler.kept import Wanted
from speczoo.compiler.layer import Layer
from speczoo.compiler.strides import Layout
from speczoo.compiler.unknown import UNKNOWN


class Saved(NamedTuple):
    """What autograd keeps of a list: which of its inputs, by number, how many bytes besides that are no output, where
    its outputs are, which of these memories are kept, and which outputs want a gradient.
    """

    inputs: frozenset[int]
    inside: int
    places: tuple[Residence, ...]
    outputs: frozenset[Home]
    wanting: tuple[bool, ...]


Frozen: TypeAlias = frozenset[str]


class Arriving(NamedTuple):
    """How the inputs of a list arrive: whether a gradient of each is wanted, and how it lies."""

    wanting: tuple[bool, ...]
    layouts: tuple[Layout, ...]


def training(graph: Graph, unit: Unit) -> int:
    """Return the bytes that autograd keeps for a network's backward pass, no gradient of its input wanted."""
    root = graph.root
    arriving = Arriving((False,) * len(root.inputs), input_layouts(root, unit))
    found = saved(root, unit, arriving, frozenset(graph.frozen_keys))
    ends = sum(home.size for home in found.outputs)
    return found.inside + ends + sum(unit.size(root.inputs[port][1]) for port in found.inputs)


def saved(composite: Composite, unit: Unit, arriving: Arriving, frozen: Frozen) -> Saved:
    """Return what autograd keeps of a list where inputs arrive so, and these parameters of it are frozen; found once
    for each list.
    """
    key = (unit, arriving, frozen)
    known: dict[tuple[Unit, Arriving, Frozen], Saved] = composite.__dict__.setdefault("saved", {})
    if key not in known:
        known[key] = _Keeping(composite, unit, arriving, frozen).run()
    return known[key]


class _Keeping:
    """A forward pass of one list in training mode, with what autograd keeps on the way."""

    def __init__(self, composite: Composite, unit: Unit, arriving: Arriving, frozen: Frozen) -> None:
        self.composite, self.unit, self.frozen, self.inside = composite, unit, frozen, 0
        self.frozen_below: dict[str, set[str]] = {}  # by the entry that they are in
        own = {node.name for node in composite.nodes} if frozen else set()
        for name in frozen:
            first, rest = divided(name, own)
            self.frozen_below.setdefault(first, set()).add(rest)
        self.places = Residences(composite, unit, arriving.layouts)
        self.wanting = {Edge(INPUT, port): wants for port, wants in enumerate(arriving.wanting)}
        self.kept: set[Home] = set()

    def run(self) -> Saved:
        for index, node in enumerate(self.composite.nodes):
            if node.body is not None and index in self.composite.wiring.needed:
                if isinstance(node.body, Composite):
                    self.inner(index, node, node.body)
                else:
                    self.layer(index, node, node.body)
        places = tuple(self.places.of(port.edge) for port in self.composite.outputs)
        own = {home for home in self.kept if home.port is None}
        ends = {place.home for place in places}
        return Saved(
            frozenset(home.port for home in self.kept if home.port is not None),
            self.inside + sum(home.size for home in own - ends),
            places,
            frozenset(own & ends),
            tuple(self.wants(port.edge) for port in self.composite.outputs),
        )

    def wants(self, operand: Operand) -> bool:
        operand = self.composite.wiring.resolve(operand)
        return isinstance(operand, Edge) and self.wanting.get(operand, False)

    def inner(self, index: int, node: Node, body: Composite) -> None:
        frozen = frozenset(self.frozen_below.get(self.composite.nodes[self.composite.maker(index)].name, ()))
        places = [self.places.of(edge) for edge in node.inputs]
        arriving = Arriving(tuple(map(self.wants, node.inputs)), tuple(place.layout for place in places))
        found = saved(body, self.unit, arriving, frozen)
        self.inside += found.inside
        self.kept |= {places[port].home for port in found.inputs}
        entered = self.places.entered(node, found.places)
        for port, (place, wants) in enumerate(zip(entered, found.wanting, strict=True)):
            self.places.put(Edge(index, port), place)
            self.wanting[Edge(index, port)] = wants
        self.kept |= {
            place.home for place, before in zip(entered, found.places, strict=True) if before.home in found.outputs
        }

    def layer(self, index: int, node: Node, layer: Layer) -> None:
        flowing = node.inputs[: layer.valued(len(node.inputs))]
        wanted = frozenset(i for i, edge in enumerate(flowing) if self.wants(edge))
        training = self.training(index, node, layer)
        active = bool(wanted or training)
        for port, (value, place) in enumerate(zip(node.outputs, self.given(index, node, layer), strict=True)):
            self.places.put(Edge(index, port), place)
            self.wanting[Edge(index, port)] = active and value is not UNKNOWN and value.is_float
        if active:
            self.keep(index, node, layer, self.places.wanted(node, wanted, training))

    def given(self, index: int, node: Node, layer: Layer) -> list[Residence]:
        """Return where what a layer gives is."""
        if not node.inputs:
            return [self.places.of(Edge(index))]
        laid = zip(node.outputs, self.places.laid(node, layer, training=True), strict=True)
        return [
            Residence(
                self.places.own(self.unit.size(value)) if of is None else self.places.of(node.inputs[of]).home, layout
            )
            for value, (layout, of) in laid
        ]

    def training(self, index: int, node: Node, layer: Layer) -> frozenset[str]:
        """Return the names of those of its weights that are not frozen."""
        maker = self.composite.nodes[self.composite.maker(index)].name
        names = layer.weights(*node.shapes)
        return frozenset(name for name in names if (f"{maker}.{name}" if name else maker) not in self.frozen)

    def keep(self, index: int, node: Node, layer: Layer, wanted: Wanted) -> None:
        found = layer.keeping(wanted, shape_of_first(node), *node.arrived)
        each = ITEM_SIZES[self.unit.dtype]
        own = found.numbers * each + found.indices * ITEM_SIZES["int64"]
        batch = self.unit.batch if any(value is not UNKNOWN and value.batched for value in node.outputs) else 1
        self.inside += own * batch + found.once * each
        inputs = range(len(node.inputs)) if found.values in ("input", "both") else found.inputs
        outputs = range(len(node.outputs)) if found.values in ("output", "both") else found.outputs
        self.kept |= {self.places.of(node.inputs[i]).home for i in inputs}
        self.kept |= {self.places.of(Edge(index, port)).home for port in outputs}
