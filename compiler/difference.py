"""Whether two networks compute the same, and where they first do not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias, get_args, get_origin

import networkx as nx

from speczoo.compiler.cached import once
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.flat import flat
from speczoo.compiler.graph import Graph
from speczoo.compiler.init_rules import rules
from speczoo.compiler.initialisers import Initialiser
from speczoo.compiler.layer import Call, Layer, show
from speczoo.specs.keys import kinds

#: An operand: which output of which step, or a number as it is written (1 and 1.0 are of two dtypes).
Source: TypeAlias = tuple[int, int] | str
#: Takes the network's outputs, and what has weights but is not used.
_END = ("end",)


class Difference(NamedTuple):
    """Something of two networks that is not the same: what it is, and what each has of it."""

    what: str
    first: str
    second: str


class _Step(NamedTuple):
    """A layer as it is applied. `arguments` are those that torch is called with, each in one of the forms that mean the
    same; `owner` is the path of the module with weights or buffers that it applies.
    """

    path: str
    op: str
    arguments: dict[str, Any]
    owner: str | None
    sources: tuple[Source, ...]
    reads: tuple[str, ...]  # the sources by path: for people

    @property
    def meaning(self) -> tuple[Any, ...]:
        return self.op, self.arguments, self.owner, self.sources


class _End(NamedTuple):
    """An output of the network."""

    name: str
    source: tuple[int, int]
    training_only: bool
    path: str  # the source's: for people


def difference(first: Graph, second: Graph) -> Difference | None:
    """Return what two networks first differ in, in the order in which they run; None where they compute the same.

    Inputs, layers with all their arguments (defaults and what the input decides included; one number for all axes is a
    list of it for each), the paths of those with
    weights or buffers, what each takes, outputs, which parameters train, and their initial values all count. The order
    in which independent layers are written does not, nor do blocks and groups, nor the ids of what has no weights.
    """
    if first is second:
        return None  # without a look at every layer
    a, b = (", ".join(f"{name} {text}" for name, text in _inputs(graph).items()) for graph in (first, second))
    if a != b:
        return Difference("inputs", a, b)
    (steps, outputs), (others, ends) = _steps(first), _steps(second)
    for one, other in zip_longest(steps, others):
        if one is None or other is None or one.meaning != other.meaning:
            return _between(one, other)
    if [end[:3] for end in outputs] != [end[:3] for end in ends]:
        return Difference("outputs", _listed(outputs), _listed(ends))
    return _first(_trained(first), _trained(second)) or _first(_initial(first), _initial(second))


def _inputs(graph: Graph) -> dict[str, str]:
    return {
        name: f"{show(value.shape)} {value.dtype}{'' if value.batched else ' without a batch axis'}"
        for name, value in graph.settings.inputs
    }


def _listed(ends: list[_End]) -> str:
    return ", ".join(f"{e.name} of {e.path}{' in training only' if e.training_only else ''}" for e in ends)


@once
def _steps(graph: Graph) -> tuple[list[_Step], list[_End]]:
    """Return the layers, each after what it takes, in an order that does not hang on the one that they are written in;
    and the outputs by name. Layers without weights that no output needs are none.
    """
    network = flat(graph)
    ends: dict[str, tuple[str, int]] = network.graph["outputs"]
    unused = [path for path, data in network.nodes(data=True) if data["node"] is not None and data["node"].weights]
    network.add_edges_from((path, _END) for path in (*(path for path, _ in ends.values()), *sorted(unused)))
    order = [n for n in nx.dfs_postorder_nodes(nx.reverse_view(network), _END) if n != _END]
    layers = [path for path in order if network.nodes[path]["node"] is not None]
    number = {path: i for i, path in enumerate(layers)} | {name: -1 - i for i, name in enumerate(_inputs(graph))}
    outputs = []
    for port in graph.root.outputs:
        path, at = ends[port.name]
        outputs.append(_End(port.name, (number[path], at), port.training_only, _place(path, at)))
    return [_step(network, path, number) for path in layers], outputs


def _step(network: nx.MultiDiGraph, path: str, number: dict[str, int]) -> _Step:
    node: Node = network.nodes[path]["node"]
    assert isinstance(node.body, Layer)
    module: str = network.nodes[path]["module"]
    made: Node = network.nodes[module]["node"] if module in network else node
    came = {d["position"]: (source, d["port"]) for source, _, d in network.in_edges(path, data=True)}
    numbers = {i: repr(operand) for i, operand in enumerate(node.inputs) if not isinstance(operand, Edge)}
    positions = range(len(node.inputs))
    return _Step(
        path,
        node.op,
        canonical(node.body, node.call),
        module if made.weights or made.buffers else None,
        tuple(numbers[i] if i in numbers else (number[came[i][0]], came[i][1]) for i in positions),
        tuple(numbers[i] if i in numbers else _place(*came[i]) for i in positions),
    )


def canonical(layer: Layer, call: Call) -> dict[str, Any]:
    """Return what torch is called with, its defaults included, each in one of the forms that mean the same: a list of
    equal numbers for all axes is one number.

    Arguments that only check are none of it.
    """
    given, kind = {**call.defaults, **call.args}, type(layer)
    given |= {name: given[other] for name, other in kind.follows.items() if given.get(name) is None}
    return {name: _one(kind, name, value) for name, value in given.items()}


def _one(kind: type[Layer], name: str, value: Any) -> Any:
    """Return the number that says as much as a list of equal ones."""
    if not isinstance(value, tuple) or len(set(value)) != 1:
        return value
    return value[0] if _spreads(kind, name) or (len(value) == 1 and _takes_number(kind, name)) else value


@cache
def _spreads(kind: type[Layer], name: str) -> bool:
    """Return whether an argument is one number for all axes, or a list of one for each."""
    return _takes_number(kind, name) and (
        name in kind.per_axis
        or any(get_origin(each) is tuple and Ellipsis not in get_args(each) for each in _taken(kind, name))
    )


def _takes_number(kind: type[Layer], name: str) -> bool:
    return any(each in (int, float) for each in _taken(kind, name))


def _taken(kind: type[Layer], name: str) -> Iterator[Any]:
    """Yield the types that an argument takes."""
    if name in kind.model_fields:
        yield from kinds(kind.model_fields[name].annotation)


def _place(path: str, port: int) -> str:
    return f"{path}.{port}" if port else path


def _between(one: _Step | None, other: _Step | None) -> Difference:
    """Return how two steps at one place differ: in what they are, else in the arguments, else in what they take."""
    if one is None or other is None:
        there = one or other
        assert there is not None
        return Difference(there.path, _described(one), _described(other))
    what = one.path if one.path == other.path else f"{one.path} / {other.path}"
    if one.op != other.op:
        return Difference(what, _described(one), _described(other))
    keys = [k for k in one.arguments if k not in other.arguments or one.arguments[k] != other.arguments[k]]
    if keys:
        return Difference(what, *(f"{one.op}({_listed_arguments(step.arguments, keys)})" for step in (one, other)))
    if one.sources != other.sources:
        return Difference(what, *(f"{one.op} of {', '.join(step.reads)}" for step in (one, other)))
    return Difference(what, *(f"{one.op} with the weights of {step.owner}" for step in (one, other)))


def _described(step: _Step | None) -> str:
    return "nothing" if step is None else step.op


def _listed_arguments(arguments: dict[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key}: {arguments[key]}" for key in keys)


def _first(one: dict[str, str], other: dict[str, str]) -> Difference | None:
    """Return the first parameter of which something else is said."""
    for key in {**one, **other}:
        if one.get(key) != other.get(key):
            return Difference(key, one.get(key, "starts as torch has it"), other.get(key, "starts as torch has it"))
    return None


@once
def _trained(graph: Graph) -> dict[str, str]:
    return {key: "does not train" if graph.is_frozen(key) else "trains" for key in graph.state}


@once
def _initial(graph: Graph) -> dict[str, str]:
    """Return the initial values of parameters by their names, where a rule says them: the last that speaks of one."""
    starting: dict[str, Initialiser] = {}
    for prefix, composite in _with_settings(graph.root, ""):
        assert composite.settings is not None
        own = Graph(composite.unit, composite, composite.settings)
        for rule in rules(own):
            for path, node, _ in own.walk():
                if rule.meets(path, node.op):
                    at = prefix + path
                    starting |= {f"{at}.{n}" if n else at: made for n, made in rule.initialisers if n in node.weights}
    return {key: f"starts as {_call(made)}" for key, made in sorted(starting.items())}


def _call(made: Initialiser) -> str:
    return f"{made.name}({', '.join(f'{name}: {value}' for name, value in made.arguments)})"


def _with_settings(composite: Composite, prefix: str) -> Iterator[tuple[str, Composite]]:
    """Yield the specs in use, by the prefix of their paths, each before the one that uses it."""
    for node in composite.nodes:
        if isinstance(node.body, Composite) and node.shared is None:
            yield from _with_settings(node.body, f"{prefix}{node.name}.")
    if composite.settings is not None:
        yield prefix, composite
