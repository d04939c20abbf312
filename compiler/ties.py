"""Tied parameters: one tensor that stands in the state_dict under two names, as `tie` says.

A parameter that is tied to another has none of its own: it counts once, starts as both rules say, and trains where both
do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer, Shape, show
from speczoo.specs.problem import Problem
from speczoo.specs.suggestions import did_you_mean


def with_ties(root: Composite) -> Composite:
    """Return a network whose nodes know which of their weights are another's, those of specs in use too."""
    return _tied(root, root.unit.spec.tie, {})


def _tied(composite: Composite, ties: Mapping[str, str], done: dict[int, Composite]) -> Composite:
    """Return a list with these ties, and the specs in use inside it with their own."""
    inside: dict[str, dict[str, str]] = {}
    names = {node.name for node in composite.nodes}
    for key, source in ties.items():
        head, rest = divided(key, names)
        inside.setdefault(head, {})[rest] = source
    nodes = tuple(_node(node, inside.get(node.name, {}), done) for node in composite.nodes)
    if all(new is old for new, old in zip(nodes, composite.nodes, strict=True)):
        return composite
    return replace(composite, nodes=nodes)


def _node(node: Node, ties: Mapping[str, str], done: dict[int, Composite]) -> Node:
    if node.shared is not None or node.body is None:
        return node
    if isinstance(node.body, Layer):
        found = frozenset(ties) & node.weights.keys()
        return node.replace(tied=found) if found else node
    own = node.body.unit.spec.tie if node.body.settings is not None else {}
    if not ties and not own and not node.body.unit.spec.use:
        return node
    body = done.get(id(node.body)) if not ties else None
    if body is None:
        body = _tied(node.body, {**own, **ties}, done)
        if not ties:
            done[id(node.body)] = body
    return node.replace(body=body) if body is not node.body else node


def parameters(composite: Composite, prefix: str = "") -> Iterator[tuple[str, Shape]]:
    """Yield the parameters of a list by their keys."""
    for node in composite.nodes:
        path = prefix + node.name
        if isinstance(node.body, Composite) and node.shared is None:
            yield from parameters(node.body, f"{path}.")
        yield from ((f"{path}.{name}" if name else path, shape) for name, shape in node.weights.items())


def tie_problems(graph: Graph) -> Iterator[Problem]:
    """Yield ties of a spec that cannot be."""
    if not graph.spec.tie or graph.settings.taps:
        return
    shapes = dict(parameters(graph.root))
    for key, source in graph.spec.tie.items():
        if ("tie", key) in graph.spec.placeholders:
            continue
        if key not in shapes or source not in shapes:
            yield _missing(key, source, shapes)
        elif (why := _refused(key, source, shapes, graph.spec.tie)) is not None:
            yield Problem("bad-value" if shapes[key] == shapes[source] else "shape-mismatch", why, ("tie", key))


def _missing(key: str, source: str, shapes: Collection[str]) -> Problem:
    name, of_key = (key, True) if key not in shapes else (source, False)
    help = did_you_mean(name, shapes)
    return Problem("unknown-reference", f"there is no parameter `{name}`", ("tie", key), key=of_key, help=help)


def _refused(key: str, source: str, shapes: Mapping[str, Shape], ties: Collection[str]) -> str | None:
    """Return why one parameter cannot be another."""
    if shapes[key] != shapes[source]:
        return f"`{key}` is {show(shapes[key])}, and `{source}` {show(shapes[source])}"
    if source in ties:
        return f"`{source}` is tied itself: tie `{key}` to what that is tied to" if key != source else "it is itself"
    names = (key.rpartition(".")[2], source.rpartition(".")[2])
    return None if all(map(str.isidentifier, names)) else "members of a list of parameters cannot be tied"
