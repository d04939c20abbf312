"""One class of a program: an nn.Sequential, or a module with members and a forward."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.identifiers import FreeNames, field, names_read, snake, variable
from speczoo.compiler.layer import Call, Layer
from speczoo.compiler.lower.constructing import Constructions, calls_at
from speczoo.compiler.lower.containers import Containers
from speczoo.compiler.lower.forward import Statement, argument, order
from speczoo.compiler.lower.initialise import freezing, init_loops
from speczoo.compiler.lower.instance_grouping import InstanceGroup, unwritten
from speczoo.compiler.lower.parameterize import AlignedEntries, Columns, literal, same
from speczoo.compiler.lower.program_parts import ProgramParts
from speczoo.compiler.program import Child, Class, Make, Member
from speczoo.specs.reserved_names import MODULE_NAMES, PRIVATE_NAMES

#: The expression of an entry, of the texts of its inputs.
Express = Callable[[Sequence[str]], str]


def lowered_class(parts: ProgramParts, group: InstanceGroup) -> Class:
    """Return the class of instances that line up; what its constructor takes for each of them is noted in `parts`."""
    first = group.instances[0]
    spec, block = first.unit.spec, first.unit.spec.blocks.get(first.name) if first.kind == "block" else None
    declared = block.params if block else spec.params if first.kind == "use" else {}
    let = block.let if block else spec.let if first.kind in ("use", "network") else {}
    columns = Columns(group, declared, let, parts.fixed)
    makes = Constructions(parts, columns)
    if unwritten(group.instances):
        made = Class(group.name, "", (), children=makes.children(list(group.instances)))
    else:
        made = _Module(parts, group, makes).built()
    signature = columns.parameters()
    for k, instance in enumerate(group.instances):
        parts.given[id(instance)] = [column[k] for _, column in signature]
    parts.signatures[id(group)] = [parameter for parameter, _ in signature]
    made = replace(
        made,
        doc=_doc(group),
        parameters=tuple(parameter for parameter, _ in signature),
        variables=_read(columns.variables, [*made.members, *(made.children or ())]),
        memory_format=parts.graph.memory_format if first is parts.graph.root else None,
    )
    settings = first.settings
    if settings is None:
        return made
    ties = tuple(spec.tie.items()) if not settings.taps else ()
    return replace(made, ties=ties, init=init_loops(first, settings), frozen=freezing(first))


def one_line(text: str | None) -> str:
    """Return a text of a spec, without the breaks of its lines."""
    return " ".join((text or "").split())


def title_of(composite: Composite) -> str:
    """Return the title of a spec as it is used: its variant's, where that has one."""
    spec, settings = composite.unit.spec, composite.settings
    chosen = spec.variants.get(settings.variant or "") if settings else None
    return one_line((chosen.title if chosen else None) or spec.title)


def _doc(group: InstanceGroup) -> str:
    """Return what the class is, and what its lists note."""
    title = _title(group)
    note = next((instance.note for instance in group.instances if instance.note), "")
    return f"{title}\n\n{note}" if title and note else title


def _title(group: InstanceGroup) -> str:
    """Return what the class is: of a spec its title, of a block its `doc`."""
    first = group.instances[0]
    if first.settings is not None:
        titles = {title_of(instance): None for instance in group.instances}
        return next(iter(titles)) if len(titles) == 1 else one_line(first.unit.spec.title)
    block = first.unit.spec.blocks.get(first.name) if first.kind == "block" else None
    return one_line(block.doc) if block else ""


