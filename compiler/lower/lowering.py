"""A graph lowered to a program: a class for every group of instances."""

from __future__ import annotations

from speczoo.compiler.graph import Graph
from speczoo.compiler.lower.classes import lowered_class, title_of
from speczoo.compiler.lower.program_parts import ProgramParts
from speczoo.compiler.program import Program


def program_of(graph: Graph) -> Program:
    """Return the program of a graph, unproved: `lower` holds it to the graph."""
    parts = ProgramParts(graph)
    classes = [lowered_class(parts, group) for group in parts.groups.all]
    spec, words = graph.spec, title_of(graph.root)
    reference = spec.reference if isinstance(spec.reference, str) else (spec.reference or [""])[0]
    doc = f"{graph.name}: {words}" if words else graph.name
    return Program(
        graph.name,
        "\n\n".join(filter(None, (doc, graph.root.note, reference))),
        classes[-1].name,
        tuple(classes),
        tuple(parts.support),
        tuple(parts.imports),
    )
