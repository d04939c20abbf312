"""The straight way to the node of a layer, for an entry that was right before at the same place.

Here is nothing that is reported, explained or guessed. Whatever is not plain (an input that is unknown, arguments that
were not met before, an id that is taken, a shape that the layer does not take) is left to the way step by step, which
comes to the same node, or says what is wrong: nothing is charged on a straight way that leads to none.
"""

from __future__ import annotations

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Node
from speczoo.compiler.dataflow import Operand
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.prepared import Prepared, is_plain, is_settled
from speczoo.compiler.elaborate.references import edge_of
from speczoo.compiler.elaborate.session import Item, freeze
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, ExpressionError


def straight_node(ctx: Context, frame: Frame, item: Item) -> Node | None:
    """Return the node of a layer; None where it has to be found step by step."""
    prepared = item.prepared
    name = prepared.name or str(frame.count)
    if not prepared.right or not item.certain or name in frame.certain or name in frame.inputs:
        return None
    before = METER.spent
    node = _node(ctx, frame, item, prepared, name)
    if node is None:
        METER.spent = before
    return node


def _node(ctx: Context, frame: Frame, item: Item, prepared: Prepared, name: str) -> Node | None:
    sources = _sources(frame, prepared)
    if sources is None:
        return None
    arriving = tuple([frame.value(source) for source in sources])
    if UNKNOWN in arriving:
        return None
    body = prepared.body or _body(ctx, prepared, Scope(item.names, arriving[0] if arriving else None, frame.readable))
    application = _application(ctx, body, arriving) if body is not None else None
    if application is None:
        return None
    frame.sources, frame.inputs_wrong = sources, False
    outputs = application.outputs
    if len(outputs) > 1:
        ctx.step(item.loc, len(outputs) - 1)  # each is a value to keep
    node = Node.of(
        name=name,
        op=prepared.op,
        inputs=sources,
        body=application.body,
        outputs=outputs,
        entry=item.entry,
        loc=item.loc,
        key=(item.loc, item.turns),
        ports=tuple(map(str, range(len(outputs)))) if application.body.outputs else (),
        shared=None,
        named=prepared.name is not None,
        written=prepared.written(prepared.op or ""),
        scope=item.names,
        arriving=arriving,
    )
    node.__dict__["application"] = application
    return node


def _sources(frame: Frame, prepared: Prepared) -> tuple[Operand, ...] | None:
    """Return where the inputs come from."""
    if prepared.sources is None:
        return (frame.last,) if frame.last is not None else None
    METER.spent += 4 * len(prepared.sources)
    found = tuple([edge_of(frame, text) for text in prepared.sources])
    return found if None not in found else None  # type: ignore[return-value]


def _body(ctx: Context, prepared: Prepared, scope: Scope) -> Layer | None:
    """Return the layer with its arguments, where it was found right before."""
    assert prepared.op is not None
    defaults = ctx.unit.spec.defaults.get(prepared.op, {})
    if not all(map(is_plain, defaults.values())):
        return None
    arguments = dict(defaults)
    try:
        for key, value, plain, name in prepared.arguments:
            if value is None and key in arguments:
                del arguments[key]
            elif plain:
                arguments[key] = value
            elif name is not None and is_settled(found := scope.names.get(name)):
                arguments[key] = found
            else:
                arguments[key] = ctx.session.shared.values.of(value, scope)
    except (ExpressionError, UnknownRead):
        return None
    if METER.spent - ctx.session.shared.metered > ctx.session.limits.work:
        return None
    return ctx.session.shared.layers.get((prepared.layer, freeze(arguments)))


def _application(ctx: Context, body: Layer, arriving: tuple[Value | Unknown, ...]) -> Application | None:
    """Return the layer applied to what flows in, where it takes that and is within the limits."""
    key, applied = (id(body), arriving), ctx.session.shared.applied
    found = applied.get(key)
    if found is None:
        made = Application.of(body, arriving)  # type: ignore[arg-type]  # nothing of it is unknown
        try:
            excess = made.excess(ctx.session.limits.params)
        except ShapeError:
            return None
        if excess:
            return None
        found = applied[key] = made
    return found
