"""What is left out, by its `when` or in a loop without turns: held against what no turning on would mend.

Every name is unknown, what flows in too: an expression that has no value as things stand (`8 // n` where n is 0)
reports nothing, one that cannot be read is reported. Blocks and specs in use stay closed, conditions open, and loops
take one turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.loops import condition
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.loops import column
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.specs.entry import Entry, variables
from speczoo.specs.problem import Loc


def check(e: Elaborator, around: Frame, entry: Entry, loc: Loc, names: Mapping[str, Any]) -> None:
    """Report what is wrong with an entry of the list `around` that is left out; `e` is in the inactive mode."""
    unknown = dict.fromkeys(names, UNKNOWN)
    ids_incomplete = True
    frame = Frame.open(e.context.unit, (entry,), loc, unknown, {"input": UNKNOWN}, ids_incomplete)
    frame.readable, frame.count = dict.fromkeys(around.readable, UNKNOWN), around.count
    _entry(e, frame, entry, loc, unknown)


def check_all(e: Elaborator, frame: Frame, entries: Sequence[Entry], loc: Loc, names: Mapping[str, Any]) -> None:
    """Report what is wrong with the entries of a list inside one that is left out."""
    for i, entry in enumerate(entries):
        _entry(e, frame, entry, (*loc, i), names)


def _entry(e: Elaborator, frame: Frame, entry: Entry, loc: Loc, names: Mapping[str, Any]) -> None:
    for key, value in (entry.for_ or {}).items():
        with suppress(Stop, UnknownRead):
            column(e.context, value, Scope(names, inputs=frame.readable), (*loc, "for", key))
        names = {**names, **dict.fromkeys(variables(key), UNKNOWN)}
    if entry.do is None:
        e.entry(frame, Item(entry, loc, names, (), e.context.prepared(entry), certain=False))
        return
    if entry.when is not None:
        with suppress(Stop, UnknownRead):
            condition(e.context, entry, Scope(names, UNKNOWN, frame.readable), loc)
    check_all(e, frame, entry.do, (*loc, "do"), names)
