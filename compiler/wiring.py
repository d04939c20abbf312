"""The wiring of a list: how its entries are connected, and what each does with the memory of its values.

What hangs on nothing else (order of execution, what is needed, what shares a memory, where gradients flow) is asked of
the wiring, and found once for all lists that have it: equal wirings are the same object for as long as a list has one.
What hangs on the links alone is found once for all wirings that have these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import networkx as nx

from speczoo.compiler.cached import cached_property
from speczoo.compiler.dataflow import INPUT, OUTPUT, Edge, Operand, ancestors, dataflow, edge, roots, topological_sort
from speczoo.compiler.kept import Saves
from speczoo.compiler.layer import Layer, Views


@dataclass(frozen=True, eq=False, slots=True)
class Conduct:
    """What a layer does with its values besides computing new ones; made by `of` alone, once for all that do the
    same.
    """

    views: Views
    inplace: bool
    saved: Saves
    cuts: bool  # its outputs are parts of its input
    overlaps: bool  # several places of its output are one of memory
    weights: bool  # it has some of its own
    refuses: bool  # there is no backward pass through it

    @classmethod
    def of(cls, layer: Layer, *, weights: bool) -> Conduct:
        """Return the conduct of a layer, which has weights or not."""
        cuts = layer.several and layer.views is True
        refuses = layer.no_backward() is not None
        return _conduct(layer.views, layer.inplace_, layer.saved, cuts, layer.overlaps, weights, refuses)


@cache
def _conduct(
    views: Views, inplace: bool, saved: Saves, cuts: bool, overlaps: bool, weights: bool, refuses: bool
) -> Conduct:
    """Return the one conduct with these facts; there are few."""
    return Conduct(views, inplace, saved, cuts, overlaps, weights, refuses)


@dataclass(frozen=True, eq=False, slots=True)
class Connection:
    """An entry of a list: where its inputs come from, how many outputs it has, the entry whose module it applies again,
    and what it does with its values: a layer's conduct, the wiring of a list; None where `when` left it out.
    """

    inputs: tuple[Operand, ...]
    outputs: int
    shared: int | None
    conduct: Conduct | Wiring | None


class ListOutput(NamedTuple):
    """An output of a list."""

    edge: Edge
    training_only: bool


class EntryLink(NamedTuple):
    """An entry of a list as far as others see it: where its inputs come from, how many outputs it has, the entry whose
    module it applies again.
    """

    inputs: tuple[Operand, ...]
    outputs: int
    shared: int | None


@dataclass(frozen=True, eq=False)
class Links:
    """What flows where in a list with so many inputs, whatever its entries do; made by `of` alone."""

    inputs: int
    entries: tuple[EntryLink, ...]
    outputs: tuple[ListOutput, ...]

    @classmethod
    def of(cls, inputs: int, entries: Iterable[EntryLink], outputs: tuple[ListOutput, ...]) -> Links:
        """Return the one list of links that has these."""
        key = (inputs, tuple(entries), outputs)
        found: Links | None = INTERNED.get(("links", *key))
        if found is None:
            found = INTERNED["links", *key] = cls(*key)
        return found

    @cached_property
    def dataflow(self) -> nx.DiGraph:
        """The values that its entries give and take, see `dataflow`."""
        return self._with(())

    @cached_property
    def dependencies(self) -> nx.DiGraph:
        """The dataflow with an edge from each entry to those that share its module."""
        sharing = [(entry.shared, i) for i, entry in enumerate(self.entries) if entry.shared is not None]
        return self._with(sharing) if sharing else self.dataflow

    def _with(self, sharing: Iterable[tuple[int, int]]) -> nx.DiGraph:
        entries = ((i, entry.inputs, entry.outputs) for i, entry in enumerate(self.entries))
        return dataflow(entries, (output.edge for output in self.outputs), sharing)

    def ancestors(self, targets: Iterable[Edge | str]) -> frozenset[int]:
        """Return the entries that these values, or OUTPUT, come from, near and far."""
        return frozenset(node for node in ancestors(self.dependencies, targets) if isinstance(node, int))

    @cached_property
    def order(self) -> tuple[int, ...]:
        return topological_sort(self.dependencies) if not self.chain else tuple(range(len(self.entries)))

    @cached_property
    def needed(self) -> frozenset[int]:
        return self.ancestors([OUTPUT]) if not self.chain else frozenset(range(len(self.entries)))

    @cached_property
    def inference_only(self) -> frozenset[int]:
        lasting = [output.edge for output in self.outputs if not output.training_only]
        return self.ancestors(lasting) if len(lasting) < len(self.outputs) else self.needed

    @cached_property
    def chain(self) -> bool:
        if not self.inputs == len(self.outputs) == 1 or self.outputs[0].training_only:
            return False
        if any(len(entry.inputs) != 1 or entry.shared is not None for entry in self.entries):
            return False
        ports = chain.from_iterable((i, edge(i)) for i in range(len(self.entries)))
        path = [edge(INPUT), *ports, OUTPUT]
        return len(self.dataflow.edges) == len(path) - 1 and bool(nx.is_simple_path(self.dataflow, path))


@dataclass(frozen=True, eq=False)
class Wiring:
    """The connections of a list with so many inputs; made by `of` alone."""

    inputs: int
    entries: tuple[Connection, ...]
    outputs: tuple[ListOutput, ...]

    def __repr__(self) -> str:
        return f"<Wiring of {len(self.entries)} entries>"

    @classmethod
    def of(cls, inputs: int, entries: Iterable[tuple[Any, ...]], outputs: Iterable[tuple[Any, ...]]) -> Wiring:
        """Return the one wiring that has these, as connections and outputs or as tuples of what they hold."""
        key = (inputs, tuple(entries), tuple(outputs))
        found: Wiring | None = INTERNED.get(key)
        if found is None:
            connections, ends = tuple([Connection(*entry) for entry in key[1]]), tuple(map(ListOutput._make, key[2]))
            found = INTERNED[key] = cls(inputs, connections, ends)
        return found

    @cached_property
    def links(self) -> Links:
        """Its connections without what the entries do with their values."""
        links = [EntryLink(entry.inputs, entry.outputs, entry.shared) for entry in self.entries]
        return Links.of(self.inputs, links, self.outputs)

    @property
    def dataflow(self) -> nx.DiGraph:
        """The values that its entries give and take, see `dataflow`."""
        return self.links.dataflow

    @property
    def order(self) -> tuple[int, ...]:
        """The numbers of its entries in the order of execution: that in which they are written."""
        return self.links.order

    def ancestors(self, targets: Iterable[Edge | str]) -> frozenset[int]:
        """Return the entries that these values, or OUTPUT, come from, near and far."""
        return self.links.ancestors(targets)

    @property
    def needed(self) -> frozenset[int]:
        """The entries that any output needs."""
        return self.links.needed

    @property
    def inference_only(self) -> frozenset[int]:
        """The entries that outputs outside training need."""
        return self.links.inference_only

    @property
    def chain(self) -> bool:
        """Whether it is a pure chain: each entry takes the one output of the one before it; the last is the output."""
        return self.links.chain

    def resolve(self, edge: Operand) -> Operand:
        """Return the edge behind entries that `when` left out."""
        return self._behind.get(edge, edge)

    @cached_property
    def _behind(self) -> dict[Operand, Operand]:
        """The edge behind what each entry gives that `when` left out."""
        left_out = ((i, entry) for i, entry in enumerate(self.entries) if entry.conduct is None and entry.inputs)
        passing = [(entry.inputs[0], Edge(i)) for i, entry in left_out]
        return roots(nx.DiGraph(passing)) if passing else {}


INTERNED: WeakValueDictionary[Any, Any] = WeakValueDictionary()  # of links, and of wirings
