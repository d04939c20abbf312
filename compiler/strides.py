"""How values lie in memory: how many numbers apart the places of each axis are, and what torch's kernels make of that.

A view has its input's memory and other strides; what computes lays its result out anew, one axis within the other, in
an order that follows from those of its inputs. Whether an op copies what flows in hangs on these.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple, TypeAlias

AxisSizes: TypeAlias = tuple[int, ...]
#: How what an op gives lies: the last axis innermost, as what flows in does, or with channels innermost as that.
Lies: TypeAlias = Literal["plain", "elementwise", "suggested"]


class Layout(NamedTuple):
    """The sizes of a value's axes, the batch first where it has one, and the distance of the places of each."""

    sizes: AxisSizes
    strides: tuple[int, ...]

    @classmethod
    def plain(cls, sizes: Sequence[int]) -> Layout:
        """Return the layout in which the last axis is innermost, as torch's `contiguous` has it."""
        return cls.nested(sizes, range(len(sizes)))

    @classmethod
    def nested(cls, sizes: Sequence[int], order: Sequence[int]) -> Layout:
        """Return the layout in which axes lie one within the other, in this order from the outermost on."""
        steps = accumulate((sizes[i] for i in reversed(order[1:])), lambda a, b: a * b, initial=1)
        found = dict(zip(reversed(order), steps, strict=True))
        return cls(tuple(sizes), tuple(found[i] for i in range(len(sizes))))

    @property
    def numbers(self) -> int:
        """How many places it has."""
        return math.prod(self.sizes)

    @property
    def is_plain(self) -> bool:
        """Whether the last axis is innermost, as `plain` has it."""
        return self.is_nested(range(len(self.sizes)))

    def is_nested(self, order: Iterable[int]) -> bool:
        """Return whether its axes lie one within the other without gaps, in this order, axes of 1 aside."""
        expected = 1
        for i in reversed([*order]):
            if self.sizes[i] != 1:
                if self.strides[i] != expected:
                    return False
                expected *= self.sizes[i]
        return True

    @property
    def is_dense(self) -> bool:
        """Whether each place of its memory is one place of it."""
        axes = sorted(range(len(self.sizes)), key=lambda i: -self.strides[i])
        return self.is_nested([i for i in axes if self.sizes[i] != 1])

    @property
    def has_channels_last(self) -> bool:
        """Whether torch takes it for a map with channels innermost: as it does where both orders are possible, but for
        one place of one channel.
        """
        rank, inner = len(self.sizes), 0
        if self.strides[1] == 0:
            return False
        for i in (1, *range(rank - 1, 1, -1), 0):
            if self.strides[i] < inner or (i == 0 and inner == self.strides[1]):
                return False
            inner = self.strides[i] * max(self.sizes[i], 1)
        return True

    def viewed(self, sizes: Sequence[int]) -> Layout | None:
        """Return the same places in other axes; None where no strides say that. (In each run of axes that are one
        within the other, the new axes must come out even.)
        """
        strides, left = [0] * len(sizes), len(sizes) - 1
        base, old, new = self.strides[-1] if self.strides else 1, 1, 1
        for i in range(len(self.sizes) - 1, -1, -1):
            old *= self.sizes[i]
            if i and (self.sizes[i - 1] == 1 or self.strides[i - 1] == old * base):
                continue
            while left >= 0 and (new < old or sizes[left] == 1):
                strides[left] = new * base
                new *= sizes[left]
                left -= 1
            if new != old:
                return None
            base, old, new = self.strides[i - 1], 1, 1
        while left >= 0:  # of a single value
            strides[left], left = 1, left - 1
        return Layout(tuple(sizes), tuple(strides))

    def copied(self, sizes: Sequence[int]) -> bool:
        """Return whether it has to be laid out anew to have these axes."""
        return self.viewed(sizes) is None

    def permuted(self, order: Sequence[int]) -> Layout:
        """Return it with its axes in this order."""
        return Layout(tuple(self.sizes[i] for i in order), tuple(self.strides[i] for i in order))

    def part(self, sizes: Sequence[int], steps: Mapping[int, int] = {}) -> Layout:
        """Return a part of it, with axes of these sizes; `steps` are how many places apart those of an axis are."""
        strides = list(self.strides)
        for axis, step in steps.items():
            strides[axis] *= step
        return Layout(tuple(sizes), tuple(strides))

    def resized(self, sizes: Sequence[int]) -> Layout:
        """Return a new memory for axes of these sizes, one within the other as its own are."""
        return Layout.nested(sizes, sorted(range(len(sizes)), key=lambda i: -self.strides[i]))

    def without(self, axis: int) -> Layout:
        """Return one place of an axis, which goes."""
        kept = [i for i in range(len(self.sizes)) if i != axis % len(self.sizes)]
        return self.permuted(kept)

    def with_one(self, axis: int) -> Layout:
        """Return it with a new axis of 1 here."""
        sizes, strides = list(self.sizes), list(self.strides)
        step = sizes[axis] * strides[axis] if axis < len(sizes) else 1
        sizes.insert(axis, 1)
        strides.insert(axis, step)
        return Layout(tuple(sizes), tuple(strides))

    def turned(self, a: int, b: int) -> Layout:
        """Return it with two axes in each other's place."""
        order = list(range(len(self.sizes)))
        order[a], order[b] = order[b], order[a]
        return self.permuted(order)

    def stretched(self, sizes: Sequence[int]) -> Layout:
        """Return it with axes of 1 stretched to these sizes, and new ones before its own."""
        new = len(sizes) - len(self.sizes)
        own = zip(self.sizes, self.strides, sizes[new:], strict=True)
        return Layout(tuple(sizes), (0,) * new + tuple(0 if n != to else stride for n, stride, to in own))


