"""Which places of one axis each place of another sees: the algebra of receptive fields.

What a window, an interpolation or a crop lets a place see repeats: `period` places on, it is what the first place sees,
`shift` places on. A convolution of stride 2 has period 1 and shift 2, an upsampling by 2 has period 2 and shift 1, an
axis turned around has period 1 and shift -1. The same holds for one of these behind another, and so for whole networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple, TypeAlias

#: The first and the last place that are seen.
PlaceSpan: TypeAlias = tuple[int, int]

MOST = 1 << 10  # places before a pattern repeats; of one that is longer, all is taken to be seen


class Reach(NamedTuple):
    """Place `i` sees `spans[i % period]`, moved by `i // period * shift`; None of them is a place that sees nothing.

    Places go on beyond both ends of a map: a window over the padding sees places that are not there.
    """

    shift: int
    spans: tuple[PlaceSpan | None, ...]

    @property
    def period(self) -> int:
        return len(self.spans)

    def at(self, place: int) -> PlaceSpan | None:
        """Return what a place sees."""
        turn, phase = divmod(place, len(self.spans))
        span = self.spans[phase]
        return span and (span[0] + turn * self.shift, span[1] + turn * self.shift)

    def between(self, first: int, last: int) -> PlaceSpan | None:
        """Return what the places from `first` to `last` see together."""
        period = self.period
        if last - first >= 2 * period:  # of each phase, the first place and the last see all that those between do
            places: Iterable[int] = (*range(first, first + period), *range(last - period + 1, last + 1))
        else:
            places = range(first, last + 1)
        return hull(self.at(place) for place in places)

    def through(self, window: Reach) -> Reach | None:
        """Return what is seen by what sees this through a window; None where that repeats too late."""
        if self.period == 1 and self.spans[0] is not None and self.shift >= 0:
            (low, high), step = self.spans[0], self.shift
            spans = tuple(s and (low + s[0] * step, high + s[1] * step) for s in window.spans)
            return Reach(window.shift * step, spans)
        turns = self.period // math.gcd(self.period, window.shift)
        if turns * window.period > MOST:
            return None
        windows = (window.at(place) for place in range(turns * window.period))
        return Reach(
            turns * window.shift // self.period * self.shift,
            tuple(None if span is None else self.between(*span) for span in windows),
        )

    def together(self, other: Reach, size: int) -> Reach | None:
        """Return what either of two sees on a map of so many places; None where that repeats too late."""
        if self == other:
            return self
        if self.shift * other.period == other.shift * self.period:
            places = math.lcm(self.period, other.period)
            shift = places // self.period * self.shift
        else:  # they part from each other, place by place
            places = size
            shift = math.ceil(size * max(self.shift / self.period, other.shift / other.period))
        if places > MOST:
            return None
        return Reach(shift, tuple(hull((self.at(i), other.at(i))) for i in range(places)))


def hull(spans: Iterable[PlaceSpan | None]) -> PlaceSpan | None:
    """Return the smallest span that has all of these in it."""
    found = [span for span in spans if span is not None]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


class Link(NamedTuple):
    """How an axis of an input is seen: by the places of this axis of the output, each its own; by all of them the same,
    where there is none.
    """

    axis: int | None
    reach: Reach


#: How an input is seen, a link for each of its axes; None where its numbers are not looked at.
Sight: TypeAlias = tuple[Link, ...] | None

SAME = Reach(1, ((0, 0),))


@cache
def same(rank: int) -> tuple[Link, ...]:
    """Return the sight of a layer whose places see their own places."""
    return tuple(Link(axis, SAME) for axis in range(rank))


@cache
def whole(size: int) -> Link:
    """Return the link of an axis that all see all of."""
    return Link(None, Reach(0, ((0, size - 1),)))


def only(place: int) -> Link:
    """Return the link of an axis of which one place is seen."""
    return Link(None, Reach(0, ((place, place),)))


def moved(by: int) -> Reach:
    """Return the reach of places that see the place so much before their own."""
    return Reach(1, ((-by, -by),))


def mixing(sight: tuple[Link, ...], sizes: Sequence[int], axes: Iterable[int]) -> tuple[Link, ...]:
    """Return a sight in which these axes, of an input of these sizes, are seen whole."""
    out = list(sight)
    for axis in axes:
        out[axis] = whole(sizes[axis])
    return tuple(out)


def turned(size: int) -> Reach:
    """Return the reach of the places of an axis of this size from the last to the first."""
    return Reach(-1, ((size - 1, size - 1),))


def windows(stride: int, before: int, extent: int) -> Reach:
    """Return the reach of a window that starts so many places before the first one."""
    return Reach(stride, ((-before, extent - 1 - before),))


def causal(axis: int, size: int) -> Link:
    """Return the link of an axis of which each place sees its own and all before it."""
    return Link(axis, windows(1, size - 1, size))


def repeating(axis: int, size: int, period: int, shift: int, span: Callable[[int], PlaceSpan | None]) -> Link:
    """Return the link of an axis of this size, seen by the first `period` places of an axis as `span` says."""
    return whole(size) if period > MOST else Link(axis, Reach(shift, tuple(map(span, range(period)))))


def parted(axis: int, size: int, parts: int) -> Link:
    """Return the link of an axis in as many parts as the output's has places, as good as equal: part `i` goes from
    floor(i size / parts) to ceil((i + 1) size / parts). One part is no place any more.
    """
    if parts == 1:
        return whole(size)
    common = math.gcd(size, parts)
    shift, period = size // common, parts // common
    return repeating(axis, size, period, shift, lambda i: (i * shift // period, -(-(i + 1) * shift // period) - 1))


def sampled(axis: int, size: int, step: Fraction, start: Fraction, before: int, after: int) -> Link:
    """Return the link of an axis that is read at `start + i step`: at the place that this falls into and so many
    around, or at that alone where it falls on the very place.
    """

    def span(i: int) -> PlaceSpan:
        place = start + i * step
        first = math.floor(place)
        return (first, first) if place == first else (first - before, first + after)

    return repeating(axis, size, step.denominator, step.numerator, span)


def spread(axis: int, size: int, kernel: int, stride: int, padding: int, dilation: int) -> Link:
    """Return the link of an axis whose places spread over a window: place `i` of the output is place `j` of the input
    where `i + padding - j stride` is one of the kernel's places, 0, dilation, 2 dilation, ...
    """
    common = math.gcd(dilation, stride)
    turn = stride // common  # kernel places from one that meets a place of the input to the next
    inverse = pow(dilation // common, -1, turn)

    def span(i: int) -> PlaceSpan | None:
        at = i + padding
        first = at // common * inverse % turn
        if at % common or first >= kernel:
            return None
        last = first + (kernel - 1 - first) // turn * turn
        return (at - last * dilation) // stride, (at - first * dilation) // stride

    return repeating(axis, size, stride, 1, span)


def one_part(axis: int, start: int, size: int, total: int) -> Link:
    """Return the link of an axis that stands from `start` on in what was joined of several."""
    return repeating(axis, size, total, total, lambda i: (i - start, i - start) if start <= i < start + size else None)


def grouped(axis: int, size: int, out: int, groups: int) -> Link:
    """Return the link of channels of which each of the output's sees all of its own group."""
    own = size // groups
    return whole(size) if groups == 1 else repeating(axis, size, out // groups, own, lambda i: (0, own - 1))


def reshaped(before: Sequence[int], after: Sequence[int]) -> tuple[Link, ...]:
    """Return the sight of the same numbers in other axes: an axis that stays sees itself, those that are merged or cut
    are seen whole.
    """
    links = [whole(size) for size in before]
    left = [(axis, size) for axis, size in enumerate(before) if size != 1]
    right = [(axis, size) for axis, size in enumerate(after) if size != 1]
    while left:
        old, new = [left.pop(0)], [right.pop(0)]
        while (a := math.prod(n for _, n in old)) != (b := math.prod(n for _, n in new)):
            old, new = (old, [*new, right.pop(0)]) if a > b else ([*old, left.pop(0)], new)
        if len(old) == len(new) == 1:
            links[old[0][0]] = Link(new[0][0], SAME)
    return tuple(links)
