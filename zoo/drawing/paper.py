"""A network as papers draw it: volumes in oblique projection, to scale, from left to right; a U-Net as a U.

The width of a volume is that of its channels, height and depth are its size, both on scales on which 512 and 7 are
still seen beside 3 and 224. Volumes of one size, each made of the one before it
alone, stand side by side as one stack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from speczoo.drawing.layout import Extent, Grid, Link, Spot, alternating, best_order, grid
from speczoo.drawing.levels import Levels, level_of
from speczoo.drawing.palette import KINDS
from speczoo.drawing.picture import MARGIN, NORMAL, Curve, Face, Picture, Rectangle, Shape, Words, legend_of
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
#: How much darker sides are than the front, and kinds of layers than others: they are told apart in grey print too.
TOP, SIDE = 0.1, 0.25
SHADES = {"linear": 0.12, "pool": 0.26, "resize": 0.12, "recurrent": 0.26, "attention": 0.26, "parameter": 0.12}


def paper(made: Volumes, title: str, description: str, *, shapes: bool = True) -> Picture:
    """Return the picture of volumes. It has no heading: what a figure is called stands below it."""
    figure = _Figure(made, _Scale.of(made.volumes), shapes)
    drawn = [*figure.shapes()]
    areas = [_corners(shape) for shape in drawn]
    left, top = (min((area[i] for area in areas), default=0.0) for i in (0, 1))
    right, bottom = (max((area[i] for area in areas), default=0.0) for i in (2, 3))
    moved = [_moved(shape, MARGIN - left, MARGIN - top) for shape in drawn]
    page = max(right - left, 200.0) + 2 * MARGIN
    legend, below = legend_of(_titles(made.volumes), page, bottom - top + 2 * MARGIN)
    swatches = (_swatch(shape) if isinstance(shape, Rectangle) else shape for shape in legend)
    return Picture(title, description, page, below + MARGIN, (*moved, *swatches))


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
    """A text below a stack; its middle, and the line that it stands on, from its left and its front's lower edge."""

    middle: float
    line: int
    text: str
    size: float
    faint: bool

    @property
    def length(self) -> float:
        return width(self.text, self.size)


