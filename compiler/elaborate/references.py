"""What a reference in a list means: the inputs of its entries, and why one leads nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided, prefixes
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.loops import comprehended
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.id_template import IdTemplate
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.layers.elementwise import Named
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, respelt
from speczoo.specs.foreign_values import is_nothing
from speczoo.specs.keys import keys
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.spec import Comprehension, Entry
from speczoo.specs.suggestions import certain, did_you_mean, nearest
from speczoo.specs.wording import listed, printable, printed

Flow = tuple[tuple[Operand, ...], tuple[Value | Unknown, ...]]


def resolve_inputs(ctx: Context, frame: Frame, item: Item, path: str) -> Flow:
    """Return where the entry's inputs come from, and what flows in; unknown where that is wrong, and reported.

    Raises Stop, reported, where `from` names nothing.
    """
    frame.inputs_wrong = False
    if item.entry.from_ is None:
        return _from_before(ctx, frame, item, path)
    if item.prepared.lists:
        item.listed = _expanded(ctx, frame, item)
    written = item.taken
    METER.spent += 4 * len(written)
    sources: list[Operand] = []
    values: list[Value | Unknown] = []
    for loc, text in written:
        try:
            if text is UNKNOWN:
                raise UnknownRead
            sources.append(_source(ctx, frame, item, text, loc, path))
            values.append(frame.value(sources[-1]))
        except (Stop, UnknownRead):
            frame.edges_incomplete = frame.inputs_wrong = True
            sources.append(Edge(INPUT))
            values.append(UNKNOWN)
    if not sources:
        raise ctx.stop(Problem("bad-value", "`from` names nothing", (*item.loc, "from"), path=path))
    return tuple(sources), tuple(values)


def _expanded(ctx: Context, frame: Frame, item: Item) -> Sequence[tuple[Loc, object]]:
    """Return what the `from` of an entry names, each at its place, its loops unrolled: what their ids come out as.

    UNKNOWN where that is wrong, and reported, or unknown.
    """
    found: list[tuple[Loc, object]] = []
    for loc, text in item.taken:
        if not isinstance(text, Comprehension):
            found.append((loc, text))
            continue
        place: Loc = (*loc, "id")
        try:
            turns = comprehended(ctx, text.for_, loc, item.names, frame.readable)
            found += [(place, _listed(ctx, frame, text.id, names, place)) for names in turns]
        except (Stop, UnknownRead):
            found.append((loc, UNKNOWN))
    return found


def _listed(ctx: Context, frame: Frame, id: str, names: Mapping[str, Any], loc: Loc) -> object:
    try:
        return ctx.evaluate(id, Scope(names, inputs=frame.readable), loc)
    except (Stop, UnknownRead):
        return UNKNOWN


def _from_before(ctx: Context, frame: Frame, item: Item, path: str) -> Flow:
    """Return what an entry takes that has no `from`: the output of the one before it."""
    layer = Layer.registry.get(item.entry.op or "")
    if layer is not None and layer.arity[1] == 0:
        return (), ()
    if frame.last is None:
        node = frame.nodes[-1] if frame.nodes else None
        before = f"`{node.name}` has several outputs" if node else "this list has several inputs"
        choices = [f"{node.name}.{port}" for port in node.ports] if node else list(frame.inputs)
        help = [f"there is {', '.join(f'`{choice}`' for choice in choices)}"]
        ctx.report(Problem("missing-argument", f"`from` must be said here: {before}", item.loc, path=path, help=help))
        frame.edges_incomplete = frame.inputs_wrong = True
        return (Edge(INPUT),), (UNKNOWN,)
    if layer is not None and (layer.merges or layer.arity[0] > 1):
        if not item.entry.arguments.keys().isdisjoint(keys(Entry)["from"].instead):  # and reported as an argument
            frame.inputs_wrong = True
            return (frame.last,), (UNKNOWN,)
        verb = "brings several values together" if layer.merges else f"takes {layer.arity[0]} inputs"
        message = f"`{layer.op}` {verb}: say which in `from`"
        ctx.report(Problem("missing-argument", message, (*item.loc, "op"), path=path))
        frame.inputs_wrong = layer.arity[0] > 1
    return (frame.last,), (UNKNOWN,) if frame.inputs_wrong else (frame.value(frame.last),)


def _source(ctx: Context, frame: Frame, item: Item, text: object, loc: Loc, path: str) -> Operand:
    """Return one input of an entry: an edge, or a number where the op takes numbers. Raises Stop, reported, or
    UnknownRead.
    """
    got = ctx.evaluate(text, Scope(item.names, inputs=frame.readable), loc, path)
    if not isinstance(got, (int, float)) or isinstance(got, bool):
        return resolve(ctx, frame, str(got), loc, path, item)
    layer = Layer.registry.get(item.entry.op or "")
    if layer is None or not layer.numbers:
        taking = [name for name, op in Layer.registry.items() if op.numbers]
        message = f"a number cannot flow into `{item.entry.op or 'a group'}`: only into {listed(taking)}"
        named = layer.number if layer is not None and issubclass(layer, Named) else ""
        help = [f"the number is said as `{named}: {got}`, and `from` has the other input"] if named else []
        help = [*help, *_by_position(frame, got, loc)]
        raise ctx.stop(Problem("bad-value", message, loc, path=path, help=help))
    position = layer.op == "add" and type(text) is int and text < 0 and not ctx.inactive
    if position and (help := _by_position(frame, got, loc)):
        help = [*help, f"where the number is meant, `sub` with {-got} says so"]
        message = f"`{text}` is a number here, and is added"
        ctx.report(Problem("negative-number", message, loc, path=path, help=help, severity="warning"))
    if isinstance(got, int) and abs(got) >= 2**63:
        raise ctx.stop(Problem("bad-value", f"`{got}` is more than 64 bits hold", loc, path=path))
    return got


def _by_position(frame: Frame, number: float, loc: Loc) -> list[str]:
    """Return the help for a number that was probably intended as the position of an entry, as it is elsewhere: from the
    first, which is 0, or before this one, which is -1.
    """
    count, alone = len(frame.nodes), isinstance(loc[-1], str)
    if not isinstance(number, int) or not -count - 1 <= number < count:
        return []
    if number == -1 and alone:
        return ["for the entry before leave `from` out"]
    where = "the entry before" if number == -1 else f"entry {number} of this list"
    where = f"the entry {-number} before" if number < -1 else where
    at = count + number if number < 0 else number
    if at < 0:
        return [f"for {where} write `input`"] if len(frame.inputs) == 1 else []
    node = frame.nodes[at]
    if node.named:
        return [f"for {where} write its id: `{node.name}`"]
    return [f"for {where} write its id: it has none yet"]


def stated_output(body: object) -> str | None:
    """Return the name that a list's one output has where the list says it: others may have been left out by `when`."""
    if not isinstance(body, Composite) or len(body.outputs) != 1:
        return None
    spec = body.unit.spec
    stated = spec.blocks[body.name].outputs if body.kind == "block" else spec.outputs if body.kind == "use" else None
    return body.outputs[0].name if stated is not None else None


