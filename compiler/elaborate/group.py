"""An inline group: a list of its own inside an entry, which reads the names around it."""

from __future__ import annotations

from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.arguments import no_arguments
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.session import Item
from speczoo.specs.problem import Problem


def elaborate_group(e: Elaborator, item: Item, blank: Node) -> Node:
    """Return the node of an inline group. Raises Stop, reported."""
    ctx, entry = e.context, item.entry
    no_arguments(ctx, item, "an inline group", "layers")
    assert entry.layers is not None
    if len(blank.inputs) != 1:
        message = f"an inline group takes one input, not {len(blank.inputs)}"
        raise ctx.stop(Problem("bad-value", message, (*item.loc, "from"), path=blank.name))
    name = str(entry.id) if entry.id is not None else ""
    with ctx.inside(blank.name):
        inputs = [("input", blank.arriving[0])]
        return blank.containing(e.expand("group", name, entry.layers, (*item.loc, "layers"), item.names, inputs))
