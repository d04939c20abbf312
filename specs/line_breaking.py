"""Lists of entries in brackets that are too long for a line, over several: as many entries on each as fit.

A line is broken between entries, and indented by the lists that are open there. Of the ways with the fewest lines the
one is taken that breaks where the fewest lists are open, and not before what is short, such as an activation behind
its convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: What a line costs beside what makes one worse than another, and one that is too long.
LINE, TOO_LONG = 1000, 10_000
#: Characters of what may well begin a line.
LONG = 30


class Fragment(NamedTuple):
    """What no line is broken in: its text, the lists that are open before it, and whether no space stands there."""

    text: str
    depth: int
    joined: bool = False

    def closed(self, by: str) -> Fragment:
        """Return the part with what stands behind it."""
        return self._replace(text=self.text + by)


def break_lines(parts: Sequence[Fragment], lead: str, indent: int, width: int) -> list[str]:
    """Return parts as lines of at most so many characters, the first behind `lead`."""
    end = len(parts)
    cost, after = [0] * (end + 1), [end] * (end + 1)
    for first in range(end - 1, -1, -1):
        ways = _ways(parts, first, len(lead) if not first else indent + 2 * parts[first].depth, width)
        cost[first], after[first] = min((own + cost[then], then) for own, then in ways)
    lines, first = [], 0
    while first < end:
        start = " " * (indent + 2 * parts[first].depth) if first else lead
        rest = parts[first + 1 : after[first]]
        lines.append(start + parts[first].text + "".join(f"{'' if p.joined else ' '}{p.text}" for p in rest))
        first = after[first]
    return lines


def _ways(parts: Sequence[Fragment], first: int, length: int, width: int) -> list[tuple[int, int]]:
    """Return what a line costs that begins with a part, for each part that the next may begin with."""
    start = 20 * parts[first].depth + max(0, LONG - len(parts[first].text)) if first else 0
    out: list[tuple[int, int]] = []
    for last in range(first, len(parts)):
        length += len(parts[last].text) + (last > first and not parts[last].joined)
        if length > width and out:
            break
        spare = 10 * max(0, width - length) // width if last < len(parts) - 1 else 0
        out.append((LINE + start + spare + (TOO_LONG if length > width else 0), last + 1))
    return out
