"""A shared module once more: what was made for the first input is held to what flows in here.

Nothing of it is computed anew. A list keeps the entries, the arguments and the connections that it has where it stands;
what comes out of them is inferred again, layer by layer, and what would have to be another module is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node, constant
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.elaborate.arguments import no_arguments, wrong_count
from speczoo.compiler.elaborate.layer import applied, apply, report_shape, within_limits
from speczoo.compiler.elaborate.session import Stop
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.elaborate.unresolved import WrittenReference, unresolved
from speczoo.compiler.explain.shape_errors import resizing
from speczoo.compiler.layer import Call, Layer, ShapeError, Value, show
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.specs.problem import Mark, Problem
from speczoo.specs.wording import enumerated, printed


class OtherModuleError(ShapeError):
    """What flows in would need a module that was made otherwise: what of it differs, and how."""

    def __init__(self, what: str, how: str, *, weights: bool = False) -> None:
        super().__init__("shape-mismatch", f"{what} {how}".strip())
        self.what, self.how, self.weights = what, how, weights

    def of(self, shared: str, path: str) -> ShapeError:
        """Return the error in words, of the module `shared` for its layer at this path (`enc.conv.`; empty for
        itself).
        """
        what = f"{path}{self.what}".rstrip(".")
        if self.weights:
            need = "need other weights here"
        else:
            need, what = "have to be another module here", f"`{what}`"
        return ShapeError(self.problem.code, f"`{shared}` would {need} than where it stands: {what} {self.how}")


class Sharing(NamedTuple):
    """An entry that shares a module, and what it calls that."""

    here: EntrySite
    module: str


def elaborate_share(here: EntrySite, blank: Node) -> Node:
    """Return the node of an entry that shares a module. Raises Stop, reported, and UnknownRead."""
    no_arguments(here, "a shared module", "share")
    wanted = here.evaluate(here.item.entry.share, "share")
    index = _owner(here, wanted)
    target = here.frame.nodes[index]
    blank = blank.replace(op=target.op, shared=index, written=target.written)
    if isinstance(target.body, Layer):
        return _layer_again(here, blank, target, wanted)
    assert isinstance(target.body, Composite)
    if len(blank.inputs) != len(target.body.inputs):
        if here.frame.inputs_wrong:
            raise Stop
        raise wrong_count(here, len(blank.inputs), wanted, [name for name, _ in target.body.inputs])
    body = _list_again(Sharing(here, wanted), target.body, blank.arriving)
    return blank.replace(body=body, outputs=body.values, ports=target.ports)


def _owner(here: EntrySite, wanted: Any) -> int:
    """Return the number of the entry that made the module called so. Raises Stop, reported."""
    frame, loc = here.frame, here.loc("share")
    if not isinstance(wanted, str):
        raise here.stop("bad-value", f"`share` is an id, not {wanted!r}", loc)
    if wanted not in frame.ids and (wanted in frame.inputs or wanted == "input"):
        message = f"`{wanted}` flows into this list: there is no module in it to share"
        help = ["`share` names an entry; what flows in is taken by `from`"]
        raise here.stop("unknown-reference", message, loc, help=help)
    if wanted not in frame.ids:
        raise unresolved(here.ctx, frame, WrittenReference(wanted, loc, here.name, here.item), [wanted])
    index = frame.ids[wanted]
    node = frame.nodes[index]
    if node.body is None:
        if UNKNOWN in node.outputs:
            raise Stop
        message = f"`{wanted}` was left out by its `when`: there is no module to share"
        raise here.stop("bad-value", message, loc)
    index = node.maker(index)
    node = frame.nodes[index]
    if isinstance(node.body, Layer):
        if UNKNOWN in node.arriving:
            raise Stop
        if not has_module(node):
            message = f"`{wanted}` is a function and has nothing to share: write it again"
            raise here.stop("bad-value", message, loc)
    return index


def has_module(node: Node) -> bool:
    """Return whether a layer that is whole is a module of its own, which others may share."""
    return node.call.target is not None and not node.call.parameter


def _layer_again(here: EntrySite, blank: Node, target: Node, wanted: str) -> Node:
    """Return the one layer that an entry made, on what flows in here."""
    assert isinstance(target.body, Layer)
    if UNKNOWN in blank.arriving:
        return apply(here, blank, target.body)
    known, key = here.ctx.session.shared.again, (target.application, blank.arriving)
    if key in known:
        return applied(here, blank, known[key])
    try:
        made = again(target, blank.arrived)
    except ShapeError as error:
        report_shape(here, blank, target.body, _in_words(wanted, error))
        raise Stop from None
    node = within_limits(here, blank, made)
    known[key] = made
    return node


def _list_again(sharing: Sharing, first: Composite, values: tuple[Value | Unknown, ...], path: str = "") -> Composite:
    """Return a list that an entry made, on what flows in here.

    Raises Stop, reported, where a layer in it does not take that; raises Halt, reported, where it grows too large.
    """
    if values == tuple(value for _, value in first.inputs):
        return first
    ctx, loc = sharing.here.ctx, sharing.here.loc("share")
    known = ctx.session.done
    key = (first, values)
    if key in known:
        ctx.step(loc, known[key].size)
        return known[key]
    ctx.reserve(loc, len(first.nodes))
    nodes: list[Node] = []
    for node in first.nodes:
        ctx.step(loc)
        ctx.session.shared.entries += 1
        arriving = tuple(_flowing(source, values, nodes) for source in node.inputs)
        nodes.append(_node_again(sharing, node, arriving, first, path))
    named = zip((name for name, _ in first.inputs), values, strict=True)
    done = known[key] = replace(first, inputs=tuple(named), nodes=tuple(nodes))
    return done


def _node_again(
    sharing: Sharing, node: Node, arriving: tuple[Value | Unknown, ...], holder: Composite, path: str
) -> Node:
    blank = node.replace(arriving=arriving)
    if UNKNOWN in arriving or UNKNOWN in node.outputs:
        return blank.replace(outputs=(UNKNOWN,) * len(node.outputs))
    if node.body is None:
        return blank.replace(outputs=arriving[:1])
    if isinstance(node.body, Composite):
        body = _list_again(sharing, node.body, arriving, f"{path}{node.name}.")
        return blank.replace(body=body, outputs=body.values)
    try:
        made = again(node, blank.arrived)
        same_text(node, made)
    except ShapeError as error:
        raise sharing.here.ctx.stop(_problem_inside(sharing, blank, holder, path, error)) from None
    return within_limits(sharing.here, blank, made)


def _flowing(source: Operand, values: tuple[Value | Unknown, ...], nodes: Sequence[Node]) -> Value | Unknown:
    if not isinstance(source, Edge):
        return constant(source)
    return values[source.port] if source.node == INPUT else nodes[source.node].outputs[source.port]


def _problem_inside(sharing: Sharing, node: Node, holder: Composite, path: str, refused: ShapeError) -> Problem:
    """Return the problem that a layer of a shared list, at `path` in it, does not take what flows in: placed at the
    entry that shares the list.
    """
    error = _in_words(sharing.module, refused, f"{path}{node.name}.")
    flows = f"{enumerated([show(shape) for shape in node.shapes])} flow{'s' * (len(node.arriving) == 1)}"
    place = (*node.loc, "op" if node.entry.op is not None else "share")
    elsewhere = holder.unit.document if holder.unit is not sharing.here.ctx.unit else None
    resizes = error.problem.code == "empty-output"
    return Problem(
        error.problem.code,
        error.problem.message,
        sharing.here.loc("share"),
        path=f"{sharing.here.name}.{path}{node.name}",
        marks=[Mark(place, f"{flows} in here", elsewhere)],
        notes=error.problem.notes,
        help=error.problem.help if resizes else [*error.problem.help, *error.size_help],
        fixes=resizing(error) if resizes else (),
    )


# -- whether it is the same module ------------------------------------------------------------------------------------


def again(node: Node, arriving: tuple[Value, ...]) -> Application:
    """Return a layer as it was made, applied where these flow in. Raises ShapeError."""
    body = node.application.body
    made = Application.of(body.as_made(*node.arrived), arriving)
    if made is node.application:
        return made
    stated = None
    try:
        _ = made.outputs
    except ShapeError as error:
        if error.problem.code != "assertion-failed" or error.argument not in body.derives:
            raise
        stated = error.argument
    there, wanted = ({**body.weights(*x), **body.buffers(*x)} for x in (node.shapes, made.shapes))
    for key in {**there, **wanted} if there != wanted else ():
        if there.get(key) != wanted.get(key):
            raise OtherModuleError(
                key, f"is {_shown(there.get(key))} there and {_shown(wanted.get(key))} here", weights=True
            )
    if stated is not None:
        there, wanted = (body.derived(*x) for x in (node.shapes, made.shapes))
        raise OtherModuleError(stated, f"is {_shown(there[stated])} there and {_shown(wanted[stated])} here")
    _check_same(node.call, made.call)
    return made


def _check_same(there: Call, here: Call) -> None:
    """Raise OtherModuleError where the module would have to be made with another argument."""
    for name, value in there.args.items():
        if here.args.get(name, value) != value:
            raise OtherModuleError(name, f"is {_shown(value)} there and {_shown(here.args[name])} here")


def same_text(node: Node, made: Application) -> None:
    """Raise OtherModuleError where a layer of a list is not applied by the text that the list has."""
    there, here, outputs = node.call, made.call, made.outputs
    if outputs and len(outputs) != len(node.outputs):
        raise OtherModuleError("", f"has {len(node.outputs)} outputs there and {len(outputs)} here")
    if there == here:
        return
    for before, shape in zip(node.shapes, made.shapes, strict=True):
        if len(before) != len(shape):
            raise OtherModuleError("", f"takes {len(before)} axes besides the batch there and {len(shape)} here")
    raise OtherModuleError("", "has other inputs without a batch axis there than here")


def _in_words(shared: str, error: ShapeError, path: str = "") -> ShapeError:
    """Return an error as it is reported where a module is shared."""
    return error.of(shared, path) if isinstance(error, OtherModuleError) else error


def _shown(value: Any) -> str:
    return "missing" if value is None else show(value) if isinstance(value, tuple) else printed(value)
