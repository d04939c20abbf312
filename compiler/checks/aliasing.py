"""Which values live in the same memory, and which ops write over it: asked of a list's wiring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import chain

import networkx as nx

from speczoo.compiler.cached import once
from speczoo.compiler.dataflow import INPUT, Edge, Operand, descendants, roots
from speczoo.compiler.wiring import Conduct, Connection, Wiring


def aliases(entry: Connection) -> bool:
    """Return whether its output is its input's memory under another shape."""
    return isinstance(entry.conduct, Conduct) and bool(entry.conduct.views)


def writes(entry: Connection) -> tuple[int, ...]:
    """Return the inputs that it writes over: those of an in-place op, or of a list whose first reader is one."""
    if isinstance(entry.conduct, Conduct):
        return (0,) if entry.conduct.inplace else ()
    return overwritten(entry.conduct) if entry.conduct is not None else ()


@once
def written(wiring: Wiring) -> tuple[tuple[int, ...], ...]:
    """Return the inputs that each entry of a list writes over."""
    return tuple(map(writes, wiring.entries))


@once
def writers_alone_read(wiring: Wiring) -> bool:
    """Return whether all that is written over is made by a layer that keeps nothing of it, and read by its writer
    alone, as what most activations write over is: nobody else sees it, whatever shares a memory.
    """
    over = [entry.inputs[at] for entry, places in zip(wiring.entries, written(wiring), strict=True) for at in places]
    if not over:
        return True
    read = Counter(chain.from_iterable(entry.inputs for entry in wiring.entries))
    read.update(output.edge for output in wiring.outputs)
    return all(read[value] == 1 and _fresh(wiring, value) for value in over)


def _fresh(wiring: Wiring, value: Operand) -> bool:
    """Return whether a value has a memory of its own, which the layer that made it does not keep."""
    made = wiring.entries[value.node].conduct if isinstance(value, Edge) and value.node != INPUT else None
    return isinstance(made, Conduct) and not (
        made.views or made.inplace or made.cuts or made.overlaps or made.saved in ("output", "both")
    )


@once
def overwritten(wiring: Wiring) -> tuple[int, ...]:
    """Return the inputs of a list that something inside it writes over."""
    if writers_alone_read(wiring):
        return ()
    found = set()
    for inner, positions in zip(wiring.entries, written(wiring), strict=True):
        for position in positions:
            source = storage(wiring, wiring.resolve(inner.inputs[position]))
            if isinstance(source, Edge) and source.node == INPUT:
                found.add(source.port)
    return tuple(sorted(found))


def storage(wiring: Wiring, source: Operand) -> Operand:
    """Return the edge whose memory a value lives in: behind views, omitted entries, in-place ops, and lists that give
    what flowed in.
    """
    return _memories(wiring).get(source, source)


@once
def homes(wiring: Wiring) -> tuple[Operand, ...]:
    """Return the memory that each output of a list lives in."""
    return tuple(storage(wiring, wiring.resolve(output.edge)) for output in wiring.outputs)


def is_part(wiring: Wiring, source: Operand) -> bool:
    """Return whether a value is one of several views that were cut out of another at once, or a view of such a part."""
    return source in _parts(wiring)


def is_overlapping(wiring: Wiring, source: Operand) -> bool:
    """Return whether several places of a value are one place of memory: an expanded value, or a view of one."""
    return source in _overlapping(wiring)


def within(entry: Connection) -> tuple[Operand, ...]:
    """Return where each output lives, as the entry itself sees it: an `INPUT` edge is one of its inputs, any other
    source a memory of its own, which outputs may share.
    """
    inner = entry.conduct
    if isinstance(inner, Wiring):
        ends = homes(inner)
        mine = (Edge(len(inner.entries), port) for port in range(len(ends), entry.outputs))  # of a placeholder
        return (*ends, *mine)
    if inner is None or inner.views or inner.inplace:
        return (Edge(INPUT),) * entry.outputs
    return _own(entry.outputs)


@lru_cache(maxsize=64)
def _own(outputs: int) -> tuple[Edge, ...]:
    """Return memories of its own for so many outputs."""
    return tuple(Edge(0, port) for port in range(outputs))


def flowing_in(entry: Connection, home: Operand) -> Operand | None:
    """Return what an output is the memory of, of what flows in; None where it has one of its own."""
    if not isinstance(home, Edge) or home.node != INPUT:
        return None
    return entry.inputs[home.port] if home.port < len(entry.inputs) else home


@once
def aliasing(wiring: Wiring) -> nx.DiGraph:
    """Return the values of a list that share a memory, as a forest: an edge from a value to each that is the same
    memory again, `view` where it was not written over between.
    """
    edges = []
    for index, entry in enumerate(wiring.entries):
        view = not isinstance(entry.conduct, Conduct) or entry.conduct.views is True
        own: dict[Operand, Edge] = {}
        for port, home in enumerate(within(entry)):
            value = Edge(index, port)
            source = flowing_in(entry, home)
            if source is None:
                source = own.setdefault(home, value)
            if source != value:
                edges.append((source, value, {"view": view}))
    forest = nx.DiGraph()
    forest.add_edges_from(edges)
    return nx.freeze(forest)


@once
def _memories(wiring: Wiring) -> dict[Operand, Operand]:
    """Map each value that lives in another's memory to that one."""
    forest = aliasing(wiring)
    return roots(forest) if forest else {}


@once
def _parts(wiring: Wiring) -> frozenset[Operand]:
    return _with_views(wiring, _cut)


@once
def _overlapping(wiring: Wiring) -> frozenset[Operand]:
    return _with_views(wiring, _overlaps)


def _with_views(wiring: Wiring, chosen: Callable[[Connection, int], bool]) -> frozenset[Operand]:
    """Return the outputs of entries that are chosen, and the views of them."""
    found = frozenset(
        [
            Edge(i, port)
            for i, entry in enumerate(wiring.entries)
            for port in range(entry.outputs)
            if chosen(entry, port)
        ]
    )
    if not found:
        return found
    memories = aliasing(wiring)
    views = nx.subgraph_view(memories, filter_edge=lambda a, b: memories.edges[a, b]["view"])
    return found | descendants(views, found)


def _overlaps(entry: Connection, port: int) -> bool:
    """Return whether an output is one whose places share a memory, made by the entry or inside it."""
    inner = entry.conduct
    if isinstance(inner, Wiring):
        return port < len(inner.outputs) and is_overlapping(inner, inner.resolve(inner.outputs[port].edge))
    return inner is not None and inner.overlaps


def _cut(entry: Connection, port: int) -> bool:
    """Return whether an output is a part that was cut out by the entry, or inside it."""
    inner = entry.conduct
    if isinstance(inner, Wiring):
        return port < len(inner.outputs) and is_part(inner, inner.resolve(inner.outputs[port].edge))
    return inner is not None and inner.cuts
