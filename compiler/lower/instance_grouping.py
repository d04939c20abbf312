"""Instances of one block that can be one class, grouped.

Two instances are of one group when their entries line up: the same entries, made by the same calls, joined by the
same edges. An entry may be left out (by `when`) in some of them; numbers may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.layer import Call, Layer

TRIED = 16  # classes, the last ones of a block, that another instance of it is held against


def origin(composite: Composite) -> tuple[Any, ...]:
    """Return where a list was written: what it shares with the other instances of it."""
    spec = composite.unit.spec
    own = (
        id(composite) if composite.kind == "use" and (spec.init or spec.freeze or spec.tie) else 0
    )  # rules are a class's own
    return (id(spec), composite.kind, composite.loc, own)


def inline(composite: Composite) -> bool:
    """Return whether it is an nn.Sequential where it stands rather than a class: an inline group that is a pure
    chain.
    """
    return composite.kind == "group" and listable(composite) and all(sequential(n) for n in composite.nodes)


def listable(composite: Composite) -> bool:
    """Return whether it is a pure chain whose parts an nn.Sequential can hold by their names."""
    return composite.wiring.chain and not composite.dotted


def sequential(node: Node) -> bool:
    """Return whether nn.Sequential can apply it (a function can, as a small module)."""
    if not isinstance(node.body, Layer):
        return True
    call = node.call
    return call.sequential or (call.target is None and len(node.inputs) == 1)


def unwritten(instances: Sequence[Composite]) -> bool:
    """Return whether they are an nn.Sequential, without a forward of their own: pure chains without ids; one with ids
    reads better written out.
    """
    nodes = [[n for n in c.nodes if n.body is not None] for c in instances]
    if not all(listable(c) and all(map(sequential, own)) for c, own in zip(instances, nodes, strict=True)):
        return False
    return any(not n.named or "-" in n.name for own in nodes for n in own) or not nodes[0]


class Lines:
    """Lists that line up: the first of them, for each entry the first that has it, and where each name stands."""

    def __init__(self, first: Composite) -> None:
        self.first = first
        self.having: list[Composite | None] = [None] * len(first.nodes)
        self.places: dict[str, int] = {}
        self.inside: dict[int, Lines] = {}  # the inline groups that stand at one place
        self.add(first)

    def add(self, other: Composite) -> None:
        for i, node in enumerate(other.nodes):
            if node.body is None:
                continue
            self.having[i] = self.having[i] or other
            self.places[node.name] = i
            if isinstance(node.body, Composite) and inline(node.body):
                if i in self.inside:
                    self.inside[i].add(node.body)
                else:
                    self.inside[i] = Lines(node.body)


@dataclass(eq=False)
class InstanceGroup:
    """Instances that line up. `representative(i)` is the first instance's node that is there at position i."""

    origin: tuple[Any, ...]
    lines: Lines
    instances: list[Composite] = field(default_factory=list)
    name: str = ""

    def add(self, instance: Composite) -> None:
        self.instances.append(instance)
        self.lines.add(instance)

    def nodes(self, index: int) -> list[Node]:
        return [instance.nodes[index] for instance in self.instances]

    @property
    def length(self) -> int:
        return len(self.instances[0].nodes)


