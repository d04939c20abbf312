"""Entries placed one after the other."""

from __future__ import annotations

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.graph import Edge, Node, Source
from compiler.layer import Layer, Value
from compiler.names import bad_id
from compiler.scope import Poisoned, Scope
from compiler.walk.ending import Ending
from compiler.walk.session import Doubt, Item, Stop
from compiler.walk.wires import IdTemplate
from specs.diagnostics import Label
from specs.words import printable


class Place(Ending):
    """Takes a list's entries in order; one that is wrong leaves a hole."""

    def put(self, item: Item) -> None:
        entry, loc, walk = item.entry, item.loc, self.walk
        name, named = str(self.count), False
        nameless = entry.id is None
        sure = False
        sources: tuple[Source, ...] = ()
        try:
            if loc in walk.holes or loc in walk.unit.document.holes:
                self.lost = True
                if isinstance(entry.id, str) and "$" not in entry.id:
                    name, named = entry.id, True
                elif entry.id is not None or not walk.nameless(loc):
                    self.unnamed(entry.id)
                raise Stop
            if entry.id is not None:
                try:
                    name, named = self.identify(item), True
                except (Stop, Poisoned):
                    self.unnamed(entry.id)
            sources, arriving = self.sources(item, name)
            self.taking = sources
            if self.misled:
                self.guessed.add(len(self.nodes))
            scope = Scope(item.names, arriving[0] if arriving else "none", self.readable)
            there: bool | None = True
            if entry.when is not None:
                try:
                    there = walk.condition(entry, scope, loc, name)
                except (Stop, Poisoned):
                    there, arriving = None, (None,) * len(arriving)
            sure = item.sure and there is True
            if there is False:
                walk.left_out(entry, loc, item.names, self)
                node = self.skipped(item, name, named, sources, arriving)
            else:
                node = self.made(item, name, named, sources, arriving, scope)
            if there is None:
                raise Poisoned
        except (Stop, Poisoned) as stopped:
            sure = sure and not isinstance(stopped, Doubt)
            node = self.hole(item, name, named, sources)
        index = len(self.nodes)
        if named and sure and (first := self.standing.setdefault(name, node)) is not node:
            at = walk.span((*first.loc, "id"))
            turn = item.turns and first.loc == loc
            variable = next(iter(entry.for_ or ("i",))).partition(",")[0]
            help = [f"put a loop variable into it: `id: {name}${variable}`"] if turn else []
            text = "given again at each turn of the loop" if turn else "and again here"
            walk.tell(
                "duplicate-id",
                f"`{name}` is already the id of another entry of this list",
                (*loc, "id"),
                path=name,
                text=text,
                labels=[Label(at, "first here")] if at and not turn else [],
                help=help,
            )
        if named and sure and name in self.inputs and name != "input":
            walk.tell(
                "duplicate-id", f"`{name}` is already the name of what flows into this list", (*loc, "id"), path=name
            )
        self.nodes.append(node)
        if named:
            self.ids[name] = index
        if node.body is not None or None in node.outputs:
            self.count += 1
            if nameless and node.body is not None and node.shared is None:
                self.positional.append((index, loc))
        self.last = Edge(index) if len(node.outputs) == 1 else None

    def forget(self, item: Item) -> None:
        """What comes out of this list so far is unknown, for a mistake that is told."""
        self.lost = True
        self.nodes.append(self.hole(item, str(self.count), False, ()))
        self.last = Edge(len(self.nodes) - 1)

    def unnamed(self, id: object) -> None:
        """An entry's id is not known, for a mistake that is told."""
        if isinstance(id, str) and "$" in id:
            self.perhaps.add(IdTemplate.of(id))
        else:
            self.unsure = True

    def identify(self, item: Item) -> str:
        got = self.walk.evaluate(item.entry.id, Scope(item.names, inputs=self.readable), (*item.loc, "id"))
        if isinstance(got, int) and not isinstance(got, bool):
            got = str(got)
            if item.entry.id is not None and isinstance(item.entry.id, int):
                raise self.walk.stop(
                    "bad-value",
                    f"`{got}` cannot be an id: ids start with no digit",
                    (*item.loc, "id"),
                    help=["an entry without an id is named by its position"],
                )
        if not isinstance(got, str):
            raise self.walk.stop("bad-value", f"an id is text, not {got!r}", (*item.loc, "id"))
        op = Layer.registry.get(item.entry.op or "")
        module = op is None or op.op[0].isupper()
        if why := bad_id(got, module=module, sequential=True):
            self.walk.tell("bad-value", f"`{printable(got)}` cannot be an id: {why}", (*item.loc, "id"))
        return got

    def skipped(
        self, item: Item, name: str, named: bool, sources: tuple[Source, ...], arriving: tuple[Value | None, ...]
    ) -> Node:
        if not sources or not isinstance(sources[0], Edge):
            raise self.walk.stop(
                "bad-value",
                "an entry without an input cannot be left out by `when`: nothing could stand for it",
                (*item.loc, "when"),
                path=name,
            )
        return Node(
            name,
            item.entry.op or "group",
            sources[:1],
            None,
            arriving[:1],
            item.entry,
            item.loc,
            (item.loc, item.turns),
            named=named,
            arriving=arriving[:1],
            scope=item.names,
        )
