"""The driver: expands the lists of one spec, and knows all kinds of entries through `entry`.

Loops, conditions, blocks and shapes are one pass in order, because a condition may read the channels that flow into it:
resolve `from`, evaluate, infer, next. An entry that is wrong is reported once and leaves a placeholder, whose output is
unknown; what follows from it is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from speczoo.compiler.cached import cached_property
from speczoo.compiler.checks.declarations import declaration_problems
from speczoo.compiler.checks.init_and_freeze import init_problems
from speczoo.compiler.composite import Composite, Settings
from speczoo.compiler.elaborate import inactive, loops
from speczoo.compiler.elaborate.block import inputs_of
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.entry import elaborate_entry
from speczoo.compiler.elaborate.frame import Frame, WrittenList
from speczoo.compiler.elaborate.let import with_let
from speczoo.compiler.elaborate.outputs import check_list, close
from speczoo.compiler.elaborate.session import Halt, Item, Stop, freeze
from speczoo.compiler.elaborate.straight import fill_straight
from speczoo.compiler.elaborate.use import check_uses
from speczoo.compiler.layer import Value
from speczoo.compiler.parameters import bind
from speczoo.compiler.scope import layered
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.entry import Entry
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.spec import Block


class SpecElaborator:
    """Elaborates the lists of one spec, for one choice of its parameters."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def of(self, unit: LoadedSpec, settings: Settings) -> SpecElaborator:
        return SpecElaborator(Context(self.context.session, unit, settings))

    # -- lists ----------------------------------------------------------------------------------------------------

    def expand(
        self,
        written: WrittenList,
        names: Mapping[str, Any],
        inputs: Sequence[tuple[str, Value | Unknown]],
        *,
        arguments: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
    ) -> Composite:
        kind, name, entries, loc, outputs, outputs_loc = written
        ctx, frames, deepest = self.context, self.context.session.frames, self.context.session.limits.block_depth
        if len(frames) > deepest:
            ctx.report(Problem("limit-exceeded", f"blocks and groups nest deeper than {deepest}", loc))
            raise Halt
        ids_incomplete = ctx.names_unknown((*loc[:-1], "inputs"))
        frame = Frame.open(ctx.unit, entries, loc, names, dict(inputs), ids_incomplete)
        frames.append(frame)
        try:
            self._fill(frame)
            ports, right = close(ctx, frame, outputs, outputs_loc)
            composite = Composite.of(
                {
                    "kind": kind,
                    "name": name,
                    "unit": ctx.unit,
                    "loc": loc,
                    "inputs": tuple(inputs),
                    "nodes": tuple(frame.nodes),
                    "outputs": ports,
                    "arguments": arguments or {},
                    "scope": names,
                    "settings": settings,
                    "note": "",
                }
            )
            if right:
                check_list(ctx, frame, composite)
        finally:
            frames.pop()
        return composite

    def _fill(self, frame: Frame) -> None:
        if self.context.inactive:
            inactive.check_all(self, frame, frame.entries, frame.loc, frame.names)
            raise UnknownRead
        done = fill_straight(self, frame, self.context.placed(frame.entries, frame.loc, tuple(frame.inputs)))
        for item in loops.items(self, frame, done):
            elaborate_entry(self, frame, item)

    def entry(self, frame: Frame, item: Item) -> None:
        elaborate_entry(self, frame, item)

    def spec(self, kind: Literal["network", "use"], name: str, arguments: Mapping[str, Any] | None = None) -> Composite:
        ctx = self.context
        spec, settings = ctx.unit.spec, ctx.settings
        if spec.let:
            ctx.names = with_let(ctx, spec.let, settings.params, settings.inputs, ("let",))
        written = WrittenList(kind, name, spec.layers, ("layers",), spec.outputs, ("outputs",))
        return self.expand(written, ctx.names, settings.inputs, arguments=arguments, settings=settings)

    def block(
        self,
        name: str,
        block: Block,
        arguments: Mapping[str, Any],
        inputs: Sequence[tuple[str, Value | Unknown]],
        loc: Loc,
    ) -> Composite:
        ctx = self.context
        if ctx.inactive:
            raise UnknownRead
        ctx.session.shared.instantiated.add((id(ctx.unit.spec), name))

        def expand() -> Composite:
            names = layered(ctx.names, arguments)
            if block.let:
                names = with_let(ctx, block.let, names, inputs, ("blocks", name, "let"))
            outputs_loc = ("blocks", name, "outputs")
            written = WrittenList("block", name, block.layers, ("blocks", name, "layers"), block.outputs, outputs_loc)
            return self.expand(written, names, inputs, arguments=arguments)

        key = (id(ctx.unit.spec), ctx.outer(name), name, freeze(arguments), tuple(value for _, value in inputs))
        return self.interned(key, name, loc, expand)

    def interned(self, key: Any, name: str, loc: Loc, make: Callable[[], Composite]) -> Composite:
        ctx, session = self.context, self.context.session
        if ctx.inactive:
            raise UnknownRead
        if key in session.done:
            done = session.done[key]
            ctx.step(loc, done.size)
            return done
        opened = key[:1] + key[2:3]
        if opened in (around := [other for other, _ in session.open]):
            first = around.index(opened)
            loop = " -> ".join([*(n for _, n in session.open[first:]), name])
            help = ["repeat it with `for`, which ends"] if key[2] else ["a spec that uses itself has no end"]
            raise ctx.stop(Problem("cycle", f"`{name}` contains itself: {loop}", loc, help=help))
        session.open.append((opened, name))
        try:
            done = session.done[key] = make()
        finally:
            session.open.pop()
        return done

    # -- what is not in use ---------------------------------------------------------------------------------------

    def left_out(self, frame: Frame, entry: Entry, loc: Loc, names: Mapping[str, Any]) -> None:
        ctx, session = self.context, self.context.session
        key = (id(ctx.unit.spec), loc)
        if key in session.inactive or key in session.shared.right_inactive:
            return
        session.inactive.add(key)
        reported = session.reported
        self._inactive.context.trail = ctx.trail
        inactive.check(self._inactive, frame, entry, loc, names)
        if session.reported == reported:
            session.shared.right_inactive.add(key)

    @cached_property
    def _inactive(self) -> SpecElaborator:
        return SpecElaborator(self.context.with_unknown_params(inactive=True))

    @cached_property
    def _with_unknown_params(self) -> SpecElaborator:
        return SpecElaborator(self.context.with_unknown_params())

    def check_declarations(self) -> bool:
        ctx, spec = self.context, self.context.unit.spec
        shared, most = ctx.session.shared, ctx.session.limits.mistakes
        if id(spec) in shared.settled:
            return True
        wrong_rules = list(islice(init_problems(spec, ctx.settings.params), most))
        for problem in wrong_rules:
            ctx.report(problem)
        if not wrong_rules and not spec.read_by_init:
            shared.settled.add(id(spec))
        if id(spec) in shared.checked:
            return not wrong_rules
        shared.checked.add(id(spec))
        check_uses(ctx)
        for problem in islice(declaration_problems(spec), most):
            ctx.report(problem)
        return not wrong_rules

    def check_unused_blocks(self) -> None:
        """Elaborate blocks that nothing uses, for what is wrong whatever their parameters and inputs are."""
        ctx, spec = self.context, self.context.unit.spec
        for name, block in spec.blocks.items():
            if (id(spec), name) in ctx.session.shared.instantiated or ("blocks", name) in ctx.placeholders:
                continue
            unbound = self._with_unknown_params
            required = {param for param, declared in block.params.items() if declared.required}
            _, problems = bind(block.params, {}, ctx.names, name, required)
            for problem in problems:
                place = problem.loc if problem.key else (*problem.loc, "default")
                ctx.report(replace(problem, loc=("blocks", name, "params", *place)))
            unbound.context.trail = [(f"{name}.", None, name)]
            unknown = dict.fromkeys(block.params, UNKNOWN)
            try:
                inputs = block.fixed_inputs or inputs_of(unbound.context, name, block, unknown)
                unbound.block(name, block, unknown, [(own, UNKNOWN) for own in inputs], ("blocks", name))
            except (Stop, UnknownRead):
                continue