class InstanceGroups:
    """All groups of a network, in an order in which what is used comes before what uses it."""

    def __init__(self, root: Composite) -> None:
        self.of: dict[int, InstanceGroup] = {}  # by id of the composite
        self.all: list[InstanceGroup] = []
        groups: dict[tuple[Any, ...], list[InstanceGroup]] = {}
        self.lists: list[Composite] = []  # all of them, each once
        for composite in _post_order(root, set()):
            self.lists.append(composite)
            if inline(composite):
                continue
            candidates = groups.setdefault(origin(composite), [])
            for group in candidates[-TRIED:]:
                if self.fits(group.lines, composite):
                    group.add(composite)
                    break
            else:
                group = InstanceGroup(origin(composite), Lines(composite), [composite])
                candidates.append(group)
                self.all.append(group)
            self.of[id(composite)] = group
        self._order()

    def _order(self) -> None:
        """Sort groups by what they hold: later instances may need classes that came up later."""
        done: list[InstanceGroup] = []
        visited: set[int] = set()

        def visit(group: InstanceGroup) -> None:
            if id(group) in visited:
                return
            visited.add(id(group))
            for instance in group.instances:
                for inner in _inside(instance):
                    if id(inner) in self.of:
                        visit(self.of[id(inner)])
            done.append(group)

        for group in self.all:
            visit(group)
        self.all = done

    def fits(self, lines: Lines, other: Composite) -> bool:
        """Return whether it lines up with lists that do. Each entry is held against the first that is there."""
        first = lines.first
        if (
            len(first.nodes) != len(other.nodes)
            or len(first.inputs) != len(other.inputs)
            or first.outputs != other.outputs
        ):
            return False
        if inline(first) != inline(other):
            return False
        return all(self._entry_fits(lines, other, i) for i in range(len(other.nodes)))

    def _entry_fits(self, lines: Lines, other: Composite, i: int) -> bool:
        like, new = lines.having[i] or lines.first, other.nodes[i]
        old = like.nodes[i]
        if new.key[1:] != old.key[1:] or new.loc != old.loc or new.named != old.named:
            return False
        if new.name != old.name and (new.named or (new.body and old.body and not _move(lines.first, other))):
            return False
        if new.inputs[:1] != old.inputs[:1]:
            return False
        if new.body is not None and lines.places.get(new.name, i) != i and not _move(lines.first, other):
            return False  # one attribute cannot be two entries, though no instance has both
        if new.body is None or old.body is None:
            return "." not in new.name or new.body is old.body  # a container has the same members in all of them
        here, there = other.wiring, like.wiring
        if (i in here.needed, i in here.inference_only) != (i in there.needed, i in there.inference_only):
            return False
        if new.inputs != old.inputs or new.shared != old.shared or len(new.outputs) != len(old.outputs):
            return False
        if isinstance(new.body, Composite):
            # what a shared module applies is held against the others where it is made
            return new.shared is not None or self._list_fits(lines, i, new.body, old.body)
        return not isinstance(old.body, Composite) and _same_call(new.call, old.call)

    def _list_fits(self, lines: Lines, i: int, new: Composite, old: Layer | Composite) -> bool:
        if not isinstance(old, Composite):
            return False
        if inline(new) != inline(old):
            return False
        if inline(new):
            return origin(new) == origin(old) and self.fits(lines.inside[i], new)
        return self.of[id(new)] is self.of[id(old)]


def _move(*lists: Composite) -> bool:
    """Return whether their entries are numbered by place alone: an nn.Sequential counts them anew where one is left
    out.
    """
    return all(c.wiring.chain and not any(n.named for n in c.nodes) and all(map(sequential, c.nodes)) for c in lists)


def _same_call(a: Call, b: Call) -> bool:
    if (
        a.target != b.target
        and (a.args, a.defaults) == (b.args, b.defaults)
        and a.sequential
        and b.sequential
        and not (a.support or b.support)
    ):
        return (a.construct, a.wrap) == (b.construct, b.wrap)  # `op: $act`: the class itself becomes the argument
    return _form(a) == _form(b)


def _form(call: Call) -> tuple[Any, ...]:
    made = (call.target, call.construct, call.before, call.wrap, call.parameter, tuple(call.args), call.positional)
    return (*made, call.apply, call.inline)


def _inside(composite: Composite) -> Iterator[Composite]:
    for node in composite.nodes:
        if isinstance(node.body, Composite) and node.shared is None:
            yield node.body
            if inline(node.body):
                yield from _inside(node.body)


def _post_order(composite: Composite, visited: set[int]) -> Iterator[Composite]:
    """Yield the lists that classes are written for; where one is shared, none is."""
    if id(composite) in visited:
        return
    visited.add(id(composite))
    for node in composite.nodes:
        if isinstance(node.body, Composite) and node.shared is None:
            yield from _post_order(node.body, visited)
    yield composite