class _Module:
    """A class with a forward, filled entry by entry: what the constructor keeps, and what is done with it."""

    def __init__(self, parts: ProgramParts, group: InstanceGroup, makes: Constructions) -> None:
        self.parts, self.group, self.makes = parts, group, makes
        self.first = group.instances[0]
        self.containers = Containers(self._registering())
        self.members: list[Member] = []
        self.values: list[Member] = []  # plain values on self
        self.statements: list[Statement | None] = []
        self.attributes: dict[int, str] = {}  # what reads each entry's module
        self.omitted: dict[int, Operand] = {}  # what stands for entries that no instance has
        self.free = FreeNames(MODULE_NAMES | PRIVATE_NAMES | {n.name.partition(".")[0] for n in self.first.nodes})

    def built(self) -> Class:
        """Return the class, without what is of all classes."""
        for i in range(self.group.length):
            self.statements.append(self._entry(i))
        outputs = [p._replace(edge=self._edge(self._behind(p.edge))) for p in self.first.outputs]
        free = FreeNames(self.parts.fixed)
        arguments = tuple(free.new(argument(name)) for name, _ in self.first.inputs)
        steps, returns = order(self.statements, arguments, outputs, self.parts.fixed)
        lasting = tuple(r for r, p in zip(returns, outputs, strict=True) if not p.training_only)
        several, taken = len(outputs) > 1, FreeNames()
        return Class(
            self.group.name,
            "",
            (),
            members=(*self.containers.members(self.members), *self.values),
            arguments=arguments,
            steps=steps,
            returns=returns,
            lasting=lasting if len(lasting) != len(returns) else (),
            output=self.parts.names.new(f"{self.group.name}Output", self.parts.values) if several else None,
            fields=tuple((taken.new(field(p.name)), p.training_only) for p in outputs) if several else (),
        )

    # -- entries ----------------------------------------------------------------------------------------------

    def _entry(self, i: int) -> Statement | None:
        """Return what forward does for the entries at one place, whose module is kept; None where it does nothing."""
        at = AlignedEntries(self.group.nodes(i), self.group.instances)
        like = next((c for c in self.group.instances if c.nodes[i].body is not None), None)
        if like is None:
            self.omitted[i] = self._behind(self.first.nodes[i].inputs[0])
            return None
        node = like.nodes[i]
        inputs = tuple(map(self._behind, node.inputs))
        if isinstance(node.body, Layer) and node.call.parameter:
            self.members.append(Member(node.name, self.makes.layer(at, node)))
            return Statement.of(like, i, (), None, text=self.containers.attribute(node.name))
        express, when = self._applied(i, at, node)
        if i not in like.wiring.needed:  # nothing takes what it gives: its module is kept, and not applied
            return None
        return Statement.of(like, i, inputs, express, when=when)

    def _applied(self, i: int, at: AlignedEntries, node: Node) -> tuple[Express, str | None]:
        """Return the expression of the entries at one place, and what is asked before, where some instances lack it."""
        call = node.call if isinstance(node.body, Layer) else None
        optional = any(n is None or n.body is None for n in at.nodes)
        if node.shared in self.attributes:  # what forward calls as a function, Flatten, is written again
            return _calling(self.attributes[node.shared], call), self._flag(node, at) if optional else None
        if call is not None and (call.target is None or call.inline is not None):
            return self._function(node, at), self._flag(node, at) if optional else None
        make = self.makes.make(at)
        self.members.append(Member(node.name, make, self.makes.condition(at, node) if optional else None))
        attribute = self.attributes[i] = self.containers.attribute(node.name)
        return _calling(attribute, call), f"{attribute} is not None" if optional else None

    def _function(self, node: Node, at: AlignedEntries) -> Express:
        """Return an expression with its numbers as literals; one that differs between instances is kept on self."""
        calls = calls_at(at)
        call = next(c for c in calls if c is not None)
        self.parts.define(call.support)
        texts = {}
        for name in call.args:
            values = [c.args[name] for c in calls if c is not None]
            texts[name] = literal(values[0])
            if not all(same(v, values[0]) for v in values):
                text = self.makes.argument(name, calls, at, node)
                texts[name] = self._kept(text if text.isidentifier() else f"{variable(node.name)}_{name}", text)
        template = call.inline or call.apply

        def express(inputs: Sequence[str]) -> str:
            return template.format(*inputs, inputs=", ".join(inputs), **texts)

        return express

    def _flag(self, node: Node, at: AlignedEntries) -> str:
        """Return an attribute that says whether an optional function is applied."""
        name = re.sub(r"[^0-9A-Za-z_]", "_", node.name) if node.named else snake(node.op)
        return self._kept(f"use_{name}", self.makes.condition(at, node))

    def _kept(self, wanted: str, text: str) -> str:
        """Return what reads a plain value that the constructor keeps on self."""
        attribute = self.free.new(wanted)
        self.values.append(Member(attribute, Make(text, value=True)))
        return f"self.{attribute}"

    # -- what entries take ------------------------------------------------------------------------------------

    def _registering(self) -> Iterator[Node]:
        """Yield the nodes that have members, one for each place at which an instance has one."""
        for i in range(self.group.length):
            there = [node for node in self.group.nodes(i) if node.registers]
            yield from there[:1]

    def _behind(self, source: Operand) -> Operand:
        """Return what is taken in truth where the entry that is named stands in no instance."""
        while isinstance(source, Edge) and source.node != INPUT and source.node in self.omitted:
            source = self.omitted[source.node]
        return source

    @staticmethod
    def _edge(source: Operand) -> Edge:
        assert isinstance(source, Edge)
        return source


def _calling(attribute: str, call: Call | None) -> Express:
    """Return the expression that applies a module."""
    template = call.apply if call is not None else "{self}({inputs})"

    def express(texts: Sequence[str]) -> str:
        return template.format(*texts, self=attribute, inputs=", ".join(texts))

    return express


def _read(variables: dict[str, str], parts: Sequence[Member | Child]) -> tuple[tuple[str, str], ...]:
    """Return the variables that these parts read, and those that they are computed from, in order."""
    names = {name for part in parts if variables for text in _texts(part) for name in names_read(text)}
    kept = []
    for name, text in reversed(variables.items()):
        if name in names:
            kept.append((name, text))
            names |= names_read(text)
    return tuple(reversed(kept))


def _texts(part: Member | Child) -> Iterator[str]:
    """Yield the expressions of a part of a constructor."""
    yield from (text for text in (part.when, part.make.target) if text is not None)
    yield from (text for _, text in part.make.args)
    for child in part.make.children or ():
        yield from _texts(child)
