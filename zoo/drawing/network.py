"""The diagram of a network: its lists, blocks unfolded, equal neighbours in one box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any, NamedTuple, TypeAlias

from speczoo.compiler.analysis.receptive_field import receptive_fields
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, ancestors, descendants
from speczoo.compiler.emit.resolved import arguments
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.compiler.layers.parameter import Buffer, Parameter
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.drawing.diagram import Box, Diagram
from speczoo.drawing.labels import detail
from speczoo.drawing.layout import BoxLink
from speczoo.drawing.palette import kind_of
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.wording import by_axis, listed


class NetworkPart(NamedTuple):
    """Entries of one list of a network: its path ends with a dot, but where it is the network's own."""

    composite: Composite
    path: str
    entries: frozenset[int] | None  # None: all


class NoSuchPart(LookupError):
    """A path names nothing, or what stands in another list, or no way leads from one to another."""


#: What else there is to know of a path, if anything: entries in a row are one box only where they have it alike.
Apart: TypeAlias = Callable[[str], Hashable]


def alike(path: str) -> Hashable:
    """Return nothing: equal entries in a row are one box, wherever they stand."""
    return None


def diagram(graph: Graph, part: NetworkPart | None = None, apart: Apart = alike) -> Diagram:
    """Return what is drawn of a network, or of a part of it, with all blocks unfolded."""
    made = _list(*(part or NetworkPart(graph.root, "", None)), apart)
    fields = zip(graph.rows, receptive_fields(graph), strict=True)
    return _seeing(made, {row.path: f"sees {by_axis(field.size)}" for row, field in fields if field and field.size})


def _seeing(diagram: Diagram, fields: Mapping[str, str]) -> Diagram:
    """Return the diagram with what its layers see of the input among the facts of each."""
    boxes = (
        replace(
            box,
            inside=_seeing(box.inside, fields) if box.inside is not None else None,
            facts=(*box.facts, f"{fields[box.path]} of the input") if box.path in fields else box.facts,
        )
        for box in diagram.boxes
    )
    return replace(diagram, boxes=tuple(boxes))


def between(graph: Graph, first: str, last: str) -> NetworkPart:
    """Return the entries of one list that lie on a way from one path to another, both with them; empty paths are the
    ends of the network's list.

    Raises NoSuchPart where there is no such path, they stand in two lists, or no way leads there.
    """
    composite, prefix, start = _entry(graph, first) if first else (graph.root, "", None)
    other, _, end = _entry(graph, last) if last else (composite, prefix, None)
    if not first:
        composite, prefix, _ = _entry(graph, last)
    elif last and composite is not other:
        raise NoSuchPart(f"`{first}` and `{last}` stand in two lists")
    flow = composite.wiring.dataflow
    below = descendants(flow, [start]) if start is not None else frozenset(range(len(composite.nodes)))
    above = ancestors(flow, [end]) if end is not None else frozenset(range(len(composite.nodes)))
    entries = frozenset(node for node in below & above if isinstance(node, int))
    if not entries:
        raise NoSuchPart(f"no way leads from `{first}` to `{last}`")
    return NetworkPart(composite, prefix, entries)


def _entry(graph: Graph, path: str) -> tuple[Composite, str, int]:
    """Return the list that an entry stands in, how its paths begin, and the entry's number. Raises NoSuchPart."""
    composite, prefix, rest = graph.root, "", path
    while True:
        names = {node.name: i for i, node in enumerate(composite.nodes) if node.body is not None}
        name = max((n for n in names if rest == n or rest.startswith(f"{n}.")), key=len, default=None)
        if name is None:
            raise NoSuchPart(f"there is no `{path}` in {graph.name}: {_help(prefix, names, rest)}")
        if rest == name:
            return composite, prefix, names[name]
        body = composite.nodes[names[name]].body
        if not isinstance(body, Composite):
            raise NoSuchPart(f"`{prefix}{name}` is a layer, and has nothing inside")
        composite, prefix, rest = body, f"{prefix}{name}.", rest[len(name) + 1 :]


def _help(prefix: str, names: Iterable[str], wrong: str) -> str:
    known = [f"{prefix}{name}" for name in names]
    return " ".join(did_you_mean(f"{prefix}{wrong}", known)) or f"there is {listed(known[:12])}"


