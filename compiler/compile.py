"""From a spec to its graph: choose the variant and parameters, walk, hold it to what it expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compiler.graph import Composite, Graph, Settings, Unit, matches
from compiler.initialisers import unfit
from compiler.layer import Shape, show
from compiler.rules import rules
from compiler.settings import choose
from compiler.taps import TapError, by_name, tapped
from compiler.walk import Halt, Lookup, Session, Shared, Stop, Walk
from specs.diagnostics import Diagnostic, Report
from specs.expression import METER
from specs.limits import DEFAULT, Limits
from specs.spec import Loc
from specs.suggest import did_you_mean


def nowhere(name: str, unit: Unit) -> str:
    return f"there is no spec `{name}`"


def compile(
    unit: Unit,
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
    remedy: bool = True,
) -> Graph | None:
    """The graph of a spec, or None with the reasons in `report`.

    `params` go over the variant's, which go over the spec's defaults. `input` is a shape without the batch axis, or
    one per input by name. `taps` are paths whose values stand in place of the outputs. `expect` is held against the
    graph where nothing that it speaks of was changed. `shared` lets compilations of one unit share what they expanded.
    `remedy` says whether to look for what would mend a refusal, and for who is to blame.
    """
    before = report.wrong
    shared = shared or Shared()
    settings = choose(unit, report, variant=variant, params=params or {}, input=input, limits=limits)
    if settings is None:
        return None
    if METER.spent - shared.metered > limits.work:
        _too_much_work(unit, report, before, limits)
        return None
    session = Session(report, lookup, limits, shared, before=shared.entries, teaches=remedy)
    walk = Walk(session, unit, settings)
    session.open.append(((id(unit.spec), ""), settings.name))
    try:
        root = walk.expand(
            "network",
            settings.name,
            unit.spec.layers,
            ("layers",),
            settings.params,
            settings.inputs,
            outputs=unit.spec.outputs,
            outputs_loc=("outputs",),
        )
        expanded = report.wrong
        computable = walk.besides()
    except (Halt, Stop):
        return None
    finally:
        if session.sized and remedy:
            _remedy(session, unit, settings, variant, params)
    if expanded > before or not root.whole:
        return None
    if taps:
        wanted = by_name(taps)
        try:
            root = tapped(root, wanted)
        except TapError as error:
            report.add(
                Diagnostic("unknown-reference", f"taps: {error}", file=unit.document.source.name, help=error.help)
            )
            return None
        settings = replace(settings, changed=True, taps=wanted)
    graph = Graph(unit, replace(root, settings=settings), settings)
    if graph.params > limits.params:
        report.add(
            Diagnostic(
                "limit-exceeded",
                f"the network would have {graph.params:,} weights; the limit is {limits.params:,}",
                unit.document.span(("layers",), key=True),
                file=unit.document.source.name,
            )
        )
        return None
    parts = (graph, *_used(graph.root))
    if _too_many_names(parts, report, limits):
        return None
    for part in parts:
        check_rules(part, report, init=computable)
    if expect and not settings.changed:
        check_expect(graph, report)
    return graph if report.wrong == before else None


def _too_much_work(unit: Unit, report: Report, before: int, limits: Limits) -> None:
    """Tells that parameters and init rules, those of the variants before it too, take too much; if nobody has."""
    if report.wrong == before:
        message = f"the parameters and init rules of all variants take more than {limits.work:,} operations"
        span = unit.document.span(("params",), key=True)
        report.add(Diagnostic("limit-exceeded", message, span, file=unit.document.source.name))


def _remedy(
    session: Session, unit: Unit, settings: Settings, variant: str | None, params: Mapping[str, Any] | None
) -> None:
    """Looks for sizes of the input that would mend what is told."""
    from compiler.remedies import Errors, remedies

    def again(shape: Shape) -> Errors:
        report = Report()
        compile(
            unit,
            report,
            variant=variant,
            params=params,
            input=shape,
            lookup=session.lookup,
            limits=session.limits,
            expect=False,
            remedy=False,
        )
        return {(d.code, d.span) for d in report.errors}

    remedies(session.sized, session.report, settings, session.steps, again)


def check_expect(graph: Graph, report: Report) -> None:
    """Holds the graph to the spec's own numbers."""
    expect = graph.settings.expect
    if expect is None:
        return
    document = graph.unit.document
    variant = graph.settings.variant
    base: Loc = ("variants", variant, "expect") if variant else ("expect",)

    def wrong(key: str, got: str, wanted: str, *inside: str) -> None:
        loc: Loc = (*base, key, *inside)
        if any(hole[: len(loc)] == loc for hole in document.holes):  # what is told already
            return
        report.add(
            Diagnostic(
                "assertion-failed",
                f"{graph.name} has {got}, and `expect` says {wanted}",
                document.span(loc),
                file=document.source.name,
            )
        )

    for key in ("params", "trainable_params", "macs"):
        wanted = getattr(expect, key)
        if key == "trainable_params" and graph.unit.under(("freeze",)):
            continue
        if wanted is not None and (actual := getattr(graph, key)) != wanted:
            wrong(key, f"{actual:,} {key}", f"{wanted:,}")
    if expect.output is not None:
        lasting = {p.name: v.shape for p, v in zip(graph.root.outputs, graph.root.values, strict=True) if v is not None}
        wanted_outputs = expect.output if isinstance(expect.output, dict) else None
        if wanted_outputs is None:
            always = [
                v
                for p, v in zip(graph.root.outputs, graph.root.values, strict=True)
                if v is not None and not p.training_only
            ]
            if len(always) != 1 or list(always[0].shape) != expect.output:
                wrong("output", "output " + " and ".join(show(v.shape) for v in always), show(expect.output))  # type: ignore[arg-type]
        else:
            for name, shape in wanted_outputs.items():
                if list(lasting.get(name, ())) != shape:
                    wrong(
                        "output",
                        f"output {name} {show(lasting[name])}" if name in lasting else f"no output {name}",
                        show(shape),
                        name,
                    )


