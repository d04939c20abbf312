"""Reshapes: which axes become which, found from all runs together, so that no size is frozen in that need not be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from speczoo.compiler.layer import Shape
from speczoo.importing.building import Builder, batch_axis
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue, fixed_sizes, folded_sizes, times

Column = tuple[int, ...]  # the size of one axis in all runs


class Segment(NamedTuple):
    """Neighbouring axes of a value that become others: their sizes in all runs, before and after."""

    before: list[Column]
    after: list[Column]


def reshape(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return what a view or reshape gives: `Flatten` and `Unflatten` where these say it, else `reshape`."""
    (value,) = [each for each in call.inputs if isinstance(each, RunValue)][:1]
    x, out = at.traced(value), call.outputs[0]
    batches = at.batches
    if x.source in at.free and batch_axis(value.shapes, batches) == 0:  # one for all samples, which these are
        x = replace(x, source=at.stretched_out("reshape", x.source), leading=False)
    elif x.source in at.free:
        return [_alone(at, x, out)]
    if x.batch:
        return [_around(at, x, value, out)]
    into = [batches, *_columns(x.shapes)]
    segments = _segments(into, _columns(out.shapes))
    first = segments[0]
    inner, folded = _folding(first, batches)
    source = _emit(at, x, [inner, *segments[1:]])
    return [at.outcome(out, source, x, folded)]


def _alone(at: Builder, x: TracedValue, out: RunValue) -> TracedValue:
    """Return a value without a batch in other axes; one of 1 in front stands where the batch would be."""
    shapes = {tuple(shape) for shape in out.shapes}
    if len(shapes) > 1:
        raise Unsayable("the axes of a parameter follow from the size of the input")
    shape = shapes.pop()
    leading = len(shape) > 1 and shape[0] == 1
    source = x.source
    if shape[leading:] != x.shape:
        source = Feed(at.add("reshape", [source], {"shape": [*shape[leading:]]}))
    at.shapes[source] = shape[leading:]
    batch = 0 if leading else None
    return TracedValue(source, (shape[leading:],) * len(at.batches), batch, leading=leading, dtype=x.dtype)


def _columns(shapes: Sequence[Shape]) -> list[Column]:
    if len({len(s) for s in shapes}) > 1:
        raise Unsayable("its result has other axes at another size")
    return [*zip(*shapes, strict=True)]


def _segments(before: Sequence[Column], after: Sequence[Column]) -> list[Segment]:
    """Return the shortest runs of axes that hold as much before as after. Raises Unsayable."""
    out: list[Segment] = []
    i, j, runs = 0, 0, len([*before, *after][0])
    while i < len(before) or j < len(after):
        one, other = [*before[i : i + 1]], [*after[j : j + 1]]
        i, j = i + 1, j + 1
        while (have := _product(one, runs)) != (want := _product(other, runs)):
            smaller = have[0] < want[0] or (have[0] == want[0] and sum(have) < sum(want))
            if smaller and i < len(before):
                one.append(before[i])
                i += 1
            elif j < len(after):
                other.append(after[j])
                j += 1
            elif i < len(before):
                one.append(before[i])
                i += 1
            else:
                raise Unsayable("which axis becomes which is not certain")
        if (not one or not other) and out:  # axes of 1 at the end
            out[-1].before.extend(one)
            out[-1].after.extend(other)
        else:
            out.append(Segment(one, other))
    return out


def _product(columns: Sequence[Column], runs: int) -> Column:
    return tuple(math.prod(column[run] for column in columns) for run in range(runs))


