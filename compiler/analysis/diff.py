"""What changed from one network to another: entry by entry, in total, and which of its weights the other takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from speczoo.compiler.analysis.alignment import LocatedEntry, Match, align
from speczoo.compiler.analysis.changes import Change, Detail, entry_of, not_default
from speczoo.compiler.analysis.computation import initial
from speczoo.compiler.analysis.diff_rows import DiffRow, rows
from speczoo.compiler.analysis.difference import difference
from speczoo.compiler.analysis.wiring_changes import WiringChanges
from speczoo.compiler.graph import Graph
from speczoo.compiler.initialisers import Initialiser
from speczoo.compiler.layer import Shape, Value


@dataclass(frozen=True, slots=True)
class Totals:
    """A network by its shapes and its numbers."""

    name: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    params: int
    trainable_params: int
    macs: int

    @classmethod
    def of(cls, graph: Graph) -> Totals:
        totals = graph.params, graph.trainable_params, graph.macs
        return cls(graph.name, graph.inputs, graph.outputs, *totals)


@dataclass(frozen=True)
class Diff:
    """What changed from the `first` network to the `second`, in the order of their lists.

    `rows` say `changes` in few: repeated blocks by their numbers, equal changes once with how many they are. `same`
    says whether both compute the same, whatever their entries are called. `keys` maps names of the first network's
    tensors to those of the second that take them: equal ones, or those of what was renamed or moved. `left` are tensors
    of the first that fit nowhere, `fresh` those of the second that none fits. `paths` are those of the entries that
    stand in both, of the first network's by the second's.
    """

    first: Totals
    second: Totals
    changes: tuple[Change, ...]
    rows: tuple[DiffRow, ...]
    same: bool
    keys: Mapping[str, str]
    left: tuple[str, ...]
    fresh: tuple[str, ...]
    paths: Mapping[str, str]

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.changes)

    def __repr__(self) -> str:
        return f"<Diff of {self.first.name} and {self.second.name}: {len(self.changes)} changes>"


def diff(first: Graph, second: Graph) -> Diff:
    """Return what changed from one network to another."""
    totals = Totals.of(first), Totals.of(second)
    matches = align(first, second)
    both = [(m.before, m.after) for m in matches if m.before and m.after]
    wiring = WiringChanges(first, second, {b.path: a.path for b, a in both if not b.is_list})
    rules = _Rules(first, second)
    of_network = _of_network(first, second, wiring)
    found = [(match, change) for match in matches if (change := _of_match(match, wiring, rules)) is not None]
    differs = difference(first, second)
    if differs is not None and not found and not of_network:
        of_network = (Detail(*differs),)
    changes = [Change("changed", None, None, of_network)] if of_network else []
    changes += [change for _, change in found]
    keys = {old: new for one, other in both for old, new in _keys(one, other)}
    taken = frozenset(keys.values())
    left, fresh = (tuple(k for k in g.state if k not in known) for g, known in ((first, keys), (second, taken)))
    few, paths = rows(matches, of_network, found), {other.path: one.path for one, other in both}
    return Diff(*totals, tuple(changes), few, differs is None, keys, left, fresh, paths)


def _of_network(first: Graph, second: Graph, wiring: WiringChanges) -> tuple[Detail, ...]:
    """Return what changed of inputs and outputs."""
    inputs = [{name: _shown(value) for name, value in graph.settings.inputs} for graph in (first, second)]
    ports = [{port.name: port for port in graph.root.outputs} for graph in (first, second)]
    details = [
        Detail(_named("input", name), *(side.get(name) for side in inputs))
        for name in {**inputs[0], **inputs[1]}
        if inputs[0].get(name) != inputs[1].get(name)
    ]
    for name in {**ports[0], **ports[1]}:
        if name not in ports[0] or name not in ports[1]:
            details.append(Detail(_named("output", name), *("there" if name in side else None for side in ports)))
        elif (moved := wiring.outputs(name)) is not None:
            details.append(Detail(_named("output", name), *moved))
        elif ports[0][name].training_only != ports[1][name].training_only:
            details.append(Detail(f"output {name} in training only", *(side[name].training_only for side in ports)))
    order = [[*side] for side in ports]
    if not details and order[0] != order[1]:
        details.append(Detail("outputs", *map(", ".join, order)))
    return tuple(details)


def _named(kind: str, name: str) -> str:
    return kind if name == kind else f"{kind} {name}"


def _of_match(match: Match, wiring: WiringChanges, rules: _Rules) -> Change | None:
    """Return what changed of an entry; None where nothing did."""
    one, other, inside = match
    before, after = (None if item is None else entry_of(item) for item in (one, other))
    if inside:
        held = tuple(Detail("holds", *((item.path, None) if other else (None, item.path))) for item in inside)
        return Change("wrapped" if other else "unwrapped", before, after, held)
    if one is None or other is None:
        return Change("added" if one is None else "removed", before, after)
    renamed = one.node.name != other.node.name and (one.node.named or other.node.named)
    if details := () if one.is_list else tuple(_details(one, other, wiring, rules)):
        ids = (Detail("id", one.node.name, other.node.name),) if renamed else ()
        return Change("changed", before, after, details + ids)
    if renamed:
        return Change("renamed", before, after)
    return None if one.is_list or one.number == other.number else Change("resized", before, after)


def _details(one: LocatedEntry, other: LocatedEntry, wiring: WiringChanges, rules: _Rules) -> Iterator[Detail]:
    """Yield what changed of a layer."""
    if one.node.op != other.node.op:
        yield Detail("op", one.node.op, other.node.op)
    stated, restated = (not_default(item) if one.node.op != other.node.op else item.arguments for item in (one, other))
    for key in {**stated, **restated}:
        if (key in stated) != (key in restated) or stated[key] != restated[key]:
            yield Detail(key, stated.get(key), restated.get(key))
    if (taken := wiring.sources(one.path, other.path)) is not None:
        yield Detail("from", *taken)
    if (owners := wiring.modules(one.path, other.path)) is not None and (one.node.weights or other.node.weights):
        yield Detail("weights of", *owners)
    if one.node.op == other.node.op:
        yield from rules.details(one, other)


class _Rules:
    """What is stated of the parameters of two networks: what they start as, and whether they train."""

    def __init__(self, first: Graph, second: Graph) -> None:
        self.graphs = first, second
        self.starts = initial(first), initial(second)

    def details(self, one: LocatedEntry, other: LocatedEntry) -> Iterator[Detail]:
        for name in one.node.weights if not (one.shared or other.shared) else ():
            if name not in other.node.weights:
                continue
            keys = _key(one, name), _key(other, name)
            starts = [_start(known.get(key)) for known, key in zip(self.starts, keys, strict=True)]
            if starts[0] != starts[1]:
                yield Detail(f"{name} starts as".strip(), *starts)
            trains = [not graph.is_frozen(key) for graph, key in zip(self.graphs, keys, strict=True)]
            if trains[0] != trains[1]:
                yield Detail(f"{name} trains".strip(), *trains)


def _shown(value: Value) -> str:
    return "x".join(map(str, value.shape)) + ("" if value.dtype == "float32" else f" {value.dtype}")


def _start(made: Initialiser | None) -> str:
    return "torch has it" if made is None else str(made)


def _keys(one: LocatedEntry, other: LocatedEntry) -> Iterator[tuple[str, str]]:
    """Yield the names of a layer's tensors that fit, in both networks."""
    if one.is_list or one.shared or other.shared or one.node.op != other.node.op:
        return
    there, here = ({**item.node.weights, **item.node.buffers} for item in (one, other))
    for name, shape in there.items():
        if here.get(name) == shape:
            yield _key(one, name), _key(other, name)


def _key(item: LocatedEntry, name: str) -> str:
    return f"{item.path}.{name}" if name else item.path
