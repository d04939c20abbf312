"""The node that an entry becomes, by what it is: a layer, a block, a group, a spec in use, a shared module."""

from __future__ import annotations

from collections.abc import Sequence

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.composite import Node
from speczoo.compiler.dataflow import Operand
from speczoo.compiler.elaborate.arguments import evaluate_arguments
from speczoo.compiler.elaborate.block import elaborate_block
from speczoo.compiler.elaborate.group import elaborate_group
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.layer import elaborate_layer
from speczoo.compiler.elaborate.prepared import takes_shape
from speczoo.compiler.elaborate.prepared_list import place_fields
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.elaborate.share import elaborate_share
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.elaborate.taps import elaborate_taps
from speczoo.compiler.elaborate.use import elaborate_use
from speczoo.compiler.explain.shape_errors import shape_problem
from speczoo.compiler.explain.value_origins import given_at
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.left_out import LEFT_OUT
from speczoo.compiler.synonyms import HOMONYMS, OPS, OPS_ASKED, OPS_ELSEWHERE
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.problem import Mark
from speczoo.specs.suggestions import certain, did_you_mean, spelling, unqualified
from speczoo.specs.wording import printable


def blank_node(
    item: Item, name: str, named: bool, sources: tuple[Operand, ...], arriving: tuple[Value | Unknown, ...]
) -> Node:
    """Return the node of an entry before anything is known of its body."""
    return Node.of(
        {
            **place_fields(name, named, item.entry, item.loc, item.turns),
            "op": "group",
            "inputs": sources,
            "body": None,
            "outputs": (UNKNOWN,),
            "ports": (),
            "shared": None,
            "written": {},
            "scope": item.names,
            "arriving": arriving,
        }
    )


def make_node(e: Elaborator, here: EntrySite, blank: Node) -> Node:
    """Return the node of an entry whose inputs are known. Raises Stop, reported, and UnknownRead."""
    entry = here.item.entry
    if entry.share is not None:
        node = elaborate_share(here, blank)
    elif entry.layers is not None:
        node = elaborate_group(e, here, blank)
    else:
        op = _op(here)
        node = _operation(e, here, blank.replace(op=op, written=here.item.prepared.operation(op).written))
    if entry.taps is not None:
        node = elaborate_taps(here, node)
    if entry.shape is not None and not (isinstance(node.body, Layer) and takes_shape(type(node.body))):
        _check_shape(here, node)
    return node


def _op(here: EntrySite) -> str:
    """Return the name of the op. Raises Stop, reported, and UnknownRead, with the arguments looked at all the same."""
    item = here.item
    if item.prepared.op is not None and not here.ctx.partly_refused:
        return item.prepared.op
    try:
        op = here.evaluate(item.entry.op, "op")
    except (Stop, UnknownRead):
        evaluate_arguments(here, "")
        raise
    if not isinstance(op, str):
        raise here.stop("bad-value", f"`op` must come out as the name of an op, not {op!r}", here.loc("op"))
    return op


def _operation(e: Elaborator, here: EntrySite, blank: Node) -> Node:
    ctx, op = e.context, blank.op
    if ctx.partly_refused and (("blocks", op) in ctx.placeholders or ("use", op) in ctx.placeholders):
        raise Stop
    if op in ctx.unit.spec.blocks:
        return elaborate_block(e, here, blank)
    if op in ctx.unit.spec.use:
        return elaborate_use(e, here, blank)
    if op in Layer.registry:
        return elaborate_layer(here, blank)
    if ("blocks",) in ctx.placeholders or ("use",) in ctx.placeholders:
        raise Stop
    raise _unknown_op(here, op)


def _unknown_op(here: EntrySite, op: str) -> Stop:
    """Report an op that is not there, where its name was given."""
    ctx, item, spec = here.ctx, here.item, here.ctx.unit.spec
    suggested, help = _suggested(op, [*spec.blocks, *spec.use])
    loc, marks = here.loc("op"), []
    if (given := given_at(ctx, here.frame, item, item.entry.op, op)) is not None and ctx.written(given) == op:
        loc, marks = given, [Mark(loc, "used here")]
    return here.stop(
        "unknown-op",
        f"there is no op `{printable(op)}`",
        loc,
        marks=marks,
        help=help,
        replacement=suggested if ctx.written(loc) == op else None,
    )


def _suggested(op: str, chosen: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return what an op can only be, and the help: `chosen` are the names that the spec's author gave."""
    word = unqualified(op)
    known = certain(word, Layer.registry, aliases=OPS) if spelling(op) not in HOMONYMS else None
    if OPS_ASKED.get(spelling(word), known) != known:  # elsewhere `Convolution` is another thing than our `convolution`
        known = None
    candidates = {certain(op, chosen, chosen=True), known} - {None}
    if len(candidates) == 1:
        (only,) = candidates
        return only, (f"did you mean `{only}`?",)
    last = word.rpartition(".")[2]
    if how := HOMONYMS.get(spelling(op)) or OPS_ELSEWHERE.get(spelling(last)) or LEFT_OUT.get(word):
        return None, (how,)
    return None, did_you_mean(last, [*chosen, *Layer.registry], aliases=OPS_ASKED | OPS, limit=0)


def _check_shape(here: EntrySite, node: Node) -> None:
    """Hold the output to the entry's `shape`. Raises Stop, reported, where that is none."""
    problem = shape_problem(node, here.evaluate(here.item.entry.shape, "shape"), here.loc("shape"))
    if problem is None:
        return
    if problem.code != "assertion-failed":
        raise here.ctx.stop(problem)
    here.ctx.report(problem)