def edge_of(frame: Frame, text: str) -> Edge | None:
    """Return the edge that an id, an input's name, or `id.output` means; None where there is no such."""
    if text in frame.inputs:
        return Edge(INPUT, list(frame.inputs).index(text))
    if text == "input" and len(frame.inputs) == 1:
        return Edge(INPUT)
    head, port = (text, "") if text in frame.ids else divided(text, frame.ids)
    index = frame.ids.get(head)
    if index is None:
        return None
    node = frame.nodes[index]
    if (head == text and len(node.outputs) == 1) or (UNKNOWN in node.outputs and not node.ports):
        return Edge(index)
    if port in node.ports:
        return Edge(index, node.ports.index(port))
    return Edge(index) if port and port == stated_output(node.body) else None


def resolve(ctx: Context, frame: Frame, text: str, loc: Loc, path: str, item: Item | None = None) -> Edge:
    """Return the edge that an id, an input's name, or `id.output` means. Raises Stop, reported."""
    edge = edge_of(frame, text)
    if edge is not None:
        return edge
    head, port = divided(text, frame.ids)
    if head not in frame.ids:
        raise unresolved(ctx, frame, text, [*prefixes(text)], loc, path, item)
    node = frame.nodes[frame.ids[head]]
    if node.body is None and UNKNOWN not in node.outputs:
        message = f"`{head}` is left out by its `when`, and has no output `{printable(port)}`"
        raise ctx.stop(
            Problem(
                "unknown-reference",
                message,
                loc,
                path=path,
                marks=[Mark((*node.loc, "when"), "left out here")],
                help=[f"`{head}` is there all the same: its first input stands for it"],
            )
        )
    there = [f"{head}.{p}" for p in node.ports]
    if head == text:
        help: Sequence[str] = [f"there is {', '.join(f'`{t}`' for t in there)}"]
        message = f"`{head}` has several outputs: say which"
    else:
        inside = [] if there else [f"use `{head}`; to read inside it, name the path under its `taps`"]
        help = did_you_mean(port, there) or inside
        message = f"`{head}` has no output `{printable(port)}`"
    raise ctx.stop(Problem("unknown-reference", message, loc, path=path, help=help))


