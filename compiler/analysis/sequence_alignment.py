"""The best alignment of two sequences (Needleman and Wunsch 1970), in bounded time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Pair: TypeAlias = tuple[int | None, int | None]
#: Pairs that are looked at; of longer sequences only those near the diagonal are.
CELLS = 250_000


def aligned(
    first: Sequence[T],
    second: Sequence[T],
    score: Callable[[T, T], float],
    same: Callable[[T, T], bool],
    cells: int = CELLS,
) -> list[Pair]:
    """Return each number of both sequences once, in order, beside that of its partner or None: where no other such
    alignment has a larger sum of scores.

    Only pairs of a positive score are made; what stands alone scores nothing. What is the `same` at both starts and at
    both ends is paired without a search.
    """
    shorter = min(len(first), len(second))
    start = next((i for i in range(shorter) if not same(first[i], second[i])), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if not same(first[-1 - i], second[-1 - i])), rest)
    middle = _searched(first[start : len(first) - end], second[start : len(second) - end], score, cells)
    moved = [tuple(None if i is None else i + start for i in pair) for pair in middle]
    before = [(i, i) for i in range(start)]
    after = [(len(first) - i, len(second) - i) for i in range(end, 0, -1)]
    return [*before, *moved, *after]  # type: ignore[list-item]


def _searched(first: Sequence[T], second: Sequence[T], score: Callable[[T, T], float], cells: int) -> list[Pair]:
    n, m = len(first), len(second)
    if not n or not m:
        return [*((i, None) for i in range(n)), *((None, j) for j in range(m))]
    near = max(cells // (n + m), m // n + 2) if n * m > cells else n + m
    low = [max(0, i * m // n - near) for i in range(n + 1)]
    high = [min(m, i * m // n + near) for i in range(n + 1)]
    none = float("-inf")
    best: list[list[float]] = [[0.0] * (high[0] + 1)]

    def at(i: int, j: int) -> float:
        return best[i][j - low[i]] if low[i] <= j <= high[i] else none

    def together(i: int, j: int) -> float:
        value = score(first[i - 1], second[j - 1])
        return at(i - 1, j - 1) + value if value > 0 else none

    for i in range(1, n + 1):
        row: list[float] = []
        best.append(row)
        for j in range(low[i], high[i] + 1):
            left = row[-1] if row else none
            row.append(max(at(i - 1, j), left, together(i, j) if j else none, 0.0 if j == 0 else none))
    out: list[Pair] = []
    i, j = n, m
    while i or j:
        if i and j and together(i, j) == at(i, j):
            i, j = i - 1, j - 1
            out.append((i, j))
        elif j and (not i or at(i, j - 1) == at(i, j)):
            j -= 1
            out.append((None, j))
        else:
            i -= 1
            out.append((i, None))
    return out[::-1]
