"""A block where it is used: its parameters bound, its list elaborated for them and for what flows in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.arguments import evaluate_arguments, report_arguments, wrong_count
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.loops import comprehended
from speczoo.compiler.elaborate.session import Elaborated, Stop, freeze
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.parameters import bind
from speczoo.compiler.scope import Scope, layered
from speczoo.specs.expression import METER
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.reserved_names import bad_input
from speczoo.specs.spec import Block
from speczoo.specs.wording import printable


def elaborate_block(e: Elaborator, here: EntrySite, blank: Node, given: Mapping[str, Any] | None = None) -> Node:
    """Return the node of a block; `given` are its arguments where they are known to be right. Raises Stop, reported."""
    ctx, op, loc = e.context, blank.op, here.loc("op")
    block = ctx.unit.spec.blocks[op]
    inputs = block.fixed_inputs
    if inputs is not None and len(inputs) != len(blank.inputs):
        raise _wrong_count(here, blank, inputs)
    if given is None:
        given = evaluate_arguments(here, op)
    frozen = freeze(given)
    arguments, problems, work = _bound(ctx, op, block, given, frozen)
    report_arguments(here, op, problems)
    if inputs is None:
        with ctx.inside(here.name, loc, op):
            inputs = inputs_of(ctx, op, block, arguments)
        if len(inputs) != len(blank.inputs):
            raise _wrong_count(here, blank, inputs)
    with ctx.inside(here.name, loc, op):
        body = e.block(op, block, arguments, list(zip(inputs, blank.arriving, strict=True)), loc)
    if not problems and not ctx.partly_refused:
        ctx.session.shared.lists[ctx.list_key(op, frozen, blank.arriving)] = Elaborated(body, work)
        here.item.prepared.right = True
    return blank.containing(body)


def _wrong_count(here: EntrySite, blank: Node, wanted: Sequence[str]) -> Stop:
    """Report that a block takes another number of inputs, unless these are not all known."""
    unknown = here.ctx.names_unknown(("blocks", blank.op, "inputs"))
    return Stop() if unknown else wrong_count(here, len(blank.inputs), blank.op, wanted)


def inputs_of(ctx: Context, op: str, block: Block, arguments: Mapping[str, Any]) -> list[str]:
    """Return what flows into a block with these arguments, by name. Raises Stop, reported, and UnknownRead."""
    names = layered(ctx.names, arguments)
    found: dict[str, Loc] = {}
    for i, written in enumerate(block.inputs or ()):
        loc: Loc = ("blocks", op, "inputs", i)
        if isinstance(written, str):
            _take(ctx, op, block, written, loc, found)
            continue
        for turn in comprehended(ctx, written.for_, loc, names, {}):
            got = ctx.evaluate(written.id, Scope(turn), (*loc, "id"))
            _take(ctx, op, block, str(got), (*loc, "id"), found)
    if not found:
        raise ctx.stop(Problem("bad-value", f"nothing flows into `{op}` here", ("blocks", op, "inputs")))
    return list(found)


def _take(ctx: Context, op: str, block: Block, name: str, loc: Loc, found: dict[str, Loc]) -> None:
    """Add the name of an input to those of a block. Raises Stop, reported, for what cannot be one."""
    if name in found or name in block.params:
        other = f"an input of `{op}`" if name in found else "a parameter"
        raise ctx.stop(Problem("duplicate-id", f"`{name}` is already {other}", loc))
    if name != "input" and (why := bad_input(name)):
        raise ctx.stop(Problem("bad-value", f"`{printable(name)}` cannot be the name of an input: {why}", loc))
    found[name] = loc


def _bound(
    ctx: Context, op: str, block: Block, given: Mapping[str, Any], frozen: Any
) -> tuple[Mapping[str, Any], list[Problem], int]:
    """Return the block's parameters and what is wrong with them, as `bind` does, and the work that they took; for equal
    arguments that are right, bound once and charged for again.
    """
    known, names, reads = ctx.session.shared.bound, ctx.names, ctx.unit.spec.read_by_defaults[op]
    read = freeze({name: names[name] for name in reads if name in names}) if reads else None
    key = (id(ctx.unit.spec), op, frozen, read)
    if (found := known.get(key)) is not None:
        METER.spent += found[1]
        return found[0], [], found[1]
    before = METER.spent
    bound, problems = bind(block.params, given, names, op, ctx.wrong_params(op, given))
    work = METER.spent - before
    if not problems:
        known[key] = bound, work
    return bound, problems, work
