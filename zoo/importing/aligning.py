"""Lists of one class beside each other: which entries are the same one, and which some of the lists are without.

An entry that is left out stands for its first input, as `when` has it; two lists line up where each then takes what it
took before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from speczoo.compiler.layer import Layer
from speczoo.importing.columns import key
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Turns
from speczoo.importing.formulas import without_numbers

#: The entries that are one, a list each; None where a list is without it.
Members: TypeAlias = "tuple[ImportedEntry | None, ...]"


class RowOutput(NamedTuple):
    """What an entry takes, whichever list it is in: an output of a row, or (-1) one of the list's inputs."""

    row: int
    port: int = 0


@dataclass(eq=False)
class AlignedEntry:
    """One entry of all lists, and what it takes in all of them."""

    members: Members
    inputs: list[Any] = field(default_factory=list)
    references: dict[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> ImportedEntry:
        """The entry of the first list that has it."""
        return next(each for each in self.members if each is not None)

    @property
    def optional(self) -> bool:
        """Whether any list is without it."""
        return None in self.members


class Aligned(NamedTuple):
    """Lists lined up: the entries of all, in order, and what comes out."""

    rows: list[AlignedEntry]
    outputs: list[Any]


def skeleton(made: ImportedList) -> Any:
    """Return what lists share that differ in arguments alone."""
    places = {entry: place for place, entry in enumerate(made.entries)}

    def of(operand: Any) -> Any:
        if not isinstance(operand, Feed):
            return operand if isinstance(operand, str) else "number"
        return places[operand.entry] if operand.entry else -1, operand.port

    entries = tuple(
        (
            entry.name if entry.named else "",
            entry.op if entry.body is None or not entry.body.sequential else "",
            places.get(entry.share) if entry.share else None,
            tuple(map(of, entry.inputs)),
            tuple((name, of(source)) for name, source in entry.references.items()),
            (entry.ports, entry.when, entry.spliced),
            tuple(entry.loop),
            tuple(signature(entry)),
            skeleton(entry.body) if entry.body is not None else None,
        )
        for entry in made.entries
    )
    return len(made.inputs), entries, tuple(map(of, made.outputs))


def signature(entry: ImportedEntry) -> Iterator[tuple[str, str]]:
    """Yield the arguments that are no plain numbers: expressions, and what one parameter has no type for."""
    for name, value in sorted(entry.args.items()):
        if isinstance(value, str) and value.startswith("$("):
            yield name, without_numbers(value)
        elif isinstance(value, list) and (len(value) != 2 or any(type(each) is not int for each in value)):
            yield name, f"{len(value)} values"
        elif value is None or (isinstance(value, str) and entry.op in Layer.registry):
            yield name, key([value])


def aligned(lists: Sequence[ImportedList]) -> Aligned | None:
    """Return lists lined up; None where they are not one list with entries left out."""
    if len({len(made.inputs) for made in lists}) > 1 or len({len(made.outputs) for made in lists}) > 1:
        return None
    kinds: dict[Any, list[int]] = {}
    for number, made in enumerate(lists):
        kinds.setdefault(skeleton(made), []).append(number)
    ordered = sorted(kinds, key=lambda kind: (-len(lists[kinds[kind][0]].entries), repr(kind)))  # in any order the same
    places = [kinds[kind] for kind in ordered]
    ones = [lists[numbers[0]] for numbers in places]
    lines: list[Members] = [(entry,) for entry in ones[0].entries]
    for number, made in enumerate(ones[1:], 1):
        lines = _beside(lines, made, number)
    found = _connected(ones, [AlignedEntry(members) for members in lines])
    if found is None or not all(map(_inside, found.rows)):
        return None
    return Aligned([_spread(row, ones, places, lists) for row in found.rows], found.outputs)


def _inside(row: AlignedEntry) -> bool:
    """Return whether what is in the entries of a row lines up, too: of more than two, not any two alone."""
    bodies = [entry.body for entry in row.members if entry is not None and entry.body is not None]
    return len(bodies) < 2 or aligned(bodies) is not None


def _spread(
    row: AlignedEntry, ones: Sequence[ImportedList], places: Sequence[Sequence[int]], lists: Sequence[ImportedList]
) -> AlignedEntry:
    """Return a row of one list of each kind as a row of all lists."""
    members: list[ImportedEntry | None] = [None] * len(lists)
    for one, entry, numbers in zip(ones, row.members, places, strict=True):
        if entry is not None:
            place = one.entries.index(entry)
            for number in numbers:
                members[number] = lists[number].entries[place]
    return AlignedEntry(tuple(members), row.inputs, row.references)


def _beside(lines: Sequence[Members], made: ImportedList, number: int) -> list[Members]:
    """Return lines with another list's entries beside those that are the same, in the order of both."""
    entries = made.entries
    best: list[list[tuple[int, str]]] = [[(0, "")] * (len(entries) + 1) for _ in range(len(lines) + 1)]
    for i in range(len(lines) - 1, -1, -1):
        for j in range(len(entries) - 1, -1, -1):
            alike = min(_alike(each, entries[j]) for each in lines[i] if each is not None)
            both = (best[i + 1][j + 1][0] + alike, "both") if alike else (-1, "")
            best[i][j] = max(both, (best[i + 1][j][0], "line"), (best[i][j + 1][0], "entry"), key=lambda way: way[0])
    out: list[Members] = []
    i = j = 0
    while i < len(lines) or j < len(entries):
        way = best[i][j][1] if i < len(lines) and j < len(entries) else "line" if i < len(lines) else "entry"
        line: Members = lines[i] if way != "entry" else (None,) * number
        out.append((*line, entries[j] if way != "line" else None))
        i, j = i + (way != "entry"), j + (way != "line")
    return out


def _alike(one: ImportedEntry, other: ImportedEntry) -> int:
    """Return how much two entries are the same one; 0 where they are not."""
    if _frame(one) != _frame(other) or not _same_name(one, other):
        return 0
    if one.body is not None and other.body is not None:
        inside = one.body.sequential == other.body.sequential and aligned([one.body, other.body])
        return 4 if inside and any(not row.optional for row in inside.rows) else 0
    if one.op == other.op:
        same = [*signature(one)] == [*signature(other)] and _turns(one) == _turns(other)
        called = one.name == other.name and one.named and not one.name.isdigit()
        return 2 + 2 * called + _likeness(one, other) if same else 0
    return 1 if _exchangeable(one, other) else 0


def _likeness(one: ImportedEntry, other: ImportedEntry) -> int:
    """Return how many arguments are the same, or the channels that flow in, in both; and not, of those that are not."""
    pairs = [(one.args.get(name), other.args.get(name)) for name in one.args.keys() | other.args.keys()]
    flowing = [each.flowing[0][:1] if each.flowing else () for each in (one, other)]
    same = [a == b or all((n,) == shape for n, shape in zip((a, b), flowing, strict=True)) for a, b in pairs]
    return max(-1, min(3, same.count(True) - same.count(False)))


def _frame(entry: ImportedEntry) -> Any:
    """Return what entries share that may be the same one."""
    loop = () if _counted(entry) else tuple(entry.loop)
    return (
        *(entry.ports, len(entry.inputs), tuple(entry.references), entry.named, entry.when, entry.spliced, loop),
        *(entry.share is None, entry.body is None, entry.op in ("Parameter", "Buffer") and entry.op),
    )


def _same_name(one: ImportedEntry, other: ImportedEntry) -> bool:
    by_place = [each.name.isdigit() or not each.name for each in (one, other)]
    return one.name == other.name or all(by_place) or not (one.named or other.named)


def _counted(entry: ImportedEntry) -> bool:
    """Return whether an entry is one turn, or some that only count, of a block by position."""
    turns = [*entry.loop.values()]
    module = entry.body is not None or entry.op not in Layer.registry
    by_place = module and not entry.spliced and (not entry.name or entry.name.isdigit())
    return by_place and (not turns or (len(turns) == 1 and isinstance(turns[0], Turns) and turns[0].first == 1))


def _turns(entry: ImportedEntry) -> Any:
    return None if _counted(entry) else tuple(entry.loop)


def _exchangeable(one: ImportedEntry, other: ImportedEntry) -> bool:
    """Return whether two entries differ in nothing but their layer or block, so that a parameter can say which."""
    both = (one, other)
    if not all(each.body is None and each.share is None and each.module for each in both):
        return False
    if one.takes or other.takes:
        return {*one.takes} == {*other.takes} and len(one.inputs) == 1
    known = all(each.op in Layer.registry and len(each.inputs) == 1 and not each.loop for each in both)
    alike = (one.name == other.name and bool(one.name)) or all(is_activation(each.op) for each in both)
    return known and alike and one.args == other.args


def is_activation(op: str) -> bool:
    """Return whether a layer is one of the activations, in whose place another may stand."""
    layer = Layer.registry.get(op)
    return layer is not None and layer.__module__.endswith(".activation")


# -- what flows -------------------------------------------------------------------------------------------------------


def _connected(lists: Sequence[ImportedList], rows: list[AlignedEntry]) -> Aligned | None:
    """Give rows what they take in all lists; None where no one place is what all of them take."""
    places = [
        {row.members[number]: at for at, row in enumerate(rows) if row.members[number] is not None}
        for number in range(len(lists))
    ]
    for row in rows:
        if row.optional and (row.first.ports > 1 or not row.first.inputs):
            return None
        entries = [(number, entry) for number, entry in enumerate(row.members) if entry is not None]
        shared = {places[number].get(e.share, -1) for number, e in entries if e.share is not None}
        if len(shared) > 1 or any(rows[at].optional for at in shared):
            return None
        find: Callable[[Any], Any] = partial(_common, rows, places)
        inputs = [find([(n, e.inputs[port]) for n, e in entries]) for port in range(len(row.first.inputs))]
        references = {name: find([(n, e.references[name]) for n, e in entries]) for name in row.first.references}
        if None in inputs or None in references.values():
            return None
        row.inputs, row.references = inputs, references
    outputs = [
        _common(rows, places, [*enumerate(each)]) for each in zip(*(made.outputs for made in lists), strict=True)
    ]
    return None if None in outputs else Aligned(rows, outputs)


def _common(
    rows: Sequence[AlignedEntry], places: Sequence[Mapping[Any, int]], operands: Sequence[tuple[int, Any]]
) -> Any:
    """Return the place that is in each list what it takes there, the last that is; None where there is none."""
    if not any(isinstance(operand, Feed) for _, operand in operands):
        return operands[0][1]  # numbers, which are told apart as arguments are
    if not all(isinstance(operand, Feed) for _, operand in operands):
        return None
    wanted = [(n, RowOutput(places[n][o.entry] if o.entry else -1, o.port)) for n, o in operands]
    for place in sorted({place for _, place in wanted}, reverse=True):
        if all(_resolved(rows, place, number) == own for number, own in wanted):
            return place
    return None


def _resolved(rows: Sequence[AlignedEntry], place: Any, number: int) -> Any:
    """Return what a place stands for in a list: the first input of what is left out there."""
    while isinstance(place, RowOutput) and place.row >= 0 and rows[place.row].members[number] is None:
        place = rows[place.row].inputs[0]
    return place


def joined(lists: Sequence[ImportedList], found: Aligned) -> ImportedList:
    """Return the first list with the rows as its entries, each the first that there is of it, with its own numbers."""
    made = lists[0]
    firsts = [row.first for row in found.rows]
    made.entries = firsts

    def of(place: Any) -> Any:
        if not isinstance(place, RowOutput):
            return place
        return Feed(firsts[place.row] if place.row >= 0 else None, place.port)

    shares = [_share(found.rows, row) for row in found.rows]
    for row, entry, share in zip(found.rows, firsts, shares, strict=True):
        entry.inputs = [
            of(place) if isinstance(own, Feed) else own for own, place in zip(entry.inputs, row.inputs, strict=True)
        ]
        entry.references = {name: of(place) for name, place in row.references.items()}
        entry.share = share
    made.outputs = [of(place) for place in found.outputs]
    return made


def _share(rows: Sequence[AlignedEntry], row: AlignedEntry) -> ImportedEntry | None:
    """Return the first of the row whose module an entry is again."""
    wanted = row.first.share
    return next((each.first for each in rows if wanted is not None and wanted in each.members), None)
