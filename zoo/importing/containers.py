"""nn.Sequentials that are the same again and again, a convolution with its norm, as if they were of one class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from speczoo.importing.aligning import skeleton
from speczoo.importing.entries import ImportedEntry, ImportedList, is_chain

#: How many layers a container has that may be a block, and how many containers it stands for at least.
LAYERS = range(2, 6)
FEWEST = 3


def classed(roots: Sequence[ImportedList]) -> set[str]:
    """Give containers of the same layers, at several places of the model, a class of their own; return its names.

    A place whose containers differ keeps them as they are: which of their layers some are without can be written there.
    """
    places: dict[tuple[str | ImportedList, str], list[ImportedEntry]] = {}
    for made in (made for root in roots for made in root.walk()):
        for entry in made.entries:
            if entry.module:
                name = "" if entry.name.isdigit() else entry.name
                places.setdefault((made if made.sequential else made.kind, name), []).append(entry)
    found: dict[Any, list[list[ImportedEntry]]] = {}
    for entries in places.values():
        kinds = {_kind(entry) for entry in entries}
        if len(kinds) == 1 and None not in kinds:
            found.setdefault(kinds.pop(), []).append(entries)
    names: set[str] = set()
    for together in found.values():
        entries = [entry for each in together for entry in each]
        if len(together) > 1 and len(entries) >= FEWEST:
            names.add(name := _name(entries[0], names))
            for entry in entries:
                assert entry.body is not None
                entry.body.kind, entry.body.sequential = name, False
    return names


def _kind(entry: ImportedEntry) -> Any:
    """Return what containers of the same layers share; None for what is none, or holds more than layers."""
    made = entry.body
    if made is None or not made.sequential or len(made.entries) not in LAYERS or not is_chain(made):
        return None
    plain = all(each.body is None and each.module for each in made.entries)
    return skeleton(made) if plain and any(each.named for each in made.entries) else None


def _name(entry: ImportedEntry, taken: set[str]) -> str:
    """Return a name for containers of these layers, as ConvBatchNormReLU."""
    assert entry.body is not None
    wanted = "".join(re.sub(r"\d+d?$", "", each.op) for each in entry.body.entries)
    return next(name for name in (wanted, *(f"{wanted}{n}" for n in range(2, 1000))) if name not in taken)
