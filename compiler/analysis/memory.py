"""How much memory a network takes beside its weights: at inference, by the lives of its values, and for training.

**Inference** is the most bytes that values take at once in evaluation mode without gradients, the network's own input
left out: each value lives as the statements of the emitted code have it, the inputs of a call until it returns. Views,
and ops that write over their input, take none. **Training** is what autograd keeps for the backward pass, each memory
once, parameters and buffers left out and the input counted: the larger part of what a training step needs beside
weights, gradients and the states of the optimizer (`Memory.training_step`).

Left out is what a backend takes while it computes (workspaces of convolutions, packed weights; what oneDNN and cuDNN
keep of a recurrent layer beside its gates and states), and how an allocator rounds. The zeros that oneDNN takes for
the biases of an LSTM without any are counted as if they were held throughout, which at inference is too much.
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
from speczoo.compiler.lower.lifetimes import Lifetimes, Step
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
    """Where a value lives: with an input of its list, by its number, or in a memory of its own of so many bytes."""

    port: int | None
    own: int = 0
    size: int = 0


class Footprint(NamedTuple):
    """What a call takes: the most bytes at once, its inputs left out, and where each of its outputs lives."""

    peak: int
    homes: tuple[Home, ...]


def inference(root: Composite, unit: Unit) -> int:
    """Return the most bytes that a network's values take at once when it is evaluated."""
    return _Calls(root, unit).of(root).peak


class _Calls:
    """What calls of a network's lists take, found once for each list."""

    def __init__(self, root: Composite, unit: Unit) -> None:
        self.unit, self.lifetimes = unit, Lifetimes(root)
        self.known: dict[Composite, Footprint] = {}

    def of(self, composite: Composite) -> Footprint:
        if composite not in self.known:
            self.known[composite] = _Lives(composite, self).run()
        return self.known[composite]

    def entry(self, node: Node, composite: Composite) -> Footprint:
        """Return what an entry of a list takes."""
        layer = node.body
        if isinstance(layer, Composite):
            return self.of(layer)
        if layer is None or layer.views or layer.inplace_:
            return Footprint(0, (Home(0),) * len(node.outputs))
        homes = tuple(Home(None, port, self.unit.size(value)) for port, value in enumerate(node.outputs))
        firsts = _firsts(node, composite)
        scratch = layer.scratch_of(self.unit.batch, *(node.arrived[i] for i in layer.distinct(firsts)))
        indices = layer.keeps(_shape(node), *node.shapes).indices
        inside = scratch * ITEM_SIZES[self.unit.dtype] + indices * ITEM_SIZES["int64"] * self.unit.batch
        return Footprint(sum(home.size for home in homes) + inside, homes)


class _Lives:
    """A run of one list's statements, with the memory that each variable holds."""

    def __init__(self, composite: Composite, calls: _Calls) -> None:
        self.composite, self.calls, self.peak, self.made = composite, calls, 0, 0
        self.homes: dict[Operand, Home] = {Edge(INPUT, port): Home(port) for port in range(len(composite.inputs))}
        self.held: dict[str, Home] = {}

    def run(self) -> Footprint:
        for step in self.calls.lifetimes.of(self.composite):
            self.step(step)
        ends = [self.composite.wiring.resolve(port.edge) for port in self.composite.outputs]
        nowhere = Home(None)  # of a Parameter, or of what training alone computes
        return Footprint(self.peak, tuple(self.homes.get(edge, nowhere) for edge in ends))

    def step(self, step: Step) -> None:
        node = self.composite.nodes[step.entry]
        inputs = [self.homes.get(self.composite.wiring.resolve(edge)) for edge in node.inputs]
        called = self.calls.entry(node, self.composite)
        self.peak = max(self.peak, self.live + called.peak)
        own = {home.own: self.new(home.size) for home in called.homes if home.port is None}
        for port, home in enumerate(called.homes):
            there = own[home.own] if home.port is None else inputs[home.port]
            if there is not None:
                self.homes[Edge(step.entry, port)] = there
                self.held[step.targets[port]] = there
            else:
                self.held.pop(step.targets[port], None)
        for name in step.drops:
            self.held.pop(name, None)

    def new(self, size: int) -> Home:
        self.made += 1
        return Home(None, self.made, size)

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
    its outputs live, which of these memories are kept, and which outputs want a gradient.
    """

    inputs: frozenset[int]
    inside: int
    homes: tuple[Home, ...]
    outputs: frozenset[int]  # by `Home.own`
    wanting: tuple[bool, ...]


Frozen: TypeAlias = frozenset[str]


def training(graph: Graph, unit: Unit) -> int:
    """Return the bytes that autograd keeps for a network's backward pass, no gradient of its input wanted."""
    root = graph.root
    found = saved(root, unit, (False,) * len(root.inputs), frozenset(graph.frozen_keys))
    ends = {home.own: home.size for home in found.homes if home.port is None and home.own in found.outputs}
    return found.inside + sum(ends.values()) + sum(unit.size(root.inputs[port][1]) for port in found.inputs)


