"""A diagram in the language of Graphviz, which lays it out: blocks are clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from speczoo.drawing.diagram import Diagram, connections, dashed
from speczoo.drawing.palette import CHANGES, KINDS, LIGHT
from speczoo.specs.escaping import safe


def dot(diagram: Diagram, title: str, *, horizontal: bool = False) -> str:
    """Return the file's text."""
    names = {id(box): f"n{i}" for i, box in enumerate(diagram.walk())}
    lines = [
        f"digraph {_quoted(title)} {{",
        f'  rankdir="{"LR" if horizontal else "TB"}"; label={_quoted(title)}; labelloc="t"; fontname="Helvetica";',
        '  node [shape="box", style="rounded,filled", fontname="Helvetica", fontsize="11", height="0.3"];',
        f'  edge [color="{LIGHT.line}", fontname="Helvetica", fontsize="9", arrowsize="0.6"];',
        *_boxes(diagram, names, "  ", ends=True),
        *(
            f"  {names[id(source)]} -> {names[id(target)]} [label={_quoted(source.shape)}"
            f"{', style=dashed' if dashed(source, target) else ''}];"
            for source, target in connections(diagram)
        ),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _boxes(diagram: Diagram, names: Mapping[int, str], indent: str, *, ends: bool) -> Iterator[str]:
    """Yield the boxes of a list; without its ends, where it stands in another."""
    for box in diagram.boxes:
        name = names[id(box)]
        if box.inside is not None:
            yield f"{indent}subgraph cluster_{name} {{"
            yield f'{indent}  label={_quoted(box.line)}; style="rounded,filled"; fillcolor="{LIGHT.block}";'
            yield from _boxes(box.inside, names, f"{indent}  ", ends=False)
            yield f"{indent}}}"
        elif box.kind != "terminal" or ends:
            known = (KINDS | CHANGES).get(box.kind)
            colour = known.light if known else None
            fill = f'fillcolor="{colour.fill}", color="{colour.line}"' if colour else f'fillcolor="{LIGHT.head}"'
            yield f"{indent}{name} [label={_quoted(box.line)}, {fill}];"


def _quoted(text: str) -> str:
    escaped = safe(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
