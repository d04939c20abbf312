"""The most bytes that a network's values take at once when it is evaluated: by the lives of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from speczoo.compiler.analysis.cost import ITEM_SIZES
from speczoo.compiler.analysis.residence import WEIGHT, Home, Residence, Residences, Unit, input_layouts, shape_of_first
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.layer import Layer
from speczoo.compiler.lower.lifetimes import ForwardStep, Lifetimes
from speczoo.compiler.strides import Layout


class Footprint(NamedTuple):
    """What a call takes: the most bytes at once, its inputs left out, and where each of its outputs is."""

    peak: int
    places: tuple[Residence, ...]


def inference(root: Composite, unit: Unit) -> int:
    """Return the most bytes that a network's values take at once when it is evaluated."""
    return _Calls(root, unit).of(root, input_layouts(root, unit)).peak


class _Calls:
    """What calls of a network's lists take, found once for each list and how its inputs lie."""

    def __init__(self, root: Composite, unit: Unit) -> None:
        self.unit, self.lifetimes = unit, Lifetimes(root)
        self.known: dict[tuple[Composite, tuple[Layout, ...]], Footprint] = {}

    def of(self, composite: Composite, layouts: tuple[Layout, ...]) -> Footprint:
        key = (composite, layouts)
        if key not in self.known:
            self.known[key] = _Lives(composite, self, layouts).run()
        return self.known[key]

    def entry(self, node: Node, places: Residences) -> Footprint:
        """Return what an entry of a list takes, and where what it gives is, in memories of its own."""
        layer = node.body
        if isinstance(layer, Composite):
            return self.of(layer, tuple(places.of(edge).layout for edge in node.inputs))
        if layer is None:
            return Footprint(0, (Residence(Home(0), places.of(node.inputs[0]).layout),) * len(node.outputs))
        found = []
        for port, (value, laid) in enumerate(zip(node.outputs, places.laid(node, layer, training=False), strict=True)):
            home = Home(None, port, self.unit.size(value)) if laid.of is None else Home(laid.of)
            found.append(Residence(home, laid.layout))
        size = sum(place.home.size for place in found)
        return Footprint(size + self.inside(node, layer, places) if size else 0, tuple(found))

    def inside(self, node: Node, layer: Layer, places: Residences) -> int:
        """Return the bytes that are held while a layer computes, besides what flows in and comes out: as torch chooses
        its kernels, for weights that could train.
        """
        floats = {i for i, value in enumerate(node.arrived) if value.is_float}
        parameters = frozenset(i for i in floats if places.of(node.inputs[i]).home == WEIGHT)
        wanted = places.wanted(node, parameters, frozenset(layer.weights(*node.shapes)))
        scratch = layer.scratch_where(wanted, *node.arrived)
        copies = sum(layer.laid_anew(wanted, *node.arrived).values())
        indices = layer.keeps(shape_of_first(node), *node.shapes).indices
        return (scratch + copies) * ITEM_SIZES[self.unit.dtype] + indices * ITEM_SIZES["int64"] * self.unit.batch


class _Lives:
    """A run of one list's statements, with the memory that each variable holds."""

    def __init__(self, composite: Composite, calls: _Calls, layouts: Sequence[Layout]) -> None:
        self.composite, self.calls, self.peak = composite, calls, 0
        self.places = Residences(composite, calls.unit, layouts)
        self.held: dict[str, Home] = {}

    def run(self) -> Footprint:
        for step in self.calls.lifetimes.of(self.composite):
            self.step(step)
        return Footprint(self.peak, tuple(self.places.of(port.edge) for port in self.composite.outputs))

    def step(self, step: ForwardStep) -> None:
        node = self.composite.nodes[step.entry]
        called = self.calls.entry(node, self.places)
        self.peak = max(self.peak, self.live + called.peak)
        for port, place in enumerate(self.places.entered(node, called.places)):
            self.held[step.targets[port]] = self.places.put(Edge(step.entry, port), place)
        for name in step.drops:
            self.held.pop(name, None)

    @property
    def live(self) -> int:
        return sum(home.size for home in set(self.held.values()))
