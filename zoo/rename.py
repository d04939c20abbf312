"""Renaming of state_dict keys: `{"**.norm.1.*": "**.norm1.*"}`, patterns whose stars stand for themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple, TypeVar

from speczoo.specs.limits import DEFAULT, Limits

T = TypeVar("T")
STARS = re.compile(r"(\*\*|\*)")


def renamed(state: Mapping[str, T], table: Mapping[str, str], limits: Limits = DEFAULT) -> dict[str, T]:
    """Return the state with keys renamed; the first pattern that fits wins, other keys stay as they are.

    `*` stands for text within one part of a key, `**` for any text; each star on the right is what the star at its
    place on the left stood for. Raises ValueError where a right side has more stars than its left, two keys get one
    name, or holding every key against every pattern would take too long.
    """
    rules = [(Pattern.of(left), Pattern.of(right)) for left, right in table.items()]
    for (left, right), (pattern, wanted) in zip(rules, table.items(), strict=True):
        if len(right.stars) > len(left.stars):
            raise ValueError(f"`rename` turns `{pattern}` into `{wanted}`, which has more stars")
    parts = sum(1 + len(left.stars) + sum(map(len, left.texts)) // 16 for left, _ in rules)
    if parts * len(state) > limits.matches:
        raise ValueError(f"the patterns of `rename` are too many for {len(state):,} keys")
    names = {key: _new(key, rules) for key in state}
    if len(set(names.values())) < len(names):
        twice = next(name for name, count in Counter(names.values()).items() if count > 1)
        raise ValueError(f"`rename` gives more than one key the name `{twice[:100]}`")
    return {names[key]: value for key, value in state.items()}


def _new(key: str, rules: list[tuple[Pattern, Pattern]]) -> str:
    for left, right in rules:
        if (found := left.found_in(key)) is not None:
            return right.filled(found)
    return key


class Pattern(NamedTuple):
    """The stars of a pattern, and the texts before, between and behind them."""

    stars: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str) -> Pattern:
        parts = STARS.split(pattern)
        return cls(tuple(parts[1::2]), tuple(parts[::2]))

    def filled(self, found: list[str]) -> str:
        """Return the text with what its stars stand for."""
        return self.texts[0] + "".join(a + b for a, b in zip(found, self.texts[1:], strict=False))

    def found_in(self, key: str) -> list[str] | None:
        """Return what each star stands for in the key: the first for as much as it can, then the second, and so on.

        None where the pattern does not fit.

        Sets of places in the key are integers, a bit a place: a pattern costs its length times the key's, at most.
        """
        first, last = self.texts[0], self.texts[-1]
        if not (key.startswith(first) and key.endswith(last)):
            return None
        if not self.stars:
            return [] if key == first else None
        parts = _parts(key)
        ends = 1 << len(key) - len(last)  # where the last star can end
        before = [ends]  # where each star can end for the rest to fit, the last one first
        places = {text: _places(text, key) for text in {*self.texts[1:-1]}}
        for star, text in zip(self.stars[:0:-1], self.texts[-2:0:-1], strict=True):
            ends = places[text] & (_starts(star, ends, parts) >> len(text))
            before.append(ends)
        if not _starts(self.stars[0], ends, parts) >> len(first) & 1:
            return None
        found, at = [], len(first)
        for star, text, ends in zip(self.stars, self.texts[1:], reversed(before), strict=True):
            stop = len(key) if star == "**" else next(end for _, end in parts if end >= at)
            end = (ends & (2 << stop) - 1).bit_length() - 1
            found.append(key[at:end])
            at = end + len(text)
        return found


def _parts(key: str) -> list[tuple[int, int]]:
    """Return where each dotted part of a key starts and ends."""
    lengths = [len(part) for part in key.split(".")]
    starts = [0, *accumulate(length + 1 for length in lengths)]
    return [(start, start + length) for start, length in zip(starts, lengths, strict=False)]


def _places(text: str, key: str) -> int:
    """Return where a text stands in a key."""
    return sum(1 << at for at in range(len(key) + 1) if key.startswith(text, at))


def _starts(star: str, ends: int, parts: list[tuple[int, int]]) -> int:
    """Return where a star can start that can end at `ends`."""
    if star == "**":
        return (1 << ends.bit_length()) - 1
    out = 0
    for start, end in parts:
        top = (ends & (2 << end) - (1 << start)).bit_length()
        out |= (1 << top) - (1 << start) if top > start else 0
    return out
