"""A U of stacks: each on the level of its size, from left to right, and above it what conditions many of them: a time,
a class, of which a line leads down to each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from speczoo.drawing.layout import BoxLink, Spot
from speczoo.drawing.levels import GAP, LANE, Levels, level_of
from speczoo.drawing.picture import Curve
from speczoo.drawing.rows import Point, Way, one_row
from speczoo.drawing.stacks import Stacks


@dataclass(frozen=True)
class UShape:
    """Stacks, as a U if they are one."""

    stacks: Stacks

    @property
    def fit(self) -> bool:
        """Whether they are a U, and what conditions it, if anything does, is one value."""
        return len(self._given) == bool(self._conditions) and bool(self._inner) and self._levels.fit

    @cached_property
    def _conditions(self) -> list[int]:
        """The stacks that are vectors, made of such as flow in alone."""
        sources = defaultdict(list)
        for link in self.stacks.links:
            sources[link.target].append(link.source)
        found: list[int] = []
        for stack, members in enumerate(self.stacks.members):
            if not any(volume.space for volume in members) and all(source in found for source in sources[stack]):
                found.append(stack)
        return found

    @cached_property
    def _given(self) -> dict[int, list[int]]:
        """Which stacks of the U each condition flows into."""
        found: dict[int, list[int]] = defaultdict(list)
        for source, target, *_ in self.stacks.links:
            if source in self._conditions and target not in self._conditions:
                found[source].append(target)
        return found

    @cached_property
    def _inner(self) -> list[int]:
        return [stack for stack in range(len(self.stacks.members)) if stack not in self._conditions]

    @cached_property
    def _levels(self) -> Levels:
        """What each stack's level is: a sign stands on that of what it brings together."""
        stacks, links = self.stacks, self._links(self._inner)
        sizes: list[float] = []
        linked = {link.target: link.source for link in reversed(links)}
        for i, members in enumerate(stacks.members[stack] for stack in self._inner):
            own = max(max((*volume.space[-2:], 1)) for volume in members)
            sizes.append(sizes[linked[i]] if members[0].sign and i in linked else float(own))
        return Levels([stacks.extents[stack] for stack in self._inner], links, level_of(sizes, linked))

    def _links(self, there: Sequence[int]) -> list[BoxLink]:
        """Return the links between these stacks, by their places among them."""
        number = {stack: i for i, stack in enumerate(there)}
        pairs = ((number.get(link.source), number.get(link.target)) for link in self.stacks.links)
        return [BoxLink(a, b) for a, b in pairs if a is not None and b is not None]

    def placed(self) -> tuple[dict[int, Spot], list[Curve]]:
        """Return where stacks stand, and the lines between them."""
        stacks = self.stacks
        there, ways = self._levels.placed()
        spots = dict(zip(self._inner, there, strict=True))
        lines: list[Curve] = []
        for link, way in zip(self._levels.links, ways, strict=True):
            source, target = self._inner[link.source], self._inner[link.target]
            way[0], way[-1] = stacks.exit(source, spots[source]), stacks.entry(target, spots[target])
            lines += _level_at(way, dashed=stacks.training(target))
        if self._conditions:
            above, more = self._above(spots)
            return spots | above, [*more, *lines]
        return spots, lines

    def _above(self, spots: dict[int, Spot]) -> tuple[dict[int, Spot], list[Curve]]:
        """Return where conditions stand, above the U and left of the first stack that they flow into, and their lines:
        one over all of these, and one down to each.
        """
        stacks, there = self.stacks, self._conditions
        inputs = sum(stacks.members[stack][0].box.kind == "terminal" for stack in there)
        extents = [stacks.extents[stack] for stack in there]
        row, ways, _ = one_row(extents, self._links(there), inputs).placed()
        tops = {stack: stacks.top(stack, spot) for stack, spot in spots.items()}
        low = max(spot.across + extents[i].after for i, spot in row.items())
        long = max(spot.along + extents[i].along for i, spot in row.items())
        ((source, targets),) = self._given.items()
        right = min(tops[target][0] for target in targets) - GAP - long
        down = min(spots[stack].across - stacks.extents[stack].before for stack in spots) - LANE - low
        above = {there[i]: Spot(spot.along + right, spot.across + down) for i, spot in row.items()}
        lines = [self._line(way, above, right, down) for way in ways]
        start = stacks.exit(source, above[source])
        for before, target in zip([None, *targets], targets, strict=False):
            x, y = tops[target]
            corner, begins = (x, start[1]), start if before is None else (tops[before][0], start[1])
            dashed = stacks.training(target)
            lines.append(Curve((begins, begins, corner, corner), False, dashed, horizontal=True))
            lines.append(Curve((corner, corner, (x, y), (x, y)), True, dashed))
        return above, lines

    def _line(self, way: Way, spots: dict[int, Spot], right: float, down: float) -> Curve:
        points = [(x + right, y + down) for x, y in way.points]
        source, target = (None if i is None else self._conditions[i] for i in (way.source, way.target))
        if source is not None:
            points[0] = self.stacks.exit(source, spots[source])
        if target is not None:
            points[-1] = self.stacks.entry(target, spots[target])
        dashed = target is not None and self.stacks.training(target)
        return Curve(tuple(points), target is not None, dashed, horizontal=True)


def _level_at(way: Sequence[Point], *, dashed: bool) -> Iterator[Curve]:
    """Yield a line that is level at each of these points."""
    for i, (start, end) in enumerate(pairwise(way)):
        last = i == len(way) - 2
        land = (end[0] - 7 if last else end[0], end[1])
        yield Curve((start, start, land, end), last, dashed, horizontal=True)
