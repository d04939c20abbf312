"""How stacks of volumes are drawn: to which scale, with which texts below them, and how much room they take.

The width of a volume is that of its channels, height and depth are its size, both on scales on which 512 and 7 are
still seen beside 3 and 224.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from speczoo.drawing.layout import BoxLink, Extent, Spot
from speczoo.drawing.picture import NORMAL, DrawnText, Element, Face, Rectangle
from speczoo.drawing.rows import Point
from speczoo.drawing.text import shortened, width
from speczoo.drawing.volumes import Volume, Volumes

#: The largest height and width of a volume, the width of all in a row together at most, and the least of each.
TALL, WIDE, LONG, LEAST = 120.0, 60.0, 340.0, (6.0, 2.5)
#: Sizes are raised to this power, of channels the square root is taken: between a linear scale and a logarithmic one.
SIZES = 0.6
#: A network without larger maps than this is drawn as if it had one.
LARGE = 28
#: How far one pixel of depth leads to the right, and up.
RIGHT, UP = 0.25, 0.2
#: How large a sign is, how far it is between lines of text, and its size.
SIGN, LINE, TEXT = 15.0, 13.0, 10.5
#: How long a name is at most, and how many numbers of channels stand in a row.
NAMES, NUMBERS = 125.0, 4
#: How much darker sides are than the front, and kinds of layers than others: they are told apart in grey print too.
TOP, SIDE = 0.1, 0.25
SHADES = {"linear": 0.12, "pool": 0.26, "resize": 0.12, "recurrent": 0.26, "attention": 0.26, "parameter": 0.12}


@dataclass(frozen=True)
class Scale:
    """How large volumes are drawn: those of one network on one scale."""

    size: float  # the largest height or width that there is, of maps where there are any
    tall: float  # its height
    channels: float  # the most channels
    wide: float  # the width of that many

    @classmethod
    def of(cls, there: Sequence[Volume], rows: int, flat: float = 1.0) -> Scale:
        """Return the scale of volumes that stand in so many rows, so much less tall than they could be."""
        maps = [volume.space[-2:] for volume in there if len(volume.space) > 1]
        size = max((n for space in maps or [volume.space for volume in there] for n in space), default=1)
        channels = max((volume.channels for volume in there), default=1)
        whole = sum(math.sqrt(volume.channels / channels) for volume in there if not volume.sign)
        return cls(max(size, LARGE), TALL / flat, max(channels, 1), min(WIDE, LONG * rows / max(whole, 1.0)))

    def width(self, volume: Volume) -> float:
        return max(self.wide * math.sqrt(volume.channels / self.channels), LEAST[1])

    def height(self, volume: Volume) -> float:
        """Return the height of its first axis in space, of the last two; of a vector that of one place."""
        return self._long((*volume.space[-2:], 1)[0])

    def depth(self, volume: Volume) -> float:
        """Return the length of its last axis; none of what has one axis alone: a sequence is a plane."""
        return self._long(volume.space[-1] if volume.space else 1) if len(volume.space) != 1 else 0.0

    def _long(self, places: int) -> float:
        return max(self.tall * math.pow(min(places / self.size, 1.0), SIZES), LEAST[0])


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
class Stacks:
    """The stacks of a network's volumes, by their numbers, on a scale: with texts and signs so much larger."""

    made: Volumes
    scale: Scale
    with_shapes: bool
    larger: float = 1.0
    upright: bool = False

    @cached_property
    def links(self) -> tuple[BoxLink, ...]:
        """The links between stacks."""
        number = {volume: i for i, members in enumerate(self.made.stacks) for volume in members}
        pairs = ((number[link.source], number[link.target]) for link in self.made.links)
        return tuple(BoxLink(a, b) for a, b in dict.fromkeys(pairs) if a != b)

    @cached_property
    def members(self) -> list[list[Volume]]:
        return [[self.made.volumes[k] for k in members] for members in self.made.stacks]

    @property
    def inputs(self) -> int:
        """How many of the first are what flows into the network."""
        return sum(members[0].box.kind == "terminal" for members in self.members)

    def training(self, stack: int) -> bool:
        """Return whether training alone computes it."""
        return self.members[stack][0].training

    @cached_property
    def extents(self) -> list[Extent]:
        """How much room each takes, with its texts."""
        return [self._extent(i) for i in range(len(self.members))]

    def entry(self, stack: int, spot: Spot) -> Point:
        """Return where lines reach a stack: the left edge of its front."""
        return spot.along + self._sides(stack)[0], spot.across

    def exit(self, stack: int, spot: Spot) -> Point:
        """Return where lines leave a stack: the far edge of its right side."""
        return spot.along + self._sides(stack)[0] + self._wide(stack) + self._aside(stack), spot.across

    def top(self, stack: int, spot: Spot) -> Point:
        """Return where lines from above reach a stack: the middle of the far edge of its first volume's top."""
        first = self.members[stack][0]
        aside = 0.0 if first.sign else RIGHT * self.scale.depth(first)
        along = spot.along + self._sides(stack)[0] + aside + self._long(first) / 2
        return along, spot.across - self._tall(first) / 2 - self._up(first)

    def shapes(self, stack: int, spot: Spot) -> Iterator[Element]:
        """Yield what is drawn of a stack that stands there."""
        members = self.members[stack]
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
        around, size = self._sign, NORMAL * self.larger
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

    # -- how much room a stack takes --------------------------------------------------------------------------------

    @property
    def _text(self) -> float:
        return TEXT * self.larger

    @property
    def _sign(self) -> float:
        return SIGN * self.larger

    def _extent(self, stack: int) -> Extent:
        members = self.members[stack]
        above = max(self._tall(volume) / 2 + self._up(volume) for volume in members)
        labels = self._labels(stack)
        below = max((label.top + label.high + 3 for label in labels), default=0.0)
        left, right = self._sides(stack)
        return Extent(left + right, above, max(map(self._tall, members)) / 2 + below)

    def _tall(self, volume: Volume) -> float:
        return self._sign if volume.sign else self.scale.height(volume)

    def _long(self, volume: Volume) -> float:
        return self._sign if volume.sign else self.scale.width(volume)

    def _up(self, volume: Volume) -> float:
        return 0.0 if volume.sign else UP * self.scale.depth(volume)

    def _wide(self, stack: int) -> float:
        return sum(map(self._long, self.members[stack]))

    def _aside(self, stack: int) -> float:
        """Return how far the right side of a stack's last volume leads to the right."""
        last = self.members[stack][-1]
        return 0.0 if last.sign else RIGHT * self.scale.depth(last)

    def _sides(self, stack: int) -> tuple[float, float]:
        """Return how far a stack and its labels reach left and right of its left edge."""
        at, right = 0.0, 0.0
        for volume in self.members[stack]:
            at += self._long(volume)
            right = max(right, at + (0.0 if volume.sign else RIGHT * self.scale.depth(volume)))
        labels = self._labels(stack)
        before = max((label.wide / 2 - label.middle for label in labels), default=0.0)
        after = max((label.middle + label.wide / 2 for label in labels), default=0.0)
        return max(before, 0.0), max(right, after)

    # -- the texts below it -----------------------------------------------------------------------------------------

    def _labels(self, stack: int) -> list[_Label]:
        """Return the channels of what stands in a stack, where they change; below them its size, where that changes;
        and what a block is called. A sign has the names of outputs alone.
        """
        return [*(self._upright(stack) if self.upright else self._lying(stack))]

    def _lying(self, stack: int) -> Iterator[_Label]:
        """Yield texts in lines, numbers of channels each below its volumes."""
        at, least, line = 0.0, -1000.0, 0
        runs = [(str(n), sum(map(self.scale.width, run))) for n, run in groupby(self._shaped(stack), _channels)]
        if sum(width(text, self._text) for text, _ in runs) > sum(wide for _, wide in runs):
            runs = _few(runs)
        for text, wide in runs:
            long = width(text, self._text)
            middle = max(at + wide / 2, least + long / 2)
            yield _Label(middle, self._line(0), text, self._text, False)
            at, least, line = at + wide, middle + long / 2 + 3 * self.larger, 1
        for text, faint in self._below(stack):
            yield _Label(self._wide(stack) / 2, self._line(line), text, self._text, faint)
            line += 1

    def _shaped(self, stack: int) -> list[Volume]:
        """Return the volumes of a stack whose channels and size are shown."""
        return [volume for volume in self.members[stack] if self.with_shapes and not volume.sign]

    def _line(self, number: int) -> float:
        return LINE * self.larger * number + (LINE - TEXT) / 2 * self.larger + 2

    def _upright(self, stack: int) -> Iterator[_Label]:
        """Yield texts that read downwards, one below the other."""
        top = self._line(0)
        channels = _few([(text, 0.0) for text in dict.fromkeys(str(volume.channels) for volume in self._shaped(stack))])
        first = [(", ".join(text for text, _ in channels), False)] if channels else []
        for text, faint in (*first, *self._below(stack)):
            label = _Label(self._wide(stack) / 2, top, text, self._text, faint, upright=True)
            yield label
            top += label.high + self._text / 2

    def _below(self, stack: int) -> Iterator[tuple[str, bool]]:
        """Yield what stands below numbers of channels: the size, which is faint, and names."""
        space = self._space(stack) if self._shaped(stack) else ""
        if space:
            yield space, True
        yield from ((shortened(name, NAMES, TEXT), False) for name in _names(self.members[stack]))

    def _space(self, stack: int) -> str:
        """Return the size of a stack, where it is another than that of what flows in."""
        last, before = self.members[stack][-1].space, self._before(stack)
        return "" if before is not None and before.space == last else "\u00d7".join(map(str, last))

    def _before(self, stack: int) -> Volume | None:
        """Return the volume that flows into a stack first, signs aside."""
        source = next((link.source for link in self.links if link.target == stack), None)
        if source is None:
            return None
        last = self.members[source][-1]
        return self._before(source) if last.sign else last


def _channels(volume: Volume) -> int:
    return volume.channels


def _few(numbers: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return numbers of channels, each with the width of its volumes: of many the first and the last."""
    if len(numbers) <= NUMBERS:
        return numbers
    between = sum(wide for _, wide in numbers[1:-1])
    return [numbers[0], ("\u2026", between), numbers[-1]]


def _names(members: Sequence[Volume]) -> Iterator[str]:
    """Yield what a stack is called: blocks by theirs and their number, inputs and outputs by their own."""
    box = members[0].box
    if members[0].whole and box.op:
        count = sum(volume.box.count for volume in members)
        yield f"{count} \u00d7 {box.op}" if count > 1 else box.op
    if box.kind == "terminal":
        yield box.name
    yield from (name for volume in members for name in volume.outputs)
