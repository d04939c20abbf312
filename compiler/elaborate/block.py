"""A block where it is used: its parameters bound, its list elaborated for them and for what flows in."""

from __future__ import annotations

from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.arguments import evaluate_arguments, report_arguments, wrong_count
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.parameters import bind
from speczoo.compiler.scope import Scope


def elaborate_block(e: Elaborator, item: Item, blank: Node, scope: Scope) -> Node:
    """Return the node of a block. Raises Stop, reported."""
    ctx, op = e.context, blank.op
    block = ctx.unit.spec.blocks[op]
    wanted = block.inputs or ["input"]
    if len(blank.inputs) != len(wanted):
        if ctx.names_unknown(("blocks", op, "inputs")):
            raise Stop
        raise wrong_count(ctx, item, blank, op, wanted)
    given = evaluate_arguments(ctx, item, op, scope, blank.name)
    arguments, problems = bind(block.params, given, ctx.settings.params, op, ctx.wrong_params(op, given))
    report_arguments(ctx, item, op, blank.name, problems)
    with ctx.inside(blank.name, (*item.loc, "op"), op):
        body = e.block(op, block, arguments, blank.arriving, (*item.loc, "op"))
    return blank.containing(body)
