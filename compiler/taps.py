"""Taps: values inside a list as its outputs, and nothing built that none of them needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from speczoo.compiler.checks.aliasing import storage, writes
from speczoo.compiler.composite import Composite, Node, Port
from speczoo.compiler.containers import divided
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.unknown import UNKNOWN
from speczoo.specs.problem import Problem, ProblemError
from speczoo.specs.reserved_names import bad_output
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.wording import printable


def _nowhere(name: str, message: str, help: Sequence[str] = ()) -> ProblemError:
    """Return the error of a path that leads nowhere. `name` is the tap's own, `help` what there is."""
    return ProblemError(Problem("unknown-reference", message, (name,), help=help))


def outputs_by_name(taps: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Return `by_name` for the taps of a network, whose names are its outputs'.

    Raises ProblemError for a name that no output can have.
    """
    wanted = by_name(taps)
    for name, path in wanted.items():
        if name != path and (why := bad_output(name)):
            raise _nowhere(name, f"`{printable(name)}` cannot be the name of an output: {why}")
    return wanted


def by_name(taps: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Return taps as name -> path; one that is stated by its path alone has that for its name."""
    return dict(taps) if isinstance(taps, Mapping) else {tap: tap for tap in taps}


def tapped(composite: Composite, wanted: Mapping[str, str], *, own: bool = False) -> Composite:
    """Return the list with `wanted` (name -> path, as in state_dict) as its outputs, behind its own ones where `own`.

    Raises ProblemError.
    """
    places = {
        n.name: i for i, n in reversed([*enumerate(composite.nodes)]) if n.body is not None or UNKNOWN in n.outputs
    }
    found = {name: _find(composite, places, name, path) for name, path in wanted.items()}
    inside: dict[int, dict[str, str]] = {}  # by who made the module: a name for each path
    for name, (index, rest) in found.items():
        if rest:
            inside.setdefault(composite.maker(index), {}).setdefault(rest, name)
    kept = composite.outputs if own else ()
    needed = composite.wiring.ancestors([*(port.edge for port in kept), *(Edge(index) for index, _ in found.values())])
    whole = {index for index, rest in found.values() if not rest} | {port.edge.node for port in kept}
    taken = whole | {e.node for i in needed for e in composite.nodes[i].inputs if isinstance(e, Edge)}
    nodes = list(composite.nodes)
    for maker, names in inside.items():
        users = [index for index in range(len(nodes)) if composite.maker(index) == maker]
        for index in users:  # one module gives the same values wherever it is applied
            body = nodes[index].body
            assert isinstance(body, Composite)
            inner = tapped(body, {name: path for path, name in names.items()}, own=not taken.isdisjoint(users))
            ports_inside = tuple(port.name for port in inner.outputs)
            nodes[index] = nodes[index].replace(body=inner, outputs=inner.values, ports=ports_inside)
    ports = list(kept)
    for name, (index, rest) in found.items():
        port = nodes[index].ports.index(inside[composite.maker(index)][rest]) if rest else 0
        ports.append(Port(name, Edge(index, port)))
    return keep(_undisturbed(replace(composite, nodes=tuple(nodes)), [port.edge for port in ports]), ports)


def _undisturbed(composite: Composite, edges: Iterable[Edge]) -> Composite:
    """Return the list in which nothing writes over these values after they were made: in-place ops that did give new
    ones.
    """
    nodes = list(composite.nodes)
    writing: dict[Operand, list[tuple[int, int]]] = {}
    for index, node in enumerate(nodes):
        for position in writes(node.connection):
            writing.setdefault(storage(composite.wiring, composite.wiring.resolve(node.inputs[position])), []).append(
                (index, position)
            )
    first: dict[Operand, int] = {}  # of each memory, the earliest value that is wanted
    for edge in edges:
        memory = storage(composite.wiring, composite.wiring.resolve(edge))
        first[memory] = min(edge.node, first.get(memory, edge.node))
    for memory, after in first.items():
        for index, position in writing.get(memory, ()):
            if index > after:
                _spare(nodes, index, position)
    return replace(composite, nodes=tuple(nodes))


def _spare(nodes: list[Node], index: int, position: int) -> None:
    """Let a node, and all that share its module, leave the value that arrives at this position as it is."""
    owner = index if nodes[index].shared is None else nodes[index].shared
    for i, node in enumerate(nodes):
        if owner in (i, node.shared):
            body = node.body
            if isinstance(body, Composite):
                body = _undisturbed(body, [Edge(INPUT, position)])
            elif body is not None:
                body = body.model_copy(update={"inplace": False})
            nodes[i] = replace(node, body=body)


def _find(composite: Composite, places: Mapping[str, int], name: str, path: str) -> tuple[int, str]:
    head, rest = divided(path, places)
    if head not in places:
        head, rest = divided(path, {n.name for n in composite.nodes})
        if any(n.name == head for n in composite.nodes):
            raise _nowhere(name, f"`{head}` is left out by its `when`: there is no value of its own to tap")
        known = [n.name for n in composite.nodes if n.body is not None]
        raise _nowhere(name, f"there is no `{path}` inside", did_you_mean(head, known))
    node = composite.nodes[places[head]]
    if node.body is None:  # unknown yet
        return places[head], ""
    if not rest and len(node.outputs) != 1:
        raise _nowhere(name, f"`{path}` has several outputs and cannot be tapped as a whole")
    if rest and not isinstance(node.body, Composite):
        raise _nowhere(name, f"`{path}` leads nowhere: `{node.name}` is {node.op}, which has no inside")
    return places[head], rest


def keep(composite: Composite, ports: Sequence[Port]) -> Composite:
    """Return the list with these outputs alone, without the nodes that none of them needs."""
    needed = sorted(composite.wiring.ancestors([p.edge for p in ports]))
    number = {old: new for new, old in enumerate(needed)}

    def moved(edge: Edge) -> Edge:
        return Edge(number.get(edge.node, edge.node), edge.port)

    nodes = tuple(
        node.replace(
            inputs=tuple(moved(e) if isinstance(e, Edge) else e for e in node.inputs),
            shared=None if node.shared is None else number[node.shared],
        )
        for node in (composite.nodes[i] for i in needed)
    )
    return replace(composite, nodes=nodes, outputs=tuple(p._replace(edge=moved(p.edge)) for p in ports))
