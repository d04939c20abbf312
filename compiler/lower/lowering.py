"""A graph lowered to a program: a class for every group of instances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Composite, Node, Settings
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.graph import Graph
from speczoo.compiler.identifiers import BUILTINS, FreeNames, called, camel, field, foreign, snake, variable
from speczoo.compiler.layer import Call, Layer
from speczoo.compiler.lower.containers import Containers
from speczoo.compiler.lower.forward import Statement, argument, order
from speczoo.compiler.lower.initialise import freezing, init_loops
from speczoo.compiler.lower.instance_grouping import InstanceGroup, InstanceGroups, inline, unwritten
from speczoo.compiler.lower.parameterize import ABSENT, AlignedEntries, Columns, PythonText, literal, same
from speczoo.compiler.lower.wrappers import wrapper
from speczoo.compiler.program import Child, Class, ConstructorArgument, Make, Member, Program
from speczoo.specs.reserved_names import MODULE_NAMES, PRIVATE_NAMES

NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def one_line(text: str | None) -> str:
    """Return a text of a spec, without the breaks of its lines."""
    return " ".join((text or "").split())


def title_of(composite: Composite) -> str:
    """Return the title of a spec as it is used: its variant's, where that has one."""
    spec, settings = composite.unit.spec, composite.settings
    chosen = spec.variants.get(settings.variant or "") if settings else None
    return one_line((chosen.title if chosen else None) or spec.title)


class Lowering:
    """The lowering of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.groups = InstanceGroups(graph.root)
        self.support: dict[str, None] = {}
        self.imports: dict[str, None] = {}
        self.given: dict[int, list[Any]] = {}  # constructor values by id of the composite
        self.signatures: dict[int, list[ConstructorArgument]] = {}  # by id of the group
        self.wrappers: dict[str, str] = {}  # a small module's text, with its name left open -> its name
        leaves = [n.call for c in self.groups.lists for n in c.nodes if isinstance(n.body, Layer)]
        defined = {
            n for call in leaves for text in call.support for n in re.findall(r"^(?:class|def) (\w+)", text, re.M)
        }
        targets = {str(call.target) for call in leaves}
        imported = {called(target) for target in targets if foreign(target)}
        bound = {name for call in leaves for name in call.binds}
        self.fixed = frozenset(defined | imported | bound)  # names that nothing else may have
        own = {"Tensor", "NamedTuple", "OrderedDict", "F", *BUILTINS}
        own |= {t.rpartition(".")[2] for t in targets}  # a class of the same name as torch's would mislead
        lists = [c for group in self.groups.all for c in group.instances]
        self.names = FreeNames(self.fixed | own | {name for c in lists for name in c.scope})
        self.values = {n.name for c in lists for n in c.nodes} | {name for c in lists for name, _ in c.inputs}
        self._name()

    def _name(self) -> None:
        root = self.groups.of[id(self.graph.root)]
        root.name = self.names.new(camel(self.graph.name))
        counts: dict[str, int] = {}
        wanted = {}
        for group in self.groups.all:
            first = group.instances[0]
            if group is not root:
                name = camel(first.name) if first.kind in ("block", "use") else camel(self._group_name(group))
                wanted[id(group)] = name
                counts[name] = counts.get(name, 0) + 1
        for group in self.groups.all:
            if group is not root:
                group.name = self.names.new(wanted[id(group)])

    def _group_name(self, group: InstanceGroup) -> str:
        name = group.instances[0].name
        if "$" in name or not name:
            name = next((self._called[id(c)] for c in group.instances if id(c) in self._called), "Group")
            name = name.rstrip("0123456789_.") or "Group"
        return name if name.lower() not in ("layers", "block") else f"{name}_group"

    @cached_property
    def _called(self) -> dict[int, str]:
        """What the first entry with a name calls each list, by the list's id."""
        nodes = [n for t in self.groups.all for c in t.instances for n in c.nodes]
        return {id(n.body): n.name for n in reversed(nodes) if n.body is not None and not n.name.isdigit()}

    def program(self) -> Program:
        classes = [ClassBuilder(self, group).build() for group in self.groups.all]
        spec, words = self.graph.spec, title_of(self.graph.root)
        reference = spec.reference if isinstance(spec.reference, str) else (spec.reference or [""])[0]
        doc = f"{self.graph.name}: {words}" if words else self.graph.name
        return Program(
            self.graph.name,
            f"{doc}\n\n{reference}" if reference else doc,
            classes[-1].name,
            tuple(classes),
            tuple(self.support),
            tuple(self.imports),
        )

    def wrapper(self, op: str, call: Call) -> str:
        """Return the small module that applies a function in an nn.Sequential."""
        for text in call.support:
            self.support.setdefault(text)
        text = wrapper("{}", call)
        if text not in self.wrappers:
            self.wrappers[text] = self.names.new(camel(op))
            self.support.setdefault(wrapper(self.wrappers[text], call))
        return self.wrappers[text]

    def target(self, call: Call) -> str:
        """Return the name to call; what it needs is put at the top of the text."""
        for text in call.support:
            self.support.setdefault(text)
        target = str(call.target)
        if foreign(target):
            self.imports.setdefault(f"from {target.rpartition('.')[0]} import {called(target)}")
        return called(target)


