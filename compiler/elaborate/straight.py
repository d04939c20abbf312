"""The straight way to the node of an entry that is right.

Here is nothing that is reported, explained or guessed. Whatever is not plain (an input that is unknown, an id that is
taken, a shape that the layer does not take, a list where the entry was not right before) is left to the way step by
step, which comes to the same node, or says what is wrong: nothing is charged on a straight way that leads to none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.elaborate.block import elaborate_block
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.group import elaborate_group
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.layer import right_layer
from speczoo.compiler.elaborate.prepared import Argument, Evaluated, Operation, Prepared, is_plain, is_settled, wrong_id
from speczoo.compiler.elaborate.prepared_list import PlacedEntry, place_fields
from speczoo.compiler.elaborate.references import edge_of
from speczoo.compiler.elaborate.session import Item, Stop, freeze
from speczoo.compiler.elaborate.share import again, has_module
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.elaborate.use import elaborate_use
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, ExpressionError

NOTHING: Mapping[str, Any] = {}
NOT_YET: Mapping[str, Any] = {"outputs": (), "ports": ()}  # what a node has of a list that is to be elaborated


def fill_straight(e: Elaborator, frame: Frame, entries: Sequence[PlacedEntry]) -> int:
    """Add the nodes of the first entries of a list to it until one has to be found step by step; returns how many were
    added.
    """
    for placed in entries if not e.context.partly_refused else ():
        node = _node(StraightWay(e, e.context, frame, placed.prepared, frame.names, placed))
        if node is None:
            break
        frame.append(node, certain=True)
        if len(node.outputs) != 1:
            break  # what takes an output of it says which
    return len(frame.nodes)


def straight_node(e: Elaborator, frame: Frame, item: Item) -> Node | None:
    """Return the node of an entry; None where it has to be found step by step."""
    if not item.prepared.simple or not item.certain or e.context.partly_refused:
        return None
    return _node(StraightWay(e, e.context, frame, item.prepared, item.names, None, item))


def _node(way: StraightWay) -> Node | None:
    before = METER.spent
    try:
        reached = way.reaches_node()
    except (ExpressionError, UnknownRead, ShapeError):
        reached = False
    if reached and way.affordable():
        return way.node()
    METER.spent = before
    return None


@dataclass(eq=False, slots=True)
class StraightWay:
    """The straight way from an entry, placed by the text of its list or not yet, to its node, as far as it leads: what
    flows in, what the entry comes to, and what it is charged for.

    `given` are the arguments of a list that was not met before, and is elaborated only when the node is made.
    """

    e: Elaborator
    ctx: Context
    frame: Frame
    prepared: Prepared
    names: Mapping[str, Any]
    placed: PlacedEntry | None = None
    _item: Item | None = None
    _scope: Scope | None = None
    place: Mapping[str, Any] = field(init=False)
    sources: tuple[Operand, ...] = field(init=False)
    arriving: tuple[Value | Unknown, ...] = field(init=False)
    op: str = field(init=False)
    written: Mapping[str, Any] = field(init=False)
    facts: Mapping[str, Any] = field(init=False)
    body: Layer | Composite | None = None
    application: Application | None = None
    shared: int | None = None
    given: Mapping[str, Any] | None = None
    layers: int = 0
    entries: int = 0

    def item(self) -> Item:
        """Return the entry as it is elaborated; of one that is placed, outside loops."""
        if self._item is None:
            assert self.placed is not None
            self._item = Item(self.prepared.entry, self.placed.loc, self.names, (), self.prepared)
        return self._item

    def scope(self) -> Scope:
        """Return what its expressions may read."""
        if self._scope is None:
            self._scope = Scope(self.names, self.arriving[0] if self.arriving else None, self.frame.readable)
        return self._scope

    # -- what the entry comes to: each returns whether the way leads on, and raises ExpressionError and UnknownRead ---

    def reaches_node(self) -> bool:
        """Return whether it leads to a node. Raises ExpressionError, UnknownRead and ShapeError."""
        if not (self._place() if self.placed is None else self._feed(self.placed)):
            return False
        prepared = self.prepared
        there = prepared.when is None or self.ctx.session.shared.values.of(prepared.when, self.scope())
        if there is not True:
            return there is False and self._left_out()
        if prepared.group:
            return self._group()
        if prepared.share is not None:
            return self._share(prepared.share)
        op = prepared.op or self.names.get(prepared.named)
        return isinstance(op, str) and self._operation(op)

    def _feed(self, placed: PlacedEntry) -> bool:
        """Find what flows in, of an entry that is placed."""
        self.place, self.sources = placed.place, placed.sources
        self.arriving = self._arriving(placed.sources)
        if self.prepared.sources:
            METER.spent += 4 * len(self.arriving)
        return UNKNOWN not in self.arriving

    def _arriving(self, sources: tuple[Edge, ...]) -> tuple[Value | Unknown, ...]:
        """Return what flows in from there."""
        nodes, flowing = self.frame.nodes, self.frame.flowing
        if len(sources) == 1:
            node, port = sources[0]
            outputs = flowing if node == INPUT else nodes[node].outputs
            return outputs if len(outputs) == 1 else (outputs[port],)
        return tuple([flowing[port] if node == INPUT else nodes[node].outputs[port] for node, port in sources])

    def _place(self) -> bool:
        """Find what the entry is called, where nothing else is, and what flows in."""
        item, prepared, frame = self.item(), self.prepared, self.frame
        name: Any = prepared.name
        if name is None and prepared.id is not None:
            values, scope = self.ctx.session.shared.values, Scope(self.names, inputs=frame.readable)
            name = values.of(prepared.id, scope)
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
        self.place = place_fields(name, prepared.id is not None, item.entry, item.loc, item.turns)
        self.sources = sources
        self.arriving = self._arriving(sources)
        return UNKNOWN not in self.arriving

    def _sources(self) -> tuple[Edge, ...] | None:
        """Return where the inputs come from."""
        frame, names = self.frame, self.prepared.sources
        if names is None:
            return (last,) if (last := frame.last()) is not None else None
        METER.spent += 4 * len(names)
        found = tuple([edge_of(frame, text) for text in names])
        return found if None not in found else None  # type: ignore[return-value]

    def _left_out(self) -> bool:
        """Find what an entry comes to that `when` leaves out: its first input."""
        if not self.arriving or not isinstance(self.sources[0], Edge) or not self.ctx.right_inactive(self.item().loc):
            return False
        self.op, self.written = self.prepared.entry.op or "group", NOTHING
        self.sources, self.arriving = self.sources[:1], self.arriving[:1]
        self.facts = {"outputs": self.arriving, "ports": (), "whole": True, "conduct": None, "params": 0, "macs": 0}
        return True

    def _group(self) -> bool:
        """Find what an inline group comes to."""
        if not self.prepared.right:
            return False  # what it reads is not known yet, and reading is charged for on the way step by step
        self.op, self.written = "group", NOTHING
        self._listed(self.ctx.session.done.get(self.ctx.group_key(self.prepared, self.names, self.arriving)), NOTHING)
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
            self.body, self.facts = target.body, {**target.body.facts, "ports": target.ports}
            return self.arriving == tuple([value for _, value in target.body.inputs])
        if target.body is None or UNKNOWN in target.arriving or not has_module(target):
            return False
        self.prepared.right = True
        known, key = ctx.session.shared.again, (target.application, self.arriving)
        application = known.get(key)
        if application is None:
            application = again(target, self.arriving)  # type: ignore[arg-type]  # nothing of it is unknown
            if application.excess(ctx.session.limits.params):
                return False
            known[key] = application
        self._apply(application)
        return True

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
            self._listed(None, found.given)
            return op in ctx.unit.spec.blocks or (prepared.right and prepared.op is not None)
        ctx.session.shared.instantiated.add((id(ctx.unit.spec), op))
        METER.spent += known.work
        prepared.right = True
        self._listed(known.body, found.given)
        self.entries = known.entries
        return True

    def _listed(self, body: Composite | None, given: Mapping[str, Any]) -> None:
        """Note the list that was elaborated before; None where it is to be elaborated with these arguments."""
        if body is None:
            self.facts, self.given = NOT_YET, given
        else:
            self.body, self.facts, self.layers = body, body.facts, body.size

    def _layer(self, operation: Operation) -> bool:
        """Find what a layer comes to. Raises ShapeError."""
        ctx, prepared = self.ctx, self.prepared
        body = prepared.body
        if body is None and operation.layer is not None:
            found = self._evaluated(operation)
            body = found.layer if found is not None else None
        if body is None:
            return False
        known, key = ctx.session.shared.applied, (id(body), self.arriving)
        application = known.get(key)
        if application is None:
            application = Application.of(body, self.arriving)  # type: ignore[arg-type]  # nothing of it is unknown
            if application.excess(ctx.session.limits.params):
                return False
            known[key] = application
        self._apply(application)
        if prepared.body is None and prepared.op is not None and operation.constant:
            prepared.body = body
        prepared.right = True
        return True

    def _apply(self, application: Application) -> None:
        """Note the layer that is applied to what flows in."""
        if application.work:
            METER.spent += application.work
        self.application, self.body, self.facts = application, application.body, application.facts
        self.layers = len(self.facts["outputs"]) - 1  # each is a value to keep

    def _evaluated(self, operation: Operation) -> Evaluated | None:
        """Return the arguments of an entry, once for equal values of the names that they read; None where some of the
        spec's defaults were not computed yet.
        """
        read: Hashable | None = None
        if self.prepared.right and operation.texts is not None:
            reads = operation.reads()
            read = self.scope().exactly(reads) if reads else ()
            known = operation.evaluated.get(read)
            if known is not None:
                if known.work:
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
        ctx, op, names, given = self.ctx, self.op, self.names, dict[str, Any]()
        for key, value, plain, name, default in operation.arguments:
            if plain:
                given[key] = value
            elif name is not None and is_settled(found := (ctx.names if default else names).get(name)):
                given[key] = found
            elif not default:
                given[key] = ctx.session.shared.values.of(value, self.scope())
            elif op in ctx.defaults:
                given[key] = ctx.defaults[op][key]
            else:
                return None
        return given

    def _check_names(self, arguments: Iterable[Argument]) -> None:
        """Raise ExpressionError where an expression of an entry reads what is not there, whether or not its turn
        comes.
        """
        entry, own = self.prepared.entry, [(given.key, given.value) for given in arguments if not given.default]
        for key, value in (("id", entry.id), ("when", entry.when), ("op", entry.op), *own):
            if not is_plain(value):
                scope = Scope(self.names, inputs=self.frame.readable) if key == "id" else self.scope()
                self.ctx.check_names(value, scope, (*self.item().loc, key))

    # -- the node -------------------------------------------------------------------------------------------------

    def affordable(self) -> bool:
        """Return whether what the entry comes to, and finding it, are within the limits."""
        session = self.ctx.session
        return (
            session.steps + self.layers < session.limits.nodes
            and session.shared.entries < session.most_entries
            and METER.spent <= session.most_work
        )

    def node(self) -> Node:
        """Return the node of the entry, charged for; a placeholder where its list is elaborated now, and that is wrong
        and reported.
        """
        node = object.__new__(Node)  # as `Node.of` does, and without a mapping of all its fields
        fields = node.__dict__
        fields.update(self.place)
        fields.update(self.facts)
        fields["op"] = self.op
        fields["inputs"] = self.sources
        fields["body"] = self.body
        fields["shared"] = self.shared
        fields["written"] = self.written
        fields["scope"] = self.names
        fields["arriving"] = self.arriving
        session = self.ctx.session
        session.steps += 1 + self.layers
        session.shared.entries += 1 + self.entries
        if self.given is not None:
            return self._elaborated(node, self.given)
        if self.shared is not None:
            fields["params"] = 0
        if self.application is not None:
            fields["application"] = self.application
        return node

    def _elaborated(self, blank: Node, given: Mapping[str, Any]) -> Node:
        """Return the node of an entry whose list is elaborated now."""
        e, frame, item = self.e, self.frame, self.item()
        frame.sources, frame.inputs_wrong = self.sources, False
        here = EntrySite(self.ctx, frame, item, blank.name, self.scope())
        try:
            if self.prepared.group:
                return elaborate_group(e, here, blank)
            elaborate = elaborate_block if self.op in self.ctx.unit.spec.blocks else elaborate_use
            return elaborate(e, here, blank, given)
        except (Stop, UnknownRead):
            return frame.placeholder(
                item.entry, item.loc, item.turns, blank.name, named=blank.named, inputs=self.sources
            )
