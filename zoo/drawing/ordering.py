"""Orders of a grid's columns, searched for: those in which few lines cross."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from random import Random

from speczoo.drawing.layout import Grid

#: How many orders of columns are tried at most, from how many starts more where lines cross.
TRIES, RESTARTS = 4000, 8


def good_order(grid: Grid) -> tuple[int, ...]:
    """Return an order of a grid's columns that is worth its time: where lines cross, the best from several starts."""
    count, tries = len(grid.columns), min(TRIES, 400_000 // (len(grid.steps) + 1))
    best = best_order(grid.cost, alternating(count), tries)
    for seed in range(RESTARTS):
        if not grid.through(best) and not grid.crossings(best):
            break
        start = Random(seed).sample(range(count), count)  # the same in every run
        best = min(best, best_order(grid.cost, start, tries), key=lambda order: tuple(grid.cost(order)))
    return tuple(best)


def best_order(cost: Callable[[Sequence[int]], Iterable[float]], start: Sequence[int], tries: int) -> list[int]:
    """Return an order of columns of low cost, which is told from what counts most on: from that at the start, columns
    move, one at a time, to where it is least, until none gains or so many orders were tried.
    """
    order, least = list(start), tuple(cost(start))
    improved = True
    while improved and tries > 0 and least[-1] > 0:
        improved = False
        for column, there in product(start, range(len(start))):
            moved = [c for c in order if c != column]
            moved.insert(there, column)
            if moved == order:
                continue
            tries -= 1
            found = _less(cost(moved), least)
            if found is not None:
                order, least, improved = moved, found, True
            if tries <= 0:
                break
    return order


def _less(cost: Iterable[float], than: Sequence[float]) -> tuple[float, ...] | None:
    """Return a cost if it is less than another one. What follows the part that says that it is not is not asked for."""
    known: list[float] = []
    less = False
    for part, other in zip(cost, than, strict=True):
        if not less and part > other:
            return None
        less = less or part < other
        known.append(part)
    return tuple(known) if less else None


def alternating(count: int) -> list[int]:
    """Return the main column in the middle, the others right and left of it in turn."""
    right = [c for c in range(1, count) if c % 2]
    left = [c for c in range(1, count) if not c % 2]
    return [*reversed(left), 0, *right] if count else []
