"""The straight way to the node of an entry that is right.

Here is nothing that is reported, explained or guessed. Whatever is not plain (an input that is unknown, an id that is
taken, a shape that the layer does not take, a list where the entry was not right before) is left to the way step by
step, which comes to the same node, or says what is wrong: nothing is charged on a straight way that leads to none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.elaborate.block import elaborate_block
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.group import elaborate_group
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.layer import right_layer
from speczoo.compiler.elaborate.prepared import Argument, Evaluated, Operation, is_plain, is_settled, wrong_id
from speczoo.compiler.elaborate.prepared_list import PlacedEntry, place_fields
from speczoo.compiler.elaborate.references import edge_of
from speczoo.compiler.elaborate.session import Item, Stop, freeze
from speczoo.compiler.elaborate.share import again, has_module
from speczoo.compiler.elaborate.use import elaborate_use
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, ExpressionError

NOTHING: Mapping[str, Any] = {}


def fill_straight(e: Elaborator, frame: Frame, entries: Sequence[PlacedEntry], names: Mapping[str, Any]) -> int:
    """Add the nodes of the first entries of a list to it until one has to be found step by step; returns how many were
    added.
    """
    ctx = e.context
    for placed in entries if not ctx.torn else ():
        ctx.enter(placed.loc)
        item = Item(placed.prepared.entry, placed.loc, names, (), placed.prepared)
        node = _node(StraightWay(e, frame, item, placed))
        if node is None:
            ctx.leave()
            break
        frame.append(node, certain=True)
    return len(frame.nodes)


def straight_node(e: Elaborator, frame: Frame, item: Item) -> Node | None:
    """Return the node of an entry; None where it has to be found step by step."""
    if not item.prepared.simple or not item.certain or e.context.torn:
        return None
    return _node(StraightWay(e, frame, item))


def _node(way: StraightWay) -> Node | None:
    before = METER.spent
    try:
        leads = way.leads()
    except (ExpressionError, UnknownRead, ShapeError):
        leads = False
    if leads and way.affordable():
        return way.node()
    METER.spent = before
    return None


class StraightWay:
    """The straight way from an entry, placed by the text of its list or not yet, to its node, as far as it leads: what
    flows in, what the entry comes to, and what it is charged for.

    `given` are the arguments of a list that was not met before, and is elaborated only when the node is made.
    """

    __slots__ = (
        "_scope",
        "application",
        "arriving",
        "body",
        "ctx",
        "e",
        "entries",
        "frame",
        "given",
        "item",
        "layers",
        "op",
        "outputs",
        "place",
        "placed",
        "ports",
        "prepared",
        "shared",
        "sources",
        "written",
    )

    def __init__(self, e: Elaborator, frame: Frame, item: Item, placed: PlacedEntry | None = None) -> None:
        self.e, self.ctx, self.frame = e, e.context, frame
        self.item, self.prepared, self.placed = item, item.prepared, placed
        self.place: Mapping[str, Any]
        self.sources: tuple[Operand, ...]
        self.arriving: tuple[Value | Unknown, ...]
        self.op, self.written = "group", NOTHING
        self.body: Layer | Composite | None = None
        self.outputs: tuple[Value | Unknown, ...] = ()
        self.ports: tuple[str, ...] = ()
        self.application: Application | None = None
        self.shared: int | None = None
        self.layers = self.entries = 0
        self.given: Mapping[str, Any] | None = None
        self._scope: Scope | None = None

    @property
    def scope(self) -> Scope:
        """What its expressions may read."""
        if self._scope is None:
            self._scope = Scope(self.item.names, self.arriving[0] if self.arriving else None, self.frame.readable)
        return self._scope

    # -- what the entry comes to: each returns whether the way leads on, and raises ExpressionError and UnknownRead ---

    def leads(self) -> bool:
        """Return whether it leads to a node. Raises ExpressionError, UnknownRead and ShapeError."""
        if not (self._place() if self.placed is None else self._feed(self.placed)):
            return False
        prepared = self.prepared
        there = prepared.when is None or self.ctx.session.shared.values.of(prepared.when, self.scope)
        if there is not True:
            return there is False and self._left_out()
        if prepared.group:
            return self._group()
        if prepared.share is not None:
            return self._share(prepared.share)
        op = prepared.op or self.item.names.get(prepared.named)
        return isinstance(op, str) and self._operation(op)

    def _feed(self, placed: PlacedEntry) -> bool:
        """Find what flows in, of an entry that is placed."""
        nodes, flowing, arriving = self.frame.nodes, self.frame.flowing, list[Value | Unknown]()
        for node, port in placed.sources:
            outputs = flowing if node == INPUT else nodes[node].outputs
            if node != INPUT and len(outputs) != 1:
                return False
            arriving.append(outputs[port])
        if self.prepared.sources:
            METER.spent += 4 * len(placed.sources)
        self.place, self.sources, self.arriving = placed.place, placed.sources, tuple(arriving)
        return UNKNOWN not in arriving

    def _place(self) -> bool:
        """Find what the entry is called, where nothing else is, and what flows in."""
        item, prepared, frame = self.item, self.prepared, self.frame
        name: Any = prepared.name
        if name is None and prepared.entry.id is not None:
            values, scope = self.ctx.session.shared.values, Scope(item.names, inputs=frame.readable)
            name = values.of(prepared.entry.id, scope)
            name = str(name) if type(name) is int else name
            if not isinstance(name, str) or wrong_id(prepared.entry, name) is not None:
                return False
        elif name is None:
            name = str(frame.count)
        if name in frame.inputs or name in frame.certain or name in frame.holding:
            return False
        sources = self._sources()
        if sources is None or ("." in name and frame.clashing(name) is not None):
            return False
        self.place = place_fields(name, item.entry.id is not None, item.entry, item.loc, item.turns)
        self.sources = sources
        self.arriving = tuple([frame.value(source) for source in sources])
        return UNKNOWN not in self.arriving

    def _sources(self) -> tuple[Edge, ...] | None:
        """Return where the inputs come from."""
        frame, names = self.frame, self.prepared.sources
        if names is None:
            return (frame.last,) if frame.last is not None else None
        METER.spent += 4 * len(names)
        found = tuple([edge_of(frame, text) for text in names])
        return found if None not in found else None  # type: ignore[return-value]

    def _left_out(self) -> bool:
        """Find what an entry comes to that `when` leaves out: its first input."""
        if not self.arriving or not isinstance(self.sources[0], Edge) or not self.ctx.sound(self.item.loc):
            return False
        self.op, self.sources, self.arriving = self.item.entry.op or "group", self.sources[:1], self.arriving[:1]
        self.outputs = self.arriving
        return True

    def _group(self) -> bool:
        """Find what an inline group comes to."""
        if not self.prepared.right:
            return False  # what it reads is not known yet, and reading is charged for on the way step by step
        group = self.ctx.session.done.get(self.ctx.group_key(self.prepared, self.item.names, self.arriving))
        if group is None:
            self.given = {}
        else:
            self._listed(group)
        return True

    def _share(self, shares: str) -> bool:
        """Find what a shared module comes to. Raises ShapeError."""
        ctx, nodes = self.ctx, self.frame.nodes
        index = self.placed.shared if self.placed is not None else self.frame.ids.get(shares)
        if index is None:
            return False
        index = nodes[index].maker(index)
        target = nodes[index]
        if not self.prepared.right:
            self._check_names(())
        self.op, self.written, self.shared = target.op, target.written, index
        if isinstance(target.body, Composite):
            self.body, self.outputs, self.ports = target.body, target.body.values, target.ports
            return self.arriving == tuple([value for _, value in target.body.inputs])
        if target.body is None or UNKNOWN in target.arriving or not has_module(target):
            return False
        self.prepared.right = True
        return self._applied(ctx.session.shared.again, (target.application, self.arriving), partial(again, target))

    def _operation(self, op: str) -> bool:
        """Find what a layer, a block or a spec in use comes to. Raises ShapeError."""
        ctx, operation = self.ctx, self.prepared.operation(op)
        if not self.prepared.right:
            if operation.computes and op not in ctx.defaults:
                return False
            self._check_names(operation.arguments)
        self.op, self.written = op, operation.written
        return self._list(operation) if operation.listed else self._layer(operation)

    def _list(self, operation: Operation) -> bool:
        """Find what a block or a spec in use comes to."""
        ctx, op, prepared = self.ctx, self.op, self.prepared
        found = self._evaluated(operation)
        if found is None:
            return False
        known = ctx.session.shared.lists.get(ctx.list_key(op, found.key, self.arriving))
        if known is None:  # a spec in use that was right is as right in what hangs on no argument as it was
            self.given = found.given
            return op in ctx.unit.spec.blocks or (prepared.right and prepared.op is not None)
        ctx.session.instantiated.add((id(ctx.unit.spec), op))
        METER.spent += known.work
        prepared.right = True
        self._listed(known.body)
        self.entries = known.entries
        return True

    def _listed(self, body: Composite) -> None:
        """Note the list that was elaborated before."""
        self.body, self.outputs, self.layers = body, body.values, body.size
        if len(body.outputs) > 1:
            self.ports = tuple([port.name for port in body.outputs])

    def _layer(self, operation: Operation) -> bool:
        """Find what a layer comes to. Raises ShapeError."""
        ctx, prepared = self.ctx, self.prepared
        body = prepared.body
        if body is None and operation.layer is not None:
            found = self._evaluated(operation)
            body = found.layer if found is not None else None
        if body is None:
            return False
        if not self._applied(ctx.session.shared.applied, (id(body), self.arriving), partial(Application.of, body)):
            return False
        if prepared.body is None and prepared.op is not None and operation.constant:
            prepared.body = body
        prepared.right = True
        return True

    def _applied(
        self, known: dict[Any, Application], key: Any, apply: Callable[[tuple[Value, ...]], Application]
    ) -> bool:
        """Find what comes out of a layer, once for each key, where it is within the limits. Raises ShapeError."""
        application = known.get(key)
        if application is None:
            application = apply(self.arriving)  # type: ignore[arg-type]  # nothing of it is unknown
            if application.excess(self.ctx.session.limits.params):
                return False
            known[key] = application
        METER.spent += application.work
        self.application, self.body, self.outputs = application, application.body, application.outputs
        self.layers = len(application.outputs) - 1  # each is a value to keep
        if application.body.several:
            self.ports = tuple(map(str, range(len(application.outputs))))
        return True

    def _evaluated(self, operation: Operation) -> Evaluated | None:
        """Return the arguments of an entry, once for equal values of the names that they read; None where some of the
        spec's defaults were not computed yet.
        """
        read: Hashable | None = None
        if self.prepared.right and operation.texts is not None:
            scope = self.scope
            read = tuple([scope.exact(name) for name in operation.reads])
            known = operation.evaluated.get(read)
            if known is not None:
                METER.spent += known.work
                return known
            if None in read:
                read = None
        before, given = METER.spent, self._given(operation)
        if given is None:
            return None
        key = freeze(given)
        layer = right_layer(self.ctx, operation.layer, given, key) if operation.layer is not None else None
        found = Evaluated(given, key, layer, METER.spent - before)
        if read is not None and not any(isinstance(value, list) for value in given.values()):
            operation.evaluated[read] = found
        return found

    def _given(self, operation: Operation) -> dict[str, Any] | None:
        """Return the arguments of an entry over the spec's defaults; None where these were not computed yet."""
        ctx, op, names, given = self.ctx, self.op, self.item.names, dict[str, Any]()
        for key, value, plain, name, default in operation.arguments:
            if plain:
                given[key] = value
            elif name is not None and is_settled(found := (ctx.names if default else names).get(name)):
                given[key] = found
            elif not default:
                given[key] = ctx.session.shared.values.of(value, self.scope)
            elif op in ctx.defaults:
                given[key] = ctx.defaults[op][key]
            else:
                return None
        return given

    def _check_names(self, arguments: Iterable[Argument]) -> None:
        """Raise ExpressionError where an expression of an entry reads what is not there, whether or not its turn
        comes.
        """
        entry, own = self.item.entry, [(argument.key, argument.value) for argument in arguments if not argument.default]
        for key, value in (("id", entry.id), ("when", entry.when), ("op", entry.op), *own):
            if not is_plain(value):
                scope = Scope(self.item.names, inputs=self.frame.readable) if key == "id" else self.scope
                self.ctx.check_names(value, scope, (*self.item.loc, key))

    # -- the node -------------------------------------------------------------------------------------------------

    def affordable(self) -> bool:
        """Return whether what the entry comes to, and finding it, are within the limits."""
        session = self.ctx.session
        within = METER.spent - session.shared.metered <= session.limits.work
        return within and session.steps + self.layers <= session.limits.nodes

    def node(self) -> Node:
        """Return the node of the entry, charged for; a placeholder where its list is elaborated now, and that is wrong
        and reported.
        """
        node = Node.of(
            **self.place,
            op=self.op,
            inputs=self.sources,
            body=self.body,
            outputs=self.outputs,
            ports=self.ports,
            shared=self.shared,
            written=self.written,
            scope=self.item.names,
            arriving=self.arriving,
        )
        if self.given is not None:
            return self._elaborated(node, self.given)
        self.ctx.session.steps += self.layers
        self.ctx.session.shared.entries += self.entries
        if self.application is not None:
            node.__dict__["application"] = self.application
        return node

    def _elaborated(self, blank: Node, given: Mapping[str, Any]) -> Node:
        """Return the node of an entry whose list is elaborated now."""
        e, frame, item = self.e, self.frame, self.item
        frame.sources, frame.inputs_wrong = self.sources, False
        try:
            if self.prepared.group:
                return elaborate_group(e, item, blank)
            elaborate = elaborate_block if self.op in self.ctx.unit.spec.blocks else elaborate_use
            return elaborate(e, item, blank, self.scope, given)
        except (Stop, UnknownRead):
            return frame.placeholder(
                item.entry, item.loc, item.turns, blank.name, named=blank.named, inputs=self.sources
            )
