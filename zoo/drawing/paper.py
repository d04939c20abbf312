"""A network as papers draw it: volumes in oblique projection, to scale, from left to right; a U-Net as a U.

Volumes of one size, each made of the one before it alone, stand side by side as one stack.

Texts are read in a column of a paper: where the page would be too wide for that, volumes are drawn smaller beside
them; then they stand in several rows, or texts upright below them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from speczoo.drawing.layout import Spot
from speczoo.drawing.palette import KINDS
from speczoo.drawing.picture import MARGIN, SMALL, Curve, Element, Face, Picture, Rectangle, legend_of
from speczoo.drawing.rows import LANE, Point, RowBreaks, Rows, one_row
from speczoo.drawing.shapes import around, height_of, moved, shrunk, width_of
from speczoo.drawing.stacks import SHADES, Scale, Stacks
from speczoo.drawing.u_shape import UShape
from speczoo.drawing.volumes import Volume, Volumes

#: The width of a page whose smallest texts, those of the legend, are set in five points in a column of 85 mm (241 pt).
COLUMN = 241 / 5 * SMALL
INNER = COLUMN - 2 * MARGIN
#: By how much volumes are drawn smaller beside texts, at most: where they are large still, and where rows do not help.
LARGE, SMALLEST = 1.7, 5.0
#: How many rows there are at most, and lines that go round at the end of one, where blocks could be folded instead.
FEW, ROUND = 4, 4
#: What is much less high than something else: this part of it.
MUCH = 0.85
#: How high a column is, and what is below a figure; where that is higher volumes are less tall, by the first of these
#: that suffices.
PAGE, LEGEND, FLAT = 2.6 * COLUMN, 5 * MARGIN, (1.0, 2.0, 4.0, 8.0, 16.0)
#: How round the corners of lines are.
CORNER = 4.0


def paper(made: Volumes, title: str, description: str, *, shapes: bool = True) -> Picture:
    """Return the picture of volumes. It has no heading: what a figure is called stands below it."""
    figure = _figure(made, shapes=shapes)
    drawn, smaller = figure.drawn, figure.stacks.larger
    left, top, right, bottom = (side / smaller for side in around(drawn))
    placed = [moved(shrunk(shape, smaller), MARGIN - left, MARGIN - top) for shape in drawn]
    page = max(right - left, 200.0) + 2 * MARGIN
    legend, below = legend_of(_titles(made.volumes), page, bottom - top + 2 * MARGIN)
    swatches = (_swatch(shape) if isinstance(shape, Rectangle) else shape for shape in legend)
    return Picture(title, description, page, below + MARGIN, (*placed, *swatches))


def fits(made: Volumes, *, shapes: bool = True) -> bool:
    """Return whether the texts of a picture of volumes can be read in a column, in a few rows."""
    return _readable(made, 1.0, shapes=shapes) is not None


def _figure(made: Volumes, *, shapes: bool) -> _Figure:
    """Return a figure whose texts can be read in a column; where that is longer than a page, and in a few rows, one of
    volumes that are less tall.
    """
    for flat in FLAT:
        found = _readable(made, flat, shapes=shapes) or _in_rows(made, flat, shapes=shapes)
        if found.height <= PAGE - LEGEND or len(found.rows.rows) > FEW:
            break
    return found


def _readable(made: Volumes, flat: float, *, shapes: bool) -> _Figure | None:
    """Return a figure whose texts can be read in a column, if one can: in a row where texts lie; where they stand
    upright, or in a few rows between which few lines go round if that is much less high; or in a row with texts beside
    which volumes are small.
    """
    one = _Figure.in_one(Stacks(made, Scale.of(made.volumes, 1, flat), shapes))
    if (lying := one.growing(LARGE)).reads:
        return lying
    upright = one.upright.growing(LARGE)
    rows = None if one.u.fit else _in_few_rows(made, flat, shapes=shapes)
    if upright.reads and not (rows is not None and rows.height < MUCH * upright.height):
        return upright
    if rows is not None:
        return rows
    small = one.upright.growing(SMALLEST)
    return small if small.reads else None


def _in_few_rows(made: Volumes, flat: float, *, shapes: bool) -> _Figure | None:
    """Return the figure in as few rows as can be read, if few are enough, and few lines go round."""
    for rows in range(2, FEW + 1):
        found = _Figure.in_several(Stacks(made, Scale.of(made.volumes, rows, flat), shapes, LARGE), FEW)
        if found is not None:
            return found if found.rows.turns <= ROUND else None
    return None


def _in_rows(made: Volumes, flat: float, *, shapes: bool) -> _Figure:
    """Return the figure in as many rows as it takes. Volumes are drawn smaller where one row alone is too long."""
    rows, larger = FEW, LARGE
    while True:
        stacks = Stacks(made, Scale.of(made.volumes, rows, flat), shapes, larger)
        found = _Figure.in_several(stacks, len(made.stacks))
        if found is not None and len(found.rows.rows) <= rows + 1:
            return found
        rows, larger = (rows, 1.2 * larger) if found is None else (len(found.rows.rows), larger)


def _swatch(shape: Rectangle) -> Face:
    """Return a swatch of a legend in the shade of its kind."""
    x, y, w, h = shape[:4]
    return Face(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), shape.kind, SHADES.get(shape.kind, 0.0))


def _titles(there: Sequence[Volume]) -> dict[str, str]:
    """Return what a legend calls the kinds of these."""
    shown = [volume for volume in there if not volume.sign]
    kinds = {volume.kind for volume in shown} | {kind for volume in shown for kind, _ in volume.parts}
    titles = {name: kind.title for name, kind in KINDS.items() if name in kinds}
    if {volume.box.op for volume in shown if volume.kind == "function"} == {"concat"}:
        titles["function"] = "concatenation"
    return titles


@dataclass(frozen=True)
class _Figure:
    """Stacks where they stand: in rows, or as a U where they are one."""

    stacks: Stacks
    rows: Rows

    @classmethod
    def in_one(cls, stacks: Stacks) -> _Figure:
        return cls(stacks, one_row(stacks.extents, stacks.links, stacks.inputs))

    @classmethod
    def in_several(cls, stacks: Stacks, most: int) -> _Figure | None:
        """Return stacks in so many rows at most that can be read in a column, if they can."""
        long, breaks = INNER * stacks.larger, RowBreaks.of(stacks.extents, stacks.links, LARGE * LANE)
        tried: list[int] = []
        while (starts := breaks.starts(long)) != tried and len(starts) <= most:
            tried, found = starts, cls(stacks, breaks.rows(starts))
            if found.reads:
                return found
            long *= 0.99 * INNER * stacks.larger / width_of(found.drawn)  # some lines need more room than was reckoned
        return None

    @property
    def reads(self) -> bool:
        """Whether its texts can be read in a column."""
        return width_of(self.drawn) <= INNER * self.stacks.larger

    @property
    def height(self) -> float:
        """How high it is on the page."""
        return height_of(self.drawn) / self.stacks.larger

    @property
    def upright(self) -> _Figure:
        """The same with texts that stand upright."""
        return self._with(replace(self.stacks, upright=True))

    def growing(self, most: float) -> _Figure:
        """Return the same with texts as large as can be read, up to `most` times as large."""
        found = self
        while not found.reads and found.stacks.larger < most:
            larger = min(1.02 * width_of(found.drawn) / INNER, most)
            found = self._with(replace(self.stacks, larger=larger))
        return found

    def _with(self, stacks: Stacks) -> _Figure:
        return _Figure(stacks, self.rows.resized(stacks.extents))

    @cached_property
    def u(self) -> UShape:
        return UShape(self.stacks)

    @cached_property
    def drawn(self) -> list[Element]:
        """What is drawn, lines first: stacks from left to right, each over what is behind it."""
        spots, lines = self.u.placed() if self.u.fit and len(self.rows.rows) == 1 else self._as_rows()
        stacks = sorted(spots, key=lambda stack: spots[stack])
        return [*lines, *(shape for stack in stacks for shape in self.stacks.shapes(stack, spots[stack]))]

    def _as_rows(self) -> tuple[dict[int, Spot], list[Curve]]:
        stacks = self.stacks
        spots, ways, turns = self.rows.placed()
        lines: list[Curve] = []
        for way in ways:
            start, bend, land, end = way.points
            if way.source is not None:
                start = stacks.exit(way.source, spots[way.source])
            if way.target is not None:
                end = stacks.entry(way.target, spots[way.target])
            lines.append(Curve((start, bend, land, end), way.target is not None, self._dashed(way.links), True))
        for turn in turns:
            lines += _round(turn.corners, CORNER * stacks.larger, dashed=self._dashed(turn.links))
        return spots, lines

    def _dashed(self, links: Sequence[int]) -> bool:
        """Return whether training alone computes what all of these lead to."""
        return all(self.stacks.training(self.stacks.links[i].target) for i in links)


def _round(corners: Sequence[Point], radius: float, *, dashed: bool) -> Iterator[Curve]:
    """Yield a line from corner to corner, level first and upright in turn: each corner is rounded."""
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for (x0, y0), (x1, y1) in pairwise(corners)]
    ends = [corners[0], *middles[1:-1], corners[-1]]
    for i, (start, corner, end) in enumerate(zip(ends, corners[1:], ends[1:], strict=False)):
        bend, land = _towards(corner, start, radius), _towards(corner, end, radius)
        yield Curve((start, bend, land, end), False, dashed, horizontal=not i % 2, corner=True)


def _towards(point: Point, other: Point, far: float) -> Point:
    """Return the point so far away in the direction of another, half the way there at most."""
    long = math.dist(point, other)
    part = min(far / long, 1.0) if long else 0.0
    return point[0] + (other[0] - point[0]) * part, point[1] + (other[1] - point[1]) * part
