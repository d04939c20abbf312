"""Modules of one class as one block: what is equal stays, what differs is said by an expression or is a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import networkx as nx

from speczoo.compiler.layer import Layer
from speczoo.importing.absorbing import absorbed
from speczoo.importing.aligning import aligned, skeleton
from speczoo.importing.columns import Scope, default_of, key, type_of, usual_of
from speczoo.importing.entries import Entry, List
from speczoo.importing.looping import repeats, rows
from speczoo.importing.unifying import flowing_in, unify
from speczoo.importing.writing import name_outputs


@dataclass
class Block:
    """A block of the spec: its list, and its parameters: a default or a type for each."""

    name: str
    made: List
    params: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)


def folded(root: List) -> dict[str, Block]:
    """Make blocks of the classes in a network, and loops of what repeats; return the blocks by name, innermost first.

    Entries whose module is of such a class become calls of its block. A class with one instance stays a group where it
    can be one.
    """
    absorbed(root)
    blocks: dict[str, Block] = {}
    defaults: dict[str, dict[str, Any]] = {}
    uses = _uses(root)
    for kind in _order(uses):
        calls = uses[kind]
        for entry in calls:
            assert entry.body is not None
            repeats(entry.body, defaults)
        for alike in _alike(calls):
            if len(alike) > 1 or not _can_be_group(alike[0]):
                _blocked(kind[0], alike, blocks, defaults)
    repeats(root, defaults)
    for block in blocks.values():
        rows(block.made, defaults, block.params)
    rows(root, defaults)
    return blocks


#: A class, and how often it is inside itself: a tree of trees is a block at each height.
Kind: TypeAlias = tuple[str, int]


def _kind(made: List) -> Kind:
    inside = [_kind(inner)[1] for inner in made.walk() if inner is not made and inner.kind == made.kind]
    return made.kind, 1 + max(inside, default=-1)


def _uses(root: List) -> dict[Kind, list[Entry]]:
    """Return the entries with a body, by class; containers are none."""
    found: dict[Kind, list[Entry]] = {}
    for made in root.walk():
        for entry in made.entries:
            if entry.body is not None and not entry.body.sequential:
                found.setdefault(_kind(entry.body), []).append(entry)
    return found


def _order(uses: Mapping[Kind, list[Entry]]) -> list[Kind]:
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


def _can_be_group(entry: Entry) -> bool:
    body = entry.body
    return body is not None and len(body.inputs) == 1 and len(body.outputs) == 1


def _alike(entries: list[Entry]) -> list[list[Entry]]:
    """Return entries whose lists are the same but for arguments and a few entries that some are without, together."""
    found: dict[Any, list[Entry]] = {}
    for entry in entries:
        assert entry.body is not None
        found.setdefault(skeleton(entry.body), []).append(entry)
    together: list[list[Entry]] = []
    for alike in sorted(found.values(), key=len, reverse=True):
        other = next((each for each in together if _worth([*each, *alike])), None)
        if other is None:
            together.append(alike)
        else:
            other.extend(alike)
    return [sorted(each, key=entries.index) for each in sorted(together, key=lambda each: entries.index(each[0]))]


def _worth(entries: list[Entry]) -> bool:
    """Return whether lists lined up are clearly shorter than each kind of them by itself."""
    bodies = [entry.body for entry in entries if entry.body is not None]
    found = aligned(bodies)
    if found is None:
        return False
    kinds = {skeleton(body): body for body in bodies}
    apart = sum(_size(each) for body in kinds.values() for each in body.entries)
    return 4 * sum(_size(row.first) for row in found.rows) <= 3 * apart


def _size(entry: Entry) -> int:
    return 1 + sum(map(_size, entry.body.entries)) if entry.body is not None else 1


def _blocked(kind: str, alike: list[Entry], blocks: dict[str, Block], defaults: dict[str, dict[str, Any]]) -> None:
    """Make one block of lists that are alike, and calls of it of the entries that held them."""
    bodies = [entry.body for entry in alike if entry.body is not None]
    scope = Scope(taken={name for made in bodies[0].walk() for each in made.entries for name in each.loop})
    scope.words |= flowing_in(bodies)
    unify(bodies, scope, defaults)
    name = _name(kind, blocks)
    block = Block(name, bodies[0])
    for param, column in scope.params.items():
        default = usual_of(column) if param in scope.filled else default_of(column)
        its = type_of(column)
        plain = its not in ("pair", "float") or type(default) is float
        block.params[param] = its if default is None else default if plain else {"type": its, "default": default}
        if default is not None:
            block.defaults[param] = default
    blocks[name], defaults[name] = block, block.defaults
    names = name_outputs(block.made)
    for number, entry in enumerate(alike):
        entry.outputs = names
        entry.op, entry.body = name, None
        values = {param: column[number] for param, column in scope.params.items()}
        entry.args = {
            p: v for p, v in values.items() if p not in block.defaults or key([block.defaults[p]]) != key([v])
        }


def _name(kind: str, blocks: Mapping[str, Block]) -> str:
    """Return a name for a block that no layer and no other block has."""
    wanted = kind.lstrip("_") or "Block"
    numbered = [wanted, *(f"{wanted}{number}" for number in range(2, 1000))]
    return next(name for name in numbered if name not in blocks and name not in Layer.registry)
