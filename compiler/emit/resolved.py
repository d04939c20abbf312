"""A network as the spec that says it outright: no parameters, expressions, loops, conditions, defaults or other specs.

Blocks are written once for each way they are expanded in, under names of their own; groups stay where they are. What is
built of it has the same names, shapes, arguments, wiring and initial values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Composite, Port
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.emit.resolved_init import init_rules
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer
from speczoo.compiler.path_patterns import matches

Data: TypeAlias = dict[str, Any]
#: Makes no module: its input stands for it, as the last entry of a list that gives what is no entry's, or not its last.
_PASSED: Data = {"op": "Identity", "when": False}


def resolved(graph: Graph) -> Data:
    """Return the spec of a graph as data: its name, inputs, blocks, layers, outputs, `init` and `freeze`.

    Raises ValueError for a graph with taps from outside: a spec has none for the whole of itself.
    """
    if graph.settings.taps:
        raise ValueError(f"{graph.name} has taps from outside, which no spec says of itself")
    blocks = _Blocks()
    root = _List(graph.root, blocks, of="output_")
    outputs = root.outputs()
    layers = root.entries() + (root.passed() if outputs is None else [])
    optional: Data = {"blocks": blocks.written, "outputs": outputs, "tie": dict(graph.ties)}
    optional |= {"init": init_rules(graph), "freeze": [*_freeze(graph)]}
    data = {"spec": 1, "name": graph.name, **inputs(graph), "layers": layers}
    return data | {key: value for key, value in optional.items() if value}


def inputs(graph: Graph) -> Data:
    """Return `input` or `inputs` of the spec of this very graph: plain numbers, loops unrolled."""
    values = graph.settings.inputs
    if graph.spec.inputs is None:
        return {"input": list(values[0][1].shape)}
    named = [{"id": name, "shape": list(value.shape), "dtype": value.dtype} for name, value in values]
    return {"inputs": [{k: v for k, v in own.items() if v != "float32"} for own in named]}


def _freeze(graph: Graph) -> Iterator[str]:
    """Yield the patterns of what does not train, those of specs in use from where these stand."""
    frozen = graph.frozen_keys
    left = [("", graph.root)] if frozen else []
    while left:
        prefix, composite = left.pop()
        if composite.settings is not None:
            yield from (
                p for own in composite.unit.spec.freeze if any(matches(p := prefix + own, key) for key in frozen)
            )
        inner = [(f"{prefix}{node.name}.", node.body) for node in composite.nodes if node.shared is None]
        left += [(path, body) for path, body in inner if isinstance(body, Composite)]


class _Blocks:
    """The blocks that are written so far, by name: equal ones once."""

    def __init__(self) -> None:
        self.written: dict[str, Data] = {}
        self._names: dict[str, str] = {}

    def name(self, wanted: str, block: Data) -> str:
        """Return the name under which a block is written: the wanted one, with a number where that is taken."""
        key = json.dumps(block)
        if key not in self._names:
            numbered = (f"{wanted}_{number}" for number in range(2, len(self.written) + 3))
            free = (name for name in (wanted, *numbered) if name not in self.written and name not in Layer.registry)
            self._names[key] = name = next(free)
            self.written[name] = block
        return self._names[key]


class _List:
    """A list as it is written again.

    `own` are the numbers of its outputs that something takes, where `taps` around it read others: those are no outputs
    that it names. `of` stands before the names that a list has for the outputs of its last entry.
    """

    def __init__(self, composite: Composite, blocks: _Blocks, own: frozenset[int] | None = None, of: str = "") -> None:
        self.composite, self.blocks, self.own, self.of = composite, blocks, own, of
        self.kept = [i for i, node in enumerate(composite.nodes) if node.body is not None]

    @cached_property
    def ports(self) -> list[Port]:
        """The outputs that the list itself gives, from what is written of it."""
        there = self.composite.outputs
        wanted = range(len(there)) if self.own is None else sorted(self.own)
        return [there[i]._replace(edge=self._behind(there[i].edge)) for i in wanted]

    def entries(self) -> list[Data]:
        return [self._entry(index) for index in self.kept]

    def outputs(self) -> list[Data] | None:
        """Return the list's outputs as they are named; None where it gives what its last entry does, or one value."""
        single = len(self.ports) < 2 and all(p.name == "output" or not self.of for p in self.ports)
        if self._implied or (single and not any(port.training_only for port in self.ports)):
            return None
        training = {True: {"training_only": True}, False: {}}
        return [{"id": p.name, "from": self._ref(p.edge), **training[p.training_only]} for p in self.ports]

    def passed(self) -> list[Data]:
        """Return the entry that stands for the list's one output, where that is not its last entry's."""
        if self._implied or (not self.ports and self.kept):
            return []
        if not self.kept and len(self.composite.inputs) == 1:
            return [_PASSED]
        return [{"from": self._ref(self.ports[0].edge), **_PASSED}]

    @cached_property
    def _implied(self) -> bool:
        """Whether its outputs are those of its last entry, by the names that they have then."""
        if not self.kept:
            return False
        last = self.kept[-1]
        names = self._port_names(last)
        implied = [(self.of + name if names[0] == "0" else name, Edge(last, i)) for i, name in enumerate(names)]
        return [(port.name, port.edge) for port in self.ports] == (implied or [("output", Edge(last))]) or (
            not self.of and not names and [port.edge for port in self.ports] == [Edge(last)]
        )

    # -- entries ------------------------------------------------------------------------------------------------------

    def _entry(self, index: int) -> Data:
        node = self.composite.nodes[index]
        entry: Data = {"id": self.names[index]} if index in self.names else {}
        if node.shared is not None:
            return entry | {"share": self.names[node.shared]} | self._from(index, node.inputs)
        if isinstance(node.body, Layer):
            taken, referred = _referred(node.body, node.inputs)
            named = {name: self._ref(self._behind(operand)) for name, operand in referred.items()}
            return entry | {"op": node.op} | self._from(index, taken) | arguments(node.body) | named
        assert isinstance(node.body, Composite)
        taps = {} if node.taps is None else {"taps": _taps(node.taps)}
        inner = _List(node.body, self.blocks, frozenset() if taps else self._taken(index))
        group = node.body.kind == "group"
        outputs = None if group else inner.outputs()
        layers = inner.entries() + (inner.passed() if outputs is None else [])
        if group:
            return entry | self._from(index, node.inputs) | taps | {"layers": layers}
        names = [name for name, _ in node.body.inputs]
        block = ({"inputs": names} if len(names) > 1 else {}) | {"layers": layers}
        block |= {"outputs": outputs} if outputs else {}
        return entry | {"op": self.blocks.name(node.op, block)} | self._from(index, node.inputs) | taps

    def _taken(self, maker: int) -> frozenset[int] | None:
        """Return the outputs of a module that something in this list takes; None where `taps` read none inside."""
        if self.own is None:
            return None
        edges = [e for node in self.composite.nodes for e in node.inputs if isinstance(e, Edge)]
        edges += [port.edge for port in self.ports]
        users = {i for i in range(len(self.composite.nodes)) if self.composite.maker(i) == maker}
        return frozenset(edge.port for edge in edges if edge.node in users)

    # -- what they take -----------------------------------------------------------------------------------------------

    @cached_property
    def names(self) -> dict[int, str]:
        """The ids of entries that have one, and of those that are read where no list says it by itself."""
        nodes = self.composite.nodes
        found = {i: nodes[i].name for i in self.kept if nodes[i].named}
        taken = {*found.values(), *(name for name, _ in self.composite.inputs)}
        read = [edge.node for index in self.kept for edge in self._stated(index)]
        read += [port.edge.node for port in self.ports if not self._implied]
        for index in read:
            if index != INPUT and index not in found:
                candidates = (f"{nodes[index].op.lower()}_{n}" for n in (nodes[index].name, *range(len(nodes))))
                found[index] = next(name for name in candidates if name not in taken)
                taken.add(found[index])
        return found

    def _stated(self, index: int) -> list[Edge]:
        """Return what an entry takes that it has to say."""
        node = self.composite.nodes[index]
        operands = [self._behind(operand) for operand in node.inputs]
        return [] if self._follows(index, operands) else [o for o in operands if isinstance(o, Edge)]

    def _from(self, index: int, operands: tuple[Operand, ...]) -> Data:
        behind = [self._behind(operand) for operand in operands]
        if not behind or self._follows(index, behind):
            return {}
        refs = [self._ref(operand) for operand in behind]
        return {"from": refs if len(refs) > 1 or not isinstance(behind[0], Edge) else refs[0]}

    def _follows(self, index: int, operands: list[Operand]) -> bool:
        """Return whether an entry takes what one without `from` does."""
        body = self.composite.nodes[index].body
        merges = isinstance(body, Layer) and (body.merges or body.arity[0] > 1)
        before = [i for i in self.kept if i < index][-1:]
        if merges or (not before and len(self.composite.inputs) > 1) or any(self._port_names(i) for i in before):
            return False
        return operands == [Edge(before[0]) if before else Edge(INPUT)]

    def _behind(self, operand: Any) -> Any:
        return self.composite.wiring.resolve(operand)

    def _ref(self, operand: Operand) -> str | int | float:
        if not isinstance(operand, Edge):
            return operand
        if operand.node == INPUT:
            names = [name for name, _ in self.composite.inputs]
            return names[operand.port] if len(names) > 1 else "input"
        name = self.names[operand.node]
        if not self._port_names(operand.node):
            return name
        node = self.composite.nodes[operand.node]
        return f"{name}.{node.body.outputs[operand.port].name if isinstance(node.body, Composite) else operand.port}"

    def _port_names(self, index: int) -> tuple[str, ...]:
        """Return the names of an entry's outputs as they are when it is read again; none where it has one."""
        node = self.composite.nodes[self.composite.maker(index)]
        names = node.ports
        if isinstance(node.body, Composite) and node.taps is not None:
            names = tuple(node.taps)
        elif isinstance(node.body, Composite):
            names = tuple(port.name for port in _List(node.body, self.blocks, self._taken(index)).ports)
        return names if len(names) > 1 else ()


def _referred(layer: Layer, inputs: tuple[Operand, ...]) -> tuple[tuple[Operand, ...], dict[str, Operand]]:
    """Return what a layer takes, without what its arguments refer to; and that, by argument."""
    names = layer.referred(len(inputs))
    taken = len(inputs) - len(names)
    return inputs[:taken], dict(zip(names, inputs[taken:], strict=True))


def _taps(taps: Mapping[str, str]) -> Data | list[str]:
    """Return taps as a spec says them: by their paths alone, where these are their names."""
    return list(taps) if all(name == path for name, path in taps.items()) else dict(taps)


def arguments(layer: Layer) -> Data:
    """Return the arguments of a layer as a spec says them: those that are not its defaults and do not follow from its
    input.
    """
    fields = type(layer).model_fields
    values = {name: getattr(layer, name) for name in fields if name not in layer.derives}
    chosen = {name: v for name, v in values.items() if fields[name].is_required() or v != fields[name].default}
    return {name: written(layer, name, value) for name, value in chosen.items()}


def written(layer: Layer, name: str, value: Any) -> Any:
    """Return the value of an argument as a spec writes it: an expression over places as it is."""
    return value if name in layer.computed and isinstance(value, str) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
