"""A list prepared: how its entries stand in it by its text alone, found once for all the times that it is elaborated.

That is known of its first entries, as long as each is one entry that is called, and fed, by names that are written
plainly. With these settled a list is filled straight until an entry is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speczoo.compiler.dataflow import INPUT, Edge
from speczoo.compiler.elaborate.prepared import Prepared
from speczoo.specs.entry import Entry
from speczoo.specs.problem import Loc


@dataclass(frozen=True, eq=False, slots=True)
class PlacedEntry:
    """An entry where it stands: what its text says of its node, where its inputs come from, and the entry before it
    whose module it applies again.
    """

    prepared: Prepared
    loc: Loc
    place: Mapping[str, Any]
    sources: tuple[Edge, ...]
    shared: int | None


UNTIED = frozenset[str]()


def place_fields(name: str, named: bool, entry: Entry, loc: Loc, turns: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of a node that say where it stands in its list; `named` is whether its name is an id."""
    return {
        "name": name,
        "entry": entry,
        "loc": loc,
        "key": (loc, turns),
        "named": named,
        "taps": None,
        "tied": UNTIED,
    }


def placed_entries(
    entries: Sequence[Entry], loc: Loc, inputs: Sequence[str], prepared: Callable[[Entry], Prepared]
) -> tuple[PlacedEntry, ...]:
    """Return the first entries of a list that these flow into, as far as they stand where its text has them."""
    placed: list[PlacedEntry] = []
    known = {name: Edge(INPUT, port) for port, name in enumerate(inputs)}
    if len(inputs) == 1:
        known["input"] = Edge(INPUT)
    certain = True  # none so far may be left out: an entry without an id is named by its position
    for index, entry in enumerate(entries):
        found = prepared(entry)
        name = found.name if entry.id is not None else str(index) if certain else None
        sources = _sources(found, index, known, inputs)
        if entry.for_ is not None or entry.do is not None or not found.simple or sources is None:
            break
        if name is None or "." in name or name in known:
            break
        shared = None
        if found.share is not None:
            shared = known[found.share].node if found.share in known else INPUT
            if shared == INPUT:
                break
        at = (*loc, index)
        placed.append(PlacedEntry(found, at, place_fields(name, entry.id is not None, entry, at, ()), sources, shared))
        certain = certain and found.when is None
        if entry.id is not None:
            known[name] = Edge(index)
    return tuple(placed)


def _sources(found: Prepared, index: int, known: Mapping[str, Edge], inputs: Sequence[str]) -> tuple[Edge, ...] | None:
    """Return where the inputs of an entry of this number come from; None where that does not follow from the text."""
    if found.sources is None:
        return (Edge(index - 1),) if index else (Edge(INPUT),) if len(inputs) == 1 else None
    sources = tuple([known[text] for text in found.sources if text in known])
    return sources if len(sources) == len(found.sources) else None
