"""Maps of keys against every way to pair tensors in order: the most are paired, and what could be paired otherwise is
shown."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from speczoo.key_map import by_order

SHAPES = st.lists(st.sampled_from([(2,), (3,)]), max_size=4)


def best(first: list[tuple[int]], second: list[tuple[int]]) -> list[set[tuple[int, int]]]:
    """The largest sets of pairs of equal shapes that stand in the same order in both."""
    found = [
        {*zip(here, there, strict=True)}
        for count in range(min(len(first), len(second)) + 1)
        for here in combinations(range(len(first)), count)
        for there in combinations(range(len(second)), count)
        if all(first[i] == second[j] for i, j in zip(here, there, strict=True))
    ]
    most = max(map(len, found))
    return [pairs for pairs in found if len(pairs) == most]


@given(SHAPES, SHAPES)
@example([(2,), (2,)], [(2,), (3,)])
@example([(2,), (3,)], [(3,), (3,), (2,)])
def test_a_pair_is_certain_where_no_best_order_has_another(first: list[tuple[int]], second: list[tuple[int]]) -> None:
    came, wanted = dict(zip("abcd", first, strict=False)), dict(zip("wxyz", second, strict=False))
    found, ways = by_order(came, wanted), best(first, second)
    possible = set().union(*ways)
    rows, columns = (Counter(pair[side] for pair in possible) for side in (0, 1))
    made = {("abcd".index(old), "wxyz".index(new)) for old, new in found.keys.items()}
    assert any(way <= made for way in ways)
    certain = {pair for pair in made if "abcd"[pair[0]] not in found.unsure}
    assert set.intersection(*ways) <= certain <= {(i, j) for i, j in possible if rows[i] == columns[j] == 1}