def _too_many_names(parts: Sequence[Graph], report: Report, limits: Limits) -> bool:
    """Whether holding every name against every pattern of `freeze` and `init` would take too long, in the network and
    in all specs that it uses; told."""
    held = dict.fromkeys(("freeze", "init"), 0)
    for part in parts:
        spec, document = part.unit
        for key, patterns in (("freeze", spec.freeze), ("init", [rule.match for rule in spec.init])):
            held[key] += sum(1 + len(p.split(".")) + len(p) // 16 for p in patterns) * part.root.size
            if held[key] > limits.matches:
                report.add(
                    Diagnostic(
                        "limit-exceeded",
                        f"the patterns of `{key}` are too many for a network of {part.root.size:,} layers",
                        document.span((key,), key=True),
                        file=document.source.name,
                    )
                )
                return True
    return False


def _used(composite: Composite) -> Iterator[Graph]:
    """The specs in use, each once."""
    seen: set[int] = set()
    left = [composite]
    while left:
        for node in left.pop().nodes:
            body = node.body
            if isinstance(body, Composite) and id(body) not in seen:
                seen.add(id(body))
                left.append(body)
                if body.settings is not None:
                    yield Graph(body.unit, body, body.settings)


def check_rules(graph: Graph, report: Report, *, init: bool) -> None:
    """`freeze`, and `init` if its rules can be computed, speak of parameters that exist."""
    spec, document = graph.unit
    if graph.settings.taps:
        return
    leaves = list(graph.walk()) if spec.init and init else []
    for i, rule in enumerate(rules(graph) if init else ()):
        met = [(path, node) for path, node, _ in leaves if rule.meets(path, node.op)]
        known = list(dict.fromkeys(key for _, node in met for key in node.weights))
        for name, made in rule.initialisers[: DEFAULT.mistakes] if ("init", i) not in spec.holes else ():
            if met and name not in (*known, "weight", "bias"):  # those are there for other choices of the parameters
                report.add(
                    Diagnostic(
                        "unknown-argument",
                        f"nothing that `{rule.match}` names has a parameter `{name}`",
                        document.span(("init", i, name), key=True),
                        file=document.source.name,
                        help=did_you_mean(name, known),
                    )
                )
            for path, node in met:
                if name in node.weights and (why := unfit(made, shape := node.weights[name])) is not None:
                    report.add(
                        Diagnostic(
                            "shape-mismatch",
                            f"{why}, and `{name}` of `{path}` is {show(shape)}",
                            document.span(("init", i, name)),
                            file=document.source.name,
                        )
                    )
                    break
    if not spec.freeze:
        return
    keys = list(graph.state)
    for i, pattern in enumerate(spec.freeze):
        if ("freeze", i) not in spec.holes and not any(matches(pattern, key) for key in keys):
            report.add(
                Diagnostic(
                    "unknown-reference",
                    f"`freeze` names nothing: no parameter matches `{pattern}`",
                    document.span(("freeze", i)),
                    file=document.source.name,
                )
            )
