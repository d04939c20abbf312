"""Why a reference leads nowhere: what it names comes later, is left out, stands elsewhere, or is misspelt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import networkx as nx

from speczoo.compiler.composite import Composite
from speczoo.compiler.containers import divided
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.id_template import IdTemplate
from speczoo.specs.entry import Comprehension, Entry
from speczoo.specs.expression import respelt
from speczoo.specs.foreign_values import is_nothing
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.suggestions import certain, did_you_mean, nearest
from speczoo.specs.wording import printable


class WrittenReference(NamedTuple):
    """A reference as it stands: what it says, its place, the path of what it is of, and the entry; None of an
    output's.
    """

    text: str
    loc: Loc
    path: str
    item: Item | None = None


def unresolved(ctx: Context, frame: Frame, reference: WrittenReference, heads: Sequence[str]) -> Stop:
    """Report why a reference leads nowhere: it comes later (and may close a loop), or it is misspelt. `heads` are the
    ids that it may begin with, the longest first.
    """
    text, loc, path, item = reference
    if heads[-1] == "input" and len(frame.inputs) != 1 and not ctx.names_unknown((*frame.loc[:-1], "inputs")):
        help: Sequence[str] = [f"there is {', '.join(f'`{i}`' for i in frame.inputs)}"]
        message = "this list has several inputs: name one of them"
        return ctx.stop(Problem("unknown-reference", message, loc, path=path, help=help))
    if any(map(frame.possible, heads)):
        return Stop()
    for head in heads if item is not None else ():
        if (later := _comes_later(ctx, frame, head, reference)) is not None:
            return later
        if (omitted := _omitted(ctx, frame, head, reference)) is not None:
            marks = [Mark(omitted, "left out here")]
            message = f"`{printable(head)}` is not there: `{omitted[-1]}` leaves it out"
            return ctx.stop(Problem("unknown-reference", message, loc, path=path, marks=marks))
    message = f"there is no `{printable(text)}` in this list"
    if ctx.reports("unknown-reference", loc):
        return ctx.stop(Problem("unknown-reference", message, loc, path=path))
    if help := no_name(text, loc) or _members(frame, heads):
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


def no_name(text: str, loc: Loc) -> Sequence[str]:
    """Return the help where a reference says nothing, or marks an expression as another notation does."""
    if is_nothing(text):
        others = {"from": [f"leave `{loc[-1]}` out: an entry takes what the one before it gives"], "share": []}
        return others.get(str(loc[-1]), [f"leave `{loc[-1]}` out"] if isinstance(loc[-1], str) else [])
    marked = respelt(text)
    return [f"an expression is written `$name` or `$(...)`: `{marked.text}`"] if marked is not None else []


def _omitted(ctx: Context, frame: Frame, head: str, reference: WrittenReference) -> Loc | None:
    """Return the place of the `when` or `for` that leaves out the entries of a `do`, of which an id is one; None where
    that is not so.
    """
    written = written_ids(ctx, frame)
    at = written.nodes[head].get("at") if head in written else None
    if at is None or reference.item is None or at >= reference.item.loc:
        return None
    for end in range(len(frame.loc) + 1, len(at), 2):
        there = ctx.written(at[:end])
        if at[end] == "do" and isinstance(there, dict):
            return next(((*at[:end], key) for key in ("when", "for") if key in there), None)
    return None


def _comes_later(ctx: Context, frame: Frame, head: str, reference: WrittenReference) -> Stop | None:
    """Report a reference to what comes later in its list; None where nothing there has the name."""
    _, loc, path, item = reference
    later = written_ids(ctx, frame)
    if head not in later:
        head = next((t for t, made in later.nodes(data="template") if made and made.could_read(head)), head)
    at = later.nodes[head].get("at") if head in later else None
    if at is None or item is None or at < item.loc:
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
