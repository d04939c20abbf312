"""A network as papers draw it: volumes in oblique projection, to scale, from left to right; a U-Net as a U.

The width of a volume is that of its channels, height and depth are its size, both on scales on which 512 and 7 are
still seen beside 3 and 224. Volumes of one size, each made of the one before it
alone, stand side by side as one stack.

Texts are read in a column of a paper: where the page would be too wide for that, volumes are drawn smaller, and texts
stand upright below them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice, pairwise

from speczoo.drawing.layout import BoxLink, Extent, Grid, Spot, alternating, best_order, grid
from speczoo.drawing.levels import Levels, level_of
from speczoo.drawing.palette import KINDS
from speczoo.drawing.picture import (
    MARGIN,
    NORMAL,
    SMALL,
    Curve,
    DrawnText,
    Element,
    Face,
    Picture,
    Rectangle,
    legend_of,
)
from speczoo.drawing.shapes import around, moved, shrunk, width_of
from speczoo.drawing.text import shortened, width
from speczoo.drawing.volumes import Volume, Volumes

#: The largest height and width of a volume, the width of all together at most, and the least of each.
TALL, WIDE, LONG, LEAST = 120.0, 60.0, 340.0, (6.0, 2.5)
#: Sizes are raised to this power, of channels the square root is taken: between a linear scale and a logarithmic one.
SIZES = 0.6
#: A network without larger maps than this is drawn as if it had one.
LARGE = 28
#: How far one pixel of depth leads to the right, and up.
RIGHT, UP = 0.25, 0.2
#: How large a sign is, how far it is between lines of text, and its size.
SIGN, LINE, TEXT = 15.0, 13.0, 10.5
NAMES = 125.0
#: The width of a page whose smallest texts, those of the legend, are set in five points in a column of 85 mm (241 pt).
COLUMN = 241 / 5 * SMALL
#: By how much volumes are drawn smaller at most beside texts: those that lie, and those that stand upright.
LYING, UPRIGHT = 1.7, 5.0
#: How much darker sides are than the front, and kinds of layers than others: they are told apart in grey print too.
TOP, SIDE = 0.1, 0.25
SHADES = {"linear": 0.12, "pool": 0.26, "resize": 0.12, "recurrent": 0.26, "attention": 0.26, "parameter": 0.12}


def paper(made: Volumes, title: str, description: str, *, shapes: bool = True) -> Picture:
    """Return the picture of volumes. It has no heading: what a figure is called stands below it."""
    drawn, smaller = _readable(made, shapes=shapes)
    left, top, right, bottom = (side / smaller for side in around(drawn))
    placed = [moved(shrunk(shape, smaller), MARGIN - left, MARGIN - top) for shape in drawn]
    page = max(right - left, 200.0) + 2 * MARGIN
    legend, below = legend_of(_titles(made.volumes), page, bottom - top + 2 * MARGIN)
    swatches = (_swatch(shape) if isinstance(shape, Rectangle) else shape for shape in legend)
    return Picture(title, description, page, below + MARGIN, (*placed, *swatches))


def fits(made: Volumes, *, shapes: bool = True) -> bool:
    """Return whether the texts of a picture of volumes can be read in a column."""
    drawn, smaller = _readable(made, shapes=shapes)
    return width_of(drawn) <= (COLUMN - 2 * MARGIN) * smaller


def _readable(made: Volumes, *, shapes: bool) -> tuple[list[Element], float]:
    """Return what is drawn, and by how much smaller it is to be than it is stated here: texts are as much larger. They
    are as small as can be read in a column, if they can.
    """
    figure = _Figure(made, _Scale.of(made.volumes), shapes)
    for upright, most in ((False, LYING), (True, UPRIGHT)):
        larger = 1.0
        while True:
            tried = replace(figure, larger=larger, upright=upright, laid=(figure.grid, figure.columns))
            drawn = [*tried.shapes()]
            wanted = width_of(drawn) / (COLUMN - 2 * MARGIN)
            if wanted <= larger or larger == most:
                break
            larger = min(1.02 * wanted, most)
        if wanted <= larger:
            break
    return drawn, larger


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
class _Scale:
    """How large volumes are drawn: those of one network on one scale."""

    size: float  # the largest height or width that there is, of maps where there are any
    channels: float  # the most channels
    wide: float  # the width of that many

    @classmethod
    def of(cls, there: Sequence[Volume]) -> _Scale:
        maps = [volume.space[-2:] for volume in there if len(volume.space) > 1]
        size = max((n for space in maps or [volume.space for volume in there] for n in space), default=1)
        channels = max((volume.channels for volume in there), default=1)
        whole = sum(math.sqrt(volume.channels / channels) for volume in there if not volume.sign)
        return cls(max(size, LARGE), max(channels, 1), min(WIDE, LONG / max(whole, 1.0)))

    def width(self, volume: Volume) -> float:
        return max(self.wide * math.sqrt(volume.channels / self.channels), LEAST[1])

    def height(self, volume: Volume) -> float:
        """Return the height of its first axis in space, of the last two; of a vector that of one place."""
        return self._long((*volume.space[-2:], 1)[0])

    def depth(self, volume: Volume) -> float:
        """Return the length of its last axis; none of what has one axis alone: a sequence is a plane."""
        return self._long(volume.space[-1] if volume.space else 1) if len(volume.space) != 1 else 0.0

    def _long(self, places: int) -> float:
        return max(TALL * math.pow(min(places / self.size, 1.0), SIZES), LEAST[0])


@dataclass(frozen=True)
class _Label:
    """A text below a stack, of which its middle lies so far from the stack's left, and its top below its front."""

    middle: float
    top: float
    text: str
    size: float
    faint: bool
    upright: bool = False

    @property
    def length(self) -> float:
        return width(self.text, self.size)

    @property
    def wide(self) -> float:
        return self.size if self.upright else self.length

    @property
    def high(self) -> float:
        return self.length if self.upright else self.size


