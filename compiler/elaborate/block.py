"""A block where it is used: its parameters bound, its list elaborated for them and for what flows in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.arguments import evaluate_arguments, report_arguments, wrong_count
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.session import Item, Stop, freeze
from speczoo.compiler.parameters import bind
from speczoo.compiler.scope import Scope
from speczoo.specs.expression import METER
from speczoo.specs.problem import Problem
from speczoo.specs.spec import Block


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
    arguments, problems = _bound(ctx, op, block, given)
    report_arguments(ctx, item, op, blank.name, problems)
    with ctx.inside(blank.name, (*item.loc, "op"), op):
        body = e.block(op, block, arguments, blank.arriving, (*item.loc, "op"))
    return blank.containing(body)


def _bound(ctx: Context, op: str, block: Block, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Problem]]:
    """Return the block's parameters and what is wrong with them, as `bind` does; for equal arguments that are right,
    bound once and charged for again.
    """
    key = (op, freeze(given))
    if key in ctx.bound:
        arguments, work = ctx.bound[key]
        METER.spent += work
        return arguments, []
    before = METER.spent
    bound, problems = bind(block.params, given, ctx.settings.params, op, ctx.wrong_params(op, given))
    if not problems:
        ctx.bound[key] = bound, METER.spent - before
    return bound, problems
