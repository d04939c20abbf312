"""An inline group: a list of its own inside an entry, which reads the names around it.

As a block is one for equal parameters and equal inputs, a group is one for equal values of the names that it reads.
"""

from __future__ import annotations

from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.arguments import no_arguments
from speczoo.compiler.elaborate.frame import WrittenList
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.site import EntrySite


def elaborate_group(e: Elaborator, here: EntrySite, blank: Node) -> Node:
    """Return the node of an inline group. Raises Stop, reported."""
    ctx, item, entry = e.context, here.item, here.item.entry
    no_arguments(here, "an inline group", "layers")
    assert entry.layers is not None
    if len(blank.inputs) != 1:
        message = f"an inline group takes one input, not {len(blank.inputs)}"
        raise here.stop("bad-value", message, here.loc("from"))
    done, key = ctx.session.done, ctx.group_key(item.prepared, item.names, blank.arriving)
    if key in done and not ctx.inactive:
        ctx.step(item.loc, done[key].size)
        return blank.containing(done[key])
    name = str(entry.id) if entry.id is not None else ""
    session = ctx.session
    reported = session.reported, len(session.report.diagnostics)
    with ctx.inside(here.name):
        inputs = [("input", blank.arriving[0])]
        body = e.expand(WrittenList("group", name, entry.layers, here.loc("layers")), item.names, inputs)
    if body.whole and not ctx.partly_refused and reported == (session.reported, len(session.report.diagnostics)):
        done[key] = body
        item.prepared.right = True
    return blank.containing(body)
