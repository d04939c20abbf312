"""The straight way to the node of a layer or a block, for an entry that was right before at the same place.

Here is nothing that is reported, explained or guessed. Whatever is not plain (an input that is unknown, arguments that
were not met before, an id that is taken, a shape that the layer does not take) is left to the way step by step, which
comes to the same node, or says what is wrong: nothing is charged on a straight way that leads to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Operand
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.prepared import Prepared, is_plain, is_settled, says_reference
from speczoo.compiler.elaborate.references import edge_of
from speczoo.compiler.elaborate.session import Item, freeze
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, ExpressionError


def straight_node(ctx: Context, frame: Frame, item: Item) -> Node | None:
    """Return the node of a layer or a block; None where it has to be found step by step."""
    prepared = item.prepared
    name = prepared.name or str(frame.count)
    if not prepared.right or not item.certain or name in frame.inputs or name in frame.certain or name in frame.holding:
        return None
    if "." in name and frame.clashing(name) is not None:
        return None
    before = METER.spent
    try:
        node = _node(ctx, frame, item, prepared, name)
    except (ExpressionError, UnknownRead, ShapeError):
        node = None
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
    op = prepared.op or item.names.get(prepared.named)
    if not isinstance(op, str):
        return None
    scope = Scope(item.names, arriving[0] if arriving else None, frame.readable)
    if prepared.when is not None and ctx.session.shared.values.of(prepared.when, scope) is not True:
        return None
    application: Application | None = None
    body: Layer | Composite | None
    if op in ctx.unit.spec.blocks:
        body = _block(ctx, prepared, op, scope, arriving)
    else:
        application = _application(ctx, prepared, op, scope, arriving)
        body = application.body if application is not None else None
    if body is None or METER.spent - ctx.session.shared.metered > ctx.session.limits.work:
        return None
    outputs = body.values if isinstance(body, Composite) else application.outputs if application is not None else ()
    more = body.size if isinstance(body, Composite) else len(outputs) - 1  # each is a value to keep
    if ctx.session.steps + more > ctx.session.limits.nodes:
        return None
    ctx.session.steps += more
    frame.sources, frame.inputs_wrong = sources, False
    node = Node.of(
        name=name,
        op=op,
        inputs=sources,
        body=body,
        outputs=outputs,
        entry=item.entry,
        loc=item.loc,
        key=(item.loc, item.turns),
        ports=_ports(body, outputs),
        shared=None,
        named=prepared.name is not None,
        written=prepared.written(op),
        scope=item.names,
        arriving=arriving,
        taps=None,
        tied=frozenset(),
    )
    if application is not None:
        node.__dict__["application"] = application
    return node


def _ports(body: Layer | Composite, outputs: Sequence[Value | Unknown]) -> tuple[str, ...]:
    """Return the names of outputs, where there may be several."""
    if isinstance(body, Composite):
        return tuple([port.name for port in body.outputs]) if len(body.outputs) > 1 else ()
    return tuple(map(str, range(len(outputs)))) if body.several else ()


def _sources(frame: Frame, prepared: Prepared) -> tuple[Operand, ...] | None:
    """Return where the inputs come from."""
    if prepared.sources is None:
        return (frame.last,) if frame.last is not None else None
    METER.spent += 4 * len(prepared.sources)
    found = tuple([edge_of(frame, text) for text in prepared.sources])
    return found if None not in found else None  # type: ignore[return-value]


def _given(ctx: Context, prepared: Prepared, op: str, scope: Scope) -> Any:
    """Return the arguments of an entry over the spec's defaults, frozen; None where the defaults are to be computed.

    Raises ExpressionError and UnknownRead.
    """
    defaults = ctx.unit.spec.defaults.get(op, {})
    if not all(map(is_plain, defaults.values())):
        return None
    arguments = dict(defaults)
    for key, value, plain, name in prepared.arguments:
        if value is None and key in arguments:
            del arguments[key]
        elif plain:
            arguments[key] = value
        elif name is not None and is_settled(found := scope.names.get(name)):
            arguments[key] = found
        else:
            arguments[key] = ctx.session.shared.values.of(value, scope)
    return freeze(arguments)


def _block(
    ctx: Context, prepared: Prepared, op: str, scope: Scope, arriving: tuple[Value | Unknown, ...]
) -> Composite | None:
    """Return the list of a block, where it was used before with these arguments and what flows in."""
    known = ctx.session.shared.blocks.get(ctx.block_key(op, _given(ctx, prepared, op, scope), arriving))
    if known is None:
        return None
    ctx.session.instantiated.add((id(ctx.unit.spec), op))
    METER.spent += known[1]
    return known[0]


def _application(
    ctx: Context, prepared: Prepared, op: str, scope: Scope, arriving: tuple[Value | Unknown, ...]
) -> Application | None:
    """Return a layer that was found right before with these arguments, applied to what flows in, where it is within the
    limits. Raises ShapeError.
    """
    shared, body = ctx.session.shared, prepared.body
    if body is None:
        layer = Layer.registry.get(op) if op not in ctx.unit.spec.use else None
        if layer is None or says_reference(layer, prepared.entry, ctx.unit.spec):
            return None
        body = shared.layers.get((layer, _given(ctx, prepared, op, scope)))
        if body is None:
            return None
    key = (id(body), arriving)
    known = shared.applied.get(key)
    if known is not None:
        return known
    made = Application.of(body, arriving)  # type: ignore[arg-type]  # nothing of it is unknown
    if made.excess(ctx.session.limits.params):
        return None
    shared.applied[key] = made
    return made