def _folding(first: Segment, batches: Column) -> tuple[Segment, list[Shape]]:
    """Return the segment that begins with the batch without it, and the sizes that stay in the batch axis after it."""
    (_, *before), (head, *rest) = first.before, first.after
    if first.before[0] != batches or any(n % b for n, b in zip(head, batches, strict=True)):
        raise Unsayable("it cuts the batch axis, which a spec never touches")
    inside = tuple(n // b for n, b in zip(head, batches, strict=True))
    count = 0
    while count < len(before) and _product(before[:count], len(batches)) != inside:
        count += 1
    if _product(before[:count], len(batches)) == inside:
        kept = before[:count]
        after = [*kept, *rest]
    else:
        kept = [inside]
        after = [inside, *rest]
    return Segment(before, after), [tuple(column[run] for column in kept) for run in range(len(batches))]


def folded_alike(at: Builder, values: Sequence[TracedValue]) -> list[TracedValue]:
    """Return values with the same axes in the batch, where they have as many places there in axes of other sizes."""
    held = [each for each in values if each.batch is not None and each.source not in at.free]
    if len({folded_sizes(each) for each in held}) < 2 or not held:
        return [*values]
    like = min(held, key=lambda each: each.folded)
    return [_folded_as(at, each, like) if each in held else each for each in values]


def _folded_as(at: Builder, x: TracedValue, like: TracedValue) -> TracedValue:
    """Return a value whose axes in the batch are those of another one. Raises Unsayable where these are fewer."""
    mine, wanted = folded_sizes(x), folded_sizes(like)
    if mine == wanted:
        return x
    if [*map(times, mine)] != [*map(times, wanted)] or x.batch != like.batch:
        raise Unsayable("its values have their batch on different axes")
    segment = Segment(_columns(mine), _columns(wanted))
    rest = [Segment([column], [column]) for column in _columns([shape[x.folded :] for shape in x.shapes])]
    source = _emit(at, x, [segment, *rest])
    shapes = tuple((*f, *shape[x.folded :]) for f, shape in zip(wanted, x.shapes, strict=True))
    at.shapes[source] = fixed_sizes(shapes)
    return replace(x, source=source, shapes=shapes, folded=like.folded)


def _around(at: Builder, x: TracedValue, value: RunValue, out: RunValue) -> TracedValue:
    """Return what a reshape gives whose batch is not the first axis, and stays as it is."""
    assert x.batch is not None
    segments = _segments(_columns(value.shapes), _columns(out.shapes))
    first = 0
    for place, segment in enumerate(segments):
        if first == x.batch and not x.folded:
            inner, folded = _folding(segment, at.batches)
            source = _emit(at, x, [*segments[:place], inner, *segments[place + 1 :]])
            before, count = sum(len(each.after) for each in segments[:place]), len(folded[0])
            if before and count:
                axes = len(out.shapes[0]) + count
                moved = [
                    *range(before + 1, before + count + 1),
                    *range(1, before + 1),
                    *range(before + count + 1, axes),
                ]
                source = Feed(at.add("permute", [source], {"dims": [0, *moved]}))
            return at.outcome(out, source, x, folded)
        first += len(segment.before)
    raise Unsayable("it reshapes axes together with a batch that is not the first")


def _emit(at: Builder, x: TracedValue, segments: Sequence[Segment]) -> Feed:
    """Add what turns the axes of a value into others, the last first, so that the numbers of the first stay."""
    changed = [s for s in segments if s.before != s.after]
    if not changed:
        return x.source
    whole = [column for s in segments for column in s.after]
    varying = [column for column in whole if len(set(column)) > 1]
    steps = sum(1 if 1 in (len(s.before), len(s.after)) else 2 for s in changed)
    if steps > 1 and whole and len(varying) < 2:
        shape = [-1 if len(set(column)) > 1 else column[0] for column in whole]
        return Feed(at.add("reshape", [x.source], {"shape": shape}))
    source, place = x.source, sum(len(s.before) for s in segments)
    rank = place
    for s in reversed(segments):
        place -= len(s.before)
        if s.before == s.after:
            continue
        first, last = place + 1, place + len(s.before)
        if not s.after:
            for _ in s.before:
                source = Feed(at.add("squeeze", [source], {"dim": first}))
        elif len(s.before) > 1:
            end = -1 if last == rank else last
            source = Feed(at.add("Flatten", [source], {"start_dim": first, "end_dim": end}))
        if not s.before:
            source = _ones(at, source, first, len(s.after))
        elif len(s.after) > 1:
            source = Feed(at.add("Unflatten", [source], {"dim": first, "unflattened_size": sizes(s.after)}))
        rank += len(s.after) - len(s.before)
    return source


def _ones(at: Builder, source: Feed, first: int, count: int) -> Feed:
    for _ in range(count):
        source = Feed(at.add("unsqueeze", [source], {"dim": first}))
    return source


def sizes(after: Sequence[Column]) -> list[int]:
    """Return the sizes that an axis becomes, the one that changes, or else the last above 1, as what is left."""
    varying = [i for i, column in enumerate(after) if len(set(column)) > 1]
    if len(varying) > 1:
        return [column[0] for column in after]  # such a size of the input alone
    large = [i for i, column in enumerate(after) if column[0] > 1]
    left = varying[0] if varying else (large or [0])[-1]
    return [-1 if i == left else column[0] for i, column in enumerate(after)]
