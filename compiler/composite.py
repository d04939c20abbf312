"""The lists of a network: a `Composite` is its `Node`s in order, each with ordered inputs that are edges of this list
alone. Frozen; what a list costs and gives is derived from it.

Composites are interned: a block that is met again with the same arguments and the same shapes flowing in is the same
object, so that a thousand equal blocks cost one expansion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from speczoo.compiler.application import Application
from speczoo.compiler.cached import cached_property
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.folded_html import FoldedLine
from speczoo.compiler.layer import Call, Layer, Shape, Value
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.compiler.wiring import Conduct, Connection, Wiring
from speczoo.specs.entry import Entry
from speczoo.specs.expected import Expect
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.wording import by_axis


@dataclass(frozen=True, eq=False)
class Node:
    """An entry as it stands in the network: a layer or a list applied to its inputs.

    `name` is its state_dict name. A node without a body was left out by `when`; its one output is its first input.
    `shared` is the node whose module it applies again. `key` is the entry's place and its loop turns: it lines up the
    instances of one block. `written` are the arguments as the spec has them, `scope` the names they may read. `taps`
    are the paths inside its list of what comes out of it in place of the list's own outputs, by their names. Those of
    its weights that are `tied` are another's.
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
    taps: Mapping[str, str] | None = None
    tied: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<Node {self.name}: {self.op}>"

    @staticmethod
    def of(fields: dict[str, Any]) -> Node:
        """Return the node with these fields, all of them, and what is derived of it as far as that is known, at a tenth
        of the price of a frozen dataclass.
        """
        node = object.__new__(Node)
        object.__setattr__(node, "__dict__", fields)
        return node

    def replace(self, **changes: Any) -> Node:
        """Return a node like this one but for these fields; dataclasses.replace at a tenth of its price."""
        node, mine = object.__new__(Node), self.__dict__
        if len(mine) > len(NODE_FIELDS):  # what was derived is not of the new one
            mine = {name: mine[name] for name in NODE_FIELDS}
        object.__setattr__(node, "__dict__", {**mine, **changes})
        return node

    def containing(self, body: Composite) -> Node:
        """Return the node with a list as its body: what comes out of the list comes out of it."""
        return self.replace(body=body, outputs=body.values, ports=body.ports)

    def applying(self, application: Application) -> Node:
        """Return the node with a layer applied to what flows in as its body."""
        facts = application.facts
        if self.shared is not None or self.tied:  # of weights that are another's, which `params` leaves out
            facts = {name: fact for name, fact in facts.items() if name != "params"}
        return self.replace(body=application.body, application=application, **facts)

    @cached_property
    def application(self) -> Application:
        """Its layer applied to what flows in, of a layer that is whole."""
        assert isinstance(self.body, Layer)
        return Application.of(self.body, self.arrived)

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
        return "application" in self.__dict__ or (
            UNKNOWN not in self.outputs
            and UNKNOWN not in self.arriving
            and not (isinstance(self.body, Composite) and not self.body.whole)
        )

    @property
    def call(self) -> Call:
        """How torch makes and applies it, of a layer that is whole."""
        return self.application.call

    def maker(self, index: int) -> int:
        """Return the number of the entry that made the module which it applies, of the entry of this number."""
        return index if self.shared is None else self.shared

    @property
    def makes(self) -> bool:
        """Whether it is a whole layer that shares no other's module."""
        known = "application" in self.__dict__
        return self.shared is None and (known or (isinstance(self.body, Layer) and self.whole))

    @property
    def registers(self) -> bool:
        """Whether the list that it stands in keeps a module for it, or a Parameter, where that has a forward."""
        if self.shared is not None or self.body is None or isinstance(self.body, Composite):
            return self.shared is None and self.body is not None
        return self.call.parameter or (self.call.target is not None and self.call.inline is None)

    @property
    def weights(self) -> dict[str, Shape]:
        """Parameters of its own module; none where it shares another's."""
        return self.application.weights if self.makes else {}

    @property
    def buffers(self) -> dict[str, Shape]:
        return self.application.buffers if self.makes else {}

    @property
    def unsaved(self) -> dict[str, Shape]:
        """Buffers of its own module that no state_dict holds."""
        return self.application.unsaved if self.makes else {}

    @cached_property
    def params(self) -> int:
        """How many numbers the weights of its own module hold, those that are tied to others left out."""
        body = self.body
        if self.shared is not None or body is None:
            return 0
        if isinstance(body, Composite):
            return body.params
        if not self.whole:
            return 0
        own = self.application.params
        return own - sum(math.prod(self.weights[name]) for name in self.tied) if self.tied else own

    @cached_property
    def macs(self) -> int:
        body = self.body
        if isinstance(body, Composite):
            return body.macs
        return self.application.macs if body is not None and self.whole else 0

    @property
    def size(self) -> int:
        """How many layers it stands for."""
        return self.body.size if isinstance(self.body, Composite) else 1

    @property
    def connection(self) -> Connection:
        """How it is connected in its list, and what it does with its values."""
        return Connection(self.inputs, len(self.outputs), self.shared, self.conduct)

    @cached_property
    def conduct(self) -> Conduct | Wiring | None:
        """What it does with its values: a layer's conduct, the wiring of a list; None where `when` left it out."""
        body = self.body
        if not isinstance(body, Layer):
            return body.wiring if body is not None else None
        return self.application.conduct if self.whole else Conduct.of(body, weights=False)