class ClassBuilder:
    """One class."""

    def __init__(self, lowering: Lowering, group: InstanceGroup) -> None:
        self.lowering, self.group = lowering, group
        self.first = group.instances[0]
        spec = self.first.unit.spec
        self.block = spec.blocks.get(self.first.name) if self.first.kind == "block" else None
        declared = self.block.params if self.block else spec.params if self.first.kind == "use" else {}
        let = self.block.let if self.block else spec.let if self.first.kind in ("use", "network") else {}
        self.columns = Columns(group, declared, let, lowering.fixed)
        self.attributes = FreeNames(MODULE_NAMES | PRIVATE_NAMES | {n.name.partition(".")[0] for n in self.first.nodes})
        self.extra: list[Member] = []

    def build(self) -> Class:
        made = self._sequential() if unwritten(self.group.instances) else self._module()
        parameters = self.columns.parameters()
        for k, instance in enumerate(self.group.instances):
            self.lowering.given[id(instance)] = [column[k] for _, column in parameters]
        self.lowering.signatures[id(self.group)] = [p for p, _ in parameters]
        settings = self.first.settings
        init = init_loops(self.first, settings) if settings is not None else ()
        frozen = freezing(self.first) if settings is not None else ()
        ties = tuple(self.first.unit.spec.tie.items()) if settings is not None and not settings.taps else ()
        computed = _read(self.columns.variables, [*made.get("members", ()), *made.get("children", ())])
        arguments = tuple(p for p, _ in parameters)
        return Class(
            self.group.name,
            self._doc(),
            arguments,
            variables=computed,
            ties=ties,
            init=init,
            frozen=frozen,
            memory_format=self.lowering.graph.memory_format if self.first is self.lowering.graph.root else None,
            **made,
        )

    def _doc(self) -> str:
        if self.first.settings is not None:
            titles = {title_of(instance): None for instance in self.group.instances}
            return next(iter(titles)) if len(titles) == 1 else one_line(self.first.unit.spec.title)
        return one_line(self.block.doc) if self.block else ""

    # -- an nn.Sequential -------------------------------------------------------------------------------------

    def _sequential(self) -> dict[str, Any]:
        return {"children": self.children(list(self.group.instances))}

    def children(self, lists: Sequence[Composite | None]) -> tuple[Child, ...]:
        out = []
        length = len(next(c for c in lists if c is not None).nodes)
        for i in range(length):
            nodes = [c.nodes[i] if c is not None else None for c in lists]
            there = [n for n in nodes if n is not None and n.body is not None]
            if not there:
                continue
            at = AlignedEntries(nodes, lists)
            when = self.condition(at, there[0]) if len(there) < sum(n is not None for n in nodes) else None
            out.append(Child(there[0].name, self.make(at), when))
        return tuple(out)

    # -- members ----------------------------------------------------------------------------------------------

    def condition(self, at: AlignedEntries, first: Node) -> str:
        column = [ABSENT if n is None else n.body is not None for n in at.nodes]
        return self.columns.text(column, raw=first.entry.when, at=at, hint=f"with_{first.name}")

    def make(self, at: AlignedEntries) -> Make:
        first = next(n for n in at.nodes if n is not None and n.body is not None)
        if isinstance(first.body, Layer):
            return self.layer(at, first)
        assert isinstance(first.body, Composite)
        if inline(first.body):
            lists = [n.body if n is not None and isinstance(n.body, Composite) else None for n in at.nodes]
            return Make("nn.Sequential", children=self.children(lists))
        group = self.lowering.groups.of[id(first.body)]
        signature = self.lowering.signatures[id(group)]
        args: list[tuple[str | None, str]] = []
        plain = 2 if sum(p.default is None for p in signature) <= 2 else 1
        for k, parameter in enumerate(signature):
            column = [ABSENT if n is None or n.body is None else self.lowering.given[id(n.body)][k] for n in at.nodes]
            if any(v is ABSENT for v in column) and all(v is ABSENT for v in column):
                continue
            raw = first.written.get(parameter.name)
            text = self.columns.text(column, raw=raw, at=at, hint=parameter.name)
            if text != parameter.default:
                args.append((parameter.name if k >= plain or parameter.default is not None else None, text))
        return Make(group.name, tuple(args))

    def layer(self, at: AlignedEntries, first: Node) -> Make:
        calls = [None if n is None or n.body is None else n.call for n in at.nodes]
        call = next(c for c in calls if c is not None)
        if call.target is None:
            name = self.lowering.wrapper(first.op, call)
            return Make(name, tuple((a, self.argument(a, calls, at, first)) for a in call.args))
        targets = [ABSENT if c is None else PythonText(self.lowering.target(c)) for c in calls]
        target = self.columns.text(targets, raw=first.entry.op, at=at, hint=f"{first.name}_type")
        args = []
        for k, name in enumerate(call.args):
            text = self.argument(name, calls, at, first)
            if name in call.defaults and text == literal(call.defaults[name]) and call.construct is None:
                continue
            args.append((None if k < call.positional else name, text))
        return Make(target, tuple(args), form=call.construct, before=call.before, wrap=call.wrap)

    def argument(self, name: str, calls: Sequence[Call | None], at: AlignedEntries, first: Node) -> str:
        column = [ABSENT if c is None else c.args[name] for c in calls]
        hint = (
            name
            if name in ("in_channels", "in_features", "out_channels") and first.name.isdigit()
            else f"{variable(first.name)}_{name}"
            if not first.name.isdigit()
            else name
        )
        return self.columns.text(column, raw=_written(first, name), at=at, hint=hint)

    # -- an nn.Module with a forward --------------------------------------------------------------------------

    def _module(self) -> dict[str, Any]:
        group, first = self.group, self.first
        members: list[Member] = []
        containers = Containers(self._registering())
        statements: list[Statement | None] = []
        omitted: dict[int, Operand] = {}
        attributes: dict[int, str] = {}
        for i in range(group.length):
            nodes = group.nodes(i)
            at = AlignedEntries(nodes, group.instances)
            there = [c for c in group.instances if c.nodes[i].body is not None]
            like = there[0] if there else first
            node = like.nodes[i]
            inputs = tuple(self._behind(s, omitted) for s in node.inputs)
            if not there:
                omitted[i] = inputs[0]
                statements.append(None)
                continue
            optional = len(there) < len(nodes)
            when: str | None = None
            if node.shared in attributes:  # what forward calls as a function, Flatten, is written again
                attribute = attributes[node.shared]
                express = self._apply(attribute, node.call if isinstance(node.body, Layer) else None)
                when = self._flag(node, at) if optional else None
            elif isinstance(node.body, Layer) and (call := node.call).parameter:
                make = self.layer(at, node)
                members.append(Member(node.name, make, None))
                statements.append(Statement.of(like, i, (), None, text=containers.attribute(node.name)))
                continue
            elif isinstance(node.body, Layer) and (call.target is None or call.inline is not None):
                express = self._function(node, at)
                when = self._flag(node, at) if optional else None
            else:
                make = self.make(at)
                there_when = self.condition(at, node) if optional else None
                members.append(Member(node.name, make, there_when))
                attribute = attributes[i] = containers.attribute(node.name)
                express = self._apply(attribute, node.call if isinstance(node.body, Layer) else None)
                when = f"{attribute} is not None" if optional else None
            if i not in like.wiring.needed:  # nothing takes what it gives: its module is kept, and not applied
                statements.append(None)
                continue
            statements.append(Statement.of(like, i, inputs, express, when=when))
        outputs = [p._replace(edge=self._edge(self._behind(p.edge, omitted))) for p in first.outputs]
        arguments = FreeNames(self.lowering.fixed)
        inputs_names = [arguments.new(argument(n)) for n, _ in first.inputs]
        steps, returns = order(statements, inputs_names, outputs, self.lowering.fixed)
        lasting = tuple(r for r, p in zip(returns, outputs, strict=True) if not p.training_only)
        several = len(outputs) > 1
        output = self.lowering.names.new(f"{group.name}Output", self.lowering.values) if several else None
        taken = FreeNames()
        fields = tuple((taken.new(field(p.name)), p.training_only) for p in first.outputs) if several else ()
        return {
            "members": (*containers.members(members), *self.extra),
            "arguments": tuple(inputs_names),
            "steps": steps,
            "returns": returns,
            "lasting": lasting if len(lasting) != len(returns) else (),
            "output": output,
            "fields": fields,
        }

    def _registering(self) -> Iterator[Node]:
        """Yield the nodes that have members, one for each place at which an instance has one."""
        for i in range(self.group.length):
            there = [node for node in self.group.nodes(i) if node.registers]
            yield from there[:1]

    @staticmethod
    def _edge(source: Operand) -> Edge:
        assert isinstance(source, Edge)
        return source

    @staticmethod
    def _behind(source: Operand, omitted: dict[int, Operand]) -> Operand:
        while isinstance(source, Edge) and source.node != INPUT and source.node in omitted:
            source = omitted[source.node]
        return source

    def _apply(self, attribute: str, call: Call | None) -> Any:
        group = call.apply if call is not None else "{self}({inputs})"

        def express(texts: Sequence[str]) -> str:
            return group.format(*texts, self=attribute, inputs=", ".join(texts))

        return express

    def _function(self, node: Node, at: AlignedEntries) -> Any:
        """Return an expression with its numbers as literals; one that differs between instances is kept on self."""
        calls = [None if n is None or n.body is None else n.call for n in at.nodes]
        call = next(c for c in calls if c is not None)
        for text in call.support:
            self.lowering.support.setdefault(text)
        texts = {}
        for name in call.args:
            values = [c.args[name] for c in calls if c is not None]
            text = literal(values[0])
            if not all(same(v, values[0]) for v in values):
                text = self.argument(name, calls, at, node)
                attribute = self.attributes.new(text if text.isidentifier() else f"{variable(node.name)}_{name}")
                self.extra.append(Member(attribute, Make(text, value=True)))
                text = f"self.{attribute}"
            texts[name] = text
        group = call.inline or call.apply

        def express(inputs: Sequence[str]) -> str:
            return group.format(*inputs, inputs=", ".join(inputs), **texts)

        return express

    def _flag(self, node: Node, at: AlignedEntries) -> str:
        """Return an attribute that says whether an optional function is applied."""
        text = self.condition(at, node)
        name = self.attributes.new(
            f"use_{re.sub(r'[^0-9A-Za-z_]', '_', node.name)}" if node.named else f"use_{snake(node.op)}"
        )
        self.extra.append(Member(name, Make(text, value=True)))
        return f"self.{name}"


def _written(node: Node, name: str) -> Any:
    """Return what the spec says for an argument of a call, of `shape_1` the second item of `shape`."""
    field, _, index = name.rpartition("_")
    items = node.written.get(field)
    if name not in node.written and isinstance(items, list) and index.isdigit() and int(index) < len(items):
        return items[int(index)]
    return node.written.get(name)


def _read(variables: dict[str, str], parts: Sequence[Member | Child]) -> tuple[tuple[str, str], ...]:
    """Return the variables that these parts read, and those that they are computed from, in order."""
    names = {name for part in parts for text in _texts(part) for name in NAME.findall(text)}
    kept = []
    for name, text in reversed(variables.items()):
        if name in names:
            kept.append((name, text))
            names.update(NAME.findall(text))
    return tuple(reversed(kept))


def _texts(part: Member | Child) -> Iterator[str]:
    """Yield the expressions of a part of a constructor."""
    yield from (text for text in (part.when, part.make.target) if text is not None)
    yield from (text for _, text in part.make.args)
    for child in part.make.children or ():
        yield from _texts(child)


__all__ = ["Lowering", "Settings"]
