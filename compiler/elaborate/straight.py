"""The straight way to the node of an entry that is right.

Here is nothing that is reported, explained or guessed. Whatever is not plain (an input that is unknown, an id that is
taken, a shape that the layer does not take, a list where the entry was not right before) is left to the way step by
step, which comes to the same node, or says what is wrong: nothing is charged on a straight way that leads to none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge, Operand
from speczoo.compiler.elaborate.block import elaborate_block
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.group import elaborate_group
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.layer import right_layer
from speczoo.compiler.elaborate.prepared import Operation, Prepared, is_plain, is_settled, wrong_id
from speczoo.compiler.elaborate.references import edge_of
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.elaborate.use import elaborate_use
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, ExpressionError


def straight_node(e: Elaborator, frame: Frame, item: Item) -> Node | None:
    """Return the node of an entry; None where it has to be found step by step."""
    ctx, prepared = e.context, item.prepared
    if not prepared.simple or not item.certain or ctx.torn:
        return None
    before, name, made = METER.spent, None, None
    try:
        if (name := _name(ctx, frame, item, prepared)) is not None:
            made = _made(ctx, frame, item, prepared)
    except (ExpressionError, UnknownRead, ShapeError):
        pass
    if name is None or made is None or not _affordable(ctx, made):
        METER.spent = before
        return None
    frame.sources, frame.inputs_wrong = made.sources, False
    if made.given is not None:
        return _elaborated(e, frame, item, name, made)
    ctx.session.steps += made.layers
    ctx.session.shared.entries += made.entries
    return _node(item, name, made)


def _name(ctx: Context, frame: Frame, item: Item, prepared: Prepared) -> str | None:
    """Return what the entry is called, where nothing else is. Raises ExpressionError and UnknownRead."""
    name: Any = prepared.name
    if name is None and prepared.entry.id is not None:
        name = ctx.session.shared.values.of(prepared.entry.id, Scope(item.names, inputs=frame.readable))
        name = str(name) if type(name) is int else name
        if not isinstance(name, str) or wrong_id(prepared.entry, name) is not None:
            return None
    elif name is None:
        name = str(frame.count)
    if name in frame.inputs or name in frame.certain or name in frame.holding:
        return None
    return name if "." not in name or frame.clashing(name) is None else None


class Made(NamedTuple):
    """What an entry comes to."""

    op: str
    sources: tuple[Operand, ...]
    arriving: tuple[Value | Unknown, ...]
    written: Mapping[str, Any]
    body: Layer | Composite | None = None
    outputs: tuple[Value | Unknown, ...] = ()
    application: Application | None = None
    layers: int = 0  # what it is charged for
    entries: int = 0
    given: Mapping[str, Any] | None = None  # the arguments of a list that was not met before, and is not made yet


def _node(item: Item, name: str, made: Made) -> Node:
    """Return the node of an entry that was found straight."""
    node = Node.of(
        name=name,
        op=made.op,
        inputs=made.sources,
        body=made.body,
        outputs=made.outputs,
        entry=item.entry,
        loc=item.loc,
        key=(item.loc, item.turns),
        ports=_ports(made.body, made.outputs),
        shared=None,
        named=item.entry.id is not None,
        written=made.written,
        scope=item.names,
        arriving=made.arriving,
        taps=None,
        tied=frozenset(),
    )
    if made.application is not None:
        node.__dict__["application"] = made.application
    return node


def _elaborated(e: Elaborator, frame: Frame, item: Item, name: str, made: Made) -> Node:
    """Return the node of an entry whose list is elaborated now; a placeholder where that is wrong, and reported."""
    blank = _node(item, name, made)
    try:
        if item.entry.layers is not None:
            return elaborate_group(e, item, blank)
        scope = Scope(item.names, made.arriving[0] if made.arriving else None, frame.readable)
        elaborate = elaborate_block if made.op in e.context.unit.spec.blocks else elaborate_use
        return elaborate(e, item, blank, scope, made.given)
    except (Stop, UnknownRead):
        return frame.placeholder(item.entry, item.loc, item.turns, name, named=blank.named, inputs=made.sources)


def _affordable(ctx: Context, made: Made) -> bool:
    """Return whether what an entry comes to, and finding it, are within the limits."""
    session = ctx.session
    within = METER.spent - session.shared.metered <= session.limits.work
    return within and session.steps + made.layers <= session.limits.nodes


def _made(ctx: Context, frame: Frame, item: Item, prepared: Prepared) -> Made | None:
    """Return what an entry comes to. Raises ExpressionError, UnknownRead and ShapeError."""
    sources = _sources(frame, prepared)
    if sources is None:
        return None
    arriving = tuple([frame.value(source) for source in sources])
    if UNKNOWN in arriving:
        return None
    scope = Scope(item.names, arriving[0] if arriving else None, frame.readable)
    there = prepared.when is None or ctx.session.shared.values.of(prepared.when, scope)
    if there is False:
        return _left_out(ctx, item, sources, arriving)
    if there is not True:
        return None
    if prepared.entry.layers is not None:
        return _group(ctx, item, prepared, sources, arriving)
    op = prepared.op or item.names.get(prepared.named)
    if not isinstance(op, str):
        return None
    operation = prepared.operation(op)
    if not prepared.right:
        if operation.computes and op not in ctx.defaults:
            return None
        _check_names(ctx, frame, item, operation, scope)
    if op in ctx.unit.spec.blocks or op in ctx.unit.spec.use:
        made = _list(ctx, prepared, op, operation, scope, sources, arriving)
    else:
        made = _layer(ctx, prepared, op, operation, scope, sources, arriving)
    return made


def _left_out(ctx: Context, item: Item, sources: Sequence[Operand], arriving: Sequence[Value | Unknown]) -> Made | None:
    """Return what an entry comes to that `when` leaves out: its first input."""
    if not arriving or not isinstance(sources[0], Edge) or not ctx.sound(item.loc):
        return None
    first = (arriving[0],)
    return Made(item.entry.op or "group", (sources[0],), first, {}, outputs=first)


def _group(
    ctx: Context, item: Item, prepared: Prepared, sources: tuple[Operand, ...], arriving: tuple[Value | Unknown, ...]
) -> Made | None:
    """Return what an inline group comes to."""
    if not prepared.right:
        return None  # what it reads is not known yet, and reading is charged for on the way step by step
    group = ctx.session.done.get(ctx.group_key(prepared, item.names, arriving))
    if group is None:
        return Made("group", sources, arriving, {}, given={})
    return Made("group", sources, arriving, {}, group, group.values, layers=group.size)


def _list(
    ctx: Context,
    prepared: Prepared,
    op: str,
    operation: Operation,
    scope: Scope,
    sources: tuple[Operand, ...],
    arriving: tuple[Value | Unknown, ...],
) -> Made | None:
    """Return what a block or a spec in use comes to. Raises ExpressionError and UnknownRead."""
    given = _given(ctx, operation, op, scope)
    if given is None:
        return None
    known = ctx.session.shared.lists.get(ctx.list_key(op, given, arriving))
    if known is None:  # an op that is written once is as right in what hangs on no argument as it was
        again = prepared.right and prepared.op is not None
        return Made(op, sources, arriving, operation.written, given=given) if again else None
    ctx.session.instantiated.add((id(ctx.unit.spec), op))
    METER.spent += known.work
    prepared.right = True
    body = known.body
    return Made(op, sources, arriving, operation.written, body, body.values, layers=body.size, entries=known.entries)


def _layer(
    ctx: Context,
    prepared: Prepared,
    op: str,
    operation: Operation,
    scope: Scope,
    sources: tuple[Operand, ...],
    arriving: tuple[Value | Unknown, ...],
) -> Made | None:
    """Return what a layer comes to. Raises ExpressionError, UnknownRead and ShapeError."""
    body = prepared.body
    if body is None and operation.layer is not None:
        given = _given(ctx, operation, op, scope)
        body = right_layer(ctx, operation.layer, given) if given is not None else None
    application = _applied(ctx, body, arriving) if body is not None else None
    if application is None:
        return None
    METER.spent += application.work
    if prepared.body is None and prepared.op is not None and operation.constant:
        prepared.body = body
    prepared.right = True
    outputs = application.outputs
    more = len(outputs) - 1  # each is a value to keep
    return Made(op, sources, arriving, operation.written, body, outputs, application, more)


def _check_names(ctx: Context, frame: Frame, item: Item, operation: Operation, scope: Scope) -> None:
    """Raise ExpressionError where an expression of an entry reads what is not there, whether or not its turn comes."""
    entry, loc = item.entry, item.loc
    own = [(argument.key, argument.value) for argument in operation.arguments if not argument.default]
    for key, value, around in (
        ("id", entry.id, Scope(item.names, inputs=frame.readable)),
        ("when", entry.when, scope),
        ("op", entry.op, scope),
        *((key, value, scope) for key, value in own),
    ):
        if not is_plain(value):
            ctx.check_names(value, around, (*loc, key))


def _ports(body: Layer | Composite | None, outputs: Sequence[Value | Unknown]) -> tuple[str, ...]:
    """Return the names of outputs, where there may be several."""
    if isinstance(body, Composite):
        return tuple([port.name for port in body.outputs]) if len(body.outputs) > 1 else ()
    return tuple(map(str, range(len(outputs)))) if body is not None and body.several else ()


def _sources(frame: Frame, prepared: Prepared) -> tuple[Operand, ...] | None:
    """Return where the inputs come from."""
    if prepared.sources is None:
        return (frame.last,) if frame.last is not None else None
    METER.spent += 4 * len(prepared.sources)
    found = tuple([edge_of(frame, text) for text in prepared.sources])
    return found if None not in found else None  # type: ignore[return-value]


def _given(ctx: Context, operation: Operation, op: str, scope: Scope) -> dict[str, Any] | None:
    """Return the arguments of an entry over the spec's defaults; None where these were not computed yet. Raises
    ExpressionError and UnknownRead.
    """
    given = {}
    for key, value, plain, name, default in operation.arguments:
        if plain:
            given[key] = value
        elif name is not None and is_settled(found := (ctx.names if default else scope.names).get(name)):
            given[key] = found
        elif not default:
            given[key] = ctx.session.shared.values.of(value, scope)
        elif op in ctx.defaults:
            given[key] = ctx.defaults[op][key]
        else:
            return None
    return given


def _applied(ctx: Context, body: Layer, arriving: tuple[Value | Unknown, ...]) -> Application | None:
    """Return a layer applied to what flows in, where it is within the limits. Raises ShapeError."""
    applied = ctx.session.shared.applied
    key = (id(body), arriving)
    known = applied.get(key)
    if known is not None:
        return known
    made = Application.of(body, arriving)  # type: ignore[arg-type]  # nothing of it is unknown
    if made.excess(ctx.session.limits.params):
        return None
    applied[key] = made
    return made
