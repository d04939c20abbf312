"""In-place ops: one over a value that another entry reads would change what that entry sees, and one over what autograd
keeps would leave nothing to go back by."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Set
from dataclasses import replace

from speczoo.compiler.cached import once
from speczoo.compiler.checks.aliasing import (
    aliases,
    flowing_in,
    homes,
    is_overlapping,
    is_part,
    storage,
    within,
    writers_alone_read,
    writes,
    written,
)
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand, descendants
from speczoo.compiler.layer import Layer
from speczoo.compiler.unknown import UNKNOWN
from speczoo.compiler.wiring import Conduct, Connection, Wiring
from speczoo.specs.problem import Mark, Problem


def inplace_problems(composite: Composite) -> Iterator[Problem]:
    """Yield in-place ops that write over what another entry, or an output of the list, reads."""
    if any(written(composite.wiring)):
        yield from _over_constants(composite)
        if not writers_alone_read(composite.wiring):
            yield from _unless_sound(composite, "inplace", _conflicts(composite))


def _over_constants(composite: Composite) -> Iterator[Problem]:
    """Yield in-place ops that write over what has no batch axis: a Parameter, or what stays as long as the network."""
    writers = [index for index, positions in enumerate(written(composite.wiring)) if positions]
    for node in (composite.nodes[index] for index in writers):
        first = node.arriving[0] if node.arriving else UNKNOWN
        if first is not UNKNOWN and not first.batched and isinstance(node.body, Layer):
            message = f"`{node.name}` writes over a value without a batch axis, which may be a Parameter"
            yield _overwriting(composite, node, message, [])


def _unless_sound(composite: Composite, check: str, problems: Iterator[Problem]) -> Iterator[Problem]:
    """Yield the problems that a check of the wiring finds; nothing, unasked, where it found none in another list of
    that wiring.
    """
    sound = _sound(composite.wiring)
    if check not in sound:
        found = list(problems)
        yield from found
        if not found:
            sound.add(check)


@once
def _sound(wiring: Wiring) -> set[str]:
    """Return the checks that found nothing."""
    return set()


def _conflicts(composite: Composite) -> Iterator[Problem]:
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
        self.composite, self.wiring = composite, composite.wiring
        self.writers: dict[Operand, list[int]] = {}  # of each memory, in order
        self.behind: dict[Operand, int] = {}  # how many of them made what a node gives
        self.readers: dict[Operand, int] = {}  # the first of each value
        self.reported: set[int] = set()

    def step(self, index: int, node: Node) -> Iterator[Problem]:
        composite, wiring, entry = self.composite, self.wiring, self.wiring.entries[index]
        written = writes(entry)
        values = []
        for edge in node.inputs if written or not aliases(entry) else ():
            value, problem = self.read(edge, node, node.name)
            values.append(value)
            yield from problem
        for position in written:
            value = values[position]
            if is_overlapping(wiring, value) and index not in self.reported:
                self.reported.add(index)
                message = f"`{node.name}` writes over a value of which several places are one place of memory"
                yield _overwriting(composite, node, message, [])
            if value in self.readers and index not in self.reported:
                self.reported.add(index)
                first = composite.nodes[self.readers[value]]
                yield _problem(composite, node, first, first.name)
            self.writers.setdefault(storage(wiring, value), []).append(index)
        for value in values:
            self.readers.setdefault(value, index)
        for port, home in enumerate(within(entry)):
            if isinstance(home, Edge) and (source := flowing_in(entry, home)) is not None:
                before = self.behind.get(wiring.resolve(source), 0)
                self.behind[Edge(index, port)] = before + (home.port in written)

    def read(self, edge: Operand, reader: Node | None, name: str) -> tuple[Operand, list[Problem]]:
        """Return the value that is read; and what is wrong with that, where something has written over it since."""
        value = self.wiring.resolve(edge)
        over = self.writers.get(storage(self.wiring, value), [])[self.behind.get(value, 0) :]
        if not over or over[0] in self.reported:
            return value, []
        self.reported.add(over[0])
        return value, [_problem(self.composite, self.composite.nodes[over[0]], reader, name)]


def backward_problems(composite: Composite, *, inputs_need: bool) -> Iterator[Problem]:
    """Yield layers that have no backward pass, and in-place ops that write over what autograd keeps of an entry before
    them, or over one of several views: the backward pass would fail. Of a list without placeholders; `inputs_need` says
    whether gradients are wanted of its inputs.
    """
    wiring = composite.wiring
    if not writers_alone_read(wiring) or _refusing(wiring):
        yield from _unless_sound(composite, f"backward {inputs_need}", _backward(composite, inputs_need))


@once
def _refusing(wiring: Wiring) -> bool:
    """Return whether there is no backward pass through some layer."""
    return any(isinstance(entry.conduct, Conduct) and entry.conduct.refuses for entry in wiring.entries)


def _backward(composite: Composite, inputs_need: bool) -> Iterator[Problem]:
    wiring = composite.wiring
    active = differentiable(wiring, (inputs_need,) * len(composite.inputs))
    for index, node in enumerate(composite.nodes) if _refusing(wiring) else ():
        why = node.body.no_backward() if isinstance(node.body, Layer) else None
        if why is not None and index in active:
            place = why.argument if why.argument in node.entry.arguments else _kind(node)
            yield replace(why.problem, loc=(*node.loc, place), path=node.name)
    kept: dict[Operand, Node] = {}  # by memory, the first entry that something of is kept for
    last = max((index for index, positions in enumerate(written(wiring)) if positions), default=-1)
    for index, node in enumerate(composite.nodes[: last + 1]):  # nothing is written over after that
        for position in written(wiring)[index]:
            value = wiring.resolve(node.inputs[position])
            if is_part(wiring, value) and node.inputs[position] in active:
                message = f"`{node.name}` writes over a part of what was cut, and autograd has no way back from there"
                yield _overwriting(composite, node, message, [])
                continue
            memory = storage(wiring, value)
            if (keeper := kept.pop(memory, None)) is not None:
                place = "op" if keeper.entry.op is not None else _kind(keeper)
                message = f"`{node.name}` writes over what `{keeper.name}` keeps for the backward pass"
                yield _overwriting(composite, node, message, [Mark((*keeper.loc, place), "kept for this")])
        for memory in _kept(wiring, index, active):
            kept.setdefault(memory, node)


def differentiable(wiring: Wiring, inputs: tuple[bool, ...]) -> frozenset[Hashable]:
    """Return the entries and values of a list that gradients are wanted of: those that come of a weight, or of an input
    that does.
    """
    if all(inputs) and all(
        any(isinstance(edge, Edge) for edge in entry.inputs) or _has_weights(entry) for entry in wiring.entries
    ):
        return frozenset(wiring.dataflow)  # whatever flows comes of one
    sources = [i for i, entry in enumerate(wiring.entries) if _has_weights(entry)]
    wanted = [Edge(INPUT, port) for port, needs in enumerate(inputs) if needs]
    return descendants(wiring.dataflow, [*sources, *wanted])


def _has_weights(entry: Connection) -> bool:
    return (
        _weighted(entry.conduct) if isinstance(entry.conduct, Wiring) else bool(entry.conduct and entry.conduct.weights)
    )


@once
def _weighted(wiring: Wiring) -> bool:
    """Return whether anything in a list has weights of its own."""
    return any(map(_has_weights, wiring.entries))


def _kept(wiring: Wiring, index: int, active: Set[Hashable]) -> Iterator[Operand]:
    """Yield the memories of a list that autograd keeps for an entry."""
    entry = wiring.entries[index]
    if entry.conduct is None or index not in active:
        return
    wanted = tuple([edge in active for edge in entry.inputs])
    if isinstance(entry.conduct, Wiring):
        inputs, outputs = _kept_of(entry.conduct, wanted)
    else:
        saved, every = entry.conduct.saved, range(len(entry.inputs))
        match saved:
            case "input" | "both":
                inputs = frozenset(every)
            case "factors":
                inputs = frozenset(i for i in every if any(wanted[:i] + wanted[i + 1 :]))
            case _:
                inputs = frozenset()
        outputs = frozenset(range(entry.outputs) if saved in ("output", "both") else ())
    for position in inputs:
        yield storage(wiring, wiring.resolve(entry.inputs[position]))
    for port in outputs:
        yield storage(wiring, Edge(index, port))


def _kept_of(body: Wiring, inputs: tuple[bool, ...]) -> tuple[frozenset[int], frozenset[int]]:
    """Return which inputs and outputs of a list live in a memory that is kept for something in it; found once for each
    wiring and what is wanted of its inputs.
    """
    known = _known(body)
    if inputs not in known:
        active = differentiable(body, inputs)
        kept = {memory for i in range(len(body.entries)) for memory in _kept(body, i, active)}
        taken = frozenset(memory.port for memory in kept if isinstance(memory, Edge) and memory.node == INPUT)
        known[inputs] = taken, frozenset(i for i, memory in enumerate(homes(body)) if memory in kept)
    return known[inputs]


@once
def _known(wiring: Wiring) -> dict[tuple[bool, ...], tuple[frozenset[int], frozenset[int]]]:
    return {}


def _problem(composite: Composite, node: Node, reader: Node | None, name: str) -> Problem:
    message = f"`{node.name}` writes over a value that {'' if reader else 'the output '}`{name}` reads"
    return _overwriting(
        composite, node, message, [Mark((*reader.loc, "from"), "read here")] if reader is not None else []
    )


def _overwriting(composite: Composite, node: Node, message: str, marks: list[Mark]) -> Problem:
    inner = _writer(composite, node)
    own = inner.entry.arguments.get("inplace") is True
    if inner is not node:
        marks.append(Mark((*node.loc, _kind(node)), "used here"))
    return Problem(
        "unsafe-inplace",
        message,
        (*inner.loc, "inplace" if "inplace" in inner.entry.arguments else _kind(inner)),
        path=node.name,
        marks=marks,
        help=["write `inplace: false`" if own else "say `inplace: false` here"],
        replacement="false" if own else None,
    )


def _writer(composite: Composite, node: Node) -> Node:
    """Return the in-place op that writes over an input of a list, as far inside as this spec's text goes."""
    body = node.body
    if not isinstance(body, Composite) or body.unit is not composite.unit:
        return node
    for inner in body.nodes:
        for position in writes(inner.connection):
            source = storage(body.wiring, body.wiring.resolve(inner.inputs[position]))
            if isinstance(source, Edge) and source.node == INPUT:
                return _writer(composite, inner)
    return node


def _kind(node: Node) -> str:
    """Return the key that says what kind of entry made a node."""
    return "op" if node.entry.op is not None else "layers" if node.entry.layers else "share"


def opaque(composite: Composite, uncertain: Collection[int]) -> Composite:
    """Return the list with its placeholders, and what takes wrong inputs, as values of their own: nobody knows what one
    of them reads, or whose memory it gives. A list that has placeholders in it reads its inputs, and no more is known.
    """
    nothing = Composite("group", "", composite.unit, composite.loc, (), (), ())

    def known(index: int, node: Node) -> Node:
        if index in uncertain or (node.body is None and UNKNOWN in node.outputs):
            return node.replace(body=nothing, inputs=())
        torn = isinstance(node.body, Composite) and not node.body.whole
        return node.replace(body=nothing) if torn else node

    return replace(composite, nodes=tuple(known(index, node) for index, node in enumerate(composite.nodes)))
