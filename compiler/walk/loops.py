"""Lists as their entries come up: loops unrolled, `do` spliced, conditions asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import holds_mapping
from compiler.layer import Value
from compiler.scope import FLOW, UNKNOWN, Poisoned, Scope, layered
from compiler.walk.session import Item, Stop
from compiler.walk.telling import Teller
from specs.diagnostics import Label
from specs.expression import ExpressionError, range_of
from specs.spec import Entry, Loc
from specs.words import printable

if TYPE_CHECKING:
    from compiler.walk.aside import Aside
    from compiler.walk.place import Place


def inside(entry: Entry) -> int:
    """How many entries stand inside this one at least, loops unrolled, as far as numbers alone say it."""
    total = 0
    for inner in (entry.do or entry.layers or ()) if entry.when is None else ():
        turns = 1
        for value in (inner.for_ or {}).values():
            ends = _RANGE.fullmatch(value) if isinstance(value, str) else None
            turns = max(0, int(ends[2]) - int(ends[1]) + 1) if ends else len(value) if isinstance(value, list) else 0
        total += turns * (1 + inside(inner))
    return total


def variables(key: str) -> list[str]:
    """The loop variables that a key of `for` names: `c, n` are two."""
    return [name.strip() for name in key.split(",")]


_RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})")


class Loops(Teller):
    """What a list holds once its loops and conditions are resolved."""

    def items(
        self,
        entries: Sequence[Entry],
        loc: Loc,
        names: Mapping[str, Any],
        place: Place,
        turns: tuple[Any, ...] = (),
        sure: bool = True,
    ) -> Iterator[Item]:
        """The entries that this list holds: loops unrolled, `do` spliced, its conditions asked as they come up."""
        for i, entry in enumerate(entries):
            at = (*loc, i)
            known = True
            try:
                all_turns = self.turns(entry, at, names, place.readable)
            except (Stop, Poisoned):
                known = False
                all_turns = ((None, {v: UNKNOWN for key in entry.for_ or () for v in variables(key)}),)
            if not all_turns:
                self.left_out(entry, at, names, place)
            if len(all_turns) > 1:
                self.room((*at, "for"), len(all_turns) * (1 + inside(entry)))
            for turn, more in all_turns:
                self.step(at)
                self.room(at, 1)
                self.session.shared.entries += 1
                here = layered(names, more) if more else names
                where = (*turns, turn) if turn is not None else turns
                if entry.do is None:
                    yield Item(entry, at, here, where, sure and known)
                    continue
                try:
                    spliced = entry.when is None or self.condition(entry, Scope(here, place.flow(), place.readable), at)
                except (Stop, Poisoned):
                    known, spliced = False, True
                if spliced:
                    yield from self.items(entry.do, (*at, "do"), here, place, where, sure and known)
                else:
                    self.left_out(entry, at, here, place)
            if not known:
                place.forget(Item(entry, at, names, turns))

    def left_out(self, entry: Entry, loc: Loc, names: Mapping[str, Any], place: Place) -> None:
        """Tells what is wrong with an entry that is left out, once in a compilation."""
        key = (id(self.unit.spec), loc)
        session = self.session
        if key in session.aside or key in session.shared.sound:
            return
        session.aside.add(key)
        told = session.told
        self.aside.trail = self.trail
        self.aside.look(entry, loc, names, place)
        if session.told == told:
            session.shared.sound.add(key)

    @cached_property
    def aside(self) -> Aside:
        from compiler.walk.aside import Aside

        unknown = dict.fromkeys(self.settings.params, UNKNOWN)
        return Aside(self.session, self.unit, replace(self.settings, params=unknown))

    def turns(
        self, entry: Entry, loc: Loc, names: Mapping[str, Any], inputs: Mapping[str, Value | None]
    ) -> Sequence[tuple[int | None, Mapping[str, Any]]]:
        """The turns of an entry's loop, each with its number and variables; one turn where there is no `for`.

        Raises Stop, told, and Poisoned.
        """
        if entry.for_ is None:
            return ((None, {}),)
        columns: dict[str, Sequence[Any]] = {}
        for key, value in entry.for_.items():
            named = variables(key)
            for variable in named:
                if not variable.isidentifier() or not variable.isascii():
                    raise self.stop(
                        "bad-value",
                        f"`{printable(variable)}` is not a name for a loop variable",
                        (*loc, "for", key),
                        key=True,
                    )
                if named.count(variable) > 1:
                    raise self.stop(
                        "bad-value",
                        f"`{variable}` is named twice",
                        (*loc, "for", key),
                        key=True,
                    )
                if variable in names or variable in FLOW or variable in columns or variable in inputs:
                    raise self.stop(
                        "bad-value",
                        f"the loop variable `{variable}` would hide a name that is visible here",
                        (*loc, "for", key),
                        key=True,
                        help=["choose another name"],
                    )
            rows = self.column(value, Scope(names, inputs=inputs), (*loc, "for", key))
            if len(named) == 1:
                columns[named[0]] = rows
                continue
            for j, row in enumerate(rows):
                if not isinstance(row, (list, tuple)) or len(row) != len(named):
                    got = f"{len(row)} values" if isinstance(row, (list, tuple)) else "one value"
                    raise self.stop(
                        "bad-value",
                        f"row {j + 1} has {got} for the {len(named)} variables `{printable(key)}`",
                        (*loc, "for", key, j),
                    )
            for j, variable in enumerate(named):
                columns[variable] = [row[j] for row in rows]
        if len({len(c) for c in columns.values()}) > 1:
            raise self.unequal(entry, loc, columns)
        count = len(next(iter(columns.values()), ()))
        if count > 1:
            self.room((*loc, "for"), count)
        return [(j, {k: c[j] for k, c in columns.items()}) for j in range(count)]

    def unequal(self, entry: Entry, loc: Loc, columns: Mapping[str, Sequence[Any]]) -> Stop:
        """Loops of unequal length, told at the first that differs from the one before it."""
        assert entry.for_ is not None
        lengths = ", ".join(f"`{k}` has {len(c)}" for k, c in columns.items())
        keys = {v: key for key in entry.for_ for v in variables(key)}
        first = next(iter(columns))
        odd = next(k for k, c in columns.items() if len(c) != len(columns[first]))
        span = self.span((*loc, "for", keys[first]))
        labels = [Label(span, f"{len(columns[first])} turns here")] if span else []
        return self.stop(
            "bad-value",
            f"the lists of a loop are zipped and must be equally long: {lengths}",
            (*loc, "for", keys[odd]),
            labels=labels,
            text=f"{len(columns[odd])} turns here",
        )

    def column(self, value: Any, scope: Scope, loc: Loc) -> Sequence[Any]:
        """The values that a loop variable takes: `1..$depth`, a list, or an expression that gives a list."""
        try:
            if isinstance(value, str) and (span := range_of(value, scope)) is not None:
                return span
        except ExpressionError as error:
            raise self._bad_expression(error, value, scope, loc, "") from None
        got = self.evaluate(value, scope, loc)
        if not isinstance(got, (list, tuple)):
            raise self.stop("bad-value", f"a loop runs over a range (`1..4`) or a list, not {got!r}", loc)
        if holds_mapping(got):
            raise self.stop("bad-value", "a loop runs over numbers, texts and lists of them, not over mappings", loc)
        return list(got)

    def condition(self, entry: Entry, scope: Scope, loc: Loc, path: str = "") -> bool:
        got = self.evaluate(entry.when, scope, (*loc, "when"), path)
        if not isinstance(got, bool):
            raise self.stop("bad-value", f"`when` must come out true or false, not {got!r}", (*loc, "when"), path=path)
        return got
