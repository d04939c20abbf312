"""An entry of a list: its id, its inputs, its condition, and the node that it becomes."""

from __future__ import annotations

from typing import Any

from speczoo.compiler.composite import Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.loops import condition
from speczoo.compiler.elaborate.node import blank_node, make_node
from speczoo.compiler.elaborate.prepared import wrong_id
from speczoo.compiler.elaborate.references import resolve_inputs
from speczoo.compiler.elaborate.session import Doubt, Item, Stop
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.elaborate.straight import straight_node
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import respelt
from speczoo.specs.foreign_values import is_nothing
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.wording import printable


def elaborate_entry(e: Elaborator, frame: Frame, item: Item) -> None:
    """Append the node of an entry to its list; where the entry is wrong, and reported, a placeholder."""
    ctx = e.context
    if not ctx.inactive:
        if (straight := straight_node(e, frame, item)) is not None:
            frame.append(straight, certain=True)
            return
        ctx.enter(item.loc)
    if ctx.partly_refused and (item.loc in ctx.placeholders or item.loc in ctx.unit.document.placeholders):
        frame.edges_incomplete = True
        id = _written_id(ctx, frame, item)
        name = id or str(frame.count)
        node, certain = frame.placeholder(item.entry, item.loc, item.turns, name, named=id is not None), False
    else:
        id = _id(ctx, frame, item)
        node, certain = _elaborated(e, frame, item, id or str(frame.count), id is not None)
    if id is not None:
        _check_unique(ctx, frame, item, node, certain)
    frame.append(node)


def _elaborated(e: Elaborator, frame: Frame, item: Item, name: str, named: bool) -> tuple[Node, bool]:
    """Return the node of an entry, and whether it is certainly there."""
    ctx = e.context

    def placeholder(**known: Any) -> Node:
        return frame.placeholder(item.entry, item.loc, item.turns, name, named=named, **known)

    here = EntrySite(ctx, frame, item, name, Scope(item.names, inputs=frame.readable))
    try:
        sources, arriving = resolve_inputs(here)
    except (Stop, UnknownRead):
        return placeholder(), False
    frame.sources = sources
    if frame.inputs_wrong:
        frame.uncertain.add(len(frame.nodes))
    here.scope.flow = arriving[0] if arriving else None
    there = _there(here)
    certain = item.certain and there is True
    try:
        if there is False:
            e.left_out(frame, item.entry, item.loc, item.names)
            return _skipped(here, blank_node(item, name, named, sources, arriving)), certain
        known = arriving if there is True else (UNKNOWN,) * len(arriving)
        node = make_node(e, here, blank_node(item, name, named, sources, known))
    except (Stop, UnknownRead) as stopped:
        return placeholder(inputs=sources), certain and not isinstance(stopped, Doubt)
    return (node, certain) if there is True else (placeholder(inputs=sources), False)


def _there(here: EntrySite) -> bool | Unknown:
    """Return whether `when` lets the entry stand; UNKNOWN where that is wrong, and reported, or unknown."""
    entry = here.item.entry
    if entry.when is None:
        return True
    try:
        return condition(here.ctx, entry, here.scope, here.loc(), here.name)
    except (Stop, UnknownRead):
        return UNKNOWN


def _skipped(here: EntrySite, blank: Node) -> Node:
    """Return the node of an entry that is left out: its first input stands for it."""
    if not blank.inputs or not isinstance(blank.inputs[0], Edge):
        message = "an entry without an input cannot be left out by `when`: nothing could stand for it"
        raise here.stop("bad-value", message, here.loc("when"))
    return blank.replace(
        op=blank.entry.op or "group",
        inputs=blank.inputs[:1],
        outputs=blank.arriving[:1],
        arriving=blank.arriving[:1],
    )


# -- ids --------------------------------------------------------------------------------------------------------------


def _written_id(ctx: Context, frame: Frame, item: Item) -> str | None:
    """Return the id of an entry that is wrong, as far as the text has one."""
    id = item.entry.id
    if isinstance(id, str) and "$" not in id:
        return id
    if id is not None or not ctx.nameless(item.loc):
        frame.id_unknown(id)
    return None


def _id(ctx: Context, frame: Frame, item: Item) -> str | None:
    """Return the id of an entry; None where it has none, or a wrong one, which is reported."""
    if item.entry.id is None:
        return None
    if not ctx.partly_refused and (name := item.prepared.name) is not None:
        return name
    try:
        return _identified(ctx, frame, item)
    except (Stop, UnknownRead):
        frame.id_unknown(item.entry.id)
        return None


def _identified(ctx: Context, frame: Frame, item: Item) -> str:
    loc = (*item.loc, "id")
    scope = Scope(item.names, inputs=frame.readable)
    got = ctx.evaluate(item.entry.id, scope, loc)
    if isinstance(got, int) and not isinstance(got, bool):
        got = str(got)
        if isinstance(item.entry.id, int):
            help = ["an entry without an id is named by its position"]
            raise ctx.stop(Problem("bad-value", f"`{got}` cannot be an id: ids start with no digit", loc, help=help))
    if not isinstance(got, str):
        raise ctx.stop(Problem("bad-value", f"an id is text, not {got!r}", loc))
    if why := wrong_id(item.entry, got):
        ctx.report(_bad_id(item, got, why, scope, loc))
    return got


def _bad_id(item: Item, got: str, why: str, scope: Scope, loc: Loc) -> Problem:
    """Return the problem of an id that is none, with what was intended."""
    help, replacement = list[str](), None
    if is_nothing(got):
        help = ["leave `id` out: an entry without one is named by its position"]
    elif isinstance(item.entry.id, str) and (marked := respelt(item.entry.id)) is not None:
        help = [f"write `id: {marked.text}`"]
        replacement = marked.text if all(map(scope.knows, marked.names)) else None
    message = f"`{printable(got)}` cannot be an id: {why}"
    return Problem("bad-value", message, loc, help=help, replacement=replacement)


def _check_unique(ctx: Context, frame: Frame, item: Item, node: Node, certain: bool) -> None:
    """Report an id that another entry has, or what flows into the list."""
    name, loc = node.name, (*item.loc, "id")
    first = node
    if certain and ("." in name or name in frame.holding):
        first = frame.clashing(name) or frame.claim(node)
    elif certain:
        first = frame.certain.setdefault(name, node)
    if first.name != name:
        ctx.report(_nesting(first, name, loc))
    elif first is not node:
        turn = bool(item.turns) and first.loc == item.loc
        variable = next(iter(item.entry.for_ or ("i",))).partition(",")[0]
        ctx.report(
            Problem(
                "duplicate-id",
                f"`{name}` is already the id of another entry of this list",
                loc,
                path=name,
                text="given again at each turn of the loop" if turn else "and again here",
                marks=[] if turn else [Mark((*first.loc, "id"), "first here")],
                help=[f"put a loop variable into it: `id: {name}${variable}`"] if turn else [],
            )
        )
    if certain and name in frame.inputs and name != "input":
        message = f"`{name}` is already the name of what flows into this list"
        ctx.report(Problem("duplicate-id", message, loc, path=name))


def _nesting(first: Node, name: str, loc: Loc) -> Problem:
    """Return the problem of two ids of which one would hold the other."""
    outer, member = sorted((first.name, name), key=len)
    message = f"`{member}` is a member of `{outer}`, which is an entry of this list and cannot hold others"
    marks = [Mark((*first.loc, "id"), f"`{first.name}` here")]
    help = [f"an id is no part of another: name one of them anew, or `{outer}` as a member too"]
    return Problem("duplicate-id", message, loc, path=name, marks=marks, help=help)
