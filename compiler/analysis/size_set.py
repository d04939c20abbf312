"""Sets of sizes: of the numbers 1, 2, 3, ... those below a start, one by one, and from there on those whose remainders
by a period are among some. Both are kept as the bits of a number, so that sets meet, join and differ by `& | ~`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

#: Bits of one set, above which there is no short rule.
LIMIT = 1 << 20


class NoShortRule(Exception):
    """The sizes in question follow no rule that is short enough to be shown."""


@dataclass(frozen=True, slots=True)
class SizeSet:
    """`early` has a bit for each member below `start`, `cycle` one for each remainder by `period` of those above.

    Made by `of`, which finds the least start and the least period: equal sets are equal values.
    """

    early: int
    start: int
    period: int
    cycle: int

    @classmethod
    def of(cls, early: int, start: int, period: int, cycle: int) -> SizeSet:
        """Return the set with these bits, which may be more than are needed."""
        if period > 1:
            period, cycle = _least_period(period, cycle)
        early &= ~1  # 0 is no size
        difference = early ^ (_repeated(cycle, period, start) & ~1)
        start = max(difference.bit_length(), 1)
        return cls(early & ((1 << start) - 1), start, period, cycle)

    @classmethod
    def interval(cls, first: int, last: int | None = None) -> SizeSet:
        """Return the sizes from `first` to `last`; without that, all from `first` on."""
        first = max(first, 1)
        _few(first if last is None else last)
        if last is None:
            return cls(0, first, 1, 1)
        return cls(_ones(first, last + 1), last + 1, 1, 0) if last >= first else NONE

    @classmethod
    def repeating(cls, period: int, cycle: int) -> SizeSet:
        """Return the sizes whose remainders by `period` are the bits of `cycle`."""
        return cls.of(0, 1, period, cycle)

    # -- what is in it --------------------------------------------------------------------------------------------

    def __contains__(self, size: int) -> bool:
        if size < self.start:
            return size > 0 and bool(self.early >> size & 1)
        return bool(self.cycle >> size % self.period & 1)

    def __bool__(self) -> bool:
        return bool(self.early or self.cycle)

    def __iter__(self) -> Iterator[int]:
        """Yield the members in order, without an end where there is none."""
        n, early = 0, self.early
        while early:
            step = (early & -early).bit_length()
            n += step
            early >>= step
            yield n - 1
        n = self.start
        while self.cycle:
            if self.cycle >> n % self.period & 1:
                yield n
            n += 1

    @property
    def least(self) -> int:
        """Its smallest member."""
        return next(iter(self))

    @property
    def finite(self) -> bool:
        return not self.cycle

    @property
    def greatest(self) -> int | None:
        """Its largest member; None where there is none."""
        return None if self.cycle else self.early.bit_length() - 1

    # -- with others ----------------------------------------------------------------------------------------------

    def __and__(self, other: SizeSet) -> SizeSet:
        if self == ALL or other == ALL:
            return other if self == ALL else self
        start, period = self._with(other)
        mine, yours = self._spread(start, period), other._spread(start, period)
        return SizeSet.of(mine[0] & yours[0], start, period, mine[1] & yours[1])

    def __or__(self, other: SizeSet) -> SizeSet:
        return ~(~self & ~other)

    def __sub__(self, other: SizeSet) -> SizeSet:
        return self & ~other

    def __invert__(self) -> SizeSet:
        return SizeSet.of(
            self.early ^ _ones(0, self.start), self.start, self.period, self.cycle ^ _ones(0, self.period)
        )

    def __le__(self, other: SizeSet) -> bool:
        return not self - other

    def among(self, others: SizeSet) -> SizeSet:
        """Return a set with the same members among others, without a start where that is one."""
        plain = SizeSet.repeating(self.period, self.cycle)
        return plain if plain & others == self else self

    def _with(self, other: SizeSet) -> tuple[int, int]:
        start, period = max(self.start, other.start), math.lcm(self.period, other.period)
        _few(start + period)
        return start, period

    def _spread(self, start: int, period: int) -> tuple[int, int]:
        """Return both kinds of bits for a later start and a multiple of the period."""
        later = _repeated(self.cycle, self.period, start) & ~_ones(0, self.start)
        return self.early | later, _repeated(self.cycle, self.period, period)


def _few(bits: int) -> None:
    if bits > LIMIT:
        raise NoShortRule(f"{bits:,} sizes")


def _ones(first: int, stop: int) -> int:
    """Return the number with the bits from `first` to before `stop`."""
    return (1 << stop) - (1 << first)


def _repeated(cycle: int, period: int, stop: int) -> int:
    """Return the bits of a cycle over and over, up to `stop`."""
    if not cycle:
        return 0
    many, width = cycle, period
    while width < stop:
        many |= many << width
        width *= 2
    return many & ((1 << stop) - 1)


def _least_period(period: int, cycle: int) -> tuple[int, int]:
    n, prime = period, 2
    while n > 1:
        if prime * prime > n:
            prime = n
        while n % prime == 0:
            n //= prime
            shorter = period // prime
            if _repeated(cycle & _ones(0, shorter), shorter, period) == cycle:
                period, cycle = shorter, cycle & _ones(0, shorter)
        prime += 1
    return period, cycle


NONE = SizeSet(0, 1, 1, 0)
ALL = SizeSet(0, 1, 1, 1)