@dataclass(frozen=True)
class _Figure:
    made: Volumes
    scale: _Scale
    with_shapes: bool

    def shapes(self) -> Iterator[Shape]:
        """Yield what is drawn, lines first: stacks from left to right, each over what is behind it."""
        extents = [self._extent(i) for i in range(len(self.made.stacks))]
        levels = Levels(extents, self.links, self._levels)
        if levels.fit:
            spots, ways = levels.placed()
            for link, way in zip(self.links, ways, strict=True):
                way[0] = self._exit(link.source, spots[link.source])
                way[-1] = self._entry(link.target, spots[link.target])
                yield from _polyline(way, dashed=self._training(link.target))
        else:
            cells = grid(extents, self.links, sum(volumes_of[0].box.kind == "terminal" for volumes_of in self._members))
            laid = cells.placed(_order(cells))
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

    def _entry(self, stack: int, spot: Spot) -> tuple[float, float]:
        """Return where lines reach a stack: the left edge of its front."""
        return spot.along + self._sides(stack)[0], spot.across

    def _exit(self, stack: int, spot: Spot) -> tuple[float, float]:
        """Return where lines leave a stack: the far edge of its right side."""
        last = self._members[stack][-1]
        if last.sign:
            return spot.along + SIGN, spot.across
        wide = sum(map(self.scale.width, self._members[stack])) + RIGHT * self.scale.depth(last)
        return spot.along + self._sides(stack)[0] + wide, spot.across

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links between stacks."""
        number = {volume: i for i, members in enumerate(self.made.stacks) for volume in members}
        pairs = ((number[link.source], number[link.target]) for link in self.made.links)
        return tuple(Link(a, b) for a, b in dict.fromkeys(pairs) if a != b)

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
        if members[0].sign:
            return Extent(SIGN, SIGN / 2, SIGN / 2)
        tall = max(map(self.scale.height, members))
        above = max(self.scale.height(v) / 2 + UP * self.scale.depth(v) for v in members)
        labels = self._labels(stack)
        lines = max((label.line + 1 for label in labels), default=0)
        left, right = self._sides(stack)
        return Extent(left + right, above, tall / 2 + LINE * lines + 2)

    def _sides(self, stack: int) -> tuple[float, float]:
        """Return how far a stack and its labels reach left and right of its left edge."""
        if self._members[stack][0].sign:
            return 0.0, SIGN
        members, at, right = self._members[stack], 0.0, 0.0
        for volume in members:
            at += self.scale.width(volume)
            right = max(right, at + RIGHT * self.scale.depth(volume))
        labels = self._labels(stack)
        before = max((label.length / 2 - label.middle for label in labels), default=0.0)
        after = max((label.middle + label.length / 2 for label in labels), default=0.0)
        return max(before, 0.0), max(right, after)

    def _labels(self, stack: int) -> list[_Label]:
        """Return the channels of what stands in a stack, where they change; below them its size, where that changes;
        and what a block is called.
        """
        members = self._members[stack]
        if members[0].sign:
            return []
        whole = sum(map(self.scale.width, members))
        labels: list[_Label] = []
        if self.with_shapes:
            at = 0.0
            for channels, run in groupby(members, key=lambda volume: volume.channels):
                wide = sum(map(self.scale.width, run))
                text = str(channels)
                least = labels[-1].middle + labels[-1].length / 2 + 3 if labels else -1000.0
                labels.append(_Label(max(at + wide / 2, least + width(text, TEXT) / 2), 0, text, TEXT, False))
                at += wide
            space = self._space(stack)
            if space:
                labels.append(_Label(whole / 2, 1, space, TEXT, True))
        for name in _names(members):
            line = max((label.line + 1 for label in labels), default=0)
            labels.append(_Label(whole / 2, line, shortened(name, NAMES, TEXT), TEXT, False))
        return labels

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

    def _stack(self, stack: int, spot: Spot, extent: Extent) -> Iterator[Shape]:
        members = self._members[stack]
        if members[0].sign:
            corner = (spot.along, spot.across - SIGN / 2)
            yield Rectangle(*corner, SIGN, SIGN, "function", SIGN / 2, members[0].box)
            sign = members[0].sign
            yield Words(corner[0] + SIGN / 2, spot.across, sign, NORMAL, width(sign, NORMAL), middle=True)
            return
        left = spot.along + self._sides(stack)[0]
        at = left
        for volume in members:
            yield from self._faces(volume, at, spot.across)
            at += self.scale.width(volume)
        bottom = spot.across + max(map(self.scale.height, members)) / 2
        for label in self._labels(stack):
            y = bottom + LINE * label.line + LINE / 2 + 2
            yield Words(left + label.middle, y, label.text, label.size, label.length, faint=label.faint, middle=True)

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

    def cost(order: Sequence[int]) -> tuple[float, ...]:
        main = order.index(0)
        below = sum(order.index(column) > main for column in above)
        crossings, disorder, far = cells.cost(order)
        return crossings, below, disorder, far

    start = [*above, *(column for column in alternating(len(cells.columns)) if column not in set(above))]
    tries = 100_000 // (len(cells.steps) + 1)
    return tuple(best_order(cost, start, tries))


def _polyline(way: Sequence[tuple[float, float]], *, dashed: bool) -> Iterator[Curve]:
    """Yield a line that is level at each of these points."""
    for i, (start, end) in enumerate(pairwise(way)):
        last = i == len(way) - 2
        land = (end[0] - 7 if last else end[0], end[1])
        yield Curve((start, start, land, end), last, dashed, horizontal=True)


def _corners(shape: Shape) -> tuple[float, float, float, float]:
    """Return the area that a shape takes: left, top, right, bottom."""
    match shape:
        case Rectangle():
            points = [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
        case Curve():
            points = [*shape.points]
        case Face():
            points = [*shape.corners]
        case Words():
            half = shape.length / 2
            points = [(shape.x - half, shape.y - shape.size / 2), (shape.x + half, shape.y + shape.size / 2)]
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _moved(shape: Shape, dx: float, dy: float) -> Shape:
    match shape:
        case Curve():
            return shape._replace(points=tuple((x + dx, y + dy) for x, y in shape.points))
        case Face():
            return shape._replace(corners=tuple((x + dx, y + dy) for x, y in shape.corners))
        case _:
            return shape._replace(x=shape.x + dx, y=shape.y + dy)
