"""Another spec as an op: its own names, its own defaults; what flows in takes the place of its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import TypeAlias

from compiler.elaborate.arguments import ArgumentReporter, evaluate_arguments, wrong_count
from compiler.elaborate.context import Context
from compiler.elaborate.interface import Elaborator
from compiler.elaborate.session import Halt, Item, Stop, freeze, no_variant
from compiler.graph import Composite, Node, Settings, Unit
from compiler.scope import Scope
from compiler.settings import choose
from compiler.taps import keep
from specs.diagnostics import Diagnostic, Report
from specs.problem import Problem
from specs.suggest import did_you_mean


def elaborate_use(e: Elaborator, item: Item, blank: Node, scope: Scope) -> Node:
    """The node of a spec in use. Raises Stop, reported."""
    ctx, op = e.context, blank.op
    unit, variant = _found(ctx, blank)
    wanted = [i.id for i in unit.spec.inputs] if unit.spec.inputs is not None else ["input"]
    if len(wanted) != len(blank.inputs) and not any(hole[0] in ("input", "inputs") for hole in unit.spec.holes):
        raise wrong_count(ctx, item, blank, wanted)
    ctx.session.shared.entries += 3  # choosing its settings costs as much as some layers
    given = evaluate_arguments(ctx, item, op, scope, blank.name)
    report = ctx.session.report
    reporter = ArgumentReporter(ctx, item, op, blank.name)
    settings = choose(unit, report, variant=variant, params=given, values=blank.arriving, teller=reporter)
    if settings is None:
        raise Stop
    before = len(report.diagnostics)
    inner = e.of(unit, settings)
    inner.context.trail = [(f"{ctx.prefix}{blank.name}.", ctx.place((*item.loc, "op")), op)]

    def expand() -> Composite:
        body = inner.expand(
            "use",
            op,
            unit.spec.layers,
            ("layers",),
            settings.params,
            settings.inputs,
            outputs=unit.spec.outputs,
            outputs_loc=("outputs",),
            arguments=given,
        )
        return replace(body, settings=settings)

    key = (id(unit.spec), "", "", freeze(settings.params), blank.arriving)
    body = e.interned(key, op, (*item.loc, "op"), expand)
    inner.check_declarations()
    if ctx.session.explains and len(report.diagnostics) > before:
        _blame_user(e, item, unit, variant, before)
    lasting = [p for p in body.outputs if not p.training_only]
    if len(lasting) < len(body.outputs):
        body = keep(body, lasting)
    return blank.containing(body).but(written=dict(item.entry.arguments))
