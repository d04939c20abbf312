"""The walk: a Spec becomes a Graph. Loops, conditions, blocks and shapes are one pass in order, because a condition may
read the channels that flow into it: resolve `from`, evaluate, infer, next.

An entry that is wrong is told once and leaves a hole (an output that is None); what follows from a hole is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import bind
from compiler.declarations import declaration_problems
from compiler.graph import Composite
from compiler.layer import Value
from compiler.rules import init_problems
from compiler.scope import UNKNOWN, layered
from compiler.walk.loops import Loops
from compiler.walk.place import Place
from compiler.walk.session import Halt, Stop, freeze, no_variant
from compiler.walk.telling import Teller
from specs.spec import STRUCTURE, Block, Entry, Loc, Output
from specs.suggest import did_you_mean


class Walk(Loops):
    """Expands the lists of one spec, for one choice of its parameters."""

    def expand(
        self,
        kind: Any,
        name: str,
        entries: Sequence[Entry],
        loc: Loc,
        names: Mapping[str, Any],
        inputs: Sequence[tuple[str, Value | None]],
        *,
        outputs: Sequence[Output] | None = None,
        outputs_loc: Loc = (),
        arguments: Mapping[str, Any] | None = None,
    ) -> Composite:
        """A list of entries, placed one after the other."""
        if len(self.session.places) > self.session.limits.block_depth:
            self.tell("limit-exceeded", f"blocks and groups nest deeper than {self.session.limits.block_depth}", loc)
            raise Halt
        place = Place(self, entries, loc, names, dict(inputs))
        self.session.places.append(place)
        try:
            self.fill(place, entries, loc, names)
            ports = place.ports(outputs, outputs_loc)
        finally:
            self.session.places.pop()
        return Composite(kind, name, self.unit, loc, tuple(inputs), tuple(place.nodes), ports, arguments or {}, names)

    def fill(self, place: Place, entries: Sequence[Entry], loc: Loc, names: Mapping[str, Any]) -> None:
        for item in self.items(entries, loc, names, place):
            place.put(item)

    def block(
        self, name: str, block: Block, arguments: Mapping[str, Any], values: Sequence[Value | None], loc: Loc
    ) -> Composite:
        own = block.inputs or ["input"]
        self.session.walked.add((id(self.unit.spec), name))
        key = (id(self.unit.spec), self._outer, name, freeze(arguments), tuple(values))
        return self.interned(key, name, loc, lambda: self.expand(
            "block", name, block.layers, ("blocks", name, "layers"), layered(self.settings.params, arguments),
            list(zip(own, values, strict=True)),
            outputs=block.outputs, outputs_loc=("blocks", name, "outputs"), arguments=arguments,
        ))  # fmt: skip

    def unnamed(self, loc: Loc) -> bool:
        """Whether the names of what this list of the spec holds are not all known, for a mistake that is told."""
        return loc in self.holes or any(hole[-1] == "id" and hole[:-2] == loc for hole in self.holes if loc)

    def holes_of(self, block: str, given: Mapping[str, Any]) -> frozenset[str]:
        """The parameters of a block that are declared wrongly; perhaps all that are given."""
        if ("blocks", block, "params") in self.holes:
            return frozenset(given)
        unsettable = self.unit.spec.blocks[block].params.keys() & STRUCTURE
        return frozenset(map(str, self.unit.under(("blocks", block, "params")))) | unsettable

    def declared(self, block: str) -> Callable[..., None]:
        """Tells what is wrong with a parameter of a block where it is declared."""

        def tell(
            code: str,
            message: str,
            argument: str,
            *,
            key: bool = False,
            help: Sequence[str] = (),
            meant: str | None = None,
        ) -> None:
            self.tell(
                code, message, ("blocks", block, "params", argument, *(() if key else ("default",))), key=key, help=help
            )

        return tell

    def besides(self) -> bool:
        """Tells what is wrong with a spec beside its layers: what they do not reach, its init rules, its declarations.
        Returns whether the init rules can be computed."""
        spec, shared, most = self.unit.spec, self.session.shared, self.session.limits.mistakes
        rules = list(islice(init_problems(spec, self.settings.params), most))
        for found in rules:
            self.tell(found.code, found.message, found.loc, help=found.help, key=found.key)
        if id(spec) in shared.besides:
            return not rules
        shared.besides.add(id(spec))
        self.unused()
        self.uses()
        for found in islice(declaration_problems(spec), most):
            self.tell(found.code, found.message, found.loc, help=found.help, key=found.key)
        return not rules

    def unused(self) -> None:
        """Blocks that nothing uses, walked for what can be said whatever their parameters are and whatever flows in."""
        blind = Walk(
            self.session, self.unit, replace(self.settings, params=dict.fromkeys(self.settings.params, UNKNOWN))
        )
        for name, block in self.unit.spec.blocks.items():
            if (id(self.unit.spec), name) in self.session.walked or ("blocks", name) in self.holes:
                continue
            bind(
                block.params,
                {},
                self.settings.params,
                self.declared(name),
                name,
                {n for n, p in block.params.items() if p.required},
            )
            blind.trail = [(f"{name}.", None, name)]
            try:
                blind.block(
                    name,
                    block,
                    dict.fromkeys(block.params, UNKNOWN),
                    [None] * len(block.inputs or ("input",)),
                    ("blocks", name),
                )
            except Stop:
                continue

    def uses(self) -> None:
        """Tells what is wrong with the names of specs in use, near and far, whether or not an entry takes them: no file
        that is beside this one for its sake goes unseen."""
        shared, left = self.session.shared, [self.unit]
        while left:
            unit = left.pop()
            if id(unit.spec) in shared.followed:
                continue
            shared.followed.add(id(unit.spec))
            teller = Teller(self.session, unit, self.settings)
            for op, target in unit.spec.use.items():
                found = self.session.named(target, unit)
                teller.affordable(op)
                if isinstance(found, str):
                    teller.tell("unknown-reference", found, ("use", op))
                    continue
                if (why := no_variant(found)) and found.unit is not None:
                    help = did_you_mean(str(found.variant), found.unit.spec.variants)
                    teller.tell("unknown-reference", why, ("use", op), help=help)
                if found.unit is not None:
                    left.append(found.unit)

    @cached_property
    def _outer(self) -> Any:
        """The network's parameters that its blocks may read: what lets variants share them."""
        read = self.unit.spec.read_by_blocks
        return freeze({name: value for name, value in self.settings.params.items() if name in read})

    def interned(self, key: Any, name: str, loc: Loc, make: Callable[[], Composite]) -> Composite:
        session = self.session
        if key in session.done:
            done = session.done[key]
            self.step(loc, done.size)
            return done
        opened = key[:1] + key[2:3]
        if any(opened == other for other, _ in session.open):
            loop = " -> ".join([*(n for _, n in session.open[[o for o, _ in session.open].index(opened) :]), name])
            help = ["repeat it with `for`, which ends"] if key[2] else ["a spec that uses itself has no end"]
            raise self.stop("cycle", f"`{name}` contains itself: {loop}", loc, help=help)
        session.open.append((opened, name))
        try:
            done = session.done[key] = make()
        finally:
            session.open.pop()
        return done