def saved(composite: Composite, unit: Unit, wanting: tuple[bool, ...], frozen: Frozen) -> Saved:
    """Return what autograd keeps of a list where gradients are wanted of these inputs, and these parameters of it are
    frozen; found once for each list.
    """
    key = (unit, wanting, frozen)
    known: dict[tuple[Unit, tuple[bool, ...], Frozen], Saved] = composite.__dict__.setdefault("saved", {})
    if key not in known:
        known[key] = _Keeping(composite, unit, wanting, frozen).run()
    return known[key]


class _Keeping:
    """A forward pass of one list in training mode, with what autograd keeps on the way."""

    def __init__(self, composite: Composite, unit: Unit, wanting: Sequence[bool], frozen: Frozen) -> None:
        self.composite, self.unit, self.frozen, self.inside = composite, unit, frozen, 0
        self.frozen_below: dict[str, set[str]] = {}  # by the entry that they are in
        own = {node.name for node in composite.nodes} if frozen else set()
        for name in frozen:
            first, rest = divided(name, own)
            self.frozen_below.setdefault(first, set()).add(rest)
        self.homes: dict[Operand, Home] = {Edge(INPUT, port): Home(port) for port in range(len(composite.inputs))}
        self.wanting = {Edge(INPUT, port): wants for port, wants in enumerate(wanting)}
        self.kept: set[Home] = set()
        self.made = 0

    def run(self) -> Saved:
        for index, node in enumerate(self.composite.nodes):
            if node.body is not None and index in self.composite.wiring.needed:
                if isinstance(node.body, Composite):
                    self.inner(index, node, node.body)
                else:
                    self.layer(index, node, node.body)
        ends = [self.composite.wiring.resolve(port.edge) for port in self.composite.outputs]
        homes = tuple(self.homes[edge] for edge in ends)
        own = {home for home in self.kept if home.port is None}
        inside = sum(home.size for home in own - set(homes))
        return Saved(
            frozenset(home.port for home in self.kept if home.port is not None),
            self.inside + inside,
            homes,
            frozenset(home.own for home in own & set(homes)),
            tuple(self.wants(edge) for edge in ends),
        )

    def wants(self, operand: Operand) -> bool:
        operand = self.composite.wiring.resolve(operand)
        return isinstance(operand, Edge) and self.wanting.get(operand, False)

    def put(self, index: int, port: int, home: Home, wants: bool) -> None:
        self.homes[Edge(index, port)], self.wanting[Edge(index, port)] = home, wants

    def new(self, size: int) -> Home:
        self.made += 1
        return Home(None, self.made, size)

    def home(self, operand: Operand) -> Home | None:
        return self.homes.get(self.composite.wiring.resolve(operand))

    def inner(self, index: int, node: Node, body: Composite) -> None:
        frozen = frozenset(self.frozen_below.get(self.composite.nodes[self.composite.maker(index)].name, ()))
        found = saved(body, self.unit, tuple(map(self.wants, node.inputs)), frozen)
        inputs = [self.home(edge) for edge in node.inputs]
        self.inside += found.inside
        self.kept |= {home for port in found.inputs if (home := inputs[port]) is not None}
        own = {home.own: self.new(home.size) for home in found.homes if home.port is None}
        self.kept |= {own[number] for number in found.outputs}
        for port, (home, wants) in enumerate(zip(found.homes, found.wanting, strict=True)):
            there = own[home.own] if home.port is None else inputs[home.port]
            assert there is not None
            self.put(index, port, there, wants)

    def layer(self, index: int, node: Node, layer: Layer) -> None:
        flowing = node.inputs[: layer.valued(len(node.inputs))]
        wanted = frozenset(i for i, edge in enumerate(flowing) if self.wants(edge))
        training = self.training(index, node, layer)
        active = bool(wanted or training)
        same = (layer.views is True or layer.inplace_) and node.inputs
        for port, value in enumerate(node.outputs):
            size = self.unit.size(value) if node.inputs else 0  # a Parameter's memory is a weight's
            home = self.home(node.inputs[0]) if same else self.new(size)
            assert home is not None
            self.put(index, port, home, active and value is not UNKNOWN and value.is_float)
        if active:
            firsts = _firsts(node, self.composite)
            self.keep(index, node, layer, Wanted(wanted, training, self.unit.batch, firsts))

    def training(self, index: int, node: Node, layer: Layer) -> frozenset[str]:
        """Return the names of those of its weights that are not frozen."""
        maker = self.composite.nodes[self.composite.maker(index)].name
        names = layer.weights(*node.shapes)
        return frozenset(name for name in names if (f"{maker}.{name}" if name else maker) not in self.frozen)

    def keep(self, index: int, node: Node, layer: Layer, wanted: Wanted) -> None:
        found = layer.keeps_where(wanted, _shape(node), *node.arrived)
        each = ITEM_SIZES[self.unit.dtype]
        own = found.numbers * each + found.indices * ITEM_SIZES["int64"]
        batch = self.unit.batch if any(value is not UNKNOWN and value.batched for value in node.outputs) else 1
        self.inside += own * batch + found.once * each
        inputs = [self.home(edge) for edge in node.inputs]
        self.kept |= {home for i in found.inputs if (home := inputs[i]) is not None}
        self.kept |= {self.homes[Edge(index, port)] for port in found.outputs}
        if found.values in ("input", "both"):
            self.kept |= {home for home in inputs if home is not None}
        if found.values in ("output", "both"):
            self.kept |= {self.homes[Edge(index, port)] for port in range(len(node.outputs))}