def refer(ctx: Context, frame: Frame, item: Item, blank: Node, name: str, target: Any) -> Node:
    """Return the node with what its argument `name` refers to among its inputs.

    Raises Stop, reported, and UnknownRead.
    """
    if target is UNKNOWN:
        raise UnknownRead
    if not isinstance(target, str):
        braced = isinstance(target, dict) and [*target.values()] == [None]  # a name in braces is a mapping to YAML
        help = _no_name(f"{{{next(iter(target))}}}", (name,)) if braced else ()
        message = f"`{name}` is an id, not {printed(target)}"
        raise ctx.stop(Problem("bad-value", message, (*item.loc, name), path=blank.name, help=help))
    edge = resolve(ctx, frame, target, (*item.loc, name), blank.name, item)
    return blank.replace(inputs=(*blank.inputs, edge), arriving=(*blank.arriving, frame.value(edge)))


# -- why one leads nowhere --------------------------------------------------------------------------------------------


def unresolved(
    ctx: Context, frame: Frame, text: str, heads: Sequence[str], loc: Loc, path: str, item: Item | None
) -> Stop:
    """Report why a reference leads nowhere: it comes later (and may close a loop), or it is misspelt. `heads` are the
    ids that it may begin with, the longest first.
    """
    if heads[-1] == "input" and len(frame.inputs) != 1 and not ctx.names_unknown((*frame.loc[:-1], "inputs")):
        help: Sequence[str] = [f"there is {', '.join(f'`{i}`' for i in frame.inputs)}"]
        message = "this list has several inputs: name one of them"
        return ctx.stop(Problem("unknown-reference", message, loc, path=path, help=help))
    if any(map(frame.possible, heads)):
        return Stop()
    for head in heads if item is not None else ():
        assert item is not None
        if (later := _comes_later(ctx, frame, head, loc, path, item)) is not None:
            return later
        if (omitted := _omitted(ctx, frame, head, item)) is not None:
            marks = [Mark(omitted, "left out here")]
            message = f"`{printable(head)}` is not there: `{omitted[-1]}` leaves it out"
            return ctx.stop(Problem("unknown-reference", message, loc, path=path, marks=marks))
    message = f"there is no `{printable(text)}` in this list"
    if ctx.reports("unknown-reference", loc):
        return ctx.stop(Problem("unknown-reference", message, loc, path=path))
    if help := _no_name(text, loc) or _members(frame, heads):
        return ctx.stop(Problem("unknown-reference", message, loc, path=path, help=help))
    head, known = _like(heads, [*frame.inputs, *frame.ids])
    port = text[len(head) + 1 :]
    suggested, word = nearest(head, known), certain(head, known, chosen=True)
    literal = item is not None and ctx.written(loc) == text
    there = frame.nodes[frame.ids[word]].ports if word in frame.ids else ()
    return ctx.stop(
        Problem(
            "unknown-reference",
            message,
            loc,
            path=path,
            help=[f"did you mean `{suggested}`?"] if suggested else _elsewhere(ctx, frame, heads),
            replacement=word + text[len(head) :] if word and literal and (text == head or port in there) else None,
        )
    )


