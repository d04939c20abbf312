"""Boxes in rows: what flows over the end of a row comes round to where it was going, through nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from speczoo.drawing.layout import BoxLink, Extent, Spot
from speczoo.drawing.picture import Curve, Rectangle
from speczoo.drawing.rows import RowBreaks, Rows
from tests.drawing.geometry import bent, meets, straight

Place = tuple[float, float]


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[Extent], list[BoxLink], Rows]:
    """Boxes of all sizes and links from earlier to later ones, in rows that begin at any ranks."""
    count, size = draw(st.integers(1, 14)), st.floats(1, 60)
    boxes = [Extent(draw(size), draw(size), draw(size)) for _ in range(count)]
    pairs = {(draw(st.integers(0, to - 1)), to) for to in range(1, count) for _ in range(draw(st.integers(0, 3)))}
    links = [BoxLink(*pair) for pair in sorted(pairs)]
    breaks = RowBreaks.of(boxes, links, draw(st.sampled_from([1.0, 9.0])))
    starts = breaks.starts(draw(st.floats(1, 400)))
    return boxes, links, breaks.rows(starts)


@given(rows())
def test_every_link_is_drawn_from_end_to_end(made: tuple[list[Extent], list[BoxLink], Rows]) -> None:
    """Its lines meet, one after the other, from the box that it leaves to the one that it leads to."""
    boxes, links, there = made
    spots, ways, turns = there.placed()
    assert sorted(spots) == [*range(len(boxes))]
    for number, link in enumerate(links):
        lines = [way.points for way in ways if number in way.links]
        lines += [turn.corners for turn in turns if number in turn.links]
        ends = {near(line[0]): near(line[-1]) for line in lines}
        at, end = near(out(boxes[link.source], spots[link.source])), near(spots[link.target])
        while at != end:
            at = ends.pop(at)
        assert not ends
    for way in ways:
        assert {links[i].source for i in way.links} == {way.source} or way.source is None
        assert {links[i].target for i in way.links} == {way.target} or way.target is None


def out(box: Extent, spot: Spot) -> Place:
    return spot.along + box.along, spot.across


def near(point: Place) -> Place:
    return round(point[0], 3), round(point[1], 3)


@given(rows())
def test_lines_run_through_no_box(made: tuple[list[Extent], list[BoxLink], Rows]) -> None:
    """Nor do boxes meet, and a row lies below the one before it."""
    boxes, _, there = made
    spots, ways, turns = there.placed()
    areas = [inner(box, spots[i]) for i, box in enumerate(boxes)]
    assert not any(meets(a, b) for a, b in pairs(areas))
    for way in ways:
        for part in parts(Curve(way.points, horizontal=True)):
            assert not any(meets(part, area) for area in areas)
    for turn in turns:
        for start, end in pairwise(turn.corners):
            assert start[0] == end[0] or start[1] == end[1]
            for part in parts(Curve((start, start, end, end))):
                assert not any(meets(part, area) for area in areas)
    for above, below in pairwise(there.rows):
        bottom = max(spots[i].across + boxes[i].after for i in above.members)
        assert all(bottom <= spots[i].across - boxes[i].before for i in below.members)


def inner(box: Extent, spot: Spot) -> Rectangle:
    """The area of a box, less its border."""
    return Rectangle(
        spot.along + 0.2, spot.across - box.before + 0.2, box.along - 0.4, box.before + box.after - 0.4, ""
    )


def parts(curve: Curve) -> list[Rectangle]:
    return [*straight(curve), *bent(curve)]


def pairs(areas: list[Rectangle]) -> Iterator[tuple[Rectangle, Rectangle]]:
    return ((a, b) for i, a in enumerate(areas) for b in areas[i + 1 :])


@given(rows())
def test_lines_that_go_round_side_by_side_are_apart(made: tuple[list[Extent], list[BoxLink], Rows]) -> None:
    """No two of them run along each other, and those that keep their order do not cross."""
    _, _, there = made
    _, _, turns = there.placed()
    for one, other in ((a, b) for i, a in enumerate(turns) for b in turns[i + 1 :]):
        over = [(s, t) for s in segments(one.corners) for t in segments(other.corners) if meets(s, t)]
        same = (one.corners[0][1] < other.corners[0][1]) == (one.corners[-1][1] < other.corners[-1][1])
        assert not (same and over)


def segments(corners: tuple[Place, ...]) -> Iterator[Rectangle]:
    for (x0, y0), (x1, y1) in pairwise(corners):
        yield Rectangle(min(x0, x1) - 0.1, min(y0, y1) - 0.1, abs(x1 - x0) + 0.2, abs(y1 - y0) + 0.2, "")


def test_what_flows_from_several_to_one_goes_round_as_one() -> None:
    """Values of a sum to come, as skips of a WaveNet: beside the last box's own value, one line."""
    boxes = [Extent(40.0, 10.0, 10.0) for _ in range(9)]
    links = [*(BoxLink(i, i + 1) for i in range(8)), *(BoxLink(i, 8) for i in range(7))]
    breaks = RowBreaks.of(boxes, links, 9.0)
    made = breaks.rows(breaks.starts(250.0))
    assert len(made.rows) > 1
    assert made.turns == 2


def test_rows_end_where_little_flows() -> None:
    """Between the halves of a network, not within a skip, though a row would be fuller."""
    boxes = [Extent(30.0, 10.0, 10.0) for _ in range(8)]
    skips = [BoxLink(0, 3), BoxLink(4, 7)]
    breaks = RowBreaks.of(boxes, [*(BoxLink(i, i + 1) for i in range(7)), *skips], 9.0)
    assert breaks.starts(330.0) == [0, 4]


def test_what_is_made_of_an_input_stands_in_the_row_that_takes_it() -> None:
    """It comes into no row before, while what is made of what a row has stays there, where its value goes round."""
    boxes = [Extent(30.0, 10.0, 10.0) for _ in range(10)]
    main = [BoxLink(a, b) for a, b in ((0, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8))]
    aside = [BoxLink(1, 2), BoxLink(2, 7)]
    skip = [BoxLink(3, 9)]
    breaks = RowBreaks.of(boxes, [*main, *aside, *skip], 9.0)
    ranks = breaks.flows.ranks
    assert (ranks[1], ranks[2]) == (ranks[7] - 2, ranks[7] - 1)
    assert ranks[9] == ranks[3] + 1
