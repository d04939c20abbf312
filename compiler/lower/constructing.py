"""What constructors make: each entry of a class as a construction, with arguments that are right in all instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.identifiers import variable
from speczoo.compiler.layer import Call, Layer
from speczoo.compiler.lower.instance_grouping import inline
from speczoo.compiler.lower.parameterize import ABSENT, AlignedEntries, Columns, PythonText, literal
from speczoo.compiler.lower.program_parts import ProgramParts
from speczoo.compiler.program import Child, Make


class Constructions:
    """The constructions of one class."""

    def __init__(self, parts: ProgramParts, columns: Columns) -> None:
        self.parts, self.columns = parts, columns

    def children(self, lists: Sequence[Composite | None]) -> tuple[Child, ...]:
        """Return the entries of lists that line up as parts of an nn.Sequential; those that some lack, with `when`."""
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

    def condition(self, at: AlignedEntries, first: Node) -> str:
        """Return Python for whether an entry is there."""
        column = [ABSENT if n is None else n.body is not None for n in at.nodes]
        return self.columns.text(column, raw=first.entry.when, at=at, hint=f"with_{first.name}")

    def make(self, at: AlignedEntries) -> Make:
        """Return the construction of a module: a layer's, a class's, or an nn.Sequential where it stands."""
        first = next(n for n in at.nodes if n is not None and n.body is not None)
        if isinstance(first.body, Layer):
            return self.layer(at, first)
        assert isinstance(first.body, Composite)
        if inline(first.body):
            lists = [n.body if n is not None and isinstance(n.body, Composite) else None for n in at.nodes]
            return Make("nn.Sequential", children=self.children(lists))
        group = self.parts.groups.of[id(first.body)]
        signature = self.parts.signatures[id(group)]
        args: list[tuple[str | None, str]] = []
        plain = 2 if sum(p.default is None for p in signature) <= 2 else 1
        for k, parameter in enumerate(signature):
            column = [ABSENT if n is None or n.body is None else self.parts.given[id(n.body)][k] for n in at.nodes]
            if all(v is ABSENT for v in column):
                continue
            raw = first.written.get(parameter.name)
            text = self.columns.text(column, raw=raw, at=at, hint=parameter.name)
            if text != parameter.default:
                args.append((parameter.name if k >= plain or parameter.default is not None else None, text))
        return Make(group.name, tuple(args))

    def layer(self, at: AlignedEntries, first: Node) -> Make:
        """Return the construction of a layer, or of the small module that applies a function."""
        calls = calls_at(at)
        call = next(c for c in calls if c is not None)
        if call.target is None:
            name = self.parts.wrapper(first.op, call)
            return Make(name, tuple((a, self.argument(a, calls, at, first)) for a in call.args))
        targets = [ABSENT if c is None else PythonText(self.parts.target(c)) for c in calls]
        target = self.columns.text(targets, raw=first.entry.op, at=at, hint=f"{first.name}_type")
        args = []
        for k, name in enumerate(call.args):
            text = self.argument(name, calls, at, first)
            if name in call.defaults and text == literal(call.defaults[name]) and call.construct is None:
                continue
            args.append((None if k < call.positional else name, text))
        return Make(target, tuple(args), form=call.construct, before=call.before, wrap=call.wrap)

    def argument(self, name: str, calls: Sequence[Call | None], at: AlignedEntries, first: Node) -> str:
        """Return Python for an argument of calls that line up."""
        column = [ABSENT if c is None else c.args[name] for c in calls]
        hint = name if first.name.isdigit() else f"{variable(first.name)}_{name}"
        return self.columns.text(column, raw=_written(first, name), at=at, hint=hint)


def calls_at(at: AlignedEntries) -> list[Call | None]:
    """Return how torch makes and applies a layer in each instance; None where that lacks it."""
    return [None if n is None or n.body is None else n.call for n in at.nodes]


def _written(node: Node, name: str) -> Any:
    """Return what the spec says for an argument of a call, of `shape_1` the second item of `shape`."""
    field, _, index = name.rpartition("_")
    items = node.written.get(field)
    if name not in node.written and isinstance(items, list) and index.isdigit() and int(index) < len(items):
        return items[int(index)]
    return node.written.get(name)
