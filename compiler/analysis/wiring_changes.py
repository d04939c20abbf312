"""What layers of two networks take, held against each other: what stands in one alone is looked through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import networkx as nx

from speczoo.compiler.dataflow import Edge
from speczoo.compiler.flat import flat
from speczoo.compiler.graph import Graph

#: A layer's path, or an input's name, and which of its outputs; or a number, as it is written.
Producer: TypeAlias = tuple[str, int] | str


class WiringChanges:
    """The dataflow of two networks, and which layers of the one are which of the other, by path."""

    def __init__(self, first: Graph, second: Graph, paths: Mapping[str, str]) -> None:
        self.first, self.second = flat(first), flat(second)
        names = zip(
            (name for name, _ in first.settings.inputs), (name for name, _ in second.settings.inputs), strict=False
        )
        self.paths = {**dict(names), **paths}
        self._there = frozenset(self.paths.values())

    def sources(self, before: str, after: str) -> tuple[str, str] | None:
        """Return what a layer takes in both networks, for people; None where that is the same."""
        return self._compared(_taken(self.first, before), _taken(self.second, after))

    def outputs(self, name: str) -> tuple[str, str] | None:
        """Return where an output of both networks comes from; None where that is the same."""
        one, other = ([network.graph["outputs"][name]] for network in (self.first, self.second))
        return self._compared(one, other)

    def modules(self, before: str, after: str) -> tuple[str, str] | None:
        """Return whose modules a layer of both networks applies; None where that is the same one."""
        one, other = self.first.nodes[before]["module"], self.second.nodes[after]["module"]
        return None if self.paths.get(one) == other or (one, other) == (before, after) else (one, other)

    def _compared(self, one: list[Producer], other: list[Producer]) -> tuple[str, str] | None:
        first = [_behind(self.first, source, self.paths) for source in one]
        second = [_behind(self.second, source, self._there) for source in other]
        moved = [s if isinstance(s, str) else (self.paths.get(s[0], s[0]), s[1]) for s in first]
        if len(moved) == len(second) and all(
            isinstance(a, str) == isinstance(b, str) and a == b for a, b in zip(moved, second, strict=True)
        ):
            return None
        return ", ".join(map(_shown, one)), ", ".join(map(_shown, other))


def _taken(network: nx.MultiDiGraph, path: str) -> list[Producer]:
    came = {d["position"]: (source, d["port"]) for source, _, d in network.in_edges(path, data=True)}
    operands = network.nodes[path]["node"].inputs
    return [came[i] if isinstance(operand, Edge) else repr(operand) for i, operand in enumerate(operands)]


def _behind(network: nx.MultiDiGraph, source: Producer, known: Mapping[str, str] | frozenset[str]) -> Producer:
    """Return what a value was before it went through layers that the other network has not."""
    while not isinstance(source, str) and source[0] not in known:
        taken = _taken(network, source[0]) if network.nodes[source[0]]["node"] is not None else []
        if not taken:
            break
        source = taken[0]
    return source


def _shown(source: Producer) -> str:
    return source if isinstance(source, str) else source[0] if not source[1] else f"{source[0]}.{source[1]}"