@dataclass(frozen=True)
class _Figure:
    made: Volumes
    scale: _Scale
    with_shapes: bool
    larger: float = 1.0  # what is as large however small volumes are drawn: texts and signs
    upright: bool = False
    laid: tuple[Grid, tuple[int, ...]] | None = None  # ranks and columns, and their order, found at another size

    @property
    def text(self) -> float:
        return TEXT * self.larger

    @property
    def sign(self) -> float:
        return SIGN * self.larger

    def shapes(self) -> Iterator[Element]:
        """Yield what is drawn, lines first: stacks from left to right, each over what is behind it."""
        extents = self._extents
        levels = Levels(extents, self.links, self._levels)
        if levels.fit:
            spots, ways = levels.placed()
            for link, way in zip(self.links, ways, strict=True):
                way[0] = self._exit(link.source, spots[link.source])
                way[-1] = self._entry(link.target, spots[link.target])
                yield from _polyline(way, dashed=self._training(link.target))
        else:
            laid = self.grid.placed(self.columns)
            spots = [*laid.spots]
            for hop in laid.hops:
                carried = [self.links[i] for i in hop.links]
                start, end = (hop.start, hop.left), (hop.end, hop.entered)
                source, target = carried[0].source, carried[0].target
                if hop.start == spots[source].along + extents[source].along:
                    start = self._exit(source, spots[source])
                if hop.head:
                    end = self._entry(target, spots[target])
                points = (start, (hop.bend, hop.left), (hop.land, hop.entered), end)
                yield Curve(points, hop.head, all(self._training(link.target) for link in carried), horizontal=True)
        for i in sorted(range(len(spots)), key=lambda i: spots[i]):
            yield from self._stack(i, spots[i], extents[i])

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """The order of columns, the same at every size."""
        return _order(self.grid) if self.laid is None else self.laid[1]

    @cached_property
    def grid(self) -> Grid:
        """Ranks and columns, the same at every size: of two ways as long the main one would change with it."""
        if self.laid is not None:
            return replace(self.laid[0], boxes=self._extents)
        inputs = sum(members[0].box.kind == "terminal" for members in self._members)
        return grid(self._extents, self.links, inputs)

    @cached_property
    def _extents(self) -> list[Extent]:
        return [self._extent(i) for i in range(len(self.made.stacks))]

    def _entry(self, stack: int, spot: Spot) -> tuple[float, float]:
        """Return where lines reach a stack: the left edge of its front."""
        return spot.along + self._sides(stack)[0], spot.across

    def _exit(self, stack: int, spot: Spot) -> tuple[float, float]:
        """Return where lines leave a stack: the far edge of its right side."""
        return spot.along + self._sides(stack)[0] + self._wide(stack) + self._aside(stack), spot.across

    @cached_property
    def links(self) -> tuple[BoxLink, ...]:
        """The links between stacks."""
        number = {volume: i for i, members in enumerate(self.made.stacks) for volume in members}
        pairs = ((number[link.source], number[link.target]) for link in self.made.links)
        return tuple(BoxLink(a, b) for a, b in dict.fromkeys(pairs) if a != b)

    @cached_property
    def _members(self) -> list[list[Volume]]:
        return [[self.made.volumes[k] for k in members] for members in self.made.stacks]

    @cached_property
    def _levels(self) -> list[int]:
        """The level of each stack; a sign stands on that of what it brings together."""
        sizes: list[float] = []
        linked = {link.target: link.source for link in reversed(self.links)}
        for i, members in enumerate(self._members):
            own = max(max((*volume.space[-2:], 1)) for volume in members)
            sizes.append(sizes[linked[i]] if members[0].sign and i in linked else float(own))
        return level_of(sizes, linked)

    def _training(self, stack: int) -> bool:
        return self._members[stack][0].training

    # -- how much room a stack takes --------------------------------------------------------------------------------

    def _extent(self, stack: int) -> Extent:
        members = self._members[stack]
        above = max(self._tall(volume) / 2 + self._up(volume) for volume in members)
        labels = self._labels(stack)
        below = max((label.top + label.high + 3 for label in labels), default=0.0)
        left, right = self._sides(stack)
        return Extent(left + right, above, max(map(self._tall, members)) / 2 + below)

    def _tall(self, volume: Volume) -> float:
        return self.sign if volume.sign else self.scale.height(volume)

    def _long(self, volume: Volume) -> float:
        return self.sign if volume.sign else self.scale.width(volume)

    def _up(self, volume: Volume) -> float:
        return 0.0 if volume.sign else UP * self.scale.depth(volume)

    def _wide(self, stack: int) -> float:
        return sum(map(self._long, self._members[stack]))

    def _aside(self, stack: int) -> float:
        """Return how far the right side of a stack's last volume leads to the right."""
        last = self._members[stack][-1]
        return 0.0 if last.sign else RIGHT * self.scale.depth(last)

    def _sides(self, stack: int) -> tuple[float, float]:
        """Return how far a stack and its labels reach left and right of its left edge."""
        at, right = 0.0, 0.0
        for volume in self._members[stack]:
            at += self._long(volume)
            right = max(right, at + (0.0 if volume.sign else RIGHT * self.scale.depth(volume)))
        labels = self._labels(stack)
        before = max((label.wide / 2 - label.middle for label in labels), default=0.0)
        after = max((label.middle + label.wide / 2 for label in labels), default=0.0)
        return max(before, 0.0), max(right, after)

    def _labels(self, stack: int) -> list[_Label]:
        """Return the channels of what stands in a stack, where they change; below them its size, where that changes;
        and what a block is called. A sign has the names of outputs alone.
        """
        return [*(self._upright(stack) if self.upright else self._lying(stack))]

    def _lying(self, stack: int) -> Iterator[_Label]:
        """Yield texts in lines, numbers of channels each below its volumes."""
        at, least, line = 0.0, -1000.0, 0
        for channels, run in groupby(self._shaped(stack), key=lambda volume: volume.channels):
            wide, long = sum(map(self.scale.width, run)), width(str(channels), self.text)
            middle = max(at + wide / 2, least + long / 2)
            yield _Label(middle, self._line(0), str(channels), self.text, False)
            at, least, line = at + wide, middle + long / 2 + 3 * self.larger, 1
        for text, faint in self._below(stack):
            yield _Label(self._wide(stack) / 2, self._line(line), text, self.text, faint)
            line += 1

    def _shaped(self, stack: int) -> list[Volume]:
        """Return the volumes of a stack whose channels and size are shown."""
        return [volume for volume in self._members[stack] if self.with_shapes and not volume.sign]

    def _line(self, number: int) -> float:
        return LINE * self.larger * number + (LINE - TEXT) / 2 * self.larger + 2

    def _upright(self, stack: int) -> Iterator[_Label]:
        """Yield texts that read downwards, one below the other."""
        top = self._line(0)
        channels = dict.fromkeys(str(volume.channels) for volume in self._shaped(stack))
        first = [(", ".join(channels), False)] if channels else []
        for text, faint in (*first, *self._below(stack)):
            label = _Label(self._wide(stack) / 2, top, text, self.text, faint, upright=True)
            yield label
            top += label.high + self.text / 2

    def _below(self, stack: int) -> Iterator[tuple[str, bool]]:
        """Yield what stands below numbers of channels: the size, which is faint, and names."""
        space = self._space(stack) if self._shaped(stack) else ""
        if space:
            yield space, True
        yield from ((shortened(name, NAMES, TEXT), False) for name in _names(self._members[stack]))

    def _space(self, stack: int) -> str:
        """Return the size of a stack, where it is another than that of what flows in."""
        last, before = self._members[stack][-1].space, self._before(stack)
        return "" if before is not None and before.space == last else "\u00d7".join(map(str, last))

    def _before(self, stack: int) -> Volume | None:
        """Return the volume that flows into a stack first, signs aside."""
        source = next((link.source for link in self.links if link.target == stack), None)
        if source is None:
            return None
        last = self._members[source][-1]
        return self._before(source) if last.sign else last

    # -- what is drawn of it ----------------------------------------------------------------------------------------

    def _stack(self, stack: int, spot: Spot, extent: Extent) -> Iterator[Element]:
        members = self._members[stack]
        left = spot.along + self._sides(stack)[0]
        at = left
        for volume in members:
            yield from (self._circle if volume.sign else self._faces)(volume, at, spot.across)
            at += self._long(volume)
        bottom = spot.across + max(map(self._tall, members)) / 2
        for label in self._labels(stack):
            x, y = left + label.middle, bottom + label.top + label.high / 2
            ways = {"faint": label.faint, "middle": True, "turned": label.upright}
            yield DrawnText(x, y, label.text, label.size, label.length, **ways)

    def _circle(self, volume: Volume, x: float, middle: float) -> Iterator[Element]:
        around, size = self.sign, NORMAL * self.larger
        yield Rectangle(x, middle - around / 2, around, around, "function", around / 2, volume.box)
        yield DrawnText(x + around / 2, middle, volume.sign, size, width(volume.sign, size), middle=True)

    def _faces(self, volume: Volume, x: float, middle: float) -> Iterator[Face]:
        """Yield the sides of a volume that are seen: the top, the right one, and the front."""
        h = self.scale.height(volume)
        dx, dy = RIGHT * self.scale.depth(volume), UP * self.scale.depth(volume)
        top, bottom, parts = middle - h / 2, middle + h / 2, volume.parts or ((volume.kind, volume.channels),)
        for kind, channels in parts:
            w, shade = self.scale.width(volume) * channels / volume.channels, SHADES.get(kind, 0.0)
            if dx:
                yield Face(((x, top), (x + dx, top - dy), (x + w + dx, top - dy), (x + w, top)), kind, shade + TOP)
                right = ((x + w, top), (x + w + dx, top - dy), (x + w + dx, bottom - dy), (x + w, bottom))
                yield Face(right, kind, shade + SIDE)
            yield Face(((x, top), (x + w, top), (x + w, bottom), (x, bottom)), kind, shade, volume.box)
            x += w


