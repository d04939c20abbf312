"""A picture as SVG: alone in a file, or in a page. Colours follow the reader's light or dark setting."""

from __future__ import annotations

from collections.abc import Iterator, Set
from xml.sax.saxutils import escape, quoteattr

from speczoo.drawing.diagram import Box
from speczoo.drawing.palette import CHANGES, DARK, KINDS, LIGHT, Page
from speczoo.drawing.picture import Curve, DrawnText, Face, Picture, Rectangle
from speczoo.drawing.text import FONT
from speczoo.specs.escaping import safe


def svg(picture: Picture, theme: str = "auto") -> str:
    """Return the file's text. `theme` is `light`, `dark`, or `auto`: as the reader has it."""
    kinds = {shape.kind for shape in picture.shapes if isinstance(shape, Rectangle | Face)}
    w, h = _number(picture.width), _number(picture.height)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img">',
            f"<title>{_text(picture.title)}</title>",
            f"<desc>{_text(picture.description)}</desc>",
            f"<style>{style(kinds, theme)}</style>",
            f'<rect class="page" width="{w}" height="{h}"/>',
            *body(picture),
            "</svg>\n",
        ]
    )


def body(picture: Picture) -> Iterator[str]:
    """Yield an element for each shape."""
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


def style(there: Set[str], theme: str = "auto") -> str:
    """Return the style sheet of pictures with these kinds of boxes."""
    base = (
        f"text{{font-family:{FONT};dominant-baseline:central}}.m{{text-anchor:middle}}.b{{font-weight:bold}}"
        ".e{fill:none;stroke-width:1.2}.d{stroke-dasharray:4 3}rect{stroke-width:1}.page{stroke:none}"
    )
    light, dark = _theme(LIGHT, there, dark=False), _theme(DARK, there, dark=True)
    if theme != "auto":
        return base + (dark if theme == "dark" else light)
    return f"{base}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _theme(page: Page, there: Set[str], *, dark: bool) -> str:
    known = ((name, kind) for name, kind in (KINDS | CHANGES).items() if name in there)
    colours = ((name, kind.dark if dark else kind.light) for name, kind in known)
    kinds = "".join(f".{name}{{fill:{colour.fill};stroke:{colour.line}}}" for name, colour in colours)
    return (
        f".page{{fill:{page.background}}}text{{fill:{page.text}}}.f{{fill:{page.faint}}}"
        f".e{{stroke:{page.line}}}.a{{fill:{page.line}}}.block{{fill:{page.block};stroke:{page.line}}}"
        f".head{{fill:{page.head};stroke:{page.line}}}.terminal{{fill:{page.head};stroke:{page.line}}}{kinds}"
    )


def _rectangle(shape: Rectangle) -> str:
    place = f'x="{_number(shape.x)}" y="{_number(shape.y)}" width="{_number(shape.width)}"'
    place += f' height="{_number(shape.height)}" rx="{_number(shape.radius)}"'
    return _with_title("rect", f'class="{shape.kind}" {place}', shape.about)


def _with_title(tag: str, attributes: str, box: Box | None) -> str:
    """Return an element which tells, under the pointer, what there is to know of a box."""
    if box is None:
        return f"<{tag} {attributes}/>"
    lines = [" ".join(filter(None, (box.path, box.label))), *box.facts]
    about = "\n".join(map(_text, lines))
    return f"<{tag} {attributes}><title>{about}</title></{tag}>"


def _face(shape: Face) -> Iterator[str]:
    points = f'points="{" ".join(f"{_number(x)},{_number(y)}" for x, y in shape.corners)}"'
    yield _with_title("polygon", f'class="{shape.kind}" stroke-linejoin="round" {points}', shape.about)
    if shape.shade:
        yield f'<polygon class="a" fill-opacity="{shape.shade:g}" {points}/>'


def _curve(shape: Curve) -> Iterator[str]:
    start, bend, land, end = map(_point, shape.points)
    crooked = shape.points[1][shape.horizontal] != shape.points[2][shape.horizontal]
    inner = f"L{bend}C{' '.join(map(_point, shape.controls))} {land}" if crooked else ""
    dashed = " d" if shape.dashed else ""
    yield f'<path class="e{dashed}" d="M{start}{inner}L{end}"/>'
    if shape.head:
        corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in shape.tip)
        yield f'<polygon class="a" points="{corners}"/>'


def _point(point: tuple[float, float]) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _words(shape: DrawnText) -> str:
    classes = " ".join(c for c, on in (("b", shape.bold), ("f", shape.faint), ("m", shape.middle)) if on)
    named = f"class={quoteattr(classes)} " if classes else ""
    turn = f' transform="rotate(90 {_number(shape.x)} {_number(shape.y)})"' if shape.turned else ""
    long = f' textLength="{_number(shape.length)}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<text {named}x="{_number(shape.x)}" y="{_number(shape.y)}" font-size="{_number(shape.size)}"{long}{turn}>'
        f"{_text(shape.text)}</text>"
    )


def _text(text: str) -> str:
    return escape(safe(text))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
