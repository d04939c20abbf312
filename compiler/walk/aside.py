"""What is left out, by its `when` or in a loop without turns: held against what no turning on would mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from compiler.graph import Composite
from compiler.layer import Value
from compiler.scope import UNKNOWN, Poisoned, Scope
from compiler.walk.loops import variables
from compiler.walk.place import Place
from compiler.walk.session import Item, Stop
from compiler.walk.walk import Walk
from specs.spec import Block, Entry, Loc


class Aside(Walk):
    """Walks what is left out with every name unknown, what flows in too: an expression that has no value as things
    stand (`8 // n` where n is 0) says nothing, one that cannot be read is told.

    Blocks and specs in use stay closed, conditions open, and loops take one turn.
    """

    def look(self, entry: Entry, loc: Loc, names: Mapping[str, Any], around: Place) -> None:
        """Tells what is wrong with an entry of the list `around`."""
        place = Place(self, (entry,), loc, dict.fromkeys(names, UNKNOWN), {"input": None})
        place.readable = dict.fromkeys(around.readable)
        place.unsure, place.count = True, around.count
        self.put(entry, loc, place.names, place)

    def put(self, entry: Entry, loc: Loc, names: Mapping[str, Any], place: Place) -> None:
        for key, value in (entry.for_ or {}).items():
            with suppress(Stop, Poisoned):
                self.column(value, Scope(names, inputs=place.readable), (*loc, "for", key))
            names = {**names, **dict.fromkeys(variables(key), UNKNOWN)}
        if entry.do is None:
            place.put(Item(entry, loc, names, (), sure=False))
            return
        if entry.when is not None:
            with suppress(Stop, Poisoned):
                self.condition(entry, Scope(names, None, place.readable), loc)
        for i, inner in enumerate(entry.do):
            self.put(inner, (*loc, "do", i), names, place)

    def condition(self, entry: Entry, scope: Scope, loc: Loc, path: str = "") -> NoReturn:
        super().condition(entry, scope, loc, path)
        raise Poisoned

    def fill(self, place: Place, entries: Sequence[Entry], loc: Loc, names: Mapping[str, Any]) -> NoReturn:
        for i, entry in enumerate(entries):
            self.put(entry, (*loc, i), names, place)
        raise Poisoned

    def block(
        self, name: str, block: Block, arguments: Mapping[str, Any], values: Sequence[Value | None], loc: Loc
    ) -> NoReturn:
        raise Poisoned

    def interned(self, *_: Any) -> Composite:
        raise Poisoned
