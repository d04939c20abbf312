"""Modules of one class as one block: what is equal stays, what differs is an expression or a parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import networkx as nx

from speczoo.compiler.layer import Layer
from speczoo.importing.absorbing import absorbed
from speczoo.importing.aligning import aligned, skeleton
from speczoo.importing.columns import Column, ColumnWords, default_of, key, type_of, usual_of
from speczoo.importing.containers import classed
from speczoo.importing.entries import ImportedEntry, ImportedList
from speczoo.importing.inlining import dotted, inlined
from speczoo.importing.looping import repeats, rows, unhidden
from speczoo.importing.reading import read_by, reword
from speczoo.importing.unifying import flowing_in, unify
from speczoo.importing.writing import name_outputs


@dataclass
class FoldedBlock:
    """A block of the spec: its list, and its parameters: a default or a type for each."""

    name: str
    made: ImportedList
    params: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass
class Folded:
    """A network, or several as one: its list, its blocks by name, innermost first, and what parameters of its own are
    in each of the networks.
    """

    made: ImportedList
    blocks: dict[str, FoldedBlock] = field(default_factory=dict)
    settings: dict[str, Column] = field(default_factory=dict)


class Apart(Exception):
    """Networks that are not one list with entries left out."""


def folded(roots: Sequence[ImportedList]) -> Folded:
    """Return networks as one, with blocks of the classes in them, and loops of what repeats.

    Entries whose module is of such a class become calls of its block. A class with one instance stays a group where it
    can be one. Raises Apart where the networks do not line up.
    """
    absorbed(roots)
    containers = classed(roots)
    blocks: dict[str, FoldedBlock] = {}
    defaults: dict[str, dict[str, Any]] = {}
    uses = _uses(roots)
    for kind in _order(uses):
        calls = uses[kind]
        for entry in calls:
            assert entry.body is not None
            repeats(entry.body, defaults)
        for alike in _alike(calls):
            if len(alike) > 1 or not _can_be_group(alike[0]):
                _blocked(kind[0], alike, blocks, defaults)
    for root in roots:
        repeats(root, defaults)
    scope = ColumnWords(mark="_")
    if len(roots) > 1 and not unify(roots, scope, defaults):
        raise Apart
    settings = dict(scope.params)
    lists = [roots[0], *(block.made for block in blocks.values())]
    counts = Counter(entry.op for made in lists for each in made.walk() for entry in each.entries if entry.body is None)
    rows(roots[0], defaults, settings, calls=counts)
    for block in blocks.values():
        rows(block.made, defaults, taken=block.params, calls=counts)
    inlined(roots[0], blocks, containers)
    for made in lists:
        dotted(made)
    for block in blocks.values():
        unhidden(block.made, block.params)
    unhidden(roots[0], ())
    return Folded(roots[0], blocks, _named(roots[0], settings))


def _named(root: ImportedList, settings: Mapping[str, Column]) -> dict[str, Column]:
    """Return the parameters that a network reads, under names that no loop hides."""
    entries = [entry for made in root.walk() for entry in made.entries]
    read = frozenset[str]().union(*map(read_by, entries))
    taken = {name for entry in entries for name in entry.loop} | {name for name in settings if name[:1] != "_"}
    names: dict[str, str] = {}
    for name in settings:
        if name in read:
            plain = name.strip("_") if name[:1] == "_" else name
            numbered = [plain, *(f"{plain}_{number}" for number in range(2, 100))]
            names[name] = name if name == plain else next(n for n in numbered if n not in taken)
            taken.add(names[name])
    for entry in entries if names else ():
        reword(entry, names)
    return {names[name]: column for name, column in settings.items() if name in names}


#: A class, and how often it is inside itself: a tree of trees is a block at each height.
Kind: TypeAlias = tuple[str, int]


def _kind(made: ImportedList) -> Kind:
    inside = [_kind(inner)[1] for inner in made.walk() if inner is not made and inner.kind == made.kind]
    return made.kind, 1 + max(inside, default=-1)


def _uses(roots: Sequence[ImportedList]) -> dict[Kind, list[ImportedEntry]]:
    """Return the entries with a body, by class; containers are none."""
    found: dict[Kind, list[ImportedEntry]] = {}
    for made in (made for root in roots for made in root.walk()):
        for entry in made.entries:
            if entry.body is not None and not entry.body.sequential:
                found.setdefault(_kind(entry.body), []).append(entry)
    return found


def _order(uses: Mapping[Kind, list[ImportedEntry]]) -> list[Kind]:
    """Return the classes, each after those that it holds; classes that hold each other stay groups."""
    graph: nx.DiGraph[Kind] = nx.DiGraph()
    graph.add_nodes_from(uses)
    for kind, entries in uses.items():
        for entry in entries:
            assert entry.body is not None
            inner = {_kind(m) for m in entry.body.walk() if m is not entry.body and not m.sequential}
            graph.add_edges_from((other, kind) for other in inner & uses.keys())
    loops = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    graph.remove_nodes_from({kind for part in loops for kind in part} | set(nx.nodes_with_selfloops(graph)))
    return list(nx.lexicographical_topological_sort(graph, key=list(uses).index))


def _can_be_group(entry: ImportedEntry) -> bool:
    body = entry.body
    return body is not None and len(body.inputs) == 1 and len(body.outputs) == 1


def _alike(entries: list[ImportedEntry]) -> list[list[ImportedEntry]]:
    """Return entries whose lists are the same but for arguments and a few entries that some are without, together."""
    found: dict[Any, list[ImportedEntry]] = {}
    for entry in entries:
        assert entry.body is not None
        found.setdefault(skeleton(entry.body), []).append(entry)
    apart: list[list[ImportedEntry]] = []
    together = sorted(found.values(), key=len, reverse=True)
    while len(apart) != len(together):  # what lines up with two others may be what these line up by
        apart, together = together, _together(together)
    return [sorted(each, key=entries.index) for each in sorted(together, key=lambda each: entries.index(each[0]))]


def _together(kinds: Sequence[list[ImportedEntry]]) -> list[list[ImportedEntry]]:
    """Return kinds of entries with each that is worth it put to the first that it lines up with."""
    out: list[list[ImportedEntry]] = []
    for alike in kinds:
        other = next((place for place, each in enumerate(out) if _worth([*each, *alike])), None)
        if other is None:
            out.append(alike)
        else:
            out[other] = [*out[other], *alike]
    return out


def _worth(entries: list[ImportedEntry]) -> bool:
    """Return whether lists lined up are clearly shorter than each kind of them by itself."""
    bodies = [entry.body for entry in entries if entry.body is not None]
    found = aligned(bodies)
    if found is None:
        return False
    kinds = {skeleton(body): body for body in bodies}
    apart = sum(_size(each) for body in kinds.values() for each in body.entries)
    return 4 * sum(_size(row.first) for row in found.rows) <= 3 * apart


def _size(entry: ImportedEntry) -> int:
    return 1 + sum(map(_size, entry.body.entries)) if entry.body is not None else 1


def _blocked(
    kind: str, alike: list[ImportedEntry], blocks: dict[str, FoldedBlock], defaults: dict[str, dict[str, Any]]
) -> None:
    """Make one block of lists that are alike, and calls of it of the entries that held them."""
    bodies = [entry.body for entry in alike if entry.body is not None]
    scope = ColumnWords(taken={name for made in bodies[0].walk() for each in made.entries for name in each.loop})
    scope.words |= flowing_in(bodies)
    unify(bodies, scope, defaults)
    name = _name(kind, blocks)
    block = FoldedBlock(name, bodies[0])
    for param, column in scope.params.items():
        default = usual_of(column) if param in scope.filled else default_of(column)
        block.params[param] = declared(column, default)
        if default is not None:
            block.defaults[param] = default
    blocks[name], defaults[name] = block, block.defaults
    names = block.made.output_names = name_outputs(block.made)  # they stay, whatever their entries are called later
    for number, entry in enumerate(alike):
        entry.outputs = names
        entry.op, entry.body, entry.takes = name, None, tuple(block.params)
        values = {param: column[number] for param, column in scope.params.items()}
        entry.args = {
            p: v for p, v in values.items() if p not in block.defaults or key([block.defaults[p]]) != key([v])
        }


def declared(column: Column, default: Any) -> Any:
    """Return a parameter as a spec declares it: its type, or its default, with its type where that does not say it."""
    its = type_of(column)
    if default is None:
        return its
    return (
        default if its not in ("pair", "float", "op") or type(default) is float else {"type": its, "default": default}
    )


def _name(kind: str, blocks: Mapping[str, FoldedBlock]) -> str:
    """Return a name for a block that no layer and no other block has."""
    wanted = kind.lstrip("_") or "Block"
    numbered = [wanted, *(f"{wanted}{number}" for number in range(2, 1000))]
    return next(name for name in numbered if name not in blocks and name not in Layer.registry)
