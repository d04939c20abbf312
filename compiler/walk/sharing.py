"""A shared module once more: what was made for the first input is held to what flows in here.

Nothing of it is computed anew. A list keeps the entries, the arguments and the connections that it has where it stands;
what comes out of them is inferred again, layer by layer, and what would have to be another module is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from compiler.walk.applying import Applying
from compiler.walk.session import Doubt, Item, Sized, Stop

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import printed
from compiler.graph import INPUT, Composite, Edge, Node, Source, constant
from compiler.layer import Call, Layer, ShapeError, Value, show
from compiler.scope import Scope
from specs.diagnostics import Label
from specs.suggest import certain, did_you_mean
from specs.words import enumerated, printable


class Another(ShapeError):
    """What flows in would need a module that was made otherwise: what of it differs, and how."""

    def __init__(self, what: str, how: str, *, weights: bool = False) -> None:
        super().__init__("shape-mismatch", f"{what} {how}".strip())
        self.what, self.how, self.weights = what, how, weights

    def of(self, shared: str, path: str) -> ShapeError:
        """The refusal in words, of the module `shared` for its layer at this path (`enc.conv.`; empty for itself)."""
        what = f"{path}{self.what}".rstrip(".")
        if self.weights:
            need = "need other weights here"
        else:
            need, what = "have to be another module here", f"`{what}`"
        return ShapeError(self.code, f"`{shared}` would {need} than where it stands: {what} {self.how}")


class Unfit(Exception):
    """A layer of a shared list does not take what flows in: where it stands in the list, and what arrives."""

    def __init__(
        self, error: ShapeError, path: str, node: Node, arriving: tuple[Value, ...], holder: Composite
    ) -> None:
        super().__init__(error.message)
        self.error, self.path, self.node, self.arriving, self.holder = error, path, node, arriving, holder


class Sharing(Applying):
    """Makes the node of an entry that shares a module."""

    def extra(self, item: Item, what: str, kind: str) -> None:
        """Arguments have no place on groups and shared modules."""
        for key in item.entry.arguments:
            self.walk.tell(
                "unknown-key",
                f"{what} has no `{printable(key)}`",
                (*item.loc, key),
                key=True,
                help=did_you_mean(key, ("id", kind, "for", "when", "from", "taps", "shape")),
                meant=certain(key, ("id", "for", "when", "from", "taps", "shape")),
            )
        if item.entry.arguments:
            raise Doubt

    def shares(self, item: Item, blank: Node, scope: Scope) -> Node:
        self.extra(item, "a shared module", "share")
        wanted = self.walk.evaluate(item.entry.share, scope, (*item.loc, "share"), blank.name)
        index = self.owner(item, blank, wanted)
        target = self.nodes[index]
        blank = blank.but(op=target.op, shared=index, written=target.written)
        if isinstance(target.body, Layer):
            return self.layer_again(item, blank, target, target.body, wanted)
        assert isinstance(target.body, Composite)
        if len(blank.inputs) != len(target.body.inputs) and not self.misled:
            raise self.count_differs(item, blank, wanted, [name for name, _ in target.body.inputs])
        try:
            body = self.list_again(item, target.body, blank.arriving)
        except Unfit as unfit:
            raise self.unfit(item, blank, wanted, unfit) from None
        return blank.but(body=body, outputs=body.values, ports=target.ports)

    def owner(self, item: Item, blank: Node, wanted: Any) -> int:
        """The number of the entry that made the module called so. Raises Stop."""
        walk, loc = self.walk, (*item.loc, "share")
        if not isinstance(wanted, str):
            raise walk.stop("bad-value", f"`share` is an id, not {wanted!r}", loc, path=blank.name)
        if wanted not in self.ids and (wanted in self.inputs or wanted == "input"):
            raise walk.stop(
                "unknown-reference",
                f"`{wanted}` flows into this list: there is no module in it to share",
                loc,
                path=blank.name,
                help=["`share` names an entry; what flows in is taken by `from`"],
            )
        if wanted not in self.ids:
            raise self.unknown(wanted, wanted, loc, blank.name, item)
        index = self.ids[wanted]
        node = self.nodes[index]
        if node.body is None:
            if None in node.outputs:
                raise Stop
            message = f"`{wanted}` was left out by its `when`: there is no module to share"
            raise walk.stop("bad-value", message, loc, path=blank.name)
        if node.shared is not None:
            index = node.shared
            node = self.nodes[index]
        if not isinstance(node.body, Layer):
            return index
        if None in node.arriving:
            raise Stop
        call = node.body.call(*node.arrived)
        if call.target is None or call.parameter:
            message = f"`{wanted}` is a function and has nothing to share: write it again"
            raise walk.stop("bad-value", message, loc, path=blank.name)
        return index

    def layer_again(self, item: Item, blank: Node, target: Node, body: Layer, wanted: str) -> Node:
        """The one layer that an entry made, on what flows in here."""
        if None in blank.arriving:
            return self.applied(item, blank, body)
        try:
            made, outputs = again(target, body, blank.arrived)
            same_module(body.call(*target.arrived), made.call(*blank.arrived))
        except ShapeError as error:
            self.refused(item, blank, body, told_of(wanted, error))
            raise Stop from None
        return self.within(item, blank, made, outputs)

    def list_again(self, item: Item, first: Composite, values: tuple[Value | None, ...], path: str = "") -> Composite:
        """A list that an entry made, on what flows in here. Raises Unfit; raises Stop, told, where it grows too
        large."""
        if values == tuple(value for _, value in first.inputs):
            return first
        walk, loc = self.walk, (*item.loc, "share")
        key = (first, values)
        if key in walk.session.done:
            walk.step(loc, walk.session.done[key].size)
            return walk.session.done[key]
        walk.room(loc, len(first.nodes))
        nodes: list[Node] = []
        for node in first.nodes:
            walk.step(loc)
            walk.session.shared.entries += 1
            arriving = tuple(_flowing(source, values, nodes) for source in node.inputs)
            nodes.append(self.node_again(item, node, arriving, first, path))
        named = zip((name for name, _ in first.inputs), values, strict=True)
        done = walk.session.done[key] = replace(first, inputs=tuple(named), nodes=tuple(nodes))
        return done

    def node_again(
        self, item: Item, node: Node, arriving: tuple[Value | None, ...], holder: Composite, path: str
    ) -> Node:
        blank = node.but(arriving=arriving)
        if None in arriving or None in node.outputs:
            return blank.but(outputs=(None,) * len(node.outputs))
        if node.body is None:
            return blank.but(outputs=arriving[:1])
        if isinstance(node.body, Composite):
            body = self.list_again(item, node.body, arriving, f"{path}{node.name}.")
            return blank.but(body=body, outputs=body.values)
        try:
            made, outputs = again(node, node.body, blank.arrived)
            same_text(node, made, blank.arrived, outputs)
        except ShapeError as error:
            raise Unfit(error, path + node.name, node, blank.arrived, holder) from None
        return self.within(item, blank, made, outputs)

    def unfit(self, item: Item, blank: Node, wanted: str, unfit: Unfit) -> Stop:
        """Tells at the entry that shares a list which layer in it does not take what flows in, and where that is."""
        walk, error, loc = self.walk, told_of(wanted, unfit.error, f"{unfit.path}."), (*item.loc, "share")
        flows = f"{enumerated([show(value.shape) for value in unfit.arriving])} flow{'s' * (len(unfit.arriving) == 1)}"
        document, node = unfit.holder.unit.document, unfit.node
        place = document.span((*node.loc, "op" if node.entry.op is not None else "share"))
        elsewhere = document.source.name if unfit.holder.unit is not walk.unit else None
        diagnostic = walk.tell(
            error.code,
            error.message,
            loc,
            path=f"{blank.name}.{unfit.path}",
            labels=[Label(place, f"{flows} in here", elsewhere)] if place else [],
            notes=error.notes,
            help=error.help,
        )
        if error.code == "empty-output":
            walk.session.sized.append(Sized(diagnostic, ""))
        return Stop()


def again(node: Node, body: Layer, arriving: tuple[Value, ...]) -> tuple[Layer, tuple[Value, ...]]:
    """A layer as it was made, and what comes out of it where these flow in; nothing where that is beyond all numbers.
    Raises ShapeError."""
    made = body.as_made(*node.arrived)
    here = tuple(value.shape for value in arriving)
    stated = None
    try:
        outputs = made.apply(*arriving)
    except OverflowError:
        outputs = ()
    except ShapeError as error:
        if error.code != "assertion-failed" or error.argument not in body.derives:
            raise
        stated = error.argument
    there, wanted = ({**body.weights(*x), **body.buffers(*x)} for x in (node.shapes, here))
    for key in {**there, **wanted} if there != wanted else ():
        if there.get(key) != wanted.get(key):
            raise Another(key, f"is {_shown(there.get(key))} there and {_shown(wanted.get(key))} here", weights=True)
    if stated is not None:
        there, wanted = (body.derived(*x) for x in (node.shapes, here))
        raise Another(stated, f"is {_shown(there[stated])} there and {_shown(wanted[stated])} here")
    return made, outputs


def same_module(there: Call, here: Call) -> None:
    """Raises Another where the module would have to be made with another argument."""
    for name, value in there.args.items():
        if here.args.get(name, value) != value:
            raise Another(name, f"is {_shown(value)} there and {_shown(here.args[name])} here")


def same_text(node: Node, made: Layer, arriving: tuple[Value, ...], outputs: Sequence[Value]) -> None:
    """Raises Another where a layer of a list is not applied by the text that the list has."""
    assert isinstance(node.body, Layer)
    there, here = node.body.call(*node.arrived), made.call(*arriving)
    same_module(there, here)
    if outputs and len(outputs) != len(node.outputs):
        raise Another("", f"has {len(node.outputs)} outputs there and {len(outputs)} here")
    if there == here:
        return
    for before, value in zip(node.shapes, arriving, strict=True):
        if len(before) != len(value.shape):
            raise Another("", f"takes {len(before)} axes besides the batch there and {len(value.shape)} here")
    raise Another("", "has other inputs without a batch axis there than here")


def told_of(shared: str, error: ShapeError, path: str = "") -> ShapeError:
    """A refusal as it is told where a module is shared."""
    return error.of(shared, path) if isinstance(error, Another) else error


def _flowing(source: Source, values: tuple[Value | None, ...], nodes: Sequence[Node]) -> Value | None:
    if not isinstance(source, Edge):
        return constant(source)
    return values[source.port] if source.node == INPUT else nodes[source.node].outputs[source.port]


def _shown(value: Any) -> str:
    return "missing" if value is None else show(value) if isinstance(value, tuple) else printed(value)
