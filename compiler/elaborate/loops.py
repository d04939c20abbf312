"""Lists as their entries come up: loops unrolled, `do` spliced, conditions asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speczoo.compiler.dataflow import Edge
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.layer import Value
from speczoo.compiler.parameters import holds_mapping
from speczoo.compiler.scope import FLOW, Scope, layered
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import ExpressionError, range_of
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.spec import Entry, variables
from speczoo.specs.wording import printable

Turn = tuple[int | None, Mapping[str, Any]]
ONCE: Sequence[Turn] = ((None, {}),)
_CALLED = re.compile(r"range\((?:(-?[0-9]{1,9}), *)?(-?[0-9]{1,9})\)")
_RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})")


def items(
    e: Elaborator,
    frame: Frame,
    entries: Sequence[Entry],
    loc: Loc,
    names: Mapping[str, Any],
    turns: tuple[Any, ...] = (),
    certain: bool = True,
) -> Iterator[Item]:
    """Yield the entries that this list holds: loops unrolled, `do` spliced, its conditions asked as they come up."""
    ctx = e.context
    for i, entry in enumerate(entries):
        at, prepared = (*loc, i), ctx.prepared(entry)
        if entry.for_ is None and entry.do is None:
            ctx.enter(at)
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
            ctx.enter(at)
            here = layered(names, more) if more else names
            where = (*turns, turn) if turn is not None else turns
            if entry.do is None:
                yield Item(entry, at, here, where, prepared, certain and known)
                continue
            spliced = _spliced(ctx, frame, entry, here, at)
            known = known and spliced is not UNKNOWN
            if spliced is False:
                e.left_out(frame, entry, at, here)
            else:
                yield from items(e, frame, entry.do, (*at, "do"), here, where, certain and known)
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
    frame.last = Edge(len(frame.nodes) - 1)


def _inside(entry: Entry) -> int:
    """Return how many entries stand inside this one at least, loops unrolled, as far as numbers alone say it."""
    total = 0
    for inner in (entry.do or entry.layers or ()) if entry.when is None else ():
        turns = 1
        for value in (inner.for_ or {}).values():
            ends = _RANGE.fullmatch(value) if isinstance(value, str) else None
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
    columns, count = _columns(ctx, loop, loc, names, inputs)
    ctx.listing((*loc, "for"), count)
    for j in range(count):
        yield layered(names, _row(columns, j))


def _unrolled(
    ctx: Context,
    loop: Mapping[str, Any],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> Sequence[Turn]:
    """Return the turns of a `for`. Raises Stop, reported, and UnknownRead."""
    columns, count = _columns(ctx, loop, loc, names, inputs)
    if count > 1:
        ctx.reserve((*loc, "for"), count)
    return [(j, _row(columns, j)) for j in range(count)]


def _row(columns: Mapping[str, Sequence[Any]], turn: int) -> dict[str, Any]:
    """Return the values of the variables of a `for` at one turn."""
    return {variable: column[turn] for variable, column in columns.items()}


def _columns(
    ctx: Context,
    loop: Mapping[str, Any],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> tuple[Mapping[str, Sequence[Any]], int]:
    """Return the values of each variable of a `for`, and how many there are of each."""
    columns: dict[str, Sequence[Any]] = {}
    for key, value in loop.items():
        named = variables(key)
        _check_variables(ctx, named, {*columns}, (*loc, "for", key), names, inputs)
        rows = column(ctx, value, Scope(names, inputs=inputs), (*loc, "for", key))
        if len(named) > 1:
            _check_rows(ctx, rows, key, len(named), (*loc, "for", key))
            columns |= {variable: [row[j] for row in rows] for j, variable in enumerate(named)}
        else:
            columns[named[0]] = rows
    if len({len(c) for c in columns.values()}) > 1:
        raise _unequal(ctx, loop, loc, columns)
    return columns, len(next(iter(columns.values()), ()))


def _check_variables(
    ctx: Context,
    named: Sequence[str],
    before: set[str],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> None:
    """Raise Stop, reported, for what cannot be the name of a loop variable here."""
    for variable in named:
        if not variable.isidentifier() or not variable.isascii():
            message = f"`{printable(variable)}` is not a name for a loop variable"
            raise ctx.stop(Problem("bad-value", message, loc, key=True))
        if named.count(variable) > 1:
            raise ctx.stop(Problem("bad-value", f"`{variable}` is named twice", loc, key=True))
        if variable in names or variable in FLOW or variable in before or variable in inputs:
            message = f"the loop variable `{variable}` would hide a name that is visible here"
            raise ctx.stop(Problem("bad-value", message, loc, key=True, help=["choose another name"]))
        before.add(variable)


def _check_rows(ctx: Context, rows: Sequence[Any], key: str, count: int, loc: Loc) -> None:
    """Raise Stop, reported, where a row has another number of values than there are variables."""
    for j, row in enumerate(rows):
        if not isinstance(row, (list, tuple)) or len(row) != count:
            got = f"{len(row)} values" if isinstance(row, (list, tuple)) else "one value"
            message = f"row {j + 1} has {got} for the {count} variables `{printable(key)}`"
            raise ctx.stop(Problem("bad-value", message, (*loc, j)))


def _unequal(ctx: Context, loop: Mapping[str, Any], loc: Loc, columns: Mapping[str, Sequence[Any]]) -> Stop:
    """Report loops of unequal length at the first that differs from the one before it."""
    lengths = ", ".join(f"`{k}` has {len(c)}" for k, c in columns.items())
    keys = {variable: key for key in loop for variable in variables(key)}
    first = next(iter(columns))
    odd = next(k for k, c in columns.items() if len(c) != len(columns[first]))
    message = f"the lists of a loop are zipped and must be equally long: {lengths}"
    marks = [Mark((*loc, "for", keys[first]), f"{len(columns[first])} turns here")]
    text = f"{len(columns[odd])} turns here"
    return ctx.stop(Problem("bad-value", message, (*loc, "for", keys[odd]), marks=marks, text=text))


def column(ctx: Context, value: Any, scope: Scope, loc: Loc) -> Sequence[Any]:
    """Return the values that a loop variable takes: `1..$depth`, a list, or an expression that gives a list.

    Raises Stop, reported, and UnknownRead.
    """
    try:
        if isinstance(value, str) and (span := range_of(value, scope)) is not None:
            return span
    except ExpressionError as error:
        raise ctx.bad_expression(error, scope, loc) from None
    got = ctx.evaluate(value, scope, loc)
    if not isinstance(got, (list, tuple)):
        message = f"a loop runs over a range (`1..4`) or a list, not {got!r}"
        help = [f"write `{span}`" for span in _range_of_python(value, got)]
        raise ctx.stop(Problem("bad-value", message, loc, help=help))
    if holds_mapping(got):
        raise ctx.stop(
            Problem("bad-value", "a loop runs over numbers, texts and lists of them, not over mappings", loc)
        )
    if (problem := _range_in_list(value, got, loc)) is not None:
        raise ctx.stop(problem)
    return list(got)


def _range_in_list(written: object, values: Sequence[Any], loc: Loc) -> Problem | None:
    """Return what is wrong with a list of which one value is the text of a range, `[1..3]`; None where none is."""
    j = next((j for j, value in enumerate(values) if isinstance(value, str) and _RANGE.fullmatch(value)), None)
    if j is None:
        return None
    first, last = values[j].split("..")
    message = f"`{values[j]}` is a text in a list, and no range: the loop would have one turn for it"
    if not isinstance(written, list):
        return Problem("bad-value", message, loc)
    span = written[j]
    if len(written) == 1:
        return Problem("bad-value", message, loc, help=[f"a range stands without brackets: `{span}`"], replacement=span)
    help = f"write its numbers one by one, from {first} to {last}"
    return Problem("bad-value", message, (*loc, j), help=[help])


def _range_of_python(written: object, value: object) -> Iterator[str]:
    """Yield the range that is intended by a number of turns, `$depth`, or by `range(4)`."""
    if type(value) is int and value > 0:
        yield f"1..{written}"
    elif isinstance(value, str) and (ends := _CALLED.fullmatch(value)):
        yield f"{ends[1] or 0}..{int(ends[2]) - 1}"


def condition(ctx: Context, entry: Entry, scope: Scope, loc: Loc, path: str = "") -> bool:
    """Return what `when` comes out as. Raises Stop, reported, and UnknownRead: always, in the inactive mode."""
    got = ctx.evaluate(entry.when, scope, (*loc, "when"), path)
    if not isinstance(got, bool):
        message = f"`when` must come out true or false, not {got!r}"
        raise ctx.stop(Problem("bad-value", message, (*loc, "when"), path=path))
    if ctx.inactive:
        raise UnknownRead
    return got
