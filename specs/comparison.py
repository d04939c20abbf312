"""Which lines of a text became which of another, in time that grows as the texts do."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

CONTEXT = 3  # lines around a change that are shown with it
WORK = 2_000_000  # pairs of lines that are held against each other; what is left then is one change


class LineChange(NamedTuple):
    """Lines `start` to `end` of the old text became `new_start` to `new_end` of the new one. Ends are exclusive."""

    start: int
    end: int
    new_start: int
    new_end: int


def changes(old: Sequence[str], new: Sequence[str]) -> list[LineChange]:
    """Return what was changed, in order.

    Lines that stand once in both texts and in the same order are kept; between them the fewest changes are looked for
    while there is time.
    """
    out: list[LineChange] = []
    left = WORK
    start = new_start = 0
    for at, new_at in [*_anchors(old, new), (len(old), len(new))]:
        gap = _trimmed(old, new, LineChange(start, at, new_start, new_at))
        before, after = gap.end - gap.start, gap.new_end - gap.new_start
        cost = before * after * min(before, after)
        if cost <= left:
            left -= cost
            out += _closely(old, new, gap)
        else:
            out.append(gap)
        start, new_start = at + 1, new_at + 1
    return out


def hunks(found: Sequence[LineChange], length: int) -> Iterator[tuple[LineChange, Sequence[LineChange]]]:
    """Yield changes that stand close together, each group with the lines that are shown of it; `length` is the old
    text's.
    """
    first = 0
    for i, change in enumerate(found, 1):
        if i < len(found) and found[i].start - change.end <= 2 * CONTEXT:
            continue
        group = found[first:i]
        above = min(CONTEXT, group[0].start)
        below = min(CONTEXT, length - change.end)
        shown = LineChange(
            group[0].start - above, change.end + below, group[0].new_start - above, change.new_end + below
        )
        yield shown, group
        first = i


def _anchors(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield places of lines that stand once in both texts: as many as stand in the same order."""
    often, new_often = Counter(old), Counter(new)
    there = {line: at for at, line in enumerate(new) if new_often[line] == 1}
    pairs = [(at, there[line]) for at, line in enumerate(old) if often[line] == 1 and line in there]
    ends: list[int] = []  # the least place in `new` that so many in order can end with
    chain: list[int] = []  # and the pair that it is of
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(chain[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        chain[length : length + 1] = [number]
    kept = []
    number = chain[-1] if chain else -1
    while number >= 0:
        kept.append(pairs[number])
        number = before[number]
    return reversed(kept)


def _trimmed(old: Sequence[str], new: Sequence[str], gap: LineChange) -> LineChange:
    """Return both without the lines at their start and their end that are equal."""
    start, end, new_start, new_end = gap
    while start < end and new_start < new_end and old[start] == new[new_start]:
        start, new_start = start + 1, new_start + 1
    while start < end and new_start < new_end and old[end - 1] == new[new_end - 1]:
        end, new_end = end - 1, new_end - 1
    return LineChange(start, end, new_start, new_end)


def _closely(old: Sequence[str], new: Sequence[str], gap: LineChange) -> Iterator[LineChange]:
    """Yield the changes within a gap."""
    a, b = old[gap.start : gap.end], new[gap.new_start : gap.new_end]
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if a or b else ():
        if tag != "equal":
            yield LineChange(gap.start + i, gap.start + j, gap.new_start + k, gap.new_start + m)