def _like(heads: Sequence[str], known: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the one of these beginnings that is most like a known name, and those names of as many parts; the shortest
    where none is.
    """
    for head in heads:
        alike = [name for name in known if name.count(".") == head.count(".")]
        if nearest(head, alike) is not None:
            return head, alike
    return heads[-1], known


def _members(frame: Frame, heads: Sequence[str]) -> Sequence[str]:
    """Return the help where a reference names a container, which no value comes out of."""
    outer = next((head for head in heads if head in frame.holding), None)
    there = [id for id in frame.ids if id.startswith(f"{outer}.")] if outer is not None else []
    if not there:
        return []
    shown = f"{', '.join(f'`{id}`' for id in there[:8])}{' and others' if len(there) > 8 else ''}"
    return [f"`{outer}` holds entries and is none: there is {shown}"]


def _no_name(text: str, loc: Loc) -> Sequence[str]:
    """Return the help where a reference says nothing, or marks an expression as another notation does."""
    if is_nothing(text):
        others = {"from": [f"leave `{loc[-1]}` out: an entry takes what the one before it gives"], "share": []}
        return others.get(str(loc[-1]), [f"leave `{loc[-1]}` out"] if isinstance(loc[-1], str) else [])
    marked = respelt(text)
    return [f"an expression is written `$name` or `$(...)`: `{marked.text}`"] if marked is not None else []


def _omitted(ctx: Context, frame: Frame, head: str, item: Item) -> Loc | None:
    """Return the place of the `when` or `for` that leaves out the entries of a `do`, of which an id is one; None where
    that is not so.
    """
    written = written_ids(ctx, frame)
    at = written.nodes[head].get("at") if head in written else None
    if at is None or at >= item.loc:
        return None
    for end in range(len(frame.loc) + 1, len(at), 2):
        there = ctx.written(at[:end])
        if at[end] == "do" and isinstance(there, dict):
            return next(((*at[:end], key) for key in ("when", "for") if key in there), None)
    return None


def _comes_later(ctx: Context, frame: Frame, head: str, loc: Loc, path: str, item: Item) -> Stop | None:
    """Report a reference to what comes later in its list; None where nothing there has the name."""
    later = written_ids(ctx, frame)
    if head not in later:
        head = next((t for t, made in later.nodes(data="template") if made and made.could_read(head)), head)
    at = later.nodes[head].get("at") if head in later else None
    if at is None or at < item.loc:
        return None
    me = next((name for name, place in later.nodes(data="at") if place == item.loc), str(item.entry.id))
    if me == head:
        return ctx.stop(Problem("cycle", f"`{head}` takes its own output", loc, path=path))
    sharing = loc[-1] == "share"  # what feeds a module may share it
    again = ctx.reports("forward-reference", loc) or ctx.reports("cycle", loc)
    if not sharing and not again and me in later and nx.has_path(later, me, head):
        # a loop that only the order of the entries closes is a matter of their order
        stated = nx.subgraph_view(later, filter_edge=lambda a, b: later.edges[a, b]["stated"])
        closed = nx.has_path(stated, me, head)
        around = [*nx.shortest_path(stated if closed else later, me, head), me]
        loop = " -> ".join(later.nodes[name].get("shown", name) for name in around)
        return ctx.stop(
            Problem(
                "cycle" if closed else "forward-reference",
                f"`{printable(head)}` comes later, and taking it here closes a loop: {printable(loop)}",
                loc,
                path=path,
                help=["an entry takes only what comes before it"],
            )
        )
    return ctx.stop(
        Problem(
            "forward-reference",
            f"`{printable(head)}` comes later in this list",
            loc,
            path=path,
            help=["move this entry behind it: an entry takes only what comes before it"],
        )
    )


def _elsewhere(ctx: Context, frame: Frame, heads: Sequence[str]) -> Sequence[str]:
    """Return where a name that is not in this list is, or what there is."""
    return next(filter(None, (_place_of(ctx, frame, head) for head in heads)), None) or did_you_mean(
        heads[-1], [*frame.inputs, *frame.ids]
    )


def _place_of(ctx: Context, frame: Frame, head: str) -> Sequence[str]:
    """Return the help for a name of another list; nothing where no list near this one has it."""
    bodies = {id(node.body): node for node in frame.nodes if isinstance(node.body, Composite)}
    for node in bodies.values():
        assert isinstance(node.body, Composite)
        if any(inner.name == head for inner in node.body.nodes):
            return [f"it is inside `{node.name}`: give that `taps: [{head}]` and read `{node.name}.{head}`"]
    holder = next((outer for outer in reversed(ctx.session.frames[:-1]) if head in outer.ids), None)
    if holder is not None and holder.unit is ctx.unit and frame.loc[: len(holder.loc)] == holder.loc:
        return ["it is an id of the list around this one, and a list sees its own ids only"]
    if holder is not None:
        return [f"a block sees its own ids only: name `{head}` under its `inputs`, and in `from` where it is used"]
    return []


def written_ids(ctx: Context, frame: Frame) -> nx.DiGraph:
    """Return the ids of this list as written, later ones too, with an edge from each to what takes it; what is only
    spoken of has no place `at`.
    """
    known = ctx.session.shared.written
    place = (id(ctx.unit.spec), frame.loc)
    if place not in known:
        graph = nx.DiGraph()
        taken: list[tuple[str, str, bool]] = []
        _read_ids(graph, taken, frame.entries, frame.loc, None)
        ids = frozenset(graph)
        for source, me, stated in taken:
            graph.add_edge(divided(source, ids)[0], me, stated=stated)
        known[place] = graph
    found: nx.DiGraph = known[place]
    return found


def _read_ids(
    graph: nx.DiGraph, taken: list[tuple[str, str, bool]], entries: Sequence[Entry], loc: Loc, previous: str | None
) -> str | None:
    """Add the ids of a list behind `previous`, and what each takes, stated or not; returns the last."""
    for position, entry in enumerate(entries):
        if entry.do is not None:
            previous = _read_ids(graph, taken, entry.do, (*loc, position, "do"), previous)
            continue
        me = str(entry.id) if entry.id is not None else f"({len(graph)})"
        shown = me if entry.id is not None else entry.op or "group"
        graph.add_node(me, at=(*loc, position), template=IdTemplate.of(me) if "$" in me else None, shown=shown)
        stated = entry.from_ is not None
        sources = (entry.from_ if isinstance(entry.from_, list) else [entry.from_]) if stated else [previous]
        written = [source.id if isinstance(source, Comprehension) else source for source in sources]
        taken += [(str(source), me, stated) for source in written if source is not None]
        previous = me
    return previous
