"""The end of a list: its outputs, and what can be said only once it is whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.graph import INPUT, Composite, Edge, Node, Port, Source
from compiler.layer import Layer
from compiler.names import bad_output
from compiler.scope import Poisoned, Scope
from compiler.walk.making import Making
from compiler.walk.memory import aliases, storage, writes
from compiler.walk.session import Item, Stop
from specs.diagnostics import Label
from specs.spec import Loc, Output

NETWORK: Loc = ("outputs",)  # where a spec's own outputs stand


class Ending(Making):
    """Closes a list."""

    def ports(self, outputs: Sequence[Output] | None, loc: Loc) -> tuple[Port, ...]:
        """The list's outputs; and what can be said only once it is whole."""
        walk = self.walk
        out: list[Port] = []
        taken: set[str] = set()
        wrong = False
        if walk.unnamed(loc):
            return (Port("output", self.unknown_value()),)
        if outputs is None:
            if self.last is None and self.nodes:
                node = self.nodes[-1]
                of = "output_" if loc == NETWORK and node.ports[:1] == ("0",) else ""  # the fields of what comes out
                out = [Port(of + p, Edge(len(self.nodes) - 1, i)) for i, p in enumerate(node.ports)]
            elif self.last is not None:
                out = [Port("output", self.last)]
                if loc == NETWORK and self.nodes:
                    self.batched(self.last, (*self.nodes[-1].loc, "op"))
            else:
                walk.tell("bad-value", "nothing comes out of this list", self.loc)
        else:
            for i, output in enumerate(outputs):
                at = (*loc, i)
                try:
                    scope = Scope(self.names, inputs=self.readable)
                    there = (
                        output.when
                        if isinstance(output.when, bool)
                        else walk.evaluate(output.when, scope, (*at, "when"))
                    )
                    if not isinstance(there, bool):
                        raise walk.stop(
                            "bad-value", f"`when` must come out true or false, not {there!r}", (*at, "when")
                        )
                    if not there:
                        continue
                    if output.training_only and loc[:1] == ("blocks",):
                        raise walk.stop(
                            "bad-value",
                            "`training_only` is for the outputs of a network, not of a block",
                            (*at, "training_only"),
                        )
                    if why := bad_output(output.id):
                        raise walk.stop(
                            "bad-value", f"`{output.id}` cannot be the name of an output: {why}", (*at, "id")
                        )
                    if output.id in taken:
                        raise walk.stop(
                            "duplicate-id", f"`{output.id}` is already the id of another output", (*at, "id")
                        )
                    taken.add(output.id)
                    if at in walk.holes:
                        raise Stop
                    text = walk.evaluate(output.from_, scope, (*at, "from"))
                    edge = self.reference(str(text), (*at, "from"), "")
                    if loc == NETWORK:
                        self.batched(edge, (*at, "from"))
                    out.append(Port(output.id, edge, output.training_only))
                except (Stop, Poisoned):
                    wrong = True
                    if output.id not in (port.name for port in out):
                        out.append(Port(output.id, self.unknown_value(), output.training_only))
            if not out:
                message = "no output is left: `when` is false for every one" if outputs else "`outputs` names nothing"
                walk.tell("bad-value", message, loc)
                return (Port("output", self.unknown_value()),)
            if all(p.training_only for p in out) and not wrong:
                walk.tell(
                    "bad-value",
                    "every output is `training_only`: nothing would come out of the network once it is trained",
                    loc,
                )
        if not wrong and out:
            self.finish(out)
        return tuple(out)

    def batched(self, edge: Edge, loc: Loc) -> None:
        """Tells it where what comes out of a network has no batch axis."""
        value = self.value(edge)
        if value is not None and not value.batched:
            self.walk.tell(
                "shape-mismatch",
                "what comes out of a network has a batch axis, and a Parameter has none: merge it first",
                loc,
            )

    def unknown_value(self) -> Edge:
        """Where an output comes from that is wrong, and told."""
        self.nodes.append(self.hole(Item(self.entries[0], self.loc, self.names, ()), str(self.count), False, ()))
        return Edge(len(self.nodes) - 1)

    def hole(self, item: Item, name: str, named: bool, sources: tuple[Source, ...]) -> Node:
        return Node(
            name,
            item.entry.op or "group",
            sources,
            None,
            (None,),
            item.entry,
            item.loc,
            (item.loc, item.turns),
            named=named,
        )

    def finish(self, ports: Sequence[Port]) -> None:
        walk = self.walk
        broken = any(None in n.outputs for n in self.nodes)
        probe = Composite("group", "", walk.unit, self.loc, tuple(self.inputs.items()), tuple(self.nodes), tuple(ports))
        if not probe.chain and not self.lost and not self.unsure:
            for index, loc in self.positional:
                node = self.nodes[index]
                if node.params or (isinstance(node.body, Layer) and (node.weights or node.buffers)):
                    walk.tell(
                        "missing-id",
                        f"`{node.op}` has weights and needs an `id` here: this list is not a pure chain",
                        loc,
                        path=node.name,
                        help=["names by position would change with every entry added before it"],
                    )
            for node in self.nodes:
                if (
                    "-" in node.name
                    and node.body is not None
                    and not (isinstance(node.body, Layer) and node.op[0].islower())
                ):
                    walk.tell(
                        "bad-value",
                        f"`{node.name}` cannot be an id here: "
                        "a hyphen is for children of a pure chain (nn.Sequential) only",
                        (*node.loc, "id"),
                        path=node.name,
                    )
        if broken:
            self.inplace(opaque(probe, self.guessed))
            return
        needed = probe.reached(tuple(p.edge for p in ports))
        again = {node.shared for node in self.nodes}
        for index, node in enumerate(self.nodes):
            if index not in needed and node.body is not None and index not in again and node.name not in self.inputs:
                walk.tell(
                    "unused-layer",
                    f"nothing takes the output of `{node.name}`",
                    (*node.loc, "id") if node.entry.id is not None else node.loc,
                    path=node.name,
                    severity="warning",
                )
        self.inplace(probe)

    def inplace(self, probe: Composite) -> None:
        """An in-place op over a value that another entry reads would change what that entry sees."""
        if not any(map(writes, probe.nodes)):
            return
        writers: dict[Source, list[int]] = {}  # of each memory, in order
        behind = [0] * len(self.nodes)  # how many of them made what a node gives
        readers: dict[Source, int] = {}  # the first of each value
        told: set[int] = set()

        def read(edge: Source, reader: Node | None, name: str) -> Source:
            value = probe.resolve(edge)
            known = behind[value.node] if isinstance(value, Edge) and value.node != INPUT else 0
            over = writers.get(storage(probe, value), [])[known:]
            if over and over[0] not in told:
                told.add(over[0])
                self.written_over(self.nodes[over[0]], reader, name)
            return value

        for index, node in enumerate(probe.nodes):
            if node.body is None:
                continue
            written = writes(node)
            values = [read(edge, node, node.name) for edge in node.inputs] if written or not aliases(node) else []
            for position in written:
                value = values[position]
                if value in readers and index not in told:
                    told.add(index)
                    first = self.nodes[readers[value]]
                    self.written_over(node, first, first.name)
                writers.setdefault(storage(probe, value), []).append(index)
            for value in values:
                readers.setdefault(value, index)
            if aliases(node) or (isinstance(node.body, Layer) and node.body.inplace_):
                value = probe.resolve(node.inputs[0])
                known = behind[value.node] if isinstance(value, Edge) and value.node != INPUT else 0
                behind[index] = known + bool(written)
        for port in probe.outputs:
            read(port.edge, None, port.name)

    def written_over(self, node: Node, reader: Node | None, name: str) -> None:
        """Tells that an in-place op writes over what an entry or an output of the list reads."""
        where = reader and (self.walk.span((*reader.loc, "from")) or self.walk.span(reader.loc))
        inner = self.writer(node)
        own = inner.entry.arguments.get("inplace") is True
        labels = [Label(where, "read here")] if where else []
        if inner is not node and (used := self.walk.span((*node.loc, _kind(node)))):
            labels.append(Label(used, "used here"))
        self.walk.tell(
            "unsafe-inplace",
            f"`{node.name}` writes over a value that {'' if reader else 'the output '}`{name}` reads",
            (*inner.loc, "inplace" if "inplace" in inner.entry.arguments else _kind(inner)),
            meant="false" if own else None,
            path=node.name,
            labels=labels,
            help=["write `inplace: false`" if own else "say `inplace: false` here"],
        )

    def writer(self, node: Node) -> Node:
        """The in-place op that writes over an input of a list, as far inside as this spec's text goes."""
        body = node.body
        if not isinstance(body, Composite) or body.unit is not self.walk.unit:
            return node
        for inner in body.nodes:
            for position in writes(inner):
                source = storage(body, body.resolve(inner.inputs[position]))
                if isinstance(source, Edge) and source.node == INPUT:
                    return self.writer(inner)
        return node


def _kind(node: Node) -> str:
    """The key that says what kind of entry made a node."""
    return "op" if node.entry.op is not None else "layers" if node.entry.layers else "share"


def opaque(broken: Composite, guessed: Collection[int]) -> Composite:
    """The list with its holes, and what takes wrong inputs, as values of their own: nobody knows what one of them
    reads, or whose memory it gives."""
    nothing = Composite("group", "", broken.unit, broken.loc, (), (), ())
    nodes = (
        node.but(body=nothing, inputs=()) if index in guessed or (node.body is None and None in node.outputs) else node
        for index, node in enumerate(broken.nodes)
    )
    return replace(broken, nodes=tuple(nodes))
