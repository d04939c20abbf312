"""What is fuzzed: text -> Document -> Spec -> Graph -> source. Nothing but diagnostics may come of it."""

from __future__ import annotations

from speczoo import catalogue
from speczoo.compiler.compile import compile
from speczoo.compiler.elaborate import Shared
from speczoo.compiler.emit.python import source
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.emit.summary import summarise
from speczoo.compiler.graph import Graph
from speczoo.specs import render
from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Report, Span
from speczoo.specs.document import parse
from speczoo.specs.limits import Limits
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.source import Source

LIMITS = Limits(nodes=20_000, entries=400, work=20_000)

NAME = "fuzz.yaml"


def inside(span: Span, text: str) -> bool:
    """Whether a place is one in the text: it ends behind its start, and neither lies beyond its line."""
    lines = Source.of(text).lines
    ends = ((span.line, span.column), (span.end_line, span.end_column))
    return ends[0] <= ends[1] and all(1 <= n <= len(lines) and 1 <= c <= len(lines[n - 1]) + 1 for n, c in ends)


def checked(text: str) -> tuple[bool, Graph | None]:
    """Whether the text got past YAML, and the last graph that came of it, whole. Raises only for bugs of ours."""
    report = Report()
    document = parse(Source.of(text, NAME), report)
    past = document is not None
    spec = load(document, report) if document else None
    graph = None
    if spec is not None and document is not None:
        unit, shared = LoadedSpec(spec, document), Shared()
        for variant in list(spec.variants)[:3] or [None]:
            graph = compile(unit, report, variant=variant, lookup=catalogue.lookup, limits=LIMITS, shared=shared)
            if graph is None:
                break
        if report.ok:
            assert graph is not None
            code = source(graph)
            verify(code)
            assert code == source(graph)
            assert len(summarise(graph).layers) == len(graph.rows)
            assert all(size > 0 for shape in graph.state.values() for size in shape)
    assert graph is not None or report.errors or not past
    assert {d.code for d in report} <= set(CODES)
    lines = text.splitlines()
    shown = render.text(report.diagnostics, lines=lambda name: lines)
    assert shown.replace("\n", "").isprintable()
    for diagnostic in report:
        labelled = [(label.span, label.file or diagnostic.file) for label in diagnostic.labels]
        for span, file in (
            (diagnostic.span, diagnostic.file),
            *labelled,
            *((e.span, diagnostic.file) for e in diagnostic.fix),
        ):
            assert span is None or file != NAME or inside(span, text), diagnostic
    return past, graph if report.ok else None
