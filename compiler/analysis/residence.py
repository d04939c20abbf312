"""Where the values of a list are in memory, and how they lie there: what counting memory starts from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from speczoo.compiler.analysis.cost import ITEM_SIZES
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.kept import Wanted
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.strides import Laid, Layout
from speczoo.compiler.unknown import UNKNOWN, Unknown


class Unit(NamedTuple):
    """What memory is counted for: a batch of so many samples, their numbers of this type."""

    dtype: str = "float32"
    batch: int = 1

    def size(self, value: Value | Unknown) -> int:
        """Return bytes of a value."""
        assert value is not UNKNOWN
        return math.prod(value.shape) * self.item(value) * (self.batch if value.batched else 1)

    def item(self, value: Value) -> int:
        return ITEM_SIZES[self.dtype if value.is_float else value.dtype]

    def axes(self, value: Value | Unknown) -> tuple[int, ...]:
        """Return the sizes of a value's axes, the batch first: 1 where it has none."""
        assert value is not UNKNOWN
        return (self.batch if value.batched else 1, *value.shape)


class Home(NamedTuple):
    """The memory that a value lives in: that of an input of its list, by its number, or one of its own of so many
    bytes.
    """

    port: int | None
    own: int = 0
    size: int = 0


class Residence(NamedTuple):
    """Where a value is: in which memory, and how it lies there."""

    home: Home
    layout: Layout


WEIGHT = Home(None)
NUMBER = Residence(WEIGHT, Layout((1,), (0,)))


class Residences:
    """The values of one list, and where they are; its inputs lie as these layouts say."""

    def __init__(self, composite: Composite, unit: Unit, layouts: Sequence[Layout]) -> None:
        self.composite, self.unit, self.made = composite, unit, 0
        self.known: dict[Operand, Residence] = {
            Edge(INPUT, port): Residence(Home(port), layout) for port, layout in enumerate(layouts)
        }
        for index, node in enumerate(composite.nodes):  # a Parameter's memory is a weight's
            if not node.inputs and isinstance(node.body, Layer):
                self.known[Edge(index)] = Residence(WEIGHT, Layout.plain(unit.axes(node.outputs[0])))

    def of(self, operand: Operand) -> Residence:
        """Return where a value is; a number, and what training alone computes, is nowhere."""
        return self.known.get(self.composite.wiring.resolve(operand), NUMBER)

    def put(self, edge: Edge, place: Residence) -> Home:
        self.known[edge] = place
        return place.home

    def own(self, size: int) -> Home:
        """Return a new memory."""
        self.made += 1
        return Home(None, self.made, size)

    def laid(self, node: Node, layer: Layer, *, training: bool) -> tuple[Laid, ...]:
        """Return how what comes out of a layer lies."""
        distinct = layer.distinct(_firsts(node, self.composite))
        out = [self.unit.axes(value) for value in node.outputs]
        layouts = [self.of(node.inputs[i]).layout for i in distinct]
        return layer.laid_out(out, layouts, *(node.arrived[i] for i in distinct), training=training)

    def entered(self, node: Node, found: Sequence[Residence]) -> list[Residence]:
        """Return where values are that a list gives that is an entry of this one."""
        homes = {place.home: self.own(place.home.size) for place in found if place.home.port is None}
        return [
            place._replace(home=homes[place.home] if port is None else self.of(node.inputs[port]).home)
            for place in found
            for port in (place.home.port,)
        ]

    def wanted(self, node: Node, inputs: frozenset[int] = frozenset(), weights: frozenset[str] = frozenset()) -> Wanted:
        """Return these gradients of a layer, as its inputs lie."""
        layouts = tuple(self.of(edge).layout for edge in node.inputs)
        return Wanted(inputs, weights, self.unit.batch, _firsts(node, self.composite), layouts)


def input_layouts(composite: Composite, unit: Unit) -> tuple[Layout, ...]:
    """Return how the inputs of a network lie."""
    return tuple(Layout.plain(unit.axes(value)) for _, value in composite.inputs)


def _firsts(node: Node, composite: Composite) -> tuple[int, ...]:
    """Return for each input of an entry the number of the first that is the same value."""
    values = [composite.wiring.resolve(operand) for operand in node.inputs]
    return tuple(values.index(value) for value in values)


def shape_of_first(node: Node) -> tuple[int, ...]:
    """Return the shape of the first value that an entry gives, without the batch."""
    value = node.outputs[0]
    assert value is not UNKNOWN
    return value.shape
