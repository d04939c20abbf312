"""Lists as their entries come up: loops unrolled, `do` spliced, conditions asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.layer import Value
from speczoo.compiler.loops import RANGE, columns, row
from speczoo.compiler.scope import Scope, layered
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.entry import Entry, variables
from speczoo.specs.problem import Loc, Problem

Turn = tuple[int | None, Mapping[str, Any]]
ONCE: Sequence[Turn] = ((None, {}),)


def items(e: Elaborator, frame: Frame, first: int = 0) -> Iterator[Item]:
    """Yield the entries that a list holds, from the first that is asked for: loops unrolled, `do` spliced, its
    conditions asked as they come up.
    """
    return _items(e, frame, frame.entries, Surrounding(frame.loc, frame.names), first)


class Surrounding(NamedTuple):
    """What entries stand in: their place, the names that they may read, the turns of the loops around them in their
    list, and whether they are certainly there.
    """

    loc: Loc
    names: Mapping[str, Any]
    turns: tuple[Any, ...] = ()
    certain: bool = True


def _items(
    e: Elaborator, frame: Frame, entries: Sequence[Entry], around: Surrounding, first: int = 0
) -> Iterator[Item]:
    """Yield the entries of these that the list holds."""
    ctx, (loc, names, turns, certain) = e.context, around
    for i, entry in enumerate(islice(entries, first, None), first):
        at, prepared = (*loc, i), ctx.prepared(entry)
        if entry.for_ is None and entry.do is None:
            yield Item(entry, at, names, turns, prepared, certain)
            continue
        known, all_turns = True, _turns(ctx, frame, entry, at, names)
        if all_turns is UNKNOWN:
            unknown = {variable: UNKNOWN for key in entry.for_ or () for variable in variables(key)}
            known, all_turns = False, ((None, unknown),)
        if not all_turns:
            e.left_out(frame, entry, at, names)
        if len(all_turns) > 1:
            ctx.reserve((*at, "for"), len(all_turns) * (1 + _inside(entry)))
        for turn, more in all_turns:
            here = layered(names, more) if more else names
            where = (*turns, turn) if turn is not None else turns
            if entry.do is None:
                yield Item(entry, at, here, where, prepared, certain and known)
                continue
            ctx.enter(at)
            spliced = _spliced(ctx, frame, entry, here, at)
            known = known and spliced is not UNKNOWN
            if spliced is False:
                e.left_out(frame, entry, at, here)
            else:
                inside = Surrounding((*at, "do"), here, where, certain and known)
                yield from _items(e, frame, entry.do, inside)
        if not known:
            _forget(frame, Item(entry, at, names, turns, prepared))


def _turns(ctx: Context, frame: Frame, entry: Entry, loc: Loc, names: Mapping[str, Any]) -> Sequence[Turn] | Unknown:
    """Return the turns of an entry's loop, each with its number and variables; one turn where there is no `for`.

    UNKNOWN where they are wrong, and reported, or unknown.
    """
    if entry.for_ is None:
        return ONCE
    try:
        return _unrolled(ctx, entry.for_, loc, names, frame.readable)
    except (Stop, UnknownRead):
        return UNKNOWN


def _spliced(ctx: Context, frame: Frame, entry: Entry, names: Mapping[str, Any], loc: Loc) -> bool | Unknown:
    """Return whether the entries of a `do` stand here; UNKNOWN where that is wrong, and reported, or unknown."""
    try:
        return entry.when is None or condition(ctx, entry, Scope(names, frame.flow(), frame.readable), loc)
    except (Stop, UnknownRead):
        return UNKNOWN


def _forget(frame: Frame, item: Item) -> None:
    """Make what comes out of this list so far unknown, for a problem that is reported."""
    frame.edges_incomplete = True
    frame.nodes.append(frame.placeholder(item.entry, item.loc, item.turns, str(frame.count), named=False))


def _inside(entry: Entry) -> int:
    """Return how many entries stand inside this one at least, loops unrolled, as far as numbers alone say it."""
    total = 0
    for inner in (entry.do or entry.layers or ()) if entry.when is None else ():
        turns = 1
        for value in (inner.for_ or {}).values():
            ends = RANGE.fullmatch(value) if isinstance(value, str) else None
            turns = max(0, int(ends[2]) - int(ends[1]) + 1) if ends else len(value) if isinstance(value, list) else 0
        total += turns * (1 + _inside(inner))
    return total


def comprehended(
    ctx: Context,
    loop: Mapping[str, Any],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> Iterator[Mapping[str, Any]]:
    """Yield the names that are read at each turn of a loop within a list. Raises Stop, reported, and UnknownRead."""
    values, count = columns(ctx, loop, loc, names, inputs)
    ctx.charge_list((*loc, "for"), count)
    for j in range(count):
        yield layered(names, row(values, j))


def _unrolled(
    ctx: Context,
    loop: Mapping[str, Any],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> Sequence[Turn]:
    """Return the turns of a `for`. Raises Stop, reported, and UnknownRead."""
    values, count = columns(ctx, loop, loc, names, inputs)
    if count > 1:
        ctx.reserve((*loc, "for"), count)
    return [(j, row(values, j)) for j in range(count)]


def condition(ctx: Context, entry: Entry, scope: Scope, loc: Loc, path: str = "") -> bool:
    """Return what `when` comes out as. Raises Stop, reported, and UnknownRead: always, in the inactive mode."""
    got = ctx.evaluate(entry.when, scope, (*loc, "when"), path)
    if not isinstance(got, bool):
        message = f"`when` must come out true or false, not {got!r}"
        raise ctx.stop(Problem("bad-value", message, (*loc, "when"), path=path))
    if ctx.inactive:
        raise UnknownRead
    return got
