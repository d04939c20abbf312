"""Where boxes stand in a U: one after the other from left to right, each on the level of its size, so that what is as
large on both arms is level, and a skip runs straight across.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from speczoo.drawing.layout import BoxLink, Extent, Spot

#: Between neighbours, between levels, and between lanes of lines over boxes.
GAP, DROP, LANE = 22.0, 26.0, 9.0


@dataclass(frozen=True)
class Levels:
    """Boxes, links, and the level of each box, from 0 for the largest downwards."""

    boxes: Sequence[Extent]
    links: Sequence[BoxLink]
    level: Sequence[int]

    @property
    def fit(self) -> bool:
        """Whether they are a U: levels fall and rise again, two links or more lead from one arm to the same level of
        the other, and each link leads to the next box, or to one on its level over none that is higher.
        """
        level, deepest = self.level, max(self.level, default=0)
        bottom = level.index(deepest) if level else 0
        across = [
            link
            for link in self.links
            if link.source < bottom < link.target and level[link.source] == level[link.target]
        ]
        lanes = all(
            link.target == link.source + 1
            or level[link.source] == level[link.target] <= min(level[link.source : link.target])
            for link in self.links
        )
        return deepest > 1 and level[-1] < deepest and len({link.source for link in across}) > 1 and lanes

    def straight(self, link: BoxLink) -> bool:
        """Return whether a link runs straight across to a later box, as no box of its level stands between."""
        level = self.level
        inner = level[link.source + 1 : link.target]
        return level[link.source] == level[link.target] and bool(inner) and level[link.source] not in inner

    def placed(self) -> tuple[list[Spot], list[list[tuple[float, float]]]]:
        """Return where boxes stand, and on which points each link is level: its ends, and those of its lane."""
        lanes = self._lanes()
        tops = [box.before for box in self.boxes]
        for (source, target), lane in lanes.items():
            for between in range(source + 1, target):
                if self.level[between] == self.level[source]:
                    tops[between] = max(tops[between], self._height(source, target) + LANE * (lane + 1))
        axes = self._axes(tops)
        starts, at = [], 0.0
        for box in self.boxes:
            starts.append(at)
            at += box.along + GAP
        spots = [Spot(x, axes[level]) for x, level in zip(starts, self.level, strict=True)]
        return spots, [[*self._way(link, spots, lanes)] for link in self.links]

    def _way(
        self, link: BoxLink, spots: Sequence[Spot], lanes: Mapping[tuple[int, int], int]
    ) -> Iterator[tuple[float, float]]:
        start, end = spots[link.source], spots[link.target]
        out = start.along + self.boxes[link.source].along
        yield out, start.across
        lane = lanes.get((link.source, link.target))
        if lane is not None:
            y = start.across - self._height(link.source, link.target) - LANE * (lane + 1) + LANE / 2
            yield out + GAP, y
            yield end.along - GAP, y
        yield end.along, end.across

    def _height(self, source: int, target: int) -> float:
        """Return how high what a link passes on its level rises."""
        between = range(source + 1, target)
        return max((self.boxes[i].before for i in between if self.level[i] == self.level[source]), default=0.0)

    def _lanes(self) -> dict[tuple[int, int], int]:
        """Return the links that pass over boxes, with the lane of each: short ones lie below long ones."""
        over = {
            (link.source, link.target)
            for link in self.links
            if link.target > link.source + 1 and not self.straight(link)
        }
        lanes: dict[tuple[int, int], int] = {}
        for source, target in sorted(over, key=lambda ends: (ends[1] - ends[0], ends)):
            below = (lane for (a, b), lane in lanes.items() if a < target and source < b)
            lanes[source, target] = max(below, default=-1) + 1
        return lanes

    def _axes(self, tops: Sequence[float]) -> list[float]:
        """Return where each level's axis is: boxes keep away from the lines of the level above."""
        reach: dict[int, float] = defaultdict(float)
        for top, level in zip(tops, self.level, strict=True):
            reach[level] = max(reach[level], top)
        axes = [0.0]
        for below in range(1, max(self.level, default=0) + 1):
            axes.append(axes[-1] + reach[below] + DROP)
        return axes


def level_of(sizes: Sequence[float], linked: Mapping[int, int]) -> list[int]:
    """Return the level of each box: one deeper for each halving since that of the box that it is `linked` from."""
    level: list[int] = []
    for i, size in enumerate(sizes):
        source = linked.get(i)
        level.append(0 if source is None else level[source] + halvings(sizes[source], size))
    least = min(level, default=0)
    return [each - least for each in level]


def halvings(before: float, after: float) -> int:
    """Return how often a size was halved, rounded; a negative number where it was doubled."""
    ratio = before / after
    count = 0
    while ratio >= 1.45:
        ratio, count = ratio / 2, count + 1
    while ratio <= 1 / 1.45:
        ratio, count = ratio * 2, count - 1
    return count
