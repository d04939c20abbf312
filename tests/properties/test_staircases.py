"""Staircases and sets of sizes are what they say, number by number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speczoo.compiler.analysis.size_set import ALL, NONE, SizeSet
from speczoo.compiler.analysis.staircase import IDENTITY, Number, Staircase

FEW = range(1, 200)


def value(f: Number, n: int) -> int:
    return f if isinstance(f, int) else f(n)


@st.composite
def computed(draw: st.DrawFn) -> tuple[Number, list[int]]:
    """A staircase and its values, computed number by number."""
    f: Number = IDENTITY
    values = list(FEW)
    for _ in range(draw(st.integers(0, 5))):
        if isinstance(f, int):
            break
        by = draw(st.integers(1, 6))
        match draw(st.sampled_from(["plus", "times", "over", "add"])):
            case "plus":
                by = draw(st.integers(-9, 9))
                f, values = f.plus(by), [v + by for v in values]
            case "times":
                by *= draw(st.sampled_from([1, 1, -1]))
                f, values = f.times(by), [v * by for v in values]
            case "over":
                f, values = f.over(by), [v // by for v in values]
            case _:
                other = IDENTITY.over(by)
                assert isinstance(other, Staircase)
                f, values = f.add(other), [v + n // by for v, n in zip(values, FEW, strict=True)]
    return f, values


@given(computed())
def test_a_staircase_has_the_values_of_its_arithmetic(drawn: tuple[Number, list[int]]) -> None:
    f, values = drawn
    assert [value(f, n) for n in FEW] == values
    if isinstance(f, Staircase):
        assert f(1000 + f.period) == f(1000) + f.rise
        assert f.rising == all(f(n) <= f(n + 1) for n in range(f.period))
        assert [v for start, stop, v in f.runs(150) for _ in range(start, stop)] == [f(n) for n in range(150)]


@given(computed(), computed())
def test_equal_functions_are_equal_values(a: tuple[Number, list[int]], b: tuple[Number, list[int]]) -> None:
    (f, _), (g, _) = a, b
    period = (f.period if isinstance(f, Staircase) else 1) * (g.period if isinstance(g, Staircase) else 1)
    assert (f == g) == all(value(f, n) == value(g, n) for n in range(1, 2 * period + 2))


@given(computed(), st.integers(-30, 60))
def test_where_a_staircase_has_which_value(drawn: tuple[Number, list[int]], bound: int) -> None:
    f, values = drawn
    if isinstance(f, Staircase):
        above, equal = f.at_least(bound), f.equal_to(bound)
        assert [n in above for n in FEW] == [v >= bound for v in values]
        assert [n in equal for n in FEW] == [v == bound for v in values]


def test_the_least_period_is_found() -> None:
    half = IDENTITY.over(2)
    assert isinstance(half, Staircase)
    assert half.plus(3).add(half.plus(-3)) == half.times(2)
    even = IDENTITY.times(2)
    assert isinstance(even, Staircase)
    assert even.over(2) == IDENTITY
    assert half.add(half.times(-1)) == 0  # type: ignore[arg-type]


@st.composite
def sets(draw: st.DrawFn) -> tuple[SizeSet, set[int]]:
    """A set and those of its members that are small enough to be drawn."""
    start, period = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    early, cycle = draw(st.integers(0, 2**start - 1)), draw(st.integers(0, 2**period - 1))
    members = {n for n in FEW if (early >> n & 1 if n < start else cycle >> n % period & 1)}
    return SizeSet.of(early, start, period, cycle), members


@given(sets(), sets())
def test_sets_of_sizes_are_sets(a: tuple[SizeSet, set[int]], b: tuple[SizeSet, set[int]]) -> None:
    (s, mine), (t, yours) = a, b
    few = set(FEW)

    def members(of: SizeSet) -> set[int]:
        return {n for n in FEW if n in of}

    assert members(s) == mine
    assert members(s & t) == mine & yours
    assert members(s | t) == mine | yours
    assert members(s - t) == mine - yours
    assert members(~s) == few - mine
    assert (s == t) == (mine == yours)  # their starts and periods together are fewer numbers than these
    assert (s <= t) == (mine <= yours)
    assert bool(s) == bool(mine)
    if s:
        assert s.least == min(mine)
        assert s.greatest == (max(mine) if s.finite else None)
    if s.finite:
        assert set(s) == mine


@given(st.integers(-3, 30), st.integers(-3, 30))
def test_intervals(first: int, last: int) -> None:
    assert {n for n in FEW if n in SizeSet.interval(first, last)} == set(range(max(first, 1), last + 1))
    assert {n for n in FEW if n in SizeSet.interval(first)} == set(range(max(first, 1), FEW.stop))
    assert SizeSet.interval(first, last) == SizeSet.interval(first) - SizeSet.interval(last + 1) or last < first
    assert SizeSet.interval(1) == ALL
    assert SizeSet.interval(5, 4) == NONE


@given(st.integers(-200_000, 200_000), st.integers(2, 200_000), st.integers(1, 400_000))
def test_a_long_step_is_one_step(add: int, divisor: int, n: int) -> None:
    f = IDENTITY.plus(add).over(divisor)
    assert isinstance(f, Staircase)
    assert len(f.places) == 1
    assert f(n) == (n + add) // divisor
