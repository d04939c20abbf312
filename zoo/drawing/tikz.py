"""A picture for LaTeX, in TikZ: a document of its own, cut to the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator

from speczoo.drawing.palette import CHANGES, KINDS, LIGHT
from speczoo.drawing.picture import Curve, DrawnText, Face, Picture, Rectangle
from speczoo.specs.escaping import safe

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "\u00d7": r"$\times$", "\u00f7": r"$\div$", "\u2212": "$-$",
    "\u2026": r"\ldots{}", "\u00b7": r"$\cdot$", "\u2192": r"$\to$",
}  # fmt: skip


def tikz(picture: Picture) -> str:
    """Return the document's text; one pixel is one point."""
    lines = [
        r"\documentclass[tikz]{standalone}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{helvet}",
        r"\renewcommand{\familydefault}{\sfdefault}",
        *_colours(picture),
        r"\begin{document}",
        r"\begin{tikzpicture}[x=1pt, y=-1pt, line width=0.6pt, every node/.style={inner sep=0pt, outer sep=0pt}]",
        *_shapes(picture),
        r"\end{tikzpicture}",
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


def _colours(picture: Picture) -> Iterator[str]:
    there = {shape.kind for shape in picture.shapes if isinstance(shape, Rectangle | Face)}
    fills = {name: kind.light for name, kind in (KINDS | CHANGES).items() if name in there}
    for name, (fill, line) in fills.items():
        yield f"\\definecolor{{{name}}}{{HTML}}{{{fill[1:].upper()}}}"
        yield f"\\definecolor{{{name}-line}}{{HTML}}{{{line[1:].upper()}}}"
    for name in ("block", "head", "text", "faint", "line"):
        yield f"\\definecolor{{{name}}}{{HTML}}{{{getattr(LIGHT, name)[1:].upper()}}}"


def _shapes(picture: Picture) -> Iterator[str]:
    for shape in picture.shapes:
        match shape:
            case Rectangle():
                yield _rectangle(shape)
            case Curve():
                yield from _curve(shape)
            case Face():
                yield from _face(shape)
            case DrawnText():
                yield _words(shape)


def _colour(kind: str) -> tuple[str, str]:
    """Return the names of a kind's colours, of its border and of what is inside."""
    return (f"{kind}-line", kind) if kind in KINDS | CHANGES else ("line", "block" if kind == "block" else "head")


def _face(shape: Face) -> Iterator[str]:
    line, fill = _colour(shape.kind)
    way = f"{' -- '.join(map(_point, shape.corners))} -- cycle;"
    yield f"\\filldraw[draw={line}, fill={fill}, line join=round] {way}"
    if shape.shade:
        yield f"\\fill[line, opacity={shape.shade:g}] {way}"


def _rectangle(shape: Rectangle) -> str:
    line, fill = _colour(shape.kind)
    radius = min(shape.radius, shape.width / 2, shape.height / 2)
    return (
        f"\\filldraw[draw={line}, fill={fill}, rounded corners={radius:.1f}pt] ({shape.x:.1f}, {shape.y:.1f}) "
        f"rectangle ({shape.x + shape.width:.1f}, {shape.y + shape.height:.1f});"
    )


def _curve(shape: Curve) -> Iterator[str]:
    start, bend, land, end = map(_point, shape.points)
    first, second = map(_point, shape.controls)
    style = "draw=line, dashed" if shape.dashed else "draw=line"
    yield f"\\draw[{style}] {start} -- {bend} .. controls {first} and {second} .. {land} -- {end};"
    if shape.head:  # an arrow of TikZ's points where its last piece does, which may have no length
        yield f"\\fill[line] {' -- '.join(map(_point, shape.tip))} -- cycle;"


def _point(point: tuple[float, float]) -> str:
    return f"({point[0]:.1f}, {point[1]:.1f})"


def _words(shape: DrawnText) -> str:
    anchor = "center" if shape.middle else "west"
    weight = r"\bfseries" if shape.bold else ""
    colour = "faint" if shape.faint else "text"
    turn = ", rotate=-90" if shape.turned else ""
    return (
        f"\\node[anchor={anchor}, text={colour}{turn}] at ({shape.x:.1f}, {shape.y:.1f}) "
        f"{{\\fontsize{{{shape.size:g}}}{{{shape.size:g}}}\\selectfont{weight} {_escaped(shape.text)}}};"
    )


def _escaped(text: str) -> str:
    """Return a text that LaTeX sets as it stands: what its fonts may not have, by its number."""
    words = "".join(SPECIAL.get(c, c if c.isascii() else f"U+{ord(c):04X}") for c in safe(text))
    return re.sub(" {2,}", lambda spaces: r"\ " * len(spaces[0]), words)  # it takes several for one
