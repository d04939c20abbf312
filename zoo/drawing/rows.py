"""Where boxes stand in rows, one below the other, as the words of a text do: what flows over the end of a row goes
round to the beginning of the next.

Rows end between ranks: where few values flow, and so that they are about as long. What flows from several boxes to one
later box, and nowhere else, goes round as one line. Each row is a layered drawing of its own, whose first and last
boxes are the ends of the lines that go round; these keep their order from row to row, so that they do not cross.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, islice, pairwise
from typing import NamedTuple

from speczoo.drawing.layout import GAP, WIDEST_GAP, BoxLink, DiagramLayout, Extent, Grid, Spot, grid, ranks_of
from speczoo.drawing.ordering import alternating, best_order

#: How far lines that go round are from each other, and from what they go round.
LANE, SPACE = 9.0, 12.0
#: How much worse it is, where one row costs 1, that one more line than one goes round, and that a row is empty.
MORE, EMPTY = 0.4, 0.3
END = Extent(0.0, 0.0, 0.0)

Point = tuple[float, float]


class Way(NamedTuple):
    """A line to the right as a Hop has it, from a box, or from where a line came round, and to a box, or to where it
    goes round: then `source` or `target` is None. It stands for these links.
    """

    points: tuple[Point, ...]
    source: int | None
    target: int | None
    links: tuple[int, ...]


class Turn(NamedTuple):
    """A line that goes round from a row to the next, straight from corner to corner, and stands for these links."""

    corners: tuple[Point, ...]
    links: tuple[int, ...]


@dataclass(frozen=True)
class _Row:
    """A row of boxes on a grid, which has first the values that came round, then the `members`, then what goes round. A
    value is the box whose it is, or `~box` of the box that alone takes it, from several.
    """

    coming: tuple[int, ...]
    members: tuple[int, ...]
    leaving: tuple[int, ...]
    links: Sequence[BoxLink]  # of the grid
    stands_for: Sequence[tuple[int, ...]]  # which links each of those does
    grid: Grid
    order: tuple[int, ...]

    def box(self, item: int) -> int | None:
        """Return the box that an item of the grid is, if it is one."""
        number = self.grid.items[item].box - len(self.coming)
        return self.members[number] if 0 <= number < len(self.members) else None

    @cached_property
    def layout(self) -> DiagramLayout:
        return self.grid.placed(self.order)

    @property
    def starts(self) -> dict[int, Spot]:
        """Where what came round enters the row, from above downwards."""
        return _downwards(zip(self.coming, self.layout.spots, strict=False))

    @property
    def ends(self) -> dict[int, Spot]:
        """Where what goes round leaves the row, from above downwards."""
        first = len(self.coming) + len(self.members)
        return _downwards(zip(self.leaving, self.layout.spots[first:], strict=True))

    def links_of(self, leaving: int) -> tuple[int, ...]:
        """Return the links that lead to where a value goes round."""
        number = len(self.coming) + len(self.members) + self.leaving.index(leaving)
        ends = (k for k, link in enumerate(self.links) if link.target == number)
        return tuple(dict.fromkeys(i for k in ends for i in self.stands_for[k]))

    def resized(self, boxes: Sequence[Extent]) -> _Row:
        extents = [*(END for _ in self.coming), *(boxes[i] for i in self.members), *(END for _ in self.leaving)]
        return replace(self, grid=replace(self.grid, boxes=extents))


@dataclass(frozen=True)
class Rows:
    """Boxes in rows; lines that go round lie `lane` apart."""

    rows: tuple[_Row, ...]
    lane: float

    def resized(self, boxes: Sequence[Extent]) -> Rows:
        """Return the same rows of boxes of other sizes."""
        return Rows(tuple(row.resized(boxes) for row in self.rows), self.lane)

    @property
    def turns(self) -> int:
        """How many lines go round at the end of one row, at most."""
        return max((len(row.leaving) for row in self.rows), default=0)

    def placed(self) -> tuple[dict[int, Spot], list[Way], list[Turn]]:
        """Return where boxes stand, and the lines between them."""
        spots: dict[int, Spot] = {}
        ways: list[Way] = []
        turns: list[Turn] = []
        axis = 0.0
        for above, row in zip([None, *self.rows], self.rows, strict=False):
            if above is not None:
                before, axis = axis, axis + above.layout.after + self._between(row) + row.layout.before
                turns += self._turns(above, before, row, axis)
            boxes = ((row.box(item), spot) for item, spot in enumerate(row.layout.spots))
            spots |= {box: Spot(spot.along, spot.across + axis) for box, spot in boxes if box is not None}
            ways += _ways(row, axis)
        return spots, ways, turns

    def _between(self, below: _Row) -> float:
        return 2 * SPACE + self.lane * (len(below.coming) - 1)

    def _turns(self, above: _Row, axis: float, below: _Row, axis_below: float) -> Iterator[Turn]:
        """Yield the lines from a row to the next. Of those side by side the upper one goes round the others on the
        right, and so below them, and the others round it on the left.
        """
        bottom = axis + above.layout.after + SPACE
        inner = {value: place for place, value in enumerate(below.starts)}
        for place, (value, end) in enumerate(above.ends.items()):
            start, outer = below.starts[value], self.lane * (len(above.ends) - 1 - place)
            leaves, enters = axis + end.across, axis_below + start.across
            right, left = above.layout.along + SPACE + outer, start.along - SPACE - self.lane * inner[value]
            far = ((right, leaves), (right, bottom + outer), (left, bottom + outer), (left, enters))
            yield Turn(((end.along, leaves), *far, (start.along, enters)), above.links_of(value))


def _ways(row: _Row, axis: float) -> Iterator[Way]:
    for step, hop in zip(row.grid.steps, row.layout.hops, strict=True):
        left, entered = hop.left + axis, hop.entered + axis
        points = ((hop.start, left), (hop.bend, left), (hop.land, entered), (hop.end, entered))
        links = tuple(i for k in hop.links for i in row.stands_for[k])
        yield Way(points, row.box(step.source), row.box(step.target), links)


def _downwards(ends: Iterable[tuple[int, Spot]]) -> dict[int, Spot]:
    return dict(sorted(ends, key=lambda end: end[1].across))


def one_row(boxes: Sequence[Extent], links: Sequence[BoxLink], inputs: int) -> Rows:
    """Return boxes in a row, of which the first are so many inputs, and stand at its beginning."""
    return Rows((_row(boxes, _Flows(links, [0] * len(boxes)), range(1), range(inputs)),), LANE)


@dataclass(frozen=True)
class _Flows:
    """Links between boxes, of which each stands on a rank."""

    links: Sequence[BoxLink]
    ranks: Sequence[int]

    @cached_property
    def _over(self) -> dict[int, dict[int, set[int]]]:
        """What each box flows into on a rank and after it, where it stands before that, by rank and box."""
        found: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for source, target, *_ in self.links:
            for rank in range(self.ranks[source] + 1, self.ranks[target] + 1):
                found[rank][source].add(target)
        return found

    @cached_property
    def _alone(self) -> dict[int, Counter[int]]:
        """How many boxes flow over the beginning of a rank into nothing but this box, by rank and box."""
        return {
            rank: Counter(next(iter(targets)) for targets in over.values() if len(targets) == 1)
            for rank, over in self._over.items()
        }

    def value(self, link: BoxLink, rank: int) -> int:
        """Return the value that a link takes over the beginning of a rank."""
        together = len(self._over[rank][link.source]) == 1 and self._alone[rank][link.target] > 1
        return ~link.target if together else link.source

    def turns(self, rank: int) -> int:
        """Return how many values flow over the beginning of a rank."""
        over = self._over.get(rank, {})
        return len({self.value(BoxLink(box, target), rank) for box, targets in over.items() for target in targets})


@dataclass(frozen=True)
class RowBreaks:
    """Where rows may end: before each rank but the first."""

    boxes: Sequence[Extent]
    flows: _Flows
    lane: float

    @classmethod
    def of(cls, boxes: Sequence[Extent], links: Sequence[BoxLink], lane: float) -> RowBreaks:
        """Return those of linked boxes, where lines that go round lie so far apart."""
        return cls(boxes, _Flows(links, _late(boxes, links)), lane)

    @cached_property
    def _lengths(self) -> list[float]:
        """How long each rank is, with the space before it: it is wide where there is something beside what is on it."""
        lengths = [0.0] * (max(self.flows.ranks, default=-1) + 1)
        for box, rank in enumerate(self.flows.ranks):
            lengths[rank] = max(lengths[rank], self.boxes[box].along)
        there = Counter(self.flows.ranks)
        flowing = [max(self._turns[rank], there[rank], there[rank - 1]) for rank in range(len(lengths))]
        return [long + (GAP if one <= 1 else WIDEST_GAP) for long, one in zip(lengths, flowing, strict=True)]

    @cached_property
    def _turns(self) -> list[int]:
        return [self.flows.turns(rank) for rank in range(max(self.flows.ranks, default=-1) + 1)]

    def _round(self, rank: int) -> float:
        """Return how much room lines take that go round from before a rank, on one side."""
        return SPACE + GAP + self.lane * self._turns[rank] if 0 < rank < len(self._turns) else 0.0

    def starts(self, most: float) -> list[int]:
        """Return the ranks at which rows begin that are no longer than `most`, unless a rank is: those with the fewest
        rows and lines that go round, of about one length.
        """
        best: list[tuple[float, int]] = [(0.0, 0)]  # of the ranks up to each, and where the last row begins
        for stop in range(1, len(self._lengths) + 1):
            found: list[tuple[float, int]] = []
            long = self._round(stop)
            for start in reversed(range(stop)):
                long += self._lengths[start]
                whole = long + self._round(start)
                if found and whole > most:
                    break
                cost = 1 + MORE * max(self._turns[start] - 1, 0) + EMPTY * max(1 - whole / most, 0.0) ** 2
                found.append((best[start][0] + cost, start))
            best.append(min(found))
        starts = [best[-1][1]]
        while starts[-1]:
            starts.append(best[starts[-1]][1])
        return starts[::-1]

    def rows(self, starts: Sequence[int]) -> Rows:
        """Return the boxes in rows that begin at these ranks."""
        rows: list[_Row] = []
        for start, stop in pairwise([*starts, len(self._lengths)]):
            coming = tuple(rows[-1].ends) if rows else ()
            first = [box for box, rank in enumerate(self.flows.ranks) if rank == start and not coming]
            rows.append(_row(self.boxes, self.flows, range(start, stop), first, coming))
        return Rows(tuple(rows), self.lane)


def _late(boxes: Sequence[Extent], links: Sequence[BoxLink]) -> list[int]:
    """Return a rank for each box, from 0 on. What is made for later boxes alone stands just before those, as far as it
    is made of what flows there anyway, so that less flows from row to row.
    """
    ranks = [each.start for each in ranks_of(boxes, links, 0, 0)]
    targets, sources = defaultdict(list), defaultdict(list)
    for link in links:
        targets[link.source].append(link.target)
        sources[link.target].append(link.source)
    free: set[int] = set()  # what is made of what flows in, for this alone
    for box in range(len(boxes)):
        if all(source in free and len(targets[source]) == 1 for source in sources[box]):
            free.add(box)
    for box in reversed(range(len(boxes))):
        others = ([ranks[target] for target in targets[s] if target != box] for s in sources[box] if s not in free)
        until = [max(ranks_there, default=ranks[box]) for ranks_there in others]
        if targets[box]:
            before = min(ranks[target] for target in targets[box]) - 1
            ranks[box] = max(min([before, *until]), ranks[box])
    return [rank - min(ranks) for rank in ranks]


def _row(
    boxes: Sequence[Extent], flows: _Flows, ranks: range, first: Sequence[int], coming: tuple[int, ...] = ()
) -> _Row:
    """Return the row of the boxes on these ranks. Some stand at its beginning, if nothing comes round to there."""
    members = [*first, *(box for box in range(len(boxes)) if flows.ranks[box] in ranks and box not in set(first))]
    number = {box: len(coming) + i for i, box in enumerate(members)}
    enters = {value: i for i, value in enumerate(coming)}
    leaves: dict[int, int] = {}
    stands_for: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, link in enumerate(flows.links):
        if flows.ranks[link.target] < ranks.start or flows.ranks[link.source] >= ranks.stop:
            continue
        source, target = number.get(link.source), number.get(link.target)
        if source is None:
            source = enters[flows.value(link, ranks.start)]
        if target is None:
            value = flows.value(link, ranks.stop)
            target = leaves.setdefault(value, len(coming) + len(members) + len(leaves))
        stands_for[source, target].append(i)
    extents = [*(END for _ in coming), *(boxes[box] for box in members), *(END for _ in leaves)]
    links = [BoxLink(*ends) for ends in stands_for]
    cells = grid(extents, links, len(coming) + len(first), len(leaves))
    which = [*map(tuple, stands_for.values())]
    return _Row(coming, tuple(members), tuple(leaves), links, which, cells, _order(cells, len(coming)))


def _order(cells: Grid, coming: int) -> tuple[int, ...]:
    """Return an order of columns in which lines that pass over boxes do so above them, where as few cross so: what
    comes round crosses too where it is in another order than before.
    """
    above = [column for column in range(1, len(cells.columns)) if cells.items[cells.columns[column][0]].box < 0]
    starts = [cells.column[item] for item in range(coming)]

    def cost(order: Sequence[int]) -> Iterator[float]:
        main, parts = order.index(0), cells.cost(order)
        yield from islice(parts, 1)  # links through boxes
        places = [order.index(column) for column in starts]
        yield next(parts) + sum(before > after for before, after in combinations(places, 2))
        yield sum(order.index(column) > main for column in above)
        yield from parts

    start = [*above, *(column for column in alternating(len(cells.columns)) if column not in set(above))]
    tries = 100_000 // (len(cells.steps) + 1)
    return tuple(best_order(cost, start, tries))
