"""Classes at the constructor arguments of their instances, each held to the list that the instance stands for."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import MODULE, Tree, in_order, rank, registered
from speczoo.compiler.graph import Graph
from speczoo.compiler.identifiers import defined_by
from speczoo.compiler.layer import Call, Layer
from speczoo.compiler.lower.validate.forward import Forward, Held, HeldModule, calls_of, holder, read_as, substituted
from speczoo.compiler.lower.validate.mistranslation import Mistranslation
from speczoo.compiler.lower.validate.start import validate_start
from speczoo.compiler.lower.validate.values import Global, NoValueError, same, value, written
from speczoo.compiler.program import CONTAINERS, Child, Class, Make, Member, Program

BoundArguments: TypeAlias = Mapping[str, Any]


def validate(graph: Graph, program: Program) -> None:
    """Raise Mistranslation where the program is another network than the graph. Takes time that is linear in the layers
    of the lists that differ.
    """
    Validation(program).network(graph.root)
    for c in program.classes:
        wanted = graph.memory_format if c.name == program.entry else None
        if c.memory_format != wanted:
            raise Mistranslation("", f"the memory format {wanted} of {c.name}", c.memory_format)


class Validation:
    """One program being interpreted. `instances` are those that were found right."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.classes = {c.name: c for c in program.classes}
        self.support = {name: text for text in program.support for name in defined_by(text)}
        self.instances: set[tuple[Any, ...]] = set()

    def network(self, root: Composite) -> None:
        program = self.program
        outputs = [c.output for c in program.classes if c.output is not None]
        imported = [line.rpartition(" ")[2] for line in program.imports]
        names = Counter([*(c.name for c in program.classes), *outputs, *self.support, *imported])
        if twice := [name for name, count in names.items() if count > 1]:
            raise Mistranslation("", "one meaning for a name", f"two for {twice}")
        if program.entry not in self.classes:
            raise Mistranslation("", "a class", f"none called `{program.entry}`")
        self.instance("", self.classes[program.entry], {}, root)

    def instance(self, where: str, c: Class, given: BoundArguments, composite: Composite) -> None:
        """Hold a class called with these arguments to a list."""
        bound = dict(given)
        for parameter in c.parameters:
            if parameter.name not in bound:
                if parameter.default is None:
                    raise Mistranslation(where, f"`{parameter.name}` of {c.name}", "no value for it")
                bound[parameter.name] = self.value(where, parameter.default, {})
        if len(bound) > len(c.parameters):
            raise Mistranslation(where, f"{len(c.parameters)} arguments of {c.name}", sorted(bound))
        key = (c.name, id(composite), *(written(bound[p.name]) for p in c.parameters))
        if key in self.instances:
            return
        for name, text in c.variables:
            if name in bound:
                raise Mistranslation(where, f"one `{name}` in {c.name}", "two")
            bound[name] = self.value(where, text, bound)
        if c.children is not None:
            self.children(where, c.children, bound, composite)
        else:
            self.module(where, c, bound, composite)
        validate_start(where, c, composite)
        self.instances.add(key)

    def value(self, where: str, text: str, names: BoundArguments) -> Any:
        try:
            return value(text, names)
        except NoValueError as wrong:
            raise Mistranslation(where, "a value", wrong) from None

    def stands(self, where: str, part: Child | Member, names: BoundArguments) -> bool:
        return part.when is None or bool(self.value(f"{where}{part.name}", part.when, names))

    # -- lists --------------------------------------------------------------------------------------------------

    def children(self, where: str, children: Sequence[Child], names: BoundArguments, composite: Composite) -> None:
        """Hold an nn.Sequential to a list: one that names none of its parts counts those that are there."""
        prefix = f"{where}." if where else ""
        there = [child for child in children if self.stands(prefix, child, names)]
        counted = all(child.name.isdigit() for child in children)
        called = [str(i) if counted else child.name for i, child in enumerate(there)]
        nodes = [node for node in composite.nodes if node.body is not None]
        if not composite.wiring.chain or len({*called}) < len(called) or called != [node.name for node in nodes]:
            chain = "" if composite.wiring.chain else "no chain of "
            raise Mistranslation(where, f"{chain}{[node.name for node in nodes]}", f"nn.Sequential of {called}")
        for child, node in zip(there, nodes, strict=True):
            if isinstance(node.body, Layer):
                call = node.call
                if call.parameter or (call.target is not None and call.apply != "{self}({inputs})"):
                    raise Mistranslation(prefix + node.name, f"`{call.apply}`", "nn.Sequential")
                self.layer(prefix + node.name, child.make, names, call)
            elif node.body is not None:
                self.inner(prefix + node.name, child.make, names, node.body)

    def module(self, where: str, c: Class, names: BoundArguments, composite: Composite) -> None:
        """Hold a class with a forward to a list."""
        prefix = f"{where}." if where else ""
        calls = calls_of(composite.nodes)
        makers = {n.name: i for i, n in enumerate(composite.nodes) if n.body is not None and n.shared is None}
        own: dict[str, Any] = {}
        makes: dict[int, Make] = {}
        for member in c.members:
            if member.name in own:
                raise Mistranslation(prefix + member.name, "one entry", "two of one name")
            own[member.name] = None
            if member.make.value:
                own[member.name] = self.value(prefix + member.name, member.make.target, names)
            elif self.stands(prefix, member, names):
                own[member.name] = self.held(prefix, member.name, member.make, makers, makes, calls)
        for index, make in makes.items():
            node = composite.nodes[index]
            self.made(prefix + node.name, make, names, node, calls.get(index))
        self._complete(prefix, composite, own, calls)
        for index, node in enumerate(composite.nodes):  # a shared module does the same wherever it is applied
            if node.shared is not None and isinstance(node.body, Composite):
                self.inner(prefix + node.name, makes[node.shared], names, node.body)
            elif node.shared in makes:
                self.layer(prefix + node.name, makes[node.shared], names, calls[index])
        Forward(where, c, composite, own, calls).validate()

    def held(
        self,
        prefix: str,
        name: str,
        make: Make,
        makers: Mapping[str, int],
        makes: dict[int, Make],
        calls: Mapping[int, Call],
    ) -> HeldModule | Held:
        """Return what stands by a name on `self`: the module of an entry, noted among those that are made, or a
        container of such.
        """
        if make.target in CONTAINERS and make.children is not None:
            held = Held()
            for child in make.children:
                if child.name in held or child.when is not None:
                    raise Mistranslation(f"{prefix}{name}.{child.name}", "one member", "two of one name")
                held[child.name] = self.held(prefix, f"{name}.{child.name}", child.make, makers, makes, calls)
            if make.target != holder(held):
                raise Mistranslation(prefix + name, holder(held), make.target)
            held.target = make.target
            return held
        if name not in makers:
            raise Mistranslation(prefix + name, "no entry", make.target)
        index = makers[name]
        makes[index] = make
        call = calls.get(index)
        return HeldModule(index, call is not None and call.parameter, call is not None and call.target == "nn.Buffer")

    def _complete(self, prefix: str, composite: Composite, own: BoundArguments, calls: Mapping[int, Call]) -> None:
        """Check that every module and Parameter is made, in the order in which a state_dict lists them."""
        on_self: Tree[HeldModule] = {name: item for name, item in own.items() if isinstance(item, (HeldModule, Held))}
        made = [
            held.node
            for held in in_order(on_self, lambda held: rank(composite.nodes[held.node]) if held.parameter else MODULE)
        ]
        for index, node in enumerate(composite.nodes):
            if node.body is None or node.shared is not None or index in made:
                continue
            call = calls.get(index)
            if call is None or not (call.target is None or call.inline is not None):
                raise Mistranslation(prefix + node.name, f"a module for `{node.op}`", "none")
        there = {*made}
        order = [i for i in registered(composite.nodes) if i in there]
        if order != made:
            names = [composite.nodes[i].name for i in order]
            raise Mistranslation(prefix.rstrip("."), names, [composite.nodes[i].name for i in made])

    # -- what is made ---------------------------------------------------------------------------------------------

    def made(self, where: str, make: Make, names: BoundArguments, node: Node, call: Call | None) -> None:
        if isinstance(node.body, Composite):
            self.inner(where, make, names, node.body)
        elif call is not None:
            self.layer(where, make, names, call)

    def inner(self, where: str, make: Make, names: BoundArguments, composite: Composite) -> None:
        """Hold an instance of a class of the program, or an nn.Sequential where it stands, to a list."""
        if make.children is not None:
            self.children(where, make.children, names, composite)
            return
        target = str(self.value(where, make.target, names))
        if target not in self.classes:
            raise Mistranslation(where, f"`{composite.name or composite.kind}`", target)
        c = self.classes[target]
        given = self._arguments(where, make, names, [p.name for p in c.parameters], len(c.parameters))
        self.instance(where, c, given, composite)

    def layer(self, where: str, make: Make, names: BoundArguments, call: Call) -> None:
        """Hold a layer's own class, or the small module of a function, to a node."""
        if missing := [text for text in call.support if text not in self.program.support]:
            raise Mistranslation(where, missing[0].partition("\n")[0], "no definition of it")
        target = str(self.value(where, make.target, names))
        given = self._arguments(where, make, names, list(call.args), call.positional)
        if call.target is None:
            self._function(where, target, call, given)
        elif make.children is not None or (target, make.form) != (self._called(where, call.target), call.construct):
            raise Mistranslation(where, call.construct or call.target, make.form or target)
        elif (make.before, make.wrap) != (call.before, call.wrap):
            raise Mistranslation(where, (call.before, call.wrap), (make.before, make.wrap))
        for name, wanted in call.args.items():
            defaults = call.defaults if call.construct is None else {}
            got = given[name] if name in given else defaults.get(name, Global("nothing"))
            if not same(wanted, got):
                raise Mistranslation(where, f"{name}={written(wanted)}", f"{name}={written(got)}")

    def _arguments(
        self, where: str, make: Make, names: BoundArguments, order: list[str], positional: int
    ) -> dict[str, Any]:
        """Return what a call gives, by name."""
        given: dict[str, Any] = {}
        for k, (name, text) in enumerate(make.args):
            if name is None and k >= min(positional, len(order)):
                raise Mistranslation(where, f"{positional} arguments without a name", f"`{text}` as the {k + 1}th")
            called = order[k] if name is None else name
            if called in given or called not in order:
                raise Mistranslation(where, f"{', '.join(order) or 'no arguments'}", f"`{called}={text}`")
            given[called] = self.value(where, text, names)
        return given

    def _called(self, where: str, target: str) -> str:
        """Return what a dotted name of a class is called by: one outside torch is imported."""
        module, _, name = target.rpartition(".")
        if not module or module.partition(".")[0] in ("nn", "torch", "F"):
            return target
        line = f"from {module} import {name}"
        if line not in self.program.imports:
            raise Mistranslation(where, line, "no import of it")
        return name

    def _function(self, where: str, name: str, call: Call, given: BoundArguments) -> None:
        """Hold a small module, whose forward is the function, to a node."""
        if name not in self.support:
            raise Mistranslation(where, f"`{call.apply}`", f"{name}, which nothing defines")
        attributes, returned = _body(self.support[name])
        kept = {attribute: given.get(argument, Global(f"<{argument}>")) for attribute, argument in attributes}
        got = substituted(returned, {"x": "<x>"}, read_as(kept))
        arguments = {argument: written(wanted) for argument, wanted in call.args.items()}
        wanted = substituted(call.apply.format("<x>", inputs="<x>", **arguments), {}, read_as({}))
        if wanted != got:
            raise Mistranslation(where, wanted, got)


@lru_cache(maxsize=1_024)
def _body(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return what a small module keeps of its arguments, attribute by attribute, and what its forward returns."""
    kept: list[tuple[str, str]] = []
    returned = ""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=attribute)], value=ast.Name(id=argument)):
                kept.append((attribute, argument))
            case ast.Return(value=ast.expr() as result):
                returned = ast.get_source_segment(text, result) or ""
    return tuple(kept), returned