def _names(members: Sequence[Volume]) -> Iterator[str]:
    """Yield what a stack is called: blocks by theirs and their number, inputs and outputs by their own."""
    box = members[0].box
    if members[0].whole and box.op:
        count = sum(volume.box.count for volume in members)
        yield f"{count} \u00d7 {box.op}" if count > 1 else box.op
    if box.kind == "terminal":
        yield box.name
    yield from (name for volume in members for name in volume.outputs)


def _order(cells: Grid) -> tuple[int, ...]:
    """Return an order of columns in which lines that pass over volumes do so above them, where as few cross so."""
    above = [column for column in range(1, len(cells.columns)) if cells.items[cells.columns[column][0]].box < 0]

    def cost(order: Sequence[int]) -> Iterator[float]:
        main, parts = order.index(0), cells.cost(order)
        yield from islice(parts, 2)  # links through boxes, and crossings
        yield sum(order.index(column) > main for column in above)
        yield from parts

    start = [*above, *(column for column in alternating(len(cells.columns)) if column not in set(above))]
    tries = 100_000 // (len(cells.steps) + 1)
    return tuple(best_order(cost, start, tries))


def _polyline(way: Sequence[tuple[float, float]], *, dashed: bool) -> Iterator[Curve]:
    """Yield a line that is level at each of these points."""
    for i, (start, end) in enumerate(pairwise(way)):
        last = i == len(way) - 2
        land = (end[0] - 7 if last else end[0], end[1])
        yield Curve((start, start, land, end), last, dashed, horizontal=True)