NODE_FIELDS = tuple(f.name for f in fields(Node))
_WHOLE, _PARAMS = attrgetter("whole"), attrgetter("params")  # asked of every node


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
    """A list of entries, expanded: the network, a block, an inline group, or a spec that is used as an op. `note` is
    what its class says after its title.
    """

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
    note: str = ""

    def __repr__(self) -> str:
        return f"<Composite: {self.kind} {self.name}, {len(self.nodes)} entries>"

    @staticmethod
    def of(fields: dict[str, Any]) -> Composite:
        """Return the list with these fields, all of them, as `Node.of` does."""
        composite = object.__new__(Composite)
        object.__setattr__(composite, "__dict__", fields)
        return composite

    @cached_property
    def whole(self) -> bool:
        return all(map(_WHOLE, self.nodes)) and bool(self.outputs) and None not in self.values

    @cached_property
    def values(self) -> tuple[Value | Unknown, ...]:
        return tuple([self.value(port.edge) for port in self.outputs])

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What a node has of it, whose body it is."""
        return {
            "outputs": self.values,
            "ports": self.ports,
            "whole": self.whole,
            "conduct": self.wiring,
            "params": self.params,
            "macs": self.macs,
        }

    @property
    def ports(self) -> tuple[str, ...]:
        """What a node calls its outputs, where there are several."""
        return tuple([port.name for port in self.outputs]) if len(self.outputs) > 1 else ()

    @cached_property
    def applications(self) -> Set[Application]:
        """Its layers applied, near and far; of a list that is whole, those of shared modules left out."""
        own, inner = set[Application](), set[Composite]()
        for node in self.nodes:
            if isinstance(node.body, Composite) and node.shared is None:
                inner.add(node.body)
            elif node.body is not None and node.shared is None:
                own.add(node.application)
        return own.union(*[body.applications for body in inner])

    def value(self, edge: Operand) -> Value | Unknown:
        if not isinstance(edge, Edge):
            return constant(edge)
        return self.inputs[edge.port][1] if edge.node == INPUT else self.nodes[edge.node].outputs[edge.port]

    def maker(self, index: int) -> int:
        """Return the node that made the module which a node applies: itself, but where it shares another's."""
        return self.nodes[index].maker(index)

    @cached_property
    def dotted(self) -> bool:
        """Whether some of its entries are members of containers: their names have dots."""
        return any("." in node.name for node in self.nodes)

    @cached_property
    def params(self) -> int:
        return sum(map(_PARAMS, self.nodes))

    @cached_property
    def macs(self) -> int:
        counted = self.wiring.inference_only
        return sum([node.macs for i, node in enumerate(self.nodes) if i in counted])

    @cached_property
    def size(self) -> int:
        inner = [node.body.size for node in self.nodes if isinstance(node.body, Composite)]
        return 1 + len(self.nodes) - len(inner) + sum(inner)

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

    @property
    def folds(self) -> Iterator[FoldedLine]:
        """Its entries as lines that unfold: what they are, what comes out, and how many parameters they have."""
        for node in self.nodes:
            if node.body is not None:
                shapes = ", ".join(by_axis(value.shape) for value in node.outputs if value is not UNKNOWN)
                params = f"  {node.params:,} parameters" if node.params else ""
                inside = node.body.folds if isinstance(node.body, Composite) else ()
                yield FoldedLine(f"{node.name}: {node.op}  {shapes}{params}", inside)

    @cached_property
    def wiring(self) -> Wiring:
        """How its entries are connected."""
        connections = [(node.inputs, len(node.outputs), node.shared, node.conduct) for node in self.nodes]
        return Wiring.of(len(self.inputs), connections, [(port.edge, port.training_only) for port in self.outputs])


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
    unnamed: bool = False  # what the inputs are called is unknown, for a problem that is reported

    def __repr__(self) -> str:
        return f"<Settings of {self.name}: {len(self.params)} parameters>"

    def flowing(self, values: Sequence[Value | Unknown]) -> Settings:
        """Return the settings with these values for the inputs."""
        inputs = tuple((name, value) for (name, _), value in zip(self.inputs, values, strict=True))
        return replace(self, inputs=inputs)  # type: ignore[arg-type]  # what is unknown meets an error that is reported
