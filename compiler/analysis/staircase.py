"""Sizes as functions of a size of the input: whole numbers whose steps repeat.

A `Staircase` is a function f of n = 1, 2, 3, ... with f(n + L) = f(n) + P, kept as its period L, its rise P and, of one
period, the places where its value changes. With the least L this is unique, so that equal functions are equal values.
Sums, multiples and floors of quotients of staircases are staircases: what every rule of shapes computes with. One that
does not change is an int.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from speczoo.compiler.analysis.size_set import NoShortRule, SizeSet
from speczoo.compiler.cached import cached_property

#: Steps of one period above which there is no short rule.
LIMIT = 1 << 14


@dataclass(frozen=True)
class Staircase:
    """The value is `values[i]` from n = `places[i]` on, to the next place; n counts from 0 within a period."""

    period: int
    rise: int
    places: tuple[int, ...]
    values: tuple[int, ...]

    def __call__(self, n: int) -> int:
        turns, place = divmod(n, self.period)
        return self._at(place) + turns * self.rise

    def _at(self, place: int) -> int:
        """Return the value at a place within the first period."""
        i = bisect_right(self.places, place)
        return self.values[i - 1] if i else self.values[-1] - self.rise

    @cached_property
    def rising(self) -> bool:
        """Whether it never falls."""
        before = (self.values[-1] - self.rise, *self.values)
        return all(a <= b for a, b in zip(before, self.values, strict=False))

    @cached_property
    def slope_one(self) -> bool:
        """Whether it is n plus a number."""
        return self.period == self.rise == 1

    def runs(self, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield (start, stop, value) for the stretches of 0 <= n < `stop` on which it has one value."""
        start, value = 0, self._at(0)
        for turn in range(-(-stop // self.period)):
            for place, step in zip(self.places, self.values, strict=True):
                at = place + turn * self.period
                if at >= stop:
                    break
                if at > start:
                    yield start, at, value
                start, value = at, step + turn * self.rise
        yield start, stop, value

    # -- arithmetic -----------------------------------------------------------------------------------------------

    def plus(self, number: int) -> Staircase:
        return self._of(tuple(v + number for v in self.values)) if number else self

    def times(self, factor: int) -> Number:
        if factor == 1:
            return self
        if factor == 0:
            return 0
        return Staircase(self.period, self.rise * factor, self.places, tuple(v * factor for v in self.values))

    def _of(self, values: tuple[int, ...]) -> Staircase:
        return Staircase(self.period, self.rise, self.places, values)

    def over(self, divisor: int) -> Number:
        """Return floor(f / divisor), for a divisor above 0; its period is L divisor / gcd(P, divisor)."""
        if divisor == 1:
            return self
        if self.slope_one:  # one step, however long it is
            place = -self.values[0] % divisor
            return Staircase(divisor, 1, (place,), (self(place) // divisor,))
        turns = divisor // math.gcd(self.rise, divisor)
        _few(turns * len(self.places))
        steps = [
            (place + turn * self.period, (value + turn * self.rise) // divisor)
            for turn in range(turns)
            for place, value in zip(self.places, self.values, strict=True)
        ]
        return staircase(self.period * turns, self.rise * turns // divisor, steps)

    def add(self, other: Staircase) -> Number:
        period = math.lcm(self.period, other.period)
        rise = self.rise * (period // self.period) + other.rise * (period // other.period)
        _few(sum(len(f.places) * (period // f.period) for f in (self, other)))
        places = {place + start for f in (self, other) for start in range(0, period, f.period) for place in f.places}
        return staircase(period, rise, [(place, self(place) + other(place)) for place in sorted(places)])

    def minus(self, other: Staircase) -> Number:
        return self.add(Staircase(other.period, -other.rise, other.places, tuple(-v for v in other.values)))

    # -- where it has which value ---------------------------------------------------------------------------------

    def at_least(self, bound: int) -> SizeSet:
        """Return the n with f(n) >= bound."""
        if self.rise < 0:
            return ~self._negative().at_least(1 - bound)
        if self.rise == 0:
            return SizeSet.repeating(self.period, self._mask(self.period, bound))
        if self.rising:
            return SizeSet.interval(self.first(bound))
        least = min(self.values[-1] - self.rise, *self.values)
        stop = max(0, -(-(bound - least) // self.rise)) * self.period
        return SizeSet.of(self._mask(stop, bound), stop, 1, 1)

    def equal_to(self, value: int) -> SizeSet:
        """Return the n with f(n) = value."""
        if self.rising and self.rise:
            return SizeSet.interval(self.first(value), self.first(value + 1) - 1)
        return self.at_least(value) - self.at_least(value + 1)

    def first(self, bound: int) -> int:
        """Return the smallest n from 1 on with f(n) >= bound, of one that rises."""
        turns = (bound - self.values[-1]) // self.rise  # a whole number of periods that stay below
        while True:
            for place, value in zip(self.places, self.values, strict=True):
                if value + turns * self.rise >= bound:
                    return max(1, place + turns * self.period)
            turns += 1

    def _negative(self) -> Staircase:
        return Staircase(self.period, -self.rise, self.places, tuple(-v for v in self.values))

    def _mask(self, stop: int, bound: int) -> int:
        mask = 0
        for start, end, value in self.runs(stop) if stop else ():
            if value >= bound:
                mask |= ((1 << (end - start)) - 1) << start
        return mask


Number: TypeAlias = Staircase | int

#: The size of the input itself.
IDENTITY = Staircase(1, 1, (0,), (0,))


def _few(steps: int) -> None:
    if steps > LIMIT:
        raise NoShortRule(f"{steps:,} steps")


def staircase(period: int, rise: int, steps: list[tuple[int, int]]) -> Number:
    """Return the function with these values from these places on, in its least period; an int where it is constant."""
    before = steps[-1][1] - rise
    kept: list[tuple[int, int]] = []
    for place, value in steps:
        if value != before:
            kept.append((place, value))
            before = value
    if not kept:
        return steps[0][1]
    for prime in _primes(math.gcd(period, rise, len(kept))):
        while (shorter := _shortened(period, rise, kept, prime)) is not None:
            period, rise, kept = shorter
    return Staircase(period, rise, tuple(place for place, _ in kept), tuple(value for _, value in kept))


def _shortened(
    period: int, rise: int, steps: list[tuple[int, int]], by: int
) -> tuple[int, int, list[tuple[int, int]]] | None:
    """Return the same steps in a period that is `by` times shorter; None where they do not repeat so soon."""
    if period % by or rise % by or len(steps) % by:
        return None
    period, rise, many = period // by, rise // by, len(steps) // by
    repeats = all(
        steps[i + many] == (place + period, value + rise) for i, (place, value) in enumerate(steps[: len(steps) - many])
    )
    return (period, rise, steps[:many]) if repeats else None


def _primes(n: int) -> Iterator[int]:
    """Yield the primes that divide n, 0 by none."""
    prime = 2
    while n > 1 and prime * prime <= n:
        if n % prime == 0:
            yield prime
            while n % prime == 0:
                n //= prime
        prime += 1
    if n > 1:
        yield n
