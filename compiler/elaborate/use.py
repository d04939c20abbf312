"""Another spec as an op: its own names, its own defaults; what flows in takes the place of its input."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

from speczoo.compiler.composite import Composite, Node, Settings
from speczoo.compiler.elaborate.arguments import evaluate_arguments, report_arguments, wrong_count
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.interface import Elaborator
from speczoo.compiler.elaborate.session import Elaborated, Stop, freeze
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.settings import choose
from speczoo.compiler.taps import keep
from speczoo.specs.expression import METER
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.problem import Problem
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.wording import printable

CHOICE = 3  # choosing the settings of a spec costs as much as so many layers


def elaborate_use(e: Elaborator, here: EntrySite, blank: Node, given: Mapping[str, Any] | None = None) -> Node:
    """Return the node of a spec in use; `given` are its arguments where they are known to be right. Raises Stop,
    reported.
    """
    ctx, op, loc = e.context, blank.op, here.loc("op")
    unit, variant = _found(ctx, blank)
    ctx.session.shared.entries += CHOICE
    if given is None:
        given = evaluate_arguments(here, op)
    report = ctx.session.report
    settings, work = _settings(here, blank, unit, variant, given)
    key = (id(unit.spec), "", "", freeze(settings.params), blank.arriving)
    known = ctx.session.done.get(key)
    if known is not None and id(unit.spec) in ctx.session.shared.settled and not ctx.inactive:
        ctx.step(loc, known.size)
        return blank.containing(_lasting(known))
    before = len(report.diagnostics)
    if len(settings.inputs) == len(blank.arriving):
        settings = settings.flowing(blank.arriving)
    inner = e.of(unit, settings)
    inner.context.trail = [(f"{ctx.prefix}{here.name}.", partial(ctx.place, loc), op)]

    def expand() -> Composite:
        return inner.spec("use", op, given)

    body = e.interned(key, op, loc, expand)
    if id(unit.spec) not in ctx.session.shared.checked:
        inner.check_unused_blocks()
    inner.check_declarations()
    lasting = _lasting(body)
    if len(report.diagnostics) > before:
        _blame_user(here, unit, variant, before)
    elif not ctx.partly_refused and id(unit.spec) in ctx.session.shared.settled:
        ctx.session.shared.lists[ctx.list_key(op, freeze(given), blank.arriving)] = Elaborated(lasting, work, CHOICE)
        here.item.prepared.right = True
    return blank.containing(lasting)


def _lasting(body: Composite) -> Composite:
    """Return the list without the outputs that are of training alone."""
    lasting = [p for p in body.outputs if not p.training_only]
    return keep(body, lasting) if len(lasting) < len(body.outputs) else body


def _settings(
    here: EntrySite, blank: Node, unit: LoadedSpec, variant: str | None, given: Mapping[str, Any]
) -> tuple[Settings, int]:
    """Return the settings of a spec in use for these arguments and what flows in, and the work that they took; chosen
    once for equal arguments that are right, and charged for again. Raises Stop, reported.
    """
    chosen, report = here.ctx.session.shared.chosen, here.ctx.session.report
    key = (id(unit.spec), variant, freeze(given))
    if key in chosen:
        settings, work = chosen[key]
        METER.spent += work
        return settings, work
    before = METER.spent
    choice = choose(unit, variant=variant, params=given, values=blank.arriving)
    for problem in choice.problems:
        report.add(problem.located(unit.document))
    report_arguments(here, blank.op, choice.of_given)
    if choice.settings is None:
        raise Stop
    if choice.takes is not None:
        raise wrong_count(here, len(blank.inputs), blank.op, choice.takes)
    work = METER.spent - before
    if not choice.problems and not choice.of_given and len(choice.settings.inputs) == len(blank.arriving):
        chosen[key] = choice.settings, work
    return choice.settings, work


def _found(ctx: Context, blank: Node) -> tuple[LoadedSpec, str | None]:
    """Return the spec in use, and its variant. Raises Stop, reported."""
    op = blank.op
    found = ctx.session.named(ctx.unit.spec.use[op], ctx.unit)
    ctx.check_text_length(op)
    if (problem := _use_problem(op, found, blank.name)) is not None:
        raise ctx.stop(problem)
    if isinstance(found, str) or found.unit is None:  # its own errors are reported already
        raise Stop
    return found.unit, found.variant


def _use_problem(op: str, found: UsedSpec | str, path: str = "") -> Problem | None:
    """Return what is wrong with a name under `use`: there is no such spec, or it has no such variant."""
    if isinstance(found, str):
        return Problem("unknown-reference", found, ("use", op), path=path)
    unit, variant, _ = found
    if unit is None or variant is None or variant in unit.spec.variants:
        return None
    message = f"`{unit.spec.name}` has no variant `{printable(variant)}`"
    help = did_you_mean(variant, unit.spec.variants)
    return Problem("unknown-reference", message, ("use", op), path=path, help=help)


def check_uses(ctx: Context) -> None:
    """Report what is wrong with the names of specs in use, near and far, whether or not an entry takes them: no file
    that lies beside this one for its sake goes unseen.
    """
    shared, left = ctx.session.shared, [ctx.unit]
    while left:
        unit = left.pop()
        if id(unit.spec) in shared.followed:
            continue
        shared.followed.add(id(unit.spec))
        inner = Context(ctx.session, unit, ctx.settings)
        for op, name in unit.spec.use.items():
            found = ctx.session.named(name, unit)
            inner.check_text_length(op)
            if (problem := _use_problem(op, found)) is not None:
                inner.report(problem)
            if not isinstance(found, str) and found.unit is not None:
                left.append(found.unit)


def _blame_user(here: EntrySite, unit: LoadedSpec, variant: str | None, before: int) -> None:
    """Report what a spec is not wrong about alone as the problem of who uses it, there."""
    ctx, session = here.ctx, here.ctx.session
    new = [d for d in session.report.diagnostics[before:] if d.file == unit.document.source.name]
    if session.right_alone is None or not any(d.severity == "error" for d in new):
        return
    if not session.right_alone(unit, variant):
        return
    for inner in new:
        session.report.diagnostics.remove(inner)
        where = f"{PurePath(str(inner.file)).name}:{inner.span.line}" if inner.span else inner.file
        ctx.report(
            Problem(
                inner.code,
                inner.message,
                here.loc("op"),
                path=(inner.path or "").removeprefix(ctx.prefix),
                notes=[*inner.notes[:-1], f"inside {here.item.entry.op}, at {where}"],
                fixes=next((problem.fixes for problem, d in session.resizable if d is inner), ()),
                severity=inner.severity,
            )
        )