def _list(composite: Composite, path: str, entries: frozenset[int] | None, apart: Apart) -> Diagram:
    """Return the diagram of a list whose entries' paths begin with `path`, or of some of its entries: what these take
    from others, and give to others, are its ends.
    """
    order = [i for i in composite.wiring.order if composite.nodes[i].body is not None]
    if entries is not None:
        order = [i for i in order if i in entries]
    else:
        order = [i for i in order if _flows(composite.nodes[i]) or apart(f"{path}{composite.nodes[i].name}")]
    arriving, leaving = _ends(composite, order, entries)
    runs = list(_runs(composite, order, lambda i: apart(f"{path}{composite.nodes[i].name}")))
    number = {i: len(arriving) + k for k, run in enumerate(runs) for i in run}
    outermost = entries is not None or not path
    place = {edge: i for i, (edge, _) in enumerate(arriving)}
    boxes = [
        *(
            _terminal(name if len(arriving) > 1 or outermost else "", composite.value(e), path, outermost)
            for e, name in arriving
        ),
        *(_box(composite, run, path, apart) for run in runs),
    ]
    links = [
        _link(edge, place, number, number[run[0]], position)
        for run in runs
        for position, edge in _taken(composite, composite.nodes[run[0]])
    ]
    for edge, name, training in leaving:
        links.append(_link(edge, place, number, len(boxes)))
        label = name if len(leaving) > 1 else "output" if outermost else ""
        boxes.append(_terminal(label, composite.value(edge), path, outermost, training=training))
    return Diagram(tuple(boxes), tuple(links), len(arriving), len(leaving))


def _flows(node: Node) -> bool:
    """Return whether something flows out of an entry: what stands in the state_dict alone is drawn where it differs."""
    return not (isinstance(node.body, Parameter | Buffer) and node.body.unused)


def _ends(
    composite: Composite, order: Sequence[int], entries: frozenset[int] | None
) -> tuple[list[tuple[Edge, str]], list[tuple[Edge, str, bool]]]:
    """Return the values that flow into these entries and out of them, with their names, and whether training alone
    has them.
    """
    if entries is None:
        arriving = [(Edge(INPUT, port), name) for port, (name, _) in enumerate(composite.inputs)]
        outputs = ((composite.wiring.resolve(port.edge), port) for port in composite.outputs)
        return arriving, [(edge, port.name, port.training_only) for edge, port in outputs if isinstance(edge, Edge)]
    inside = frozenset(order)
    taken = dict.fromkeys(edge for i in order for _, edge in _taken(composite, composite.nodes[i]))
    given = dict.fromkeys(
        edge
        for i in composite.wiring.order
        if i not in inside and composite.nodes[i].body is not None
        for _, edge in _taken(composite, composite.nodes[i])
        if edge.node in inside
    )
    for port in composite.outputs:
        edge = composite.wiring.resolve(port.edge)
        if isinstance(edge, Edge) and edge.node in inside:
            given[edge] = None
    return (
        [(edge, _value_name(composite, edge)) for edge in taken if edge.node not in inside],
        [(edge, _value_name(composite, edge), False) for edge in given],
    )


def _value_name(composite: Composite, edge: Edge) -> str:
    return composite.inputs[edge.port][0] if edge.node == INPUT else composite.nodes[edge.node].name


def _link(edge: Edge, place: Mapping[Edge, int], number: Mapping[int, int], target: int, position: int = 0) -> BoxLink:
    if edge in place:
        return BoxLink(place[edge], target, 0, position)
    return BoxLink(number[edge.node], target, edge.port, position)


def _box(composite: Composite, run: Sequence[int], path: str, apart: Apart) -> Box:
    """Return the box of one entry, or of several equal ones."""
    node, last = composite.nodes[run[0]], composite.nodes[run[-1]]
    training = run[0] not in composite.wiring.inference_only
    here, name = f"{path}{node.name}", node.name if node.named else ""
    if len(run) > 1:
        name = f"{node.name} \u2026 {last.name}"
    common: dict[str, Any] = {
        "path": here,
        "name": name,
        "shape": _changed(last),
        "count": len(run),
        "training": training,
        "place": _place(composite, node),
        "outputs": tuple(() if value is UNKNOWN else value.shape for value in last.outputs),
    }
    if isinstance(node.body, Composite):
        inside, op = _list(node.body, f"{here}.", None, apart), _title(node, node.body)
        if not op:  # its position, where nothing else names it
            common["name"] = name or node.name
        return Box(op=op, inside=inside, facts=_facts(node, {}), **common)
    assert isinstance(node.body, Layer)
    given = arguments(node.body)
    family = type(node.body).__module__.rpartition(".")[2] if _own(node.body) else "custom"
    return Box(
        op=node.op,
        detail=detail(given, getattr(node.body, "spatial", 1)),
        kind=kind_of(family, node.op),
        facts=_facts(node, given),
        **common,
    )


