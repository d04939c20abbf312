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
    frozen = freeze(given)
    arguments, problems, work = _bound(ctx, op, block, given, frozen)
    report_arguments(ctx, item, op, blank.name, problems)
    with ctx.inside(blank.name, (*item.loc, "op"), op):
        body = e.block(op, block, arguments, blank.arriving, (*item.loc, "op"))
    if not problems and not ctx.torn:
        ctx.session.shared.blocks[ctx.block_key(op, frozen, blank.arriving)] = body, work
        item.prepared.right = item.prepared.simple
    return blank.containing(body)


def _bound(
    ctx: Context, op: str, block: Block, given: Mapping[str, Any], frozen: Any
) -> tuple[Mapping[str, Any], list[Problem], int]:
    """Return the block's parameters and what is wrong with them, as `bind` does, and the work that they took; for equal
    arguments that are right, bound once and charged for again.
    """
    known = ctx.bound.get((op, frozen))
    if known is not None:
        METER.spent += known[1]
        return known[0], [], known[1]
    before = METER.spent
    bound, problems = bind(block.params, given, ctx.settings.params, op, ctx.wrong_params(op, given))
    work = METER.spent - before
    if not problems:
        ctx.bound[op, frozen] = bound, work
    return bound, problems, work
