"""Whether two networks compute the same, and where they first do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from speczoo.compiler.analysis.computation import AppliedLayer, End, computation, initial
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import show


class Difference(NamedTuple):
    """Something of two networks that is not the same: what it is, and what each has of it."""

    what: str
    first: str
    second: str


def difference(first: Graph, second: Graph) -> Difference | None:
    """Return what two networks first differ in, in the order in which they run; None where they compute the same.

    Inputs, layers with all their arguments (defaults and what the input decides included; one number for all axes is a
    list of it for each), the paths of those with weights or buffers, what each takes, outputs, which parameters train,
    and their initial values all count. The order in which independent layers are written does not, nor do blocks and
    groups, nor the ids of what has no weights.
    """
    if first is second:
        return None  # without a look at every layer
    a, b = (", ".join(f"{name} {text}" for name, text in _inputs(graph).items()) for graph in (first, second))
    if a != b:
        return Difference("inputs", a, b)
    (steps, outputs), (others, ends) = computation(first), computation(second)
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


def _listed(ends: Sequence[End]) -> str:
    return ", ".join(f"{e.name} of {e.path}{' in training only' if e.training_only else ''}" for e in ends)


def _between(one: AppliedLayer | None, other: AppliedLayer | None) -> Difference:
    """Return how two steps at one place differ: in what they are, else in the arguments, else in what they take."""
    if one is None or other is None:
        there = one or other
        assert there is not None
        return Difference(there.path, _described(one), _described(other))
    what = one.path if one.path == other.path else f"{one.path} / {other.path}"
    if one.op != other.op:
        return Difference(what, _described(one), _described(other))
    missing = object()
    names = {**one.arguments, **other.arguments}
    keys = [name for name in names if one.arguments.get(name, missing) != other.arguments.get(name, missing)]
    if keys:
        return Difference(what, *(f"{one.op}({_listed_arguments(step.arguments, keys)})" for step in (one, other)))
    if one.sources != other.sources:
        return Difference(what, *(f"{one.op} of {', '.join(step.reads)}" for step in (one, other)))
    return Difference(what, *(f"{one.op} with the weights of {step.owner}" for step in (one, other)))


def _described(step: AppliedLayer | None) -> str:
    return "nothing" if step is None else step.op


def _listed_arguments(arguments: dict[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key}: {arguments[key]}" for key in keys if key in arguments)


def _first(one: dict[str, str], other: dict[str, str]) -> Difference | None:
    """Return the first parameter of which something else is stated."""
    for key in {**one, **other}:
        if one.get(key) != other.get(key):
            return Difference(key, one.get(key, "starts as torch has it"), other.get(key, "starts as torch has it"))
    return None


def _trained(graph: Graph) -> dict[str, str]:
    return {key: "does not train" if graph.is_frozen(key) else "trains" for key in graph.state}


def _initial(graph: Graph) -> dict[str, str]:
    return {key: f"starts as {made}" for key, made in initial(graph).items()}