def _place(composite: Composite, node: Node) -> str:
    document = composite.unit.document
    span = document.span(node.loc)
    return f"{PurePath(document.source.name).name}:{span.line}" if span else ""


def _own(layer: Layer) -> bool:
    return type(layer).__module__.startswith("speczoo.compiler.layers.")


def _title(node: Node, body: Composite) -> str:
    """Return what a block is called: a group says what is in it, where that is all of one kind."""
    if body.kind != "group":
        return node.op
    ops = Counter(each.op for each in body.nodes if each.body is not None)
    op, count = next(iter(ops.items()), ("", 0))
    return f"{count} \u00d7 {op}" if len(ops) == 1 and count > 1 and op != "group" else ""


def _terminal(name: str, value: Value | Unknown, path: str, outermost: bool, *, training: bool = False) -> Box:
    shape = by_axis(value.shape) if value is not UNKNOWN and outermost else ""
    outputs = (value.shape,) if value is not UNKNOWN else ()
    return Box(path.rstrip("."), name, name, shape, kind="terminal", training=training, outputs=outputs)


def _taken(composite: Composite, node: Node) -> Iterator[tuple[int, Edge]]:
    """Yield what a node takes from its list, with its position; numbers flow in from nowhere."""
    for position, operand in enumerate(node.inputs):
        edge = composite.wiring.resolve(operand)
        if isinstance(edge, Edge):
            yield position, edge


def _runs(composite: Composite, order: Sequence[int], apart: Callable[[int], Hashable]) -> Iterator[list[int]]:
    """Yield the entries one by one, but equal ones that nothing keeps apart, each fed by nothing but the one before it,
    together.
    """
    readers = Counter(edge.node for i in order for _, edge in _taken(composite, composite.nodes[i]))
    readers.update(
        edge.node for port in composite.outputs if isinstance(edge := composite.wiring.resolve(port.edge), Edge)
    )
    run: list[int] = []
    for i in order:
        if run and not (_continues(composite, run[-1], i, readers) and apart(run[-1]) == apart(i)):
            yield run
            run = []
        run.append(i)
    if run:
        yield run


def _continues(composite: Composite, before: int, here: int, readers: Mapping[int, int]) -> bool:
    one, other = composite.nodes[before], composite.nodes[here]
    fed = [edge for _, edge in _taken(composite, other)]
    same = one.body is other.body or (isinstance(one.body, Layer) and one.body == other.body)
    return same and one.params == other.params and fed == [Edge(before)] and readers[before] == 1 and one.op == other.op


def _changed(node: Node) -> str:
    """Return the shape of what comes out, where it is another than what flows in."""
    first = node.outputs[0]
    if first is UNKNOWN or (len(node.outputs) == 1 and node.shapes[:1] == (first.shape,)):
        return ""
    shapes = dict.fromkeys(by_axis(value.shape) for value in node.outputs if value is not UNKNOWN)
    return ", ".join(shapes)


def _facts(node: Node, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what there is to know of a node beside its label, a line each."""
    shapes = [v.shape for v in node.outputs if v is not UNKNOWN]
    flow = f"{_listed(node.shapes)} \u2192 {_listed(shapes)}"
    costs = [f"{node.params:,} parameters"] * (node.params > 0) + [f"{node.macs:,} MACs"] * (node.macs > 0)
    shared = ["shared: the module of an entry before it"] * (node.shared is not None)
    return (flow, *(f"{name}: {value}" for name, value in given.items()), *costs, *shared)


def _listed(shapes: Iterable[Shape]) -> str:
    return ", ".join(map(by_axis, shapes)) or "nothing"
