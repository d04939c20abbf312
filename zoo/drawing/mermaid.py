"""A diagram as a flowchart of Mermaid, which pages of GitHub and GitLab lay out and draw: blocks are subgraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from speczoo.drawing.diagram import Box, Diagram, connections, dashed
from speczoo.drawing.palette import CHANGES, KINDS
from speczoo.specs.escaping import safe


def mermaid(diagram: Diagram, *, horizontal: bool = False) -> str:
    """Return the text of a ```mermaid block, or of a file."""
    names = {id(box): f"n{i}" for i, box in enumerate(diagram.walk())}
    there = {box.kind for box in diagram.walk()}
    lines = [
        f"flowchart {'LR' if horizontal else 'TD'}",
        *_boxes(diagram, names, "  ", ends=True),
        *(
            f"  {names[id(source)]} {_arrow(source, target)} {names[id(target)]}"
            for source, target in connections(diagram)
        ),
        *(
            f"  classDef {name} fill:{kind.light.fill},stroke:{kind.light.line},color:#1a1a1a"
            for name, kind in (KINDS | CHANGES).items()
            if name in there
        ),
    ]
    return "\n".join(lines) + "\n"


def _boxes(diagram: Diagram, names: Mapping[int, str], indent: str, *, ends: bool) -> Iterator[str]:
    """Yield the boxes of a list; without its ends, where it stands in another."""
    for box in diagram.boxes:
        name = names[id(box)]
        if box.inside is not None:
            yield f'{indent}subgraph {name}["{_label(box)}"]'
            yield from _boxes(box.inside, names, f"{indent}  ", ends=False)
            yield f"{indent}end"
        elif box.kind == "terminal":
            if ends:
                yield f'{indent}{name}(["{_label(box)}"])'
        else:
            left, right = ("((", "))") if box.symbol else ("[", "]")
            yield f'{indent}{name}{left}"{_label(box)}"{right}:::{box.kind}'


def _label(box: Box) -> str:
    return _escaped(box.line) or "#160;"


def _arrow(source: Box, target: Box) -> str:
    start, end = ("-.", ".->") if dashed(source, target) else ("--", "-->")
    if source.shape:
        return f'{start} "{_escaped(source.shape)}" {end}'
    return "-.->" if dashed(source, target) else end


def _escaped(text: str) -> str:
    """Return a text in which Mermaid, and Markdown in its labels, find no marks: other characters by their numbers."""
    return re.sub(r"[^A-Za-z0-9 .,:/()=+\u00d7\u2026\u2212\u00f7-]", lambda match: f"#{ord(match[0])};", safe(text))
