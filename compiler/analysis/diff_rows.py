"""What changed, in as few rows as say it: blocks that repeat by how many they are, equal changes once."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from speczoo.compiler.analysis.alignment import LocatedEntry, Match
from speczoo.compiler.analysis.canonical_arguments import hashable
from speczoo.compiler.analysis.changes import Change, ComparedEntry, Detail, entry_of
from speczoo.compiler.layer import Shape

ROOT = "layers"  # where the list of a network stands: the key of a spec that holds it
SHOWN = 3  # values of one kind, where they differ between entries of a row; entries that a list was put around

_Found: TypeAlias = tuple[Match, Change]
_Numbers: TypeAlias = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class DiffRow:
    """Where something changed, what it is, and the numbers of it before and after; None where it is not there.

    Of several entries `path` has stars for the numbers in their paths, and numbers are sums. `outputs` are the shapes
    that come out, where it is one, and all of them have it.
    """

    path: str
    what: str
    outputs: tuple[Shape | None, Shape | None] = (None, None)
    params: _Numbers = (None, None)
    macs: _Numbers = (None, None)


def rows(matches: Sequence[Match], of_network: Sequence[Detail], found: Sequence[_Found]) -> tuple[DiffRow, ...]:
    """Return the rows of what changed, in the order of their first entries; of the network itself first, of what only
    has other shapes last.
    """
    repeats = dict(_repeats(matches, found))
    groups: dict[Hashable, list[Change]] = {}
    for match, change in found:
        groups.setdefault(repeats.get(id(match)) or _alike(change), []).append(change)
    resized = groups.pop("resized", [])
    out = [DiffRow(detail.what, _of_network(detail)) for detail in of_network]
    out += [key if isinstance(key, DiffRow) else _row(changes) for key, changes in groups.items()]
    return (*out, *([_row(resized)] if resized else []))


# -- lists that have more of their entries, or fewer ------------------------------------------------------------------


def _repeats(matches: Sequence[Match], found: Sequence[_Found]) -> Iterator[tuple[int, DiffRow]]:
    """Yield the identities of matches that one row speaks of: a list that has one more of its entries, or fewer."""
    before: dict[LocatedEntry | None, LocatedEntry | None] = {
        m.after: m.before for m in matches if m.before and m.after
    }
    after = {one: other for other, one in before.items()}
    before[None] = after[None] = None
    roots = (
        [i for i in side if i is not None and i.around is None] for side in zip(*(m[:2] for m in matches), strict=True)
    )
    first, second = (tuple(root) for root in roots) if matches else ((), ())
    groups: dict[LocatedEntry | None, list[Match]] = {}
    for match, change in found:
        if change.kind == "added" and match.after and match.after.around in before:
            groups.setdefault(match.after.around, []).append(match)
        elif change.kind == "removed" and match.before and match.before.around in after:
            groups.setdefault(after[match.before.around], []).append(match)
    for around, group in groups.items():
        one, there, here = before[around], first, second
        if around is not None and one is not None:
            there, here = tuple(one.children), tuple(around.children)
        what = _counted(there, here, group)
        if what is not None:
            entries = [entry_of(i) for i in (one, around) if i] or [_whole(there), _whole(here)]
            row = DiffRow(around.path if around else ROOT, what, *_numbers([entries[0]], [entries[1]]))
            yield from ((id(match), row) for match in group)


def _counted(there: Sequence[LocatedEntry], here: Sequence[LocatedEntry], group: Sequence[Match]) -> str | None:
    """Return `2 -> 3 x Block` or `2 x Block -> 3 x Other` where that is all that happened to a list; else None. Those
    whose names are no numbers of the others' are named: `2 -> 3 x Block, added middle`.
    """
    removed, added = [m.before for m in group if m.before], [m.after for m in group if m.after]
    ops = [{item.node.op for item in items} for items in (removed, added)]
    if len(ops[0]) > 1 or len(ops[1]) > 1 or not all(i.is_list for i in (*removed, *added)):
        return None
    counts = [sum(item.node.op in ops[0] | ops[1] for item in items) for items in (there, here)]
    if removed and added:
        if ops[0] == ops[1] or counts != [len(removed), len(added)]:
            return None
        return f"{len(removed)} x {removed[0].node.op} -> {len(added)} x {added[0].node.op}"
    more, among = (added, here) if added else (removed, there)
    alone = {id(item) for item in more}
    others = [item for item in among if id(item) not in alone and item.node.op == more[0].node.op]
    if not {_holds(item) for item in more} <= {_holds(item) for item in others}:
        return None
    numbered = {_starred(_name(item)) for item in others}
    names = [_name(item) for item in more if _starred(_name(item)) not in numbered]
    further = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    named = f", {'added' if added else 'removed'} {', '.join(names[:SHOWN])}{further}" if names else ""
    return f"{counts[0]} -> {counts[1]} x {more[0].node.op}{named}"


def _name(item: LocatedEntry) -> str:
    return item.path.rpartition(".")[2]


def _holds(item: LocatedEntry) -> frozenset[tuple[int, int]]:
    """Return the layers of a list by what they state, and how many of each there are."""
    return frozenset(item.layers.items())


def _whole(items: Sequence[LocatedEntry]) -> ComparedEntry:
    """Return the list of a network as an entry."""
    entries = [entry_of(item) for item in items]
    numbers = (sum(e.params for e in entries), sum(e.macs for e in entries))
    return ComparedEntry("", "network", sum(e.layers for e in entries), {}, (), (), *numbers)


# -- changes that are alike -------------------------------------------------------------------------------------------


def _alike(change: Change) -> Hashable:
    """Return what changes have in common that one row says."""
    sides = [entry and (_starred(entry.path), entry.op) for entry in (change.before, change.after)]
    if change.kind in ("wrapped", "unwrapped"):
        return change.kind, change.path
    if change.kind == "resized":
        return change.kind
    arguments = [
        hashable(e.arguments) for e in (change.before, change.after) if e and change.kind in ("added", "removed")
    ]
    return (change.kind, *sides, *arguments, *(detail.what for detail in change.details))


def _starred(path: str) -> str:
    return re.sub(r"\d+", "*", path)


def _row(changes: Sequence[Change]) -> DiffRow:
    befores, afters = [c.before for c in changes if c.before], [c.after for c in changes if c.after]
    if changes[0].kind in ("wrapped", "unwrapped"):
        return DiffRow(_place(changes), _what(changes))  # what it holds is neither new nor gone
    return DiffRow(_place(changes), _what(changes), *_numbers(befores, afters))


def _numbers(befores: Sequence[ComparedEntry], afters: Sequence[ComparedEntry]) -> tuple[Any, _Numbers, _Numbers]:
    """Return the outputs, parameters and MACs of entries before and after."""
    shapes = [{entry.outputs for entry in side} for side in (befores, afters)]
    outputs = [next(iter(each))[0] if len(each) == 1 and len(next(iter(each))) == 1 else None for each in shapes]
    params = [sum(entry.params for entry in side) if side else None for side in (befores, afters)]
    macs = [sum(entry.macs for entry in side) if side else None for side in (befores, afters)]
    return tuple(outputs), (params[0], params[1]), (macs[0], macs[1])


def _place(changes: Sequence[Change]) -> str:
    first = changes[0]
    if first.kind == "resized":
        return _plural(len(changes), "layer")
    place = _common([change.path for change in changes])
    if first.kind != "renamed":
        return place
    return f"{_common([change.before.path for change in changes if change.before])} -> {place}"


def _common(paths: Sequence[str]) -> str:
    """Return the path of several: with stars for the numbers of those parts that differ."""
    parts = zip(*(path.split(".") for path in paths), strict=True)
    return ".".join(part[0] if len({*part}) == 1 else _starred(part[0]) for part in parts)


def _what(changes: Sequence[Change]) -> str:
    """Return what happened to entries that are alike, in words."""
    first, number = changes[0], f"{len(changes)} x " if len(changes) > 1 else ""
    entry = first.after or first.before
    assert entry is not None
    if first.kind == "resized":
        return "other shapes flow in"
    if first.kind in ("wrapped", "unwrapped"):
        names = [str(d.before or d.after) for d in first.details]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        held = f"{', '.join(names[:SHOWN])}{more}"
        return f"{entry.op} put around {held}" if first.kind == "wrapped" else f"{entry.op} around {held} taken off"
    if first.kind == "changed":
        op = "" if first.details[0].what == "op" else f"{entry.op}: "
        texts = [_values(details) for details in zip(*(change.details for change in changes), strict=True)]
        return f"{number}{op}{', '.join(texts)}"
    inside = f" of {_plural(entry.layers, 'layer')}" if not entry.arguments and entry.layers > 1 else ""
    arguments = ", ".join(f"{name}: {_value(value)}" for name, value in entry.arguments.items())
    described = f"{entry.op}{f' ({arguments})' if arguments and first.kind != 'renamed' else inside}"
    return f"{first.kind} {number}{described}"


def _of_network(detail: Detail) -> str:
    if detail.before is None or detail.after is None:
        return "added" if detail.before is None else "removed"
    return _values([detail._replace(what="")])


def _values(details: Sequence[Detail]) -> str:
    """Return one detail of entries that are alike: what it was and is, the first few where that differs."""
    what = details[0].what
    name = "" if what in ("", "op") else f"{what} "
    pairs = list(dict.fromkeys(f"{_value(d.before)} -> {_value(d.after)}" for d in details))
    return f"{name}{', '.join(pairs[:SHOWN])}{', ...' if len(pairs) > SHOWN else ''}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
