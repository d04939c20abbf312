"""What an entry makes: a layer, a block, a group, a spec in use, or a shared module once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import bind
from compiler.graph import Composite, Node, Source, Unit
from compiler.layer import Layer, Value
from compiler.names import ALIASES
from compiler.scope import Poisoned, Scope
from compiler.settings import choose
from compiler.taps import TapError, by_name, keep, tapped
from compiler.walk.session import Halt, Item, Stop, freeze, no_variant
from compiler.walk.sharing import Sharing
from specs.diagnostics import Label, Report
from specs.spec import Loc
from specs.suggest import certain, did_you_mean, nearest
from specs.words import printable


class Making(Sharing):
    """Makes the node of an entry whose inputs are known."""

    def made(
        self,
        item: Item,
        name: str,
        named: bool,
        sources: tuple[Source, ...],
        arriving: tuple[Value | None, ...],
        scope: Scope,
    ) -> Node:
        entry, loc, walk = item.entry, item.loc, self.walk
        blank = Node(
            name,
            "group",
            sources,
            None,
            (None,),
            entry,
            loc,
            (loc, item.turns),
            named=named,
            arriving=arriving,
            scope=item.names,
        )
        if entry.share is not None:
            node = self.shares(item, blank, scope)
        elif entry.layers is not None:
            node = self.group(item, blank)
        else:
            try:
                op = walk.evaluate(entry.op, scope, (*loc, "op"), name)
            except (Stop, Poisoned):
                self.arguments(item, "", scope, name)
                raise
            if not isinstance(op, str):
                raise walk.stop(
                    "bad-value", f"`op` must come out as the name of an op, not {op!r}", (*loc, "op"), path=name
                )
            node = self.operation(item, blank.but(op=op), op, scope)
        if entry.taps is not None:
            node = self.taps(item, node)
        if entry.shape is not None and not (isinstance(node.body, Layer) and "shape" in type(node.body).model_fields):
            self.asserted(item, node, scope)
        return node

    def group(self, item: Item, blank: Node) -> Node:
        self.extra(item, "an inline group", "layers")
        entry, walk = item.entry, self.walk
        assert entry.layers is not None
        if len(blank.inputs) != 1:
            raise walk.stop(
                "bad-value",
                f"an inline group takes one input, not {len(blank.inputs)}",
                (*item.loc, "from"),
                path=blank.name,
            )
        walk.trail.append((f"{walk.prefix}{blank.name}.", None, ""))
        try:
            body = walk.expand(
                "group",
                str(entry.id) if entry.id is not None else "",
                entry.layers,
                (*item.loc, "layers"),
                item.names,
                [("input", blank.arriving[0])],
            )
        finally:
            walk.trail.pop()
        return blank.but(body=body, outputs=body.values, ports=self._ports(body))

    @staticmethod
    def _ports(body: Composite) -> tuple[str, ...]:
        return tuple(p.name for p in body.outputs) if len(body.outputs) > 1 else ()

    def operation(self, item: Item, blank: Node, op: str, scope: Scope) -> Node:
        walk = self.walk
        spec = walk.unit.spec
        if ("blocks", op) in walk.holes or ("use", op) in walk.holes:
            raise Stop
        if op in spec.blocks:
            return self.block(item, blank, op, scope)
        if op in spec.use:
            return self.used(item, blank, op, scope)
        if op not in Layer.registry:
            if ("blocks",) in walk.holes or ("use",) in walk.holes:
                raise Stop
            known = [*spec.blocks, *spec.use, *Layer.registry]
            meant = nearest(op, known, aliases=ALIASES) or nearest(op.rpartition(".")[2], known, aliases=ALIASES)
            loc: Loc = (*item.loc, "op")
            labels = []
            if (given := self.given_at(item, item.entry.op, op)) is not None and walk.written(given) == op:
                span = walk.span(loc)
                loc, labels = given, [Label(span, "used here")] if span else []
            raise walk.stop(
                "unknown-op",
                f"there is no op `{printable(op)}`",
                loc,
                path=blank.name,
                labels=labels,
                help=[f"did you mean `{meant}`?"] if meant else [],
                meant=meant if walk.written(loc) == op and meant == self.surely(op, known) else None,
            )
        layer = Layer.registry[op]
        arguments = dict(self.arguments(item, op, scope, blank.name))
        if "shape" in layer.model_fields and item.entry.shape is not None:
            arguments["shape"] = self.argument(item.entry.shape, scope, (*item.loc, "shape"), blank.name)
        for name in getattr(layer, "references", ()):
            if name in arguments:
                blank = self.refers(item, blank, name, arguments.pop(name))
        body = self.validated(item, layer, arguments, blank)
        written = {**walk.unit.spec.defaults.get(op, {}), **item.entry.arguments, "shape": item.entry.shape}
        return self.applied(item, blank.but(written=written), body)

    @staticmethod
    def surely(op: str, known: Sequence[str]) -> str | None:
        return certain(op, known, aliases=ALIASES) or certain(op.rpartition(".")[2], known, aliases=ALIASES)

    def block(self, item: Item, blank: Node, op: str, scope: Scope) -> Node:
        walk = self.walk
        block = walk.unit.spec.blocks[op]
        wanted = block.inputs or ["input"]
        if len(blank.inputs) != len(wanted):
            if walk.unnamed(("blocks", op, "inputs")):
                raise Stop
            raise self.count_differs(item, blank, op, wanted)
        given = self.arguments(item, op, scope, blank.name)
        arguments = bind(
            block.params, given, walk.settings.params, self.teller(item, op, blank.name), op, walk.holes_of(op, given)
        )
        walk.trail.append((f"{walk.prefix}{blank.name}.", (*item.loc, "op"), op))
        try:
            body = walk.block(op, block, arguments, blank.arriving, (*item.loc, "op"))
        finally:
            walk.trail.pop()
        written = {**walk.unit.spec.defaults.get(op, {}), **item.entry.arguments}
        return blank.but(body=body, outputs=body.values, ports=self._ports(body), written=written)

    def teller(self, item: Item, op: str, path: str) -> Callable[..., None]:
        """Tells what is wrong with the arguments of a block or spec: where they are given, or where declared."""
        spec = self.walk.unit.spec

        def tell(
            code: str,
            message: str,
            argument: str | None,
            *,
            key: bool = False,
            help: Sequence[str] = (),
            meant: str | None = None,
        ) -> None:
            if argument is not None and argument in item.entry.arguments:
                loc: Loc = (*item.loc, argument)
            elif argument is not None and argument in spec.defaults.get(op, {}):
                loc = ("defaults", op, argument)
            elif op in spec.blocks and argument in spec.blocks[op].params:
                loc = ("blocks", op, "params", str(argument), *(() if key else ("default",)))
            else:
                loc, key = (*item.loc, "op"), False
            self.walk.tell(code, message, loc, key=key, path=path, help=help, meant=meant)

        return tell

    def used(self, item: Item, blank: Node, op: str, scope: Scope) -> Node:
        """Another spec as an op: its own names, its own defaults; what flows in takes the place of its input."""
        walk = self.walk
        found = walk.session.named(walk.unit.spec.use[op], walk.unit)
        if sum(walk.session.shared.texts.values()) > (most := walk.session.limits.bytes):
            walk.tell("limit-exceeded", f"the specs in use are larger than {most:,} bytes together", ("use", op))
            raise Halt
        if isinstance(found, str):
            raise walk.stop("unknown-reference", found, ("use", op), path=blank.name)
        unit, variant, _ = found
        if unit is None:  # its own errors are told already
            raise Stop
        if why := no_variant(found):
            raise walk.stop(
                "unknown-reference",
                why,
                ("use", op),
                path=blank.name,
                help=did_you_mean(str(variant), unit.spec.variants),
            )
        wanted = [i.id for i in unit.spec.inputs] if unit.spec.inputs is not None else ["input"]
        if len(wanted) != len(blank.inputs) and not any(hole[0] in ("input", "inputs") for hole in unit.spec.holes):
            raise self.count_differs(item, blank, op, wanted)
        walk.session.shared.entries += 3  # choosing its settings costs as much as some layers
        given = self.arguments(item, op, scope, blank.name)
        settings = choose(
            unit,
            walk.session.report,
            variant=variant,
            params=given,
            values=blank.arriving,
            teller=self.teller(item, op, blank.name),
        )
        if settings is None:
            raise Stop
        report = walk.session.report
        before = len(report.diagnostics)
        inner = type(walk)(walk.session, unit, settings)
        inner.trail = [(f"{walk.prefix}{blank.name}.", walk.place((*item.loc, "op")), op)]
        key = (id(unit.spec), "", "", freeze(settings.params), blank.arriving)
        body = walk.interned(key, op, (*item.loc, "op"), lambda: replace(inner.expand(
            "use", op, unit.spec.layers, ("layers",), settings.params, settings.inputs,
            outputs=unit.spec.outputs, outputs_loc=("outputs",), arguments=given,
        ), settings=settings))  # fmt: skip
        inner.besides()
        if walk.session.teaches and len(report.diagnostics) > before:
            self.blamed(item, blank, unit, variant, before)
        lasting = [p for p in body.outputs if not p.training_only]
        if len(lasting) < len(body.outputs):
            body = keep(body, lasting)
        return blank.but(body=body, outputs=body.values, ports=self._ports(body), written=dict(item.entry.arguments))

    def blamed(self, item: Item, blank: Node, unit: Unit, variant: str | None, before: int) -> None:
        """What a spec is not wrong about alone is the mistake of who uses it, and is told there."""
        from compiler.compile import compile

        walk = self.walk
        session = walk.session
        new = [d for d in session.report.diagnostics[before:] if d.file == unit.document.source.name]
        if not any(d.severity == "error" for d in new):
            return
        alone = Report()
        limits = session.limits
        compile(unit, alone, variant=variant, lookup=session.lookup, limits=limits, expect=False, remedy=False)
        if not alone.ok:
            return
        for told in new:
            session.report.diagnostics.remove(told)
            where = f"{PurePath(str(told.file)).name}:{told.span.line}" if told.span else told.file
            moved = walk.tell(
                told.code,
                told.message,
                (*item.loc, "op"),
                path=(told.path or "").removeprefix(walk.prefix),
                notes=[*told.notes[:-1], f"inside {item.entry.op}, at {where}"],
                severity=told.severity,
            )
            session.sized = [s._replace(diagnostic=moved) if s.diagnostic is told else s for s in session.sized]

    def taps(self, item: Item, node: Node) -> Node:
        walk = self.walk
        if not isinstance(node.body, Composite):
            raise walk.stop(
                "bad-value",
                f"`taps` reads inside an entry, and `{node.op}` has no inside",
                (*item.loc, "taps"),
                key=True,
                path=node.name,
            )
        if node.shared is not None:
            raise walk.stop(
                "bad-value",
                "`taps` belong on the entry that makes the module, not where it is shared",
                (*item.loc, "taps"),
                key=True,
                path=node.name,
            )
        said = item.entry.taps
        if not said:
            raise walk.stop("bad-value", "`taps` names nothing", (*item.loc, "taps"), path=node.name)
        seen: set[str] = set()
        for i, tap in enumerate(said if isinstance(said, list) else ()):
            if tap in seen:
                raise walk.stop("duplicate-id", f"`{tap}` is named twice", (*item.loc, "taps", i), path=node.name)
            seen.add(tap)
        try:
            return _tapped(node, said)
        except TapError as error:
            at: Loc = (*item.loc, "taps", said.index(error.name) if isinstance(said, list) else error.name)
            raise walk.stop("unknown-reference", str(error), at, path=node.name, help=error.help) from None


def _tapped(node: Node, said: Sequence[str] | Mapping[str, str]) -> Node:
    """The node with its taps in place of its own output. Raises TapError."""
    assert isinstance(node.body, Composite)
    body = tapped(node.body, by_name(said))
    return node.but(body=body, outputs=body.values, ports=tuple(port.name for port in body.outputs))
