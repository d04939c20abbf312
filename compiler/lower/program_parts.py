"""What the classes of one program have in common: their names, the definitions and imports that they need, and the
values that the constructors of those that are lowered take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from speczoo.compiler.graph import Graph
from speczoo.compiler.identifiers import BUILTINS, FreeNames, called, camel, defined_by, foreign
from speczoo.compiler.layer import Call, Layer
from speczoo.compiler.lower.instance_grouping import InstanceGroup, InstanceGroups
from speczoo.compiler.lower.wrappers import wrapper
from speczoo.compiler.program import ConstructorArgument


class ProgramParts:
    """The parts of one program so far. `fixed` are the names that nothing else may have: of definitions and imports."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.groups = InstanceGroups(graph.root)
        self.support: dict[str, None] = {}
        self.imports: dict[str, None] = {}
        self.given: dict[int, list[Any]] = {}  # constructor values by id of the composite
        self.signatures: dict[int, list[ConstructorArgument]] = {}  # by id of the group
        self.wrappers: dict[str, str] = {}  # a small module's text, with its name left open -> its name
        calls = [n.call for c in self.groups.lists for n in c.nodes if isinstance(n.body, Layer)]
        targets = {str(call.target) for call in calls}
        defined = {name for call in calls for text in call.support for name in defined_by(text)}
        imported = {called(target) for target in targets if foreign(target)}
        self.fixed = frozenset(defined | imported | {name for call in calls for name in call.binds})
        own = {"Tensor", "NamedTuple", "OrderedDict", "F", *BUILTINS}
        own |= {t.rpartition(".")[2] for t in targets}  # a class of the same name as torch's would mislead
        lists = [c for group in self.groups.all for c in group.instances]
        self.names = FreeNames(self.fixed | own | {name for c in lists for name in c.scope})
        self.values = {n.name for c in lists for n in c.nodes} | {name for c in lists for name, _ in c.inputs}
        _name_classes(self.groups, graph, self.names)

    def define(self, texts: Iterable[str]) -> None:
        """Put definitions at the top of the text, each once."""
        for text in texts:
            self.support.setdefault(text)

    def wrapper(self, op: str, call: Call) -> str:
        """Return the small module that applies a function in an nn.Sequential."""
        self.define(call.support)
        text = wrapper("{}", call)
        if text not in self.wrappers:
            self.wrappers[text] = self.names.new(camel(op))
            self.define([wrapper(self.wrappers[text], call)])
        return self.wrappers[text]

    def target(self, call: Call) -> str:
        """Return the name to call; what it needs is put at the top of the text."""
        self.define(call.support)
        target = str(call.target)
        if foreign(target):
            self.imports.setdefault(f"from {target.rpartition('.')[0]} import {called(target)}")
        return called(target)


def _name_classes(groups: InstanceGroups, graph: Graph, names: FreeNames) -> None:
    """Name each class after its block, or what its entry is called; the network's own first."""
    root = groups.of[id(graph.root)]
    root.name = names.new(camel(graph.name))
    nodes = [node for group in groups.all for list_ in group.instances for node in list_.nodes]
    entries = {id(n.body): n.name for n in reversed(nodes) if n.body is not None and not n.name.isdigit()}
    for group in groups.all:
        if group is not root:
            first = group.instances[0]
            block = first.kind in ("block", "use")
            group.name = names.new(camel(first.name if block else _group_name(group, entries)))


def _group_name(group: InstanceGroup, entries: dict[int, str]) -> str:
    """Return what an inline group is called: by its own id, else by the first entry with a name that has its list."""
    name = group.instances[0].name
    if "$" in name or not name:
        name = next((entries[id(each)] for each in group.instances if id(each) in entries), "Group")
        name = name.rstrip("0123456789_.") or "Group"
    return name if name.lower() not in ("layers", "block") else f"{name}_group"
