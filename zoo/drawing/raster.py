"""A picture as PNG or PDF, by matplotlib, which brings its font along."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path

from speczoo.drawing.palette import CHANGES, DARK, KINDS, LIGHT, Colour, Page
from speczoo.drawing.picture import Curve, DrawnText, Face, Picture, Rectangle
from speczoo.specs.escaping import safe

#: Pixels of matplotlib's for an inch, of which a point of text is a 72nd.
INCH = 72.0
#: So many pixels a side at most: what programs still open.
MOST = 30_000


def raster(picture: Picture, form: str, *, dark: bool = False, scale: float = 2.0) -> bytes:
    """Return the file's bytes: `png` with `scale` pixels for each of the picture's, less where it is very long, or
    `pdf`.
    """
    page = DARK if dark else LIGHT
    figure = Figure(figsize=(picture.width / INCH, picture.height / INCH), facecolor=page.background)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0, picture.width)
    axes.set_ylim(picture.height, 0)
    for order, shape in enumerate(picture.shapes):
        match shape:
            case Rectangle():
                _rectangle(axes, shape, page, order)
            case Curve():
                _curve(axes, shape, page, order)
            case Face():
                _face(axes, shape, page, order)
            case DrawnText():
                _words(axes, shape, page, order)
    buffer = BytesIO()
    finest = min(scale, MOST / max(picture.width, picture.height))
    figure.savefig(buffer, format=form, dpi=INCH * finest, facecolor=page.background, metadata=_undated(form))
    return buffer.getvalue()


def _undated(form: str) -> dict[str, None]:
    """Return the metadata without which equal pictures are equal files."""
    return {"CreationDate": None} if form == "pdf" else {"Software": None}


def _colour(kind: str, page: Page) -> Colour:
    if known := (KINDS | CHANGES).get(kind):
        return known.dark if page is DARK else known.light
    return Colour(page.block if kind == "block" else page.head, page.line)


def _rectangle(axes: Axes, shape: Rectangle, page: Page, order: int) -> None:
    colour = _colour(shape.kind, page)
    radius = min(shape.radius, shape.width / 2, shape.height / 2)
    style = f"round,pad=0,rounding_size={radius}"
    corner = (shape.x, shape.y)
    axes.add_patch(
        FancyBboxPatch(
            corner, shape.width, shape.height, style, facecolor=colour.fill, edgecolor=colour.line, lw=1, zorder=order
        )
    )


def _curve(axes: Axes, shape: Curve, page: Page, order: int) -> None:
    start, bend, land, end = shape.points
    points = [start, bend, *shape.controls, land, end]
    codes = [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO]
    dashes = "--" if shape.dashed else "-"
    line = PathPatch(Path(points, codes), facecolor="none", edgecolor=page.line, lw=1.2, ls=dashes, zorder=order)
    axes.add_patch(line)
    if shape.head:
        axes.add_patch(Polygon(shape.tip, closed=True, facecolor=page.line, zorder=order))


def _face(axes: Axes, shape: Face, page: Page, order: int) -> None:
    colour = _colour(shape.kind, page)
    style: dict[str, Any] = {"closed": True, "joinstyle": "round", "zorder": order}
    axes.add_patch(Polygon(shape.corners, facecolor=colour.fill, edgecolor=colour.line, lw=1, **style))
    if shape.shade:
        axes.add_patch(Polygon(shape.corners, facecolor=page.line, alpha=shape.shade, lw=0, **style))


def _words(axes: Axes, shape: DrawnText, page: Page, order: int) -> None:
    axes.text(
        shape.x,
        shape.y,
        safe(shape.text),
        fontsize=shape.size,
        color=page.faint if shape.faint else page.text,
        weight="bold" if shape.bold else "normal",
        ha="center" if shape.middle else "left",
        va="center_baseline",
        rotation=-90 if shape.turned else 0,
        rotation_mode="anchor",
        parse_math=False,
        zorder=order,
    )
