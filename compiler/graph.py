"""The Graph: an expanded network with exact shapes, weights and costs. Frozen; nothing of it is filled in later.

A network is a tree of lists, see `composite`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Composite, Node, Settings
from speczoo.compiler.containers import registered
from speczoo.compiler.folded_html import folded
from speczoo.compiler.layer import Shape
from speczoo.compiler.path_patterns import matches
from speczoo.compiler.unknown import UNKNOWN
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.spec import Spec


class Row(NamedTuple):
    """A leaf layer or merge of a network, in execution order. Shapes are without the batch axis."""

    path: str
    op: str
    inputs: tuple[Shape, ...]
    output: Shape
    params: int
    trainable: int
    macs: int
    node: Node


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network. `root` is its list; what it costs and what its state_dict holds is derived from it.

    `used` is what the names under `use` were found to mean, near and far, by the spec that says them. `memory_format`
    is how weights and values lie in memory, by torch's name, where not as torch has it.
    """

    unit: LoadedSpec
    root: Composite
    settings: Settings
    used: Mapping[tuple[int, str], UsedSpec | str] = field(default_factory=dict)
    memory_format: str | None = None

    def __repr__(self) -> str:
        return f"<Graph of {self.name}: {len(self.rows)} layers, {self.params:,} parameters, {self.macs:,} MACs>"

    def _repr_html_(self) -> str:
        return folded(repr(self)[1:-1], self.root.folds)

    def use(self, unit: LoadedSpec, name: str) -> LoadedSpec | None:
        """Return the spec that a spec of this network names under `use`."""
        found = self.used.get((id(unit.spec), name))
        return found.unit if isinstance(found, UsedSpec) else None

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def inputs(self) -> dict[str, Shape]:
        """The shapes of what flows in, by name."""
        return {name: value.shape for name, value in self.root.inputs if value is not UNKNOWN}

    @property
    def outputs(self) -> dict[str, Shape]:
        """The shapes of what comes out, by name."""
        ports = zip(self.root.outputs, self.root.values, strict=True)
        return {port.name: value.shape for port, value in ports if value is not UNKNOWN}

    @property
    def spec(self) -> Spec:
        return self.unit.spec

    def walk(self) -> Iterator[tuple[str, Node, Composite]]:
        """Yield every leaf with its path and its list, in execution order; one in a list that is shared shares its
        module.
        """
        return _leaves(self.root, "", shared=False)

    def made(self) -> Iterator[tuple[str, Node]]:
        """Yield the leaves of every list that is no shared module again, where it stands first: a thousand equal blocks
        are walked once.
        """
        return _made(self.root, "", set())

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        out = []
        for path, node, _ in self.walk():
            output = node.outputs[0]
            assert output is not UNKNOWN
            trainable = sum(
                math.prod(s)
                for n, s in node.weights.items()
                if n not in node.tied and not self.is_frozen(f"{path}.{n}" if n else path)
            )
            out.append(Row(path, node.op, node.shapes, output.shape, node.params, trainable, node.macs, node))
        return tuple(out)

    def is_frozen(self, key: str) -> bool:
        """Return whether a parameter of this name does not train: its own spec says so, or one in use that it is of."""
        return key in self.frozen_keys

    @cached_property
    def frozen_keys(self) -> frozenset[str]:
        """The parameters that do not train, by name."""
        out: set[str] = set()

        def collect(composite: Composite, prefix: str, patterns: tuple[tuple[int, str], ...]) -> None:
            if composite.settings is not None:
                patterns += tuple((len(prefix), pattern) for pattern in composite.unit.spec.freeze)
            for node in composite.nodes:
                path = prefix + node.name
                if isinstance(node.body, Composite) and node.shared is None:
                    collect(node.body, path + ".", patterns)
                for name in node.weights:
                    key = f"{path}.{name}" if name else path
                    if any(matches(pattern, key[start:]) for start, pattern in patterns):
                        out.add(key)

        collect(self.root, "", ())
        return frozenset(out.union(*(self.one[key] for key in out & self.one.keys())))

    @cached_property
    def ties(self) -> Mapping[str, str]:
        """The parameters that are others, by their names, those of specs in use too."""
        out: dict[str, str] = {}
        left = [("", self.root)] if self.spec.tie or self.spec.use else []
        while left:
            prefix, composite = left.pop()
            if composite.settings is not None:
                out |= {prefix + key: prefix + source for key, source in composite.unit.spec.tie.items()}
            inner = [(f"{prefix}{node.name}.", node.body) for node in composite.nodes if node.shared is None]
            left += [(path, body) for path, body in inner if isinstance(body, Composite)]
        return out

    @cached_property
    def one(self) -> Mapping[str, frozenset[str]]:
        """All names of a parameter that has several, by each of them."""
        groups: dict[str, set[str]] = {}
        for key, source in self.ties.items():
            groups.setdefault(source, {source}).add(key)
        return {key: frozenset(names) for names in groups.values() for key in names}

    @cached_property
    def params(self) -> int:
        return self.root.params

    @cached_property
    def trainable_params(self) -> int:
        return sum(row.trainable for row in self.rows) if self.frozen_keys else self.params

    @property
    def macs(self) -> int:
        return self.root.macs

    @cached_property
    def state(self) -> dict[str, Shape]:
        """The state_dict that torch will show: names, shapes and order, buffers included."""
        out: dict[str, Shape] = {}

        def collect(composite: Composite, prefix: str) -> None:
            for node in (composite.nodes[i] for i in registered(composite.nodes)):
                if isinstance(node.body, Composite):
                    collect(node.body, f"{prefix}{node.name}.")
                elif "" in node.weights or "" in node.buffers:  # a Parameter, a Buffer: its key is its id
                    out[prefix + node.name] = {**node.weights, **node.buffers}[""]
                elif "" not in node.unsaved:
                    items = {**node.weights, **node.buffers}
                    nested = {k: v for k, v in items.items() if "." in k}
                    for key in [*(k for k in items if k not in nested), *nested]:
                        out[f"{prefix}{node.name}.{key}"] = items[key]

        collect(self.root, "")
        return out


def _leaves(composite: Composite, prefix: str, *, shared: bool) -> Iterator[tuple[str, Node, Composite]]:
    """Yield every leaf with its path and its list. `shared` says that the list's modules are another's."""
    for index in composite.wiring.order:
        node = composite.nodes[index]
        path = prefix + node.name
        if isinstance(node.body, Composite):
            yield from _leaves(node.body, f"{path}.", shared=shared or node.shared is not None)
        elif node.body is not None:
            yield path, node.replace(shared=index) if shared and node.shared is None else node, composite


def _made(composite: Composite, prefix: str, visited: set[Composite]) -> Iterator[tuple[str, Node]]:
    for index in composite.wiring.order:
        node = composite.nodes[index]
        if not isinstance(node.body, Composite):
            if node.body is not None:
                yield prefix + node.name, node
        elif node.shared is None and node.body not in visited:
            visited.add(node.body)
            yield from _made(node.body, f"{prefix}{node.name}.", visited)
