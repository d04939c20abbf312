"""Where the boxes of one list stand: a layered drawing whose main path is a straight line.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981): boxes
stand on ranks, so that every link leads to a later one; a link over several ranks passes through a point on each; and
points and boxes are ordered so that few links cross. A long box beside the main path stands on several ranks. What is a
run without branches, of boxes or of points, is one column here, much as in Brandes and Koepf, "Fast and simple
horizontal coordinate assignment" (2001): it stands in a line, and the columns are what is ordered, once for all ranks.
The column of the longest way through the list is the main one; the others stand as close to it as their widths let
them.

Lengths are abstract: `along` the flow and `across` it. Nothing here knows what a box is.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple


class Extent(NamedTuple):
    """What a box needs: its length along the flow, and across it what lies before and after its axis.

    `ranks` is how many it stands on, where there is room for so many. `entries` and `exits` are where links come in and
    leave, from the axis; where there are none, on it.
    """

    along: float
    before: float
    after: float
    entries: tuple[float, ...] = ()
    exits: tuple[float, ...] = ()
    ranks: int = 1

    def entry(self, position: int) -> float:
        return self.entries[position] if position < len(self.entries) else 0.0

    def exit(self, port: int) -> float:
        return self.exits[port] if port < len(self.exits) else 0.0


class BoxLink(NamedTuple):
    """A link from a box's exit to a later box's entry, by their numbers."""

    source: int
    target: int
    port: int = 0
    position: int = 0


class Spot(NamedTuple):
    """Where a box begins along the flow, and where its axis is across it."""

    along: float
    across: float


class Hop(NamedTuple):
    """A line from one rank to the next: it leaves at `start`, is straight until `bend`, straight again from `land`, and
    ends at `end`, along the flow; across it goes from `left` to `entered`. `head` says that a box is what it ends at.
    """

    start: float
    bend: float
    land: float
    end: float
    left: float
    entered: float
    head: bool
    links: tuple[int, ...]  # the links that run along it, by number


@dataclass(frozen=True)
class DiagramLayout:
    """Spots of the boxes, and hops of the links; `along` is the whole length, over so many `ranks`. What lies on both
    sides of the main axis, which is at 0 across, is `before` and `after` it.
    """

    spots: tuple[Spot, ...]
    hops: tuple[Hop, ...]
    along: float
    before: float
    after: float
    crossings: int
    ranks: int


#: Between neighbours across the flow, on both sides of a line, between ranks at least and at most.
SPACE, LINE, GAP, WIDEST_GAP = 14.0, 7.0, 16.0, 40.0


class _Item(NamedTuple):
    """What stands on a rank: a box, or a point that a link passes through: of an exit, for all that leave it."""

    box: int
    exit: tuple[int, int] | None  # of a point
    ranks: range


class _Step(NamedTuple):
    """From an item to one on the next rank."""

    source: int
    target: int
    port: int
    position: int
    links: tuple[int, ...]


def grid(boxes: Sequence[Extent], links: Sequence[BoxLink], first: int = 0, last: int = 0) -> Grid:
    """Return the ranks and columns on which boxes and links stand, in no order yet."""
    items, steps = _with_points(ranks_of(boxes, links, first, last), links)
    columns = _columns(items, steps, boxes)
    column = {item: k for k, members in enumerate(columns) for item in members}
    return Grid(boxes, items, steps, columns, column)


def ranks_of(boxes: Sequence[Extent], links: Sequence[BoxLink], first: int, last: int) -> list[range]:
    """Return the ranks of each box: it begins after the longest way to it, and what nothing leads to just before what
    it leads to.
    """
    count = len(boxes)
    targets, sources = defaultdict(list), defaultdict(list)
    for link in links:
        targets[link.source].append(link.target)
        sources[link.target].append(link.source)
    start = [0] * count
    for box in range(count):
        start[box] = max((start[s] + 1 for s in sources[box]), default=0 if box < first else 1)
    for box in reversed(range(first, count)):
        if not sources[box] and targets[box]:
            start[box] = max(min(start[t] for t in targets[box]) - 1, 0)
    end = max(start, default=0)
    for box in range(count - last, count):
        start[box] = end
    free = (min((start[t] for t in targets[box]), default=start[box] + 1) - start[box] for box in range(count))
    return [range(r, r + max(1, min(boxes[box].ranks, f))) for box, (r, f) in enumerate(zip(start, free, strict=True))]


def _with_points(ranks: Sequence[range], links: Sequence[BoxLink]) -> tuple[list[_Item], list[_Step]]:
    """Return boxes and points, and the steps between them. Links of one exit share their points."""
    items = [_Item(box, None, each) for box, each in enumerate(ranks)]
    points: dict[tuple[int, int, int], int] = {}
    along: dict[tuple[int, int, int, int], list[int]] = defaultdict(list)
    for number, link in enumerate(links):
        here = link.source
        for r in range(ranks[link.source].stop, ranks[link.target].start):
            key = (link.source, link.port, r)
            if key not in points:
                points[key] = len(items)
                items.append(_Item(-1, (link.source, link.port), range(r, r + 1)))
            along[here, points[key], link.port if here == link.source else 0, 0].append(number)
            here = points[key]
        along[here, link.target, link.port if here == link.source else 0, link.position].append(number)
    return items, [_Step(*key, tuple(dict.fromkeys(numbers))) for key, numbers in along.items()]


def _columns(items: Sequence[_Item], steps: Sequence[_Step], boxes: Sequence[Extent]) -> list[tuple[int, ...]]:
    """Return runs of items that stand in a line, the main one first: it has an item on every rank."""
    following, leading = defaultdict(list), defaultdict(list)
    for step in steps:
        following[step.source].append(step.target)
        leading[step.target].append(step.source)
    main = _main(items, following, boxes)
    taken = set(main)
    columns = [main]
    for item in sorted(range(len(items)), key=lambda i: (items[i].ranks.start, i)):
        if item in taken:
            continue
        run = [item]
        taken.add(item)
        while (after := _straight(run[-1], items, following, leading, taken)) is not None:
            run.append(after)
            taken.add(after)
        columns.append(tuple(run))
    return columns


def _straight(
    item: int,
    items: Sequence[_Item],
    following: Mapping[int, Sequence[int]],
    leading: Mapping[int, Sequence[int]],
    taken: set[int],
) -> int | None:
    """Return the item below that stands in line with this one: the next point of its link, or the only one that it
    leads to, where nothing else leads there.
    """
    candidates = [t for t in dict.fromkeys(following[item]) if t not in taken]
    if items[item].exit is not None:
        points = [t for t in candidates if items[t].exit == items[item].exit]
        if points:
            return points[0]
    if len(set(following[item])) == 1 and candidates and len(set(leading[candidates[0]])) == 1:
        return candidates[0]
    return None


def _main(items: Sequence[_Item], following: Mapping[int, Sequence[int]], boxes: Sequence[Extent]) -> tuple[int, ...]:
    """Return the longest way from the first rank to the last: of several, that through most boxes, and the longest
    ones; of equal ones, the middle one.
    """
    worth: dict[int, tuple[int, float]] = {}
    best: dict[int, int] = {}
    for item in sorted(range(len(items)), key=lambda i: -items[i].ranks.start):
        own = (1, boxes[items[item].box].along) if items[item].box >= 0 else (0, 0.0)
        if following[item]:
            best[item] = _middle_best(dict.fromkeys(following[item]), worth)
            own = (own[0] + worth[best[item]][0], own[1] + worth[best[item]][1])
        worth[item] = own
    starts = [i for i, item in enumerate(items) if not item.ranks.start]
    way = [_middle_best(starts, worth)] if starts else []
    while way and way[-1] in best:
        way.append(best[way[-1]])
    return tuple(way)


def _middle_best(items: Iterable[int], worth: Mapping[int, tuple[int, float]]) -> int:
    there = sorted(items)
    most = max(worth[item] for item in there)
    equal = [item for item in there if worth[item] == most]
    return equal[len(equal) // 2]


@dataclass(frozen=True)
class Grid:
    """Items on ranks, in columns."""

    boxes: Sequence[Extent]
    items: Sequence[_Item]
    steps: Sequence[_Step]
    columns: Sequence[tuple[int, ...]]
    column: Mapping[int, int]

    def extent(self, item: int) -> Extent:
        box = self.items[item].box
        return self.boxes[box] if box >= 0 else Extent(0.0, 0.0, 0.0)

    def cost(self, order: Sequence[int]) -> Iterator[float]:
        """Yield how many links run through long boxes in this order, how many cross, how many boxes stand left of
        earlier ones, and how far links lead across.
        """
        yield self.through(order)
        yield self.crossings(order)
        yield self.disorder(order)
        axes = self.axes(order)
        far = sum(abs(axes[self.column[s.source]] - axes[self.column[s.target]]) for s in self.steps)
        yield round(far, 3)

    def through(self, order: Sequence[int]) -> int:
        """Return how many steps lead from one side of a box to the other, between two ranks that it stands on."""
        place = {column: i for i, column in enumerate(order)}
        found = 0
        for column, ranks in self.long:
            for s in self.steps:
                ends = place[self.column[s.source]] < place[column], place[self.column[s.target]] < place[column]
                beside = column not in (self.column[s.source], self.column[s.target])
                found += beside and ends[0] != ends[1] and self.items[s.target].ranks.start in ranks
        return found

    @cached_property
    def long(self) -> list[tuple[int, range]]:
        """The columns of boxes that stand on several ranks, each with those of them that are not its first."""
        boxes = ((self.column[i], item.ranks[1:]) for i, item in enumerate(self.items) if item.box >= 0)
        return [(column, ranks) for column, ranks in boxes if ranks]

    def disorder(self, order: Sequence[int]) -> int:
        """Return how many pairs of columns of boxes that begin on one rank stand in another order than their boxes."""
        firsts = [self.items[self.columns[column][0]] for column in order]
        boxes = [(item.ranks.start, item.box) for item in firsts if item.box >= 0]
        return sum(a[0] == b[0] and a[1] > b[1] for a, b in combinations(boxes, 2))

    def crossings(self, order: Sequence[int]) -> int:
        """Return how many pairs of steps between the same ranks cross."""
        place = {column: i for i, column in enumerate(order)}
        return sum(
            _inversions((place[source], out, place[target], into) for source, out, target, into in lines)
            for lines in self._between
        )

    @cached_property
    def _between(self) -> list[list[tuple[int, float, int, float]]]:
        """The steps between two ranks, where there are several: column and exit, column and entry."""
        found: dict[int, list[tuple[int, float, int, float]]] = defaultdict(list)
        for s in self.steps:
            out, into = self.extent(s.source).exit(s.port), self.extent(s.target).entry(s.position)
            found[self.items[s.target].ranks.start].append((self.column[s.source], out, self.column[s.target], into))
        return [lines for lines in found.values() if len(lines) > 1]

    def axes(self, order: Sequence[int]) -> dict[int, float]:
        """Return the axis of each column across the flow: the main one's is 0, the others' as close as can be."""
        at = order.index(0) if order else 0
        right: dict[int, float] = {}
        left: dict[int, float] = {}
        axes = {0: 0.0}
        for column in order[at:]:
            axes[column] = self._stacked(column, right, 1) if column else 0.0
            self._occupy(column, axes[column], right, 1)
        for column in reversed(order[: at + 1]):
            axes[column] = self._stacked(column, left, -1) if column else 0.0
            self._occupy(column, axes[column], left, -1)
        return axes

    def _stacked(self, column: int, taken: Mapping[int, float], side: int) -> float:
        """Return the axis of a column beside what is taken on its ranks."""
        near = 0 if side > 0 else 1
        return side * max(
            (taken.get(rank, 0.0) * side + sides[near] for rank, sides in self._widths[column]), default=0.0
        )

    def _occupy(self, column: int, axis: float, taken: dict[int, float], side: int) -> None:
        far = 1 if side > 0 else 0
        for rank, sides in self._widths[column]:
            taken[rank] = axis + side * sides[far]

    @cached_property
    def _widths(self) -> list[list[tuple[int, tuple[float, float]]]]:
        """How much each column takes on each of its ranks, before its axis and after it, with half the space beside:
        boxes keep farther away from each other than lines.
        """
        return [[(rank, self._sides(i)) for i in members for rank in self.items[i].ranks] for members in self.columns]

    def _sides(self, item: int) -> tuple[float, float]:
        margin = SPACE / 2 if self.items[item].box >= 0 else LINE
        return self.extent(item).before + margin, self.extent(item).after + margin

    def placed(self, order: Sequence[int]) -> DiagramLayout:
        axes = self.axes(order)
        across = [axes[self.column[i]] for i in range(len(self.items))]
        bands = self._bands(across)
        spots = []
        for i, item in enumerate(self.items):
            start, end = bands[item.ranks[0]][0], bands[item.ranks[-1]][1]
            spots.append(Spot(start + (end - start - self.extent(i).along) / 2, across[i]))
        hops = [self._hop(step, spots, bands) for step in self.steps]
        sides = [(across[i] - self.extent(i).before, across[i] + self.extent(i).after) for i in range(len(self.items))]
        ends = [x for hop in hops for x in (hop.left, hop.entered)]
        before = -min([*(low for low, _ in sides), *ends], default=0.0)
        after = max([*(high for _, high in sides), *ends], default=0.0)
        boxes = tuple(spots[: len(self.boxes)])
        return DiagramLayout(
            boxes, tuple(hops), bands[-1][1] if bands else 0.0, before, after, self.crossings(order), len(bands)
        )

    def _bands(self, across: Sequence[float]) -> list[tuple[float, float]]:
        """Return where each rank begins and ends: as long as what stands on it, with more space before the next where
        lines lead far across.
        """
        count = max((item.ranks.stop for item in self.items), default=0)
        lengths, gaps = [0.0] * count, [GAP] * count
        for s in self.steps:
            after = self.items[s.target].ranks.start - 1
            far = abs(across[s.source] - across[s.target])
            gaps[after] = max(gaps[after], min(GAP + far / 8, WIDEST_GAP))
        for i in sorted(range(len(self.items)), key=lambda i: len(self.items[i].ranks)):
            ranks = self.items[i].ranks
            there = sum(lengths[r] for r in ranks) + sum(gaps[r] for r in ranks[:-1])
            missing = max(self.extent(i).along - there, 0.0)
            for r in ranks:
                lengths[r] += missing / len(ranks)
        bands, at = [], 0.0
        for length, gap in zip(lengths, gaps, strict=True):
            bands.append((at, at + length))
            at += length + gap
        return bands

    def _hop(self, s: _Step, spots: Sequence[Spot], bands: Sequence[tuple[float, float]]) -> Hop:
        source, target = self.extent(s.source), self.extent(s.target)
        return Hop(
            start=spots[s.source].along + source.along,
            bend=bands[self.items[s.source].ranks[-1]][1],
            land=bands[self.items[s.target].ranks[0]][0],
            end=spots[s.target].along,
            left=spots[s.source].across + source.exit(s.port),
            entered=spots[s.target].across + target.entry(s.position),
            head=self.items[s.target].box >= 0,
            links=s.links,
        )


def _inversions(lines: Iterable[tuple[int, float, int, float]]) -> int:
    """Return how many of these lines cross, which lead from a place on one rank to a place on the next."""
    crossed = 0
    ends: list[tuple[int, float]] = []
    for *_, place, into in sorted(lines):  # those of one start by where they end: they do not cross
        crossed += len(ends) - bisect_right(ends, (place, into))
        insort(ends, (place, into))
    return crossed
