"""An in-place op over a value that another entry reads would change what that entry sees."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from compiler.checks.aliasing import aliases, storage, writes
from compiler.graph import INPUT, Composite, Edge, Node, Source
from compiler.layer import Layer
from specs.problem import Mark, Problem


def inplace_problems(composite: Composite) -> Iterator[Problem]:
    """In-place ops that write over what another entry, or an output of the list, reads."""
    if not any(map(writes, composite.nodes)):
        return
    accesses = _Accesses(composite)
    for index, node in enumerate(composite.nodes):
        if node.body is not None:
            yield from accesses.step(index, node)
    for port in composite.outputs:
        _, problem = accesses.read(port.edge, None, port.name)
        yield from problem


class _Accesses:
    """Who wrote over a memory, and who read a value, as the entries of a list come one after the other."""

    def __init__(self, composite: Composite) -> None:
        self.composite = composite
        self.writers: dict[Source, list[int]] = {}  # of each memory, in order
        self.behind = [0] * len(composite.nodes)  # how many of them made what a node gives
        self.readers: dict[Source, int] = {}  # the first of each value
        self.reported: set[int] = set()

    def step(self, index: int, node: Node) -> Iterator[Problem]:
        composite, written = self.composite, writes(node)
        values = []
        for edge in node.inputs if written or not aliases(node) else ():
            value, problem = self.read(edge, node, node.name)
            values.append(value)
            yield from problem
        for position in written:
            value = values[position]
            if value in self.readers and index not in self.reported:
                self.reported.add(index)
                first = composite.nodes[self.readers[value]]
                yield _problem(composite, node, first, first.name)
            self.writers.setdefault(storage(composite, value), []).append(index)
        for value in values:
            self.readers.setdefault(value, index)
        if aliases(node) or (isinstance(node.body, Layer) and node.body.inplace_):
            self.behind[index] = self._behind(composite.resolve(node.inputs[0])) + bool(written)

    def read(self, edge: Source, reader: Node | None, name: str) -> tuple[Source, list[Problem]]:
        """The value that is read; and what is wrong with that, where something has written over it since."""
        value = self.composite.resolve(edge)
        over = self.writers.get(storage(self.composite, value), [])[self._behind(value) :]
        if not over or over[0] in self.reported:
            return value, []
        self.reported.add(over[0])
        return value, [_problem(self.composite, self.composite.nodes[over[0]], reader, name)]

    def _behind(self, value: Source) -> int:
        return self.behind[value.node] if isinstance(value, Edge) and value.node != INPUT else 0


def _problem(composite: Composite, node: Node, reader: Node | None, name: str) -> Problem:
    inner = _writer(composite, node)
    own = inner.entry.arguments.get("inplace") is True
    marks = [Mark((*reader.loc, "from"), "read here")] if reader is not None else []
    if inner is not node:
        marks.append(Mark((*node.loc, _kind(node)), "used here"))
    return Problem(
        "unsafe-inplace",
        f"`{node.name}` writes over a value that {'' if reader else 'the output '}`{name}` reads",
        (*inner.loc, "inplace" if "inplace" in inner.entry.arguments else _kind(inner)),
        path=node.name,
        marks=marks,
        help=["write `inplace: false`" if own else "say `inplace: false` here"],
        replacement="false" if own else None,
    )


def _writer(composite: Composite, node: Node) -> Node:
    """The in-place op that writes over an input of a list, as far inside as this spec's text goes."""
    body = node.body
    if not isinstance(body, Composite) or body.unit is not composite.unit:
        return node
    for inner in body.nodes:
        for position in writes(inner):
            source = storage(body, body.resolve(inner.inputs[position]))
            if isinstance(source, Edge) and source.node == INPUT:
                return _writer(composite, inner)
    return node


def _kind(node: Node) -> str:
    """The key that says what kind of entry made a node."""
    return "op" if node.entry.op is not None else "layers" if node.entry.layers else "share"


def opaque(composite: Composite, uncertain: Collection[int]) -> Composite:
    """The list with its placeholders, and what takes wrong inputs, as values of their own: nobody knows what one of
    them reads, or whose memory it gives."""
    nothing = Composite("group", "", composite.unit, composite.loc, (), (), ())
    nodes = (
        node.but(body=nothing, inputs=())
        if index in uncertain or (node.body is None and None in node.outputs)
        else node
        for index, node in enumerate(composite.nodes)
    )
    return replace(composite, nodes=tuple(nodes))
