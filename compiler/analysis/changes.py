"""What changed of an entry from one network to another, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from speczoo.compiler.analysis.alignment import LocatedEntry
from speczoo.compiler.analysis.canonical_arguments import is_default
from speczoo.compiler.composite import Composite
from speczoo.compiler.layer import Layer, Shape
from speczoo.compiler.unknown import UNKNOWN

Kind: TypeAlias = Literal["added", "removed", "renamed", "changed", "wrapped", "unwrapped", "resized"]
#: The path of what is true of a network and of no entry of it.
NETWORK = ""


@dataclass(frozen=True, slots=True)
class ComparedEntry:
    """An entry of one of the networks: a layer, or a list with all its layers. Shapes are without the batch axis."""

    path: str
    op: str
    layers: int
    arguments: Mapping[str, Any]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    params: int
    macs: int

    def __repr__(self) -> str:
        return f"<ComparedEntry {self.path}: {self.op}>"


class Detail(NamedTuple):
    """What is stated of something in the first network, and in the second; None where nothing is."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that is not the same, as it is before and after.

    `renamed` and `changed` ones stand in both networks, `added` and `removed` ones in one. A list that was `wrapped`
    around entries, or `unwrapped` from around them, names these in its details. What is `resized` has other shapes
    flowing in, and is else what it was. What changed of the network itself has no entries.
    """

    kind: Kind
    before: ComparedEntry | None
    after: ComparedEntry | None
    details: tuple[Detail, ...] = ()

    def __repr__(self) -> str:
        return f"<Change {self.kind}: {self.path}>"

    @property
    def path(self) -> str:
        """The entry's path, in the second network where it has one there."""
        entry = self.after or self.before
        return entry.path if entry else NETWORK


def entry_of(item: LocatedEntry) -> ComparedEntry:
    node = item.node
    body = item.body
    op = ("group" if body.kind == "group" else node.op) if isinstance(body, Composite) else node.op
    outputs = tuple(value.shape for value in node.outputs if value is not UNKNOWN)
    params = 0 if item.shared else node.params
    return ComparedEntry(item.path, op, item.layers.total(), not_default(item), node.shapes, outputs, params, node.macs)


def not_default(item: LocatedEntry) -> dict[str, Any]:
    """Return the arguments of a layer that are not its defaults."""
    body = item.body
    return {k: v for k, v in item.arguments.items() if isinstance(body, Layer) and not is_default(body, k, v)}
