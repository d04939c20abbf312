"""The values of a list so far, and what a reference in it means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.graph import INPUT, Composite, Edge, Node, Source, constant
from compiler.layer import Layer, Value
from compiler.scope import Poisoned, Scope
from compiler.walk.session import Item, Stop
from specs.expression import METER
from specs.spec import Entry, Loc
from specs.suggest import certain, did_you_mean, nearest
from specs.words import listed, printable

if TYPE_CHECKING:
    import networkx as nx

    from compiler.walk.walk import Walk


class IdTemplate(NamedTuple):
    """An id with expressions in it: what stands between them."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> IdTemplate:
        return cls(tuple(re.split(r"\$\w+|\$\([^$]*\)", text)))

    def could_read(self, name: str) -> bool:
        """Whether the id can come out as this name, whatever is computed."""
        first, *between, last = self.parts if len(self.parts) > 1 else (*self.parts, "")
        if not name.startswith(first) or not name.endswith(last):
            return False
        at = len(first)
        for part in between:
            found = name.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return at <= len(name) - len(last)


class Wires:
    """A list being filled: its ids so far, and what flows at its end."""

    def __init__(
        self,
        walk: Walk,
        entries: Sequence[Entry],
        loc: Loc,
        names: Mapping[str, Any],
        inputs: Mapping[str, Value | None],
    ) -> None:
        self.walk, self.entries, self.loc, self.names = walk, entries, loc, names
        self.inputs = inputs
        #: What expressions call the inputs: one is `input`; several go by their own names.
        self.readable = inputs
        self.nodes: list[Node] = []
        self.ids: dict[str, int] = {}
        #: The entries that have ids and are there whatever is wrong with them.
        self.standing: dict[str, Node] = {}
        self.last: Edge | None = Edge(INPUT) if len(inputs) == 1 else None
        self.count = 0
        self.positional: list[tuple[int, Loc]] = []
        #: Ids are missing because of what is told already: one that is not found stays silent.
        self.unsure = walk.unnamed((*loc[:-1], "inputs"))
        #: Or those that an id in which something is unknown may come out as.
        self.perhaps: set[IdTemplate] = set()
        #: So are edges: whether the list is a chain is not asked.
        self.lost = False
        #: Where the inputs of the entry that is being placed come from.
        self.taking: tuple[Source, ...] = ()
        #: Whether some of them are wrong, and told; and the nodes of which some were.
        self.misled = False
        self.guessed: set[int] = set()

    def flow(self) -> Value | str | None:
        """What the next entry takes that says no `from`: "none" where there is no such value, None for one unknown."""
        return self.value(self.last) if self.last is not None else "none"

    def value(self, source: Source) -> Value | None:
        if not isinstance(source, Edge):
            return constant(source)
        if source.node == INPUT:
            return list(self.inputs.values())[source.port]
        return self.nodes[source.node].outputs[source.port]

    def sources(self, item: Item, path: str) -> tuple[tuple[Source, ...], tuple[Value | None, ...]]:
        """Where the entry's inputs come from, and what flows in; unknown where that is wrong, and told."""
        entry, loc, walk = item.entry, item.loc, self.walk
        layer = Layer.registry.get(entry.op or "")
        self.misled = False
        if entry.from_ is None:
            if layer is not None and layer.arity[1] == 0:
                return (), ()
            if self.last is None:
                before = (
                    f"`{self.nodes[-1].name}` has several outputs" if self.nodes else "this list has several inputs"
                )
                choices = (
                    [f"{self.nodes[-1].name}.{p}" for p in self.nodes[-1].ports] if self.nodes else list(self.inputs)
                )
                walk.tell(
                    "missing-argument",
                    f"`from` must be said here: {before}",
                    loc,
                    path=path,
                    help=[f"there is {', '.join(f'`{c}`' for c in choices)}"],
                )
                self.lost = self.misled = True
                return (Edge(INPUT),), (None,)
            if layer is not None and (layer.merges or layer.arity[0] > 1):
                verb = "brings several values together" if layer.merges else f"takes {layer.arity[0]} inputs"
                walk.tell("missing-argument", f"`{layer.op}` {verb}: say which in `from`", (*loc, "op"), path=path)
                self.misled = layer.arity[0] > 1
            return (self.last,), (None,) if self.misled else (self.value(self.last),)
        written = entry.from_ if isinstance(entry.from_, list) else [entry.from_]
        at = [(*loc, "from", i) for i in range(len(written))] if isinstance(entry.from_, list) else [(*loc, "from")]
        if not written:
            raise walk.stop("bad-value", "`from` names nothing", (*loc, "from"), path=path)
        METER.spent += 4 * len(written)
        out: list[Source] = []
        values: list[Value | None] = []
        for source, place in zip(written, at, strict=True):
            try:
                got = walk.evaluate(source, Scope(item.names, inputs=self.readable), place, path)
                if isinstance(got, (int, float)) and not isinstance(got, bool):
                    if layer is None or not layer.numbers:
                        taking = [name for name, op in Layer.registry.items() if op.numbers]
                        raise walk.stop(
                            "bad-value",
                            f"a number cannot flow into `{entry.op or 'a group'}`: only into {listed(taking)}",
                            place,
                            path=path,
                        )
                    if isinstance(got, int) and abs(got) >= 2**63:
                        raise walk.stop("bad-value", f"`{got}` is more than 64 bits hold", place, path=path)
                    out.append(got)
                else:
                    out.append(self.reference(str(got), place, path, item))
                values.append(self.value(out[-1]))
            except (Stop, Poisoned):
                self.lost = self.misled = True
                out.append(Edge(INPUT))
                values.append(None)
        return tuple(out), tuple(values)

    def reference(self, text: str, loc: Loc, path: str, item: Item | None = None) -> Edge:
        """The edge that an id, an input's name, or `id.output` means."""
        if text in self.inputs:
            return Edge(INPUT, list(self.inputs).index(text))
        if text == "input" and len(self.inputs) == 1:
            return Edge(INPUT)
        head, dot, port = text.partition(".")
        if head in self.ids:
            index = self.ids[head]
            node = self.nodes[index]
            if None in node.outputs and not node.ports:
                return Edge(index)
            if not dot and len(node.outputs) == 1:
                return Edge(index)
            if port in node.ports:
                return Edge(index, node.ports.index(port))
            there = [f"{head}.{p}" for p in node.ports]
            if not dot:
                raise self.walk.stop(
                    "unknown-reference",
                    f"`{head}` has several outputs: say which",
                    loc,
                    path=path,
                    help=[f"there is {', '.join(f'`{t}`' for t in there)}"],
                )
            raise self.walk.stop(
                "unknown-reference",
                f"`{head}` has no output `{printable(port)}`",
                loc,
                path=path,
                help=did_you_mean(text, there)
                or ([f"use `{head}`; to read inside it, name the path under its `taps`"] if not there else []),
            )
        raise self.unknown(text, head, loc, path, item)

    def unknown(self, text: str, head: str, loc: Loc, path: str, item: Item | None) -> Stop:
        """Why a reference leads nowhere: it comes later (and may close a loop), or it is misspelt."""
        if head == "input" and len(self.inputs) != 1 and not self.walk.unnamed((*self.loc[:-1], "inputs")):
            return self.walk.stop(
                "unknown-reference",
                "this list has several inputs: name one of them",
                loc,
                path=path,
                help=[f"there is {', '.join(f'`{i}`' for i in self.inputs)}"],
            )
        if self.unsure or any(template.could_read(head) for template in self.perhaps):
            return Stop()
        import networkx as nx

        later = self.statically
        if item is not None and head not in later:
            head = next((t for t, made in later.nodes(data="template") if made and made.could_read(head)), head)
        at = later.nodes[head].get("at") if head in later else None
        if item is not None and at is not None and at >= item.loc:
            me = next((name for name, place in later.nodes(data="at") if place == item.loc), str(item.entry.id))
            if me == head:
                return self.walk.stop("cycle", f"`{head}` takes its own output", loc, path=path)
            sharing = loc[-1] == "share"  # what feeds a module may share it
            again = self.walk.tells("forward-reference", loc) or self.walk.tells("cycle", loc)
            if not sharing and not again and me in later and nx.has_path(later, me, head):
                # a loop that only the order of the entries closes is a matter of their order
                said = nx.subgraph_view(later, filter_edge=lambda a, b: later.edges[a, b]["said"])
                stated = nx.has_path(said, me, head)
                around = [*nx.shortest_path(said if stated else later, me, head), me]
                loop = " -> ".join(later.nodes[name].get("shown", name) for name in around)
                return self.walk.stop(
                    "cycle" if stated else "forward-reference",
                    f"`{printable(head)}` comes later, and taking it here closes a loop: {printable(loop)}",
                    loc,
                    path=path,
                    help=["an entry takes only what comes before it"],
                )
            return self.walk.stop(
                "forward-reference",
                f"`{printable(head)}` comes later in this list",
                loc,
                path=path,
                help=["move this entry behind it: an entry takes only what comes before it"],
            )
        if self.walk.tells("unknown-reference", loc):
            return self.walk.stop("unknown-reference", f"there is no `{printable(text)}` in this list", loc, path=path)
        meant = nearest(head, [*self.inputs, *self.ids])
        sure = certain(head, [*self.inputs, *self.ids])
        return self.walk.stop(
            "unknown-reference",
            f"there is no `{printable(text)}` in this list",
            loc,
            path=path,
            help=[f"did you mean `{meant}`?"] if meant else self.elsewhere(head),
            meant=sure + text[len(head) :] if sure and item is not None and self.literal(loc, text) else None,
        )

    def literal(self, loc: Loc, text: str) -> bool:
        """Whether the spec says just this there, and no expression."""
        return bool(self.walk.written(loc) == text)

    def elsewhere(self, head: str) -> Sequence[str]:
        """Where a name that is not in this list is, or what there is."""
        bodies = {id(node.body): node for node in self.nodes if isinstance(node.body, Composite)}
        for node in bodies.values():
            assert isinstance(node.body, Composite)
            if any(inner.name == head for inner in node.body.nodes):
                return [f"it is inside `{node.name}`: give that `taps: [{head}]` and read `{node.name}.{head}`"]
        holder = next((place for place in reversed(self.walk.session.places[:-1]) if head in place.ids), None)
        if holder is not None and holder.walk is self.walk and self.loc[: len(holder.loc)] == holder.loc:
            return ["it is an id of the list around this one, and a list sees its own ids only"]
        if holder is not None:
            return [f"a block sees its own ids only: name `{head}` under its `inputs`, and in `from` where it is used"]
        known = [*self.inputs, *self.ids]
        return did_you_mean(head, known)

    @property
    def statically(self) -> nx.DiGraph:
        """The ids of this list as written, later ones too, with an edge from each to what takes it; what is only spoken
        of has no place `at`."""
        known = self.walk.session.shared.written
        place = (id(self.walk.unit.spec), self.loc)
        if place not in known:
            known[place] = self._statically()
        return known[place]

    def _statically(self) -> nx.DiGraph:
        import networkx as nx

        graph = nx.DiGraph()
        previous: str | None = None

        def read(entries: Sequence[Entry], loc: Loc) -> None:
            nonlocal previous
            for position, entry in enumerate(entries):
                if entry.do is not None:
                    read(entry.do, (*loc, position, "do"))
                    continue
                me = str(entry.id) if entry.id is not None else f"({len(graph)})"
                shown = me if entry.id is not None else entry.op or "group"
                template = IdTemplate.of(me) if "$" in me else None
                graph.add_node(me, at=(*loc, position), template=template, shown=shown)
                said = entry.from_ if isinstance(entry.from_, list) else [entry.from_]
                for source in said if entry.from_ is not None else [previous]:
                    if source is not None:
                        graph.add_edge(str(source).partition(".")[0], me, said=entry.from_ is not None)
                previous = me

        read(self.entries, self.loc)
        return graph
