"""How much memory a network takes beside its weights: at inference, by the lives of its values, and for training.

**Inference** is the most bytes that values take at once in evaluation mode without gradients, the network's own input
left out: each value lives as the statements of the emitted code have it, the inputs of a call until it returns. Views,
and ops that write over their input, take none; what is a view, and what is copied, follows from how values lie in
memory (`strides.py`). **Training** is what autograd keeps for the backward pass, each memory
once, parameters and buffers left out and the input counted: the larger part of what a training step needs beside
weights, gradients and the states of the optimizer (`Memory.training_step`).

Left out is what a backend takes while it computes (workspaces of convolutions, packed weights; what oneDNN and cuDNN
keep of a recurrent layer beside its gates and states), and how an allocator rounds. Of recurrent layers that torch
computes token by token, all but plain LSTMs, what is predicted of inference is off by up to a seventh for a few tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from speczoo.compiler.analysis.cost import ITEM_SIZES, cost, item_size
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.graph import Graph
from speczoo.compiler.kept import Wanted
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.lower.lifetimes import ForwardStep, Lifetimes
from speczoo.compiler.strides import Laid, Layout
from speczoo.compiler.unknown import UNKNOWN, Unknown

#: Numbers that an optimizer keeps for each weight that it trains.
OPTIMIZER_STATES = {
    "sgd": 0, "sgd+momentum": 1, "rmsprop": 1, "adagrad": 1, "lion": 1,
    "adam": 2, "adamw": 2, "nadam": 2, "radam": 2, "adamax": 2, "adadelta": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a network, for a batch and a type of numbers. `gradients` has one for each weight that trains."""

    weights: int
    buffers: int
    inference: int
    training: int
    gradients: int

    def training_step(self, optimizer: str = "sgd") -> int:
        """Return about how many bytes a step takes at its peak, its optimizer one of `OPTIMIZER_STATES`: weights,
        buffers, gradients, states, and what autograd keeps. Six networks were measured at 0.86 to 1.03 of the last and
        the gradients. Raises KeyError.
        """
        states = OPTIMIZER_STATES[optimizer] * self.gradients
        return self.weights + self.buffers + self.gradients + states + self.training

    def to_json(self) -> dict[str, int]:
        """Return bytes by name."""
        return {
            "weights": self.weights,
            "buffers": self.buffers,
            "inference": self.inference,
            "training": self.training,
        }


class Unit(NamedTuple):
    """What memory is counted for."""

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


def memory(graph: Graph, dtype: str = "float32", batch: int = 1) -> Memory:
    """Return the memory of a network. Raises ValueError for a type that weights are not of."""
    whole, unit = cost(graph.root), Unit(dtype, batch)
    each = item_size(dtype)
    return Memory(
        weights=whole.weight_bytes(dtype),
        buffers=whole.buffer_bytes(dtype),
        inference=inference(graph.root, unit),
        training=training(graph, unit),
        gradients=graph.trainable_params * each,
    )


# -- inference -----------------------------------------------------------------------------------------------------


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


class _Places:
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


def plain(composite: Composite, unit: Unit) -> tuple[Layout, ...]:
    """Return how the inputs of a network lie."""
    return tuple(Layout.plain(unit.axes(value)) for _, value in composite.inputs)


class Footprint(NamedTuple):
    """What a call takes: the most bytes at once, its inputs left out, and where each of its outputs is."""

    peak: int
    places: tuple[Residence, ...]


def inference(root: Composite, unit: Unit) -> int:
    """Return the most bytes that a network's values take at once when it is evaluated."""
    return _Calls(root, unit).of(root, plain(root, unit)).peak


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

    def entry(self, node: Node, places: _Places) -> Footprint:
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

    def inside(self, node: Node, layer: Layer, places: _Places) -> int:
        """Return the bytes that are held while a layer computes, besides what flows in and comes out: as torch chooses
        its kernels, for weights that could train.
        """
        floats = {i for i, value in enumerate(node.arrived) if value.is_float}
        parameters = frozenset(i for i in floats if places.of(node.inputs[i]).home == WEIGHT)
        wanted = places.wanted(node, parameters, frozenset(layer.weights(*node.shapes)))
        scratch = layer.scratch_where(wanted, *node.arrived)
        copies = sum(layer.laid_anew(wanted, *node.arrived).values())
        indices = layer.keeps(_shape(node), *node.shapes).indices
        return (scratch + copies) * ITEM_SIZES[self.unit.dtype] + indices * ITEM_SIZES["int64"] * self.unit.batch


class _Lives:
    """A run of one list's statements, with the memory that each variable holds."""

    def __init__(self, composite: Composite, calls: _Calls, layouts: Sequence[Layout]) -> None:
        self.composite, self.calls, self.peak = composite, calls, 0
        self.places = _Places(composite, calls.unit, layouts)
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


def _firsts(node: Node, composite: Composite) -> tuple[int, ...]:
    """Return for each input of an entry the number of the first that is the same value."""
    values = [composite.wiring.resolve(operand) for operand in node.inputs]
    return tuple(values.index(value) for value in values)


def _shape(node: Node) -> tuple[int, ...]:
    value = node.outputs[0]
    assert value is not UNKNOWN
    return value.shape


# -- training ------------------------------------------------------------------------------------------------------


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
    arriving = Arriving((False,) * len(root.inputs), plain(root, unit))
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
        self.places = _Places(composite, unit, arriving.layouts)
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
        found = layer.keeping(wanted, _shape(node), *node.arrived)
        each = ITEM_SIZES[self.unit.dtype]
        own = found.numbers * each + found.indices * ITEM_SIZES["int64"]
        batch = self.unit.batch if any(value is not UNKNOWN and value.batched for value in node.outputs) else 1
        self.inside += own * batch + found.once * each
        inputs = range(len(node.inputs)) if found.values in ("input", "both") else found.inputs
        outputs = range(len(node.outputs)) if found.values in ("output", "both") else found.outputs
        self.kept |= {self.places.of(node.inputs[i]).home for i in inputs}
        self.kept |= {self.places.of(Edge(index, port)).home for port in outputs}
