"""From a spec to its graph: choose the variant and parameters, elaborate, check, hold it to what it expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from speczoo.compiler.checks.expect import expect_problems
from speczoo.compiler.checks.init_and_freeze import pattern_problem, rule_problems
from speczoo.compiler.composite import Composite, Settings
from speczoo.compiler.elaborate import Context, Halt, Lookup, Session, Shared, SpecElaborator, Stop
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.compiler.settings import choose
from speczoo.compiler.taps import outputs_by_name, tapped
from speczoo.compiler.ties import tie_problems, with_ties
from speczoo.specs.diagnostics import Report
from speczoo.specs.expression import METER
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.problem import Problem, ProblemError
from speczoo.specs.spec import Spec


def nowhere(name: str, unit: LoadedSpec) -> str:
    return f"there is no spec `{name}`"


def compile(
    unit: LoadedSpec,
    report: Report,
    *,
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    taps: Sequence[str] | Mapping[str, str] | None = None,
    lookup: Lookup = nowhere,
    limits: Limits = DEFAULT,
    expect: bool = True,
    shared: Shared | None = None,
    explain: bool = True,
    last: bool = True,
) -> Graph | None:
    """Return the graph of a spec, or None with the reasons in `report`.

    `params` go over the variant's, which go over the spec's defaults. `input` is a shape without the batch axis, or
    one per input by name. `taps` are paths whose values stand in place of the outputs. `expect` is held against the
    graph where nothing that it speaks of was changed. `shared` lets compilations of one unit share what they expanded.
    `explain` says whether to look for what would mend a problem, and for whose it is; `last` whether to check the
    blocks that nothing uses: no other variant comes that may use them.
    """
    before = report.wrong
    shared = shared or Shared()
    settings, problems, of_given, _ = choose(unit, variant=variant, params=params or {}, input=input, limits=limits)
    for wrong in (*problems, *of_given):
        report.add(wrong.located(unit.document))
    if settings is None:
        return None
    if METER.spent - shared.metered > limits.work:
        if report.wrong == before:
            _report(unit, report, [_too_much_work(limits)])
        return None
    session = Session(report, lookup, limits, shared, before=shared.entries)
    elaborator = SpecElaborator(Context(session, unit, settings))
    session.open.append(((id(unit.spec), ""), settings.name))
    try:
        with _explained(session, explain):
            root = shared.roots[settings.variant] = elaborator.spec("network", settings.name)
            expanded = report.wrong
            computable = elaborator.check_declarations()
        shared.unused = shared.unused or partial(_check_unused, elaborator, explain)
    except (Halt, Stop):
        return None
    finally:
        if session.resizable and explain:
            _add_sizes(session, unit, settings, variant, params)
        if last:
            check_unused_blocks(shared)
    if expanded > before or not root.whole:
        return None
    try:
        graph = _graph(unit, root, settings, taps, shared)
    except ProblemError as error:
        _report(unit, report, [error.problem])
        return None
    _check(graph, report, limits, rules=computable, expect=expect)
    return graph if report.wrong == before else None


def _graph(unit: LoadedSpec, root: Composite, settings: Settings, taps: Any, shared: Shared) -> Graph:
    """Return the graph of a list that is whole, with its taps and ties. Raises ProblemError for wrong taps."""
    if taps:
        try:
            wanted = outputs_by_name(taps)
            root = tapped(root, wanted)
        except ProblemError as error:
            raise ProblemError(replace(error.problem, message=f"taps: {error.problem.message}", loc=())) from None
        settings = replace(settings, changed=True, taps=wanted)
    root = with_ties(root) if any(spec.tie for spec in (unit.spec, *_specs(shared.found))) else root
    root = root if root.settings is settings else replace(root, settings=settings)
    return Graph(unit, root, settings, shared.found if unit.spec.use else {})


def _check(graph: Graph, report: Report, limits: Limits, *, rules: bool, expect: bool) -> None:
    """Report what is wrong with a graph that is whole: its size, the rules for its weights, where these can be
    computed, and what it is expected to be, where nothing of that was changed.
    """
    parts = (graph, *_used(graph.root)) if any(map(_has_rules, _specs(graph.used))) else (graph,)
    if (excess := _excess(graph, parts, limits)) is not None:
        _report(excess[0].unit, report, [excess[1]])
        return
    for part in parts:
        _report(part.unit, report, rule_problems(part, init=rules))
        _report(part.unit, report, tie_problems(part))
    if expect and not graph.settings.changed:
        _report(graph.unit, report, expect_problems(graph))


def _specs(found: Mapping[Any, UsedSpec | str]) -> Iterator[Spec]:
    """Yield the specs that names under `use` were found to mean."""
    return (each.unit.spec for each in found.values() if isinstance(each, UsedSpec) and each.unit is not None)


def check_unused_blocks(shared: Shared) -> None:
    """Report what is wrong with blocks that no compilation which shares this has used."""
    check, shared.unused = shared.unused, None
    if check is not None:
        check()


def _check_unused(elaborator: SpecElaborator, explain: bool) -> None:
    """Check the blocks of a spec that nothing uses; `explain` as `compile` has it."""
    with _explained(elaborator.context.session, explain), suppress(Halt):
        elaborator.check_unused_blocks()


@contextmanager
def _explained(session: Session, explain: bool) -> Iterator[None]:
    """Have it found meanwhile whose problem it is where a spec in use is wrong, unless nobody will read that."""
    session.right_alone = partial(_right_alone, session) if explain else None
    try:
        yield
    finally:
        session.right_alone = None  # or all that was elaborated would wait for a search for cycles


def _report(unit: LoadedSpec, report: Report, problems: Iterable[Problem]) -> None:
    """Add problems with a whole graph to the report, but for what was refused already by who read the text."""
    for problem in problems:
        if not any(
            placeholder[: len(problem.loc)] == problem.loc for placeholder in unit.document.placeholders if problem.loc
        ):
            report.add(problem.located(unit.document))


def _excess(graph: Graph, parts: Sequence[Graph], limits: Limits) -> tuple[Graph, Problem] | None:
    """Return the first of a network and the specs that it uses which is beyond the limits, and what is too much."""
    if graph.params <= limits.params:
        return pattern_problem(parts, limits)
    message = f"the network would have {graph.params:,} weights; the limit is {limits.params:,}"
    return graph, Problem("limit-exceeded", message, ("layers",), key=True)


def _too_much_work(limits: Limits) -> Problem:
    """Return the problem that parameters and init rules, those of the variants before too, take too much."""
    message = f"the parameters and init rules of all variants take more than {limits.work:,} operations"
    return Problem("limit-exceeded", message, ("params",), key=True)


def _right_alone(session: Session, unit: LoadedSpec, variant: str | None) -> bool:
    """Return whether a spec in use is right by itself."""
    report, lookup, limits = Report(), session.lookup, session.limits
    compile(unit, report, variant=variant, lookup=lookup, limits=limits, expect=False, explain=False)
    return report.ok


def _add_sizes(
    session: Session, unit: LoadedSpec, settings: Settings, variant: str | None, params: Mapping[str, Any] | None
) -> None:
    """Look for sizes of the input that would mend what is reported."""
    from speczoo.compiler.explain.input_size_search import Errors, add_sizes, error  # not where all is right

    def again(shape: Shape | None) -> tuple[Errors, Graph | None]:
        report = Report()
        graph = compile(
            unit,
            report,
            variant=variant,
            params=params,
            input=shape,
            lookup=session.lookup,
            limits=session.limits,
            expect=False,
            explain=False,
            last=False,
        )
        return {error(d) for d in report.errors}, graph

    add_sizes(session.resizable, session.report, settings, session.steps, again)


def _has_rules(spec: Spec) -> bool:
    return bool(spec.init or spec.freeze or spec.tie)


def _used(composite: Composite) -> Iterator[Graph]:
    """Yield the specs in use that have rules for weights, each once."""
    visited: set[int] = set()
    left = [composite]
    while left:
        for node in left.pop().nodes:
            body = node.body
            if isinstance(body, Composite) and id(body) not in visited:
                visited.add(id(body))
                left.append(body)
                if body.settings is not None and _has_rules(body.unit.spec):
                    yield Graph(body.unit, body, body.settings)