class Laid(NamedTuple):
    """How an output lies in memory: its own, or that of an input, by its position."""

    layout: Layout
    of: int | None = None


def laid(lies: Lies, sizes: AxisSizes, *x: Layout) -> Layout:
    """Return how what comes out of an op in a memory of its own lies."""
    if lies == "elementwise" and x:
        return elementwise(*x)
    return suggested(sizes, x[0]) if lies == "suggested" else Layout.plain(sizes)


def elementwise(*x: Layout) -> Layout:
    """Return how the result of an op on each place lies, of values that stretch to one shape: as all of them do where
    that is one way, or else so that the axes are in the order of the first ones' strides.
    """
    rank = max(len(layout.sizes) for layout in x)
    padded = [(1,) * (rank - len(layout.sizes)) + layout.sizes for layout in x]
    sizes = tuple(map(_common, zip(*padded, strict=True)))
    if all(layout.sizes == sizes for layout in x):
        if all(layout.is_plain for layout in x):
            return Layout.plain(sizes)
        if all(layout.is_dense and layout.strides == x[0].strides for layout in x):
            return x[0]
    strides = [layout.stretched(sizes).strides for layout in x]
    order = list(range(rank))[::-1]  # from the innermost on
    for i in range(1, rank):
        at = i
        for other in range(i - 1, -1, -1):
            if (found := _outer(order[other], order[at], sizes, strides)) > 0:
                order[other], order[at] = order[at], order[other]
                at = other
            elif found < 0:
                break
    return Layout.nested(sizes, order[::-1])


def suggested(sizes: Sequence[int], x: Layout) -> Layout:
    """Return how what kernels of images and volumes give lies: channels innermost where those of the input are."""
    rank = len(sizes)
    last = rank in (4, 5) and x.has_channels_last
    return Layout.nested(sizes, [0, *range(2, rank), 1] if last else range(rank))


def arranged(x: Layout) -> bool:
    """Return whether it lies as kernels of images and volumes take it: plain, or with channels innermost."""
    if len(x.sizes) in (4, 5) and x.has_channels_last:
        return x.is_nested((0, *range(2, len(x.sizes)), 1))
    return x.is_plain


def padded(lies: Lies, sizes: Sequence[int], x: Layout, *, grows: bool) -> Layout:
    """Return how a value lies that is padded, or cut alone, which copies a part of it as it lies."""
    return laid(lies, tuple(sizes), x) if grows else elementwise(x.part(sizes))


def _common(column: Sequence[int]) -> int:
    return next((n for n in column if n != 1), 1)


def _outer(a: int, b: int, sizes: AxisSizes, strides: Iterable[tuple[int, ...]]) -> int:
    """Return 1 where axis `a` is further out than `b`, -1 where it is further in, 0 where nothing says so."""
    for own in strides:
        if own[a] == 0 or own[b] == 0:
            continue
        if own[a] != own[b]:
            return 1 if own[a] > own[b] else -1
        if sizes[a] > sizes[b]:
            return 1
    return 0
