"""A diagram as shapes on a page: lists laid out, and placed into each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from speczoo.drawing.diagram import Box, Diagram, dashed
from speczoo.drawing.layout import DiagramLayout, Extent, Grid, Hop, grid
from speczoo.drawing.ordering import good_order
from speczoo.drawing.palette import CHANGES, KINDS
from speczoo.drawing.text import shortened, width

#: Sizes of text, and of what is around it, in pixels.
SMALL, NORMAL, TITLE = 9.0, 11.0, 15.0
HEIGHT, SIGN, PAD, HEAD, STRIP = 24.0, 20.0, 9.0, 20.0, 15.0
#: How far the boxes behind a box that stands for several stick out, and how many there are.
BEHIND, STACKED = 3.0, 2
MARGIN, WIDEST = 18.0, 420.0


class Rectangle(NamedTuple):
    """A box: of a `kind` of layers, or `block`, `head`, `terminal`; `about` is the box of the diagram that it shows."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    radius: float = 4.0
    about: Box | None = None


class Curve(NamedTuple):
    """A line from its first point straight to the second, bent to the third, straight to the last, with a head or
    without. It leaves and arrives downwards, or to the right if it is `horizontal`; with a `corner` it leaves so, to
    either side, and turns once.
    """

    points: tuple[tuple[float, float], ...]
    head: bool = False
    dashed: bool = False
    horizontal: bool = False
    corner: bool = False

    @property
    def controls(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The control points of its bend, a cubic Bezier curve between the second point and the third."""
        _, (x1, y1), (x2, y2), _ = self.points
        if self.corner:
            x, y = (x2, y1) if self.horizontal else (x1, y2)
            return ((x1 + x) / 2, (y1 + y) / 2), ((x + x2) / 2, (y + y2) / 2)
        if self.horizontal:
            return ((x1 + x2) / 2, y1), ((x1 + x2) / 2, y2)
        return (x1, (y1 + y2) / 2), (x2, (y1 + y2) / 2)

    @property
    def tip(self) -> tuple[tuple[float, float], ...]:
        """The corners of its head."""
        x, y = self.points[-1]
        wings = ((x - 6, y - 3), (x - 6, y + 3)) if self.horizontal else ((x - 3, y - 6), (x + 3, y - 6))
        return ((x, y), *wings)


class Face(NamedTuple):
    """A side of a volume, of a `kind` of layers, or `terminal`, its corners in turn. `shade` is how much darker it is
    than the front, whose `about` is the box of the diagram that it shows.
    """

    corners: tuple[tuple[float, float], ...]
    kind: str
    shade: float = 0.0
    about: Box | None = None


class DrawnText(NamedTuple):
    """A text that begins at `x`, or has its middle there, on the line whose middle is `y`, and is `length` long. A text
    that is `turned` reads downwards, and has its middle at `x` and `y`.
    """

    x: float
    y: float
    text: str
    size: float
    length: float
    bold: bool = False
    faint: bool = False
    middle: bool = False
    turned: bool = False

    @property
    def area(self) -> tuple[float, float, float, float]:
        """Where it begins and ends: left, top, right, bottom."""
        wide, high = (self.size, self.length) if self.turned else (self.length, self.size)
        left = self.x - wide / 2 if self.middle else self.x
        return left, self.y - high / 2, left + wide, self.y + high / 2


Element = Rectangle | Curve | Face | DrawnText


@dataclass(frozen=True)
class Picture:
    """Shapes in the order in which they are drawn, on a page of this size, in pixels. Who does not look at it has the
    title and the description.
    """

    title: str
    description: str
    width: float
    height: float
    shapes: tuple[Element, ...]


@dataclass(frozen=True)
class Placed:
    """A list with the extents of its boxes, the lists inside them, and its layout: on which grid, in which order."""

    diagram: Diagram
    extents: tuple[Extent, ...]
    inside: tuple[Placed | None, ...]
    grid: Grid
    order: tuple[int, ...]
    layout: DiagramLayout


def picture(
    diagram: Diagram, title: str, subtitle: str = "", description: str = "", *, horizontal: bool = False
) -> Picture:
    """Return the picture of a diagram below a title: the flow goes down, or to the right."""
    style = _Style(horizontal)
    whole = style.place(diagram)
    lay = whole.layout
    wide, high = lay.before + lay.after, lay.along
    if horizontal:
        wide, high = high, wide
    top = MARGIN + (TITLE + 10 if title else 0) + (NORMAL + 10 if subtitle else 0)
    least = max(width(title, TITLE, bold=True), width(subtitle, NORMAL), min(wide, 300.0))
    page = max(wide, least) + 2 * MARGIN
    corner = (page - wide) / 2
    origin = (corner, top + lay.before) if horizontal else (corner + lay.before, top)
    shapes = [*style.shapes(whole, *origin)]
    there = {box.kind for box in diagram.walk()}
    titles = {name: kind.title for name, kind in (KINDS | CHANGES).items() if name in there}
    legend, below = legend_of(titles, page, top + high + MARGIN)
    heads = _headings(title, subtitle)
    return Picture(title, description or subtitle, page, below + MARGIN, (*heads, *shapes, *legend))


def placed(diagram: Diagram) -> Placed:
    """Return the lists of a diagram where they stand when the flow goes down."""
    return _Style(False).place(diagram)


def _headings(title: str, subtitle: str) -> Iterator[DrawnText]:
    if title:
        yield DrawnText(MARGIN, MARGIN + TITLE / 2, title, TITLE, width(title, TITLE, bold=True), bold=True)
    if subtitle:
        y = MARGIN + (TITLE + 5 if title else 0) + NORMAL / 2
        yield DrawnText(MARGIN, y, subtitle, NORMAL, width(subtitle, NORMAL), faint=True)


def legend_of(titles: Mapping[str, str], page: float, top: float) -> tuple[list[Element], float]:
    """Return a swatch and a name for each of these kinds, in rows, and where they end."""
    shapes: list[Element] = []
    x, y = MARGIN, top
    for kind, title in titles.items():
        long = width(title, SMALL)
        if x > MARGIN and x + 16 + long > page - MARGIN:
            x, y = MARGIN, y + 16
        shapes += [Rectangle(x, y, 11, 11, kind, 2), DrawnText(x + 16, y + 5.5, title, SMALL, long, faint=True)]
        x += 16 + long + 16
    return shapes, y + 11 if shapes else top - MARGIN


@dataclass(frozen=True)
class _Style:
    """Which way the flow goes, and so how much room things take along it and across."""

    horizontal: bool

    def place(self, diagram: Diagram) -> Placed:
        inside = tuple(self.place(box.inside) if box.inside is not None else None for box in diagram.boxes)
        pairs = zip(diagram.boxes, inside, strict=True)
        extents = tuple(self.block(box, inner) if inner is not None else self.leaf(box) for box, inner in pairs)
        cells = grid(extents, diagram.links, diagram.inputs, diagram.outputs)
        order = good_order(cells)
        return Placed(diagram, extents, inside, cells, order, cells.placed(order))

    # -- how much room a box takes ----------------------------------------------------------------------------------

    def leaf(self, box: Box) -> Extent:
        wide, high = size(box)
        behind = BEHIND * STACKED if box.count > 1 else 0.0
        if self.horizontal:
            strip = _strip(box)
            return Extent(wide + behind + strip, max(high / 2, STRIP if strip else 0.0), high / 2 + behind)
        label = 6 + width(box.beside, SMALL) if box.beside else 0.0
        return Extent(high + behind + (STRIP if label else 0.0), wide / 2, max(wide / 2 + behind, label))

    def block(self, box: Box, inner: Placed) -> Extent:
        lay, behind = inner.layout, BEHIND * STACKED if box.count > 1 else 0.0
        head = _head_width(box)
        if self.horizontal:
            along = max(lay.along, head) + behind + _strip(box)
            return Extent(along, lay.before + PAD + HEAD, lay.after + PAD + behind, *_ends(inner), lay.ranks)
        missing = max(head - lay.before - lay.after - 2 * PAD, 0.0)
        label = 6 + width(box.beside, SMALL) if box.beside else 0.0
        before = lay.before + PAD + missing / 2
        after = max(lay.after + PAD + missing / 2 + behind, label)
        return Extent(HEAD + lay.along + behind + (STRIP if label else 0.0), before, after, *_ends(inner), lay.ranks)

    # -- what is drawn of it ----------------------------------------------------------------------------------------

    def shapes(self, placed: Placed, x: float, y: float) -> Iterator[Element]:
        """Yield the shapes of a list whose main axis begins here: boxes over lines, insides over boxes."""
        point = self._point(x, y)
        boxes = placed.diagram.boxes
        thin = {i for i, link in enumerate(placed.diagram.links) if dashed(boxes[link.source], boxes[link.target])}
        for hop in placed.layout.hops:
            yield self.curve(hop, point, dashed=thin.issuperset(hop.links))
        for i, box in enumerate(boxes):
            spot, extent, inner = placed.layout.spots[i], placed.extents[i], placed.inside[i]
            at = point(spot.along, spot.across)
            yield from self.filled(box, inner, extent, *at) if inner is not None else self.plain(box, *at)

    def _point(self, x: float, y: float) -> Callable[[float, float], tuple[float, float]]:
        if self.horizontal:
            return lambda along, across: (x + along, y + across)
        return lambda along, across: (x + across, y + along)

    def curve(self, hop: Hop, point: Callable[[float, float], tuple[float, float]], *, dashed: bool) -> Curve:
        points = (
            point(hop.start, hop.left),
            point(hop.bend, hop.left),
            point(hop.land, hop.entered),
            point(hop.end, hop.entered),
        )
        return Curve(points, hop.head, dashed, self.horizontal)

    def plain(self, box: Box, x: float, y: float) -> Iterator[Element]:
        """Yield a layer, or a block that is not unfolded; its axis enters at this point."""
        wide, high = size(box)
        if not wide:
            return
        left, top = (x, y - high / 2) if self.horizontal else (x - wide / 2, y)
        yield from _boxes(box, left, top, wide, high)
        if box.symbol:
            yield DrawnText(left + wide / 2, top + high / 2, box.symbol, 14, width(box.symbol, 14), middle=True)
        else:
            yield from _line_of(box, left, top, wide, high)
        yield from self.shape_of(box, left, top, wide, high, x, y)

    def filled(self, box: Box, inner: Placed, extent: Extent, x: float, y: float) -> Iterator[Element]:
        """Yield a block with what is in it."""
        behind = BEHIND * STACKED if box.count > 1 else 0.0
        if self.horizontal:
            strip = _strip(box)
            left, top = x, y - extent.before
            wide, high = extent.along - behind - strip, extent.before + extent.after - behind
            origin = (x + (wide - inner.layout.along) / 2, y)
        else:
            strip = STRIP if box.beside else 0.0
            missing = max(_head_width(box) - inner.layout.before - inner.layout.after - 2 * PAD, 0.0)
            left, top = x - extent.before, y
            wide = extent.before + inner.layout.after + PAD + missing / 2
            high = extent.along - behind - strip
            origin = (x, y + HEAD)
        yield from _boxes(box, left, top, wide, high)
        yield Rectangle(left, top, wide, HEAD, "head", 4.0)
        yield from _heading(box, left, top, wide)
        yield from self.shapes(inner, *origin)
        if self.horizontal and wide > inner.layout.along:  # the head is wider than what is below it
            yield from self._bridges(inner, left, wide, origin)
        yield from self.shape_of(box, left, top, wide, high, x, y)

    def _bridges(self, inner: Placed, left: float, wide: float, origin: tuple[float, float]) -> Iterator[Curve]:
        """Yield lines from a block's border to the ends of its list, which is shorter."""
        spots, count = inner.layout.spots, inner.diagram.inputs
        for spot in spots[:count]:
            ends = ((left, origin[1] + spot.across), (origin[0], origin[1] + spot.across))
            yield Curve((ends[0], ends[0], ends[1], ends[1]), horizontal=True)
        for spot in spots[len(spots) - inner.diagram.outputs :]:
            ends = ((origin[0] + inner.layout.along, origin[1] + spot.across), (left + wide, origin[1] + spot.across))
            yield Curve((ends[0], ends[0], ends[1], ends[1]), horizontal=True)

    def shape_of(
        self, box: Box, left: float, top: float, wide: float, high: float, x: float, y: float
    ) -> Iterator[Element]:
        """Yield what comes out of a box, beside the line that leaves it, and that line as far as the text goes."""
        if not box.beside:
            return
        long, behind = width(box.beside, SMALL), BEHIND * STACKED if box.count > 1 else 0.0
        if self.horizontal:
            start, end = left + wide + behind, left + wide + behind + _strip(box)
            yield Curve(((start, y), (start, y), (end, y), (end, y)), horizontal=True)
            yield DrawnText(start + 4, y - SMALL / 2 - 2, box.beside, SMALL, long, faint=True)
        else:
            start = top + high + behind
            yield Curve(((x, start), (x, start), (x, start + STRIP), (x, start + STRIP)))
            yield DrawnText(x + 6, start + STRIP / 2, box.beside, SMALL, long, faint=True)


def _ends(inner: Placed) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return where a list's inputs and outputs are across the flow."""
    across = [spot.across for spot in inner.layout.spots]
    return tuple(across[: inner.diagram.inputs]), tuple(across[len(across) - inner.diagram.outputs :])


def _strip(box: Box) -> float:
    """Return how long the line beside a box is that its shape is written at, where the flow goes to the right."""
    return width(box.beside, SMALL) + 8 if box.beside else 0.0


def texts(box: Box) -> tuple[str, str, str]:
    """Return a box's name, what it is, and its arguments, as long as they may be."""
    op = f"{box.count} \u00d7 {box.op}" if box.count > 1 else box.op
    name = "" if box.kind == "terminal" else shortened(box.name, WIDEST / 3, SMALL)
    return name, shortened(op, WIDEST / 2, NORMAL, bold=True), shortened(box.detail, WIDEST / 2, NORMAL)


def widths(box: Box) -> tuple[float, float, float]:
    name, op, detail = texts(box)
    return width(name, SMALL), width(op, NORMAL, bold=True), width(detail, NORMAL)


def size(box: Box) -> tuple[float, float]:
    """Return how wide and high a box without an inside is; nothing for an end of a list that has no name."""
    if box.symbol:
        return SIGN, SIGN
    parts = [w for w in widths(box) if w]
    if not parts:
        return (0.0, 0.0) if box.kind == "terminal" else (HEIGHT, HEIGHT)
    return sum(parts) + 6 * (len(parts) - 1) + 2 * PAD, HEIGHT


def _head_width(box: Box) -> float:
    return size(box)[0]


def _boxes(box: Box, x: float, y: float, wide: float, high: float) -> Iterator[Rectangle]:
    """Yield a box, and before it those behind it where it stands for several."""
    radius = min(wide, high) / 2 if box.symbol or box.kind == "terminal" else 4.0
    for k in range(STACKED if box.count > 1 else 0, 0, -1):
        yield Rectangle(x + BEHIND * k, y + BEHIND * k, wide, high, box.kind, radius)
    yield Rectangle(x, y, wide, high, box.kind, radius, box)


def _line_of(box: Box, x: float, y: float, wide: float, high: float) -> Iterator[DrawnText]:
    """Yield the line in a box: its name, what it is, its arguments."""
    (name, op, detail), lengths = texts(box), widths(box)
    parts = [w for w in lengths if w]
    at, middle = x + (wide - sum(parts) - 6 * (len(parts) - 1)) / 2, y + high / 2
    for text, long, size, bold, faint in (
        (name, lengths[0], SMALL, False, True),
        (op, lengths[1], NORMAL, True, False),
        (detail, lengths[2], NORMAL, False, False),
    ):
        if text:
            yield DrawnText(at, middle, text, size, long, bold, faint)
            at += long + 6


def _heading(box: Box, x: float, y: float, wide: float) -> Iterator[DrawnText]:
    return _line_of(box, x, y, min(_head_width(box), wide), HEAD)


def rectangles(shapes: Iterable[Element]) -> list[Rectangle]:
    """Return the boxes of layers and blocks among shapes: not heads, legends, and what stands behind."""
    return [shape for shape in shapes if isinstance(shape, Rectangle) and shape.about is not None]
