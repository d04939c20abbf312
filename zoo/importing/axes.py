"""Calls that move, add and drop axes, and repeat what lies along them, with what becomes of a batch that they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speczoo.compiler.layer import Shape
from speczoo.importing.binding import bound
from speczoo.importing.building import Builder, batch_axis
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue, folded_sizes


def value_of(at: Builder, call: RecordedCall) -> TracedValue:
    """Return the value that a call takes."""
    return at.traced(next(each for each in call.inputs if isinstance(each, RunValue)))


def permute(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the axes in another order."""
    dims = bound(call, ["dims"])["dims"]
    x = value_of(at, call)
    return [_ordered(at, call, x, [d % x.rank for d in dims])]


def transpose(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return two axes in each other's place."""
    x = value_of(at, call)
    given = bound(call, ["dim0", "dim1"])
    first, second = (given[name] % x.rank for name in ("dim0", "dim1"))
    if x.batch not in (first, second):
        dims = {"dim0": x.axis(given["dim0"]), "dim1": x.axis(given["dim1"])}
        return at.apply(call, "transpose", [x], dims)
    order = [*range(x.rank)]
    order[first], order[second] = second, first
    return [_ordered(at, call, x, order)]


def turned(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the last two axes in each other's place."""
    x = value_of(at, call)
    order = [*range(x.rank)]
    order[-2:] = order[:-3:-1]
    return [_ordered(at, call, x, order)]


def movedim(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return axes at other places."""
    x = value_of(at, call)
    given = bound(call, ["source", "destination"])
    sides = [given[name] for name in ("source", "destination")]
    sources, goals = ([n % x.rank for n in (side if isinstance(side, list) else [side])] for side in sides)
    order = [i for i in range(x.rank) if i not in sources]
    for goal, source in sorted(zip(goals, sources, strict=True)):
        order.insert(goal, source)
    return [_ordered(at, call, x, order)]


def _ordered(at: Builder, call: RecordedCall, x: TracedValue, order: Sequence[int]) -> TracedValue:
    """Return a value whose torch axes come in another order; an entry is made where the spec's own axes do."""
    out = call.outputs[0]
    mine = [*range(1, x.folded + 1), *(x.at(d) + 1 for d in order if d != x.batch)]
    source = x.source
    if mine != sorted(mine):
        source = Feed(at.add("permute", [source], {"dims": [0, *mine]}))
    return at.outcome(out, source, x, folded_sizes(x))


def unsqueeze(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a new axis of size 1."""
    x = value_of(at, call)
    dim = bound(call, ["dim"])["dim"]
    return [_new_axis(at, x, call.outputs[0], dim + x.rank + 1 if dim < 0 else dim)]


def _new_axis(at: Builder, x: TracedValue, out: RunValue, place: int) -> TracedValue:
    if x.source in at.free and not x.leading and not place:
        return TracedValue(x.source, x.shapes, 0, leading=True, dtype=x.dtype)
    before = x.batch is None or place <= x.batch
    dim = place + 1 + x.folded if before else place + x.folded
    entry = at.add("unsqueeze", [x.source], {"dim": dim})
    return at.outcome(out, Feed(entry), x, folded_sizes(x))


def squeeze(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a value without axes of 1: the one that is stated, or all."""
    x = value_of(at, call)
    dims = bound(call, ["dim"]).get("dim", [d for d, n in enumerate(call.inputs[0].tensor.shape) if n == 1])
    places = sorted({d % x.rank for d in (dims if isinstance(dims, list) else [dims])}, reverse=True)
    source = x.source
    for place in places:
        if place != x.batch and x.shape[x.at(place)] == 1:
            source = Feed(at.add("squeeze", [source], {"dim": x.at(place) + 1}))
    return [at.outcome(call.outputs[0], source, x, folded_sizes(x))]


def expand(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a value that is repeated along axes of 1; where only the batch is, the value itself: merges repeat it."""
    x = value_of(at, call)
    out = call.outputs[0]
    if x.source in at.free and (beside := _of_samples(at, x, out)) is not None:
        return [beside]
    if x.batch is None and len(out.tensor.shape) == x.rank + 1 and batch_axis(out.shapes, at.batches) == 0:
        x = replace(x, batch=0, leading=True)  # once for each sample
    into = at.outcome(out, x.source, x) if x.source not in at.free else None
    shapes = into.shapes if into else tuple(tuple(shape[len(shape) - len(x.shape) :]) for shape in out.shapes)
    at.shapes[x.source] = x.fixed
    if shapes == x.shapes:
        return [x]
    if len(shapes[0]) != len(x.shape):
        raise Unsayable("it repeats values along new axes")
    if len(set(shapes)) > 1:
        like = _of_shapes(at, shapes) if into is not None else None
        if like is None:
            raise Unsayable("it repeats values along axes that follow from the sizes of others")
        return [at.outcome(out, Feed(at.add("expand", [x.source], references={"like": like.source})), x)]
    if into is None:  # a value without a batch, and without one it stays
        times = [many // one for one, many in zip(x.shape, shapes[0], strict=True)]
        made = Feed(at.add("repeat", [x.source], {"repeats": times}))
        at.shapes[made] = shapes[0]
        return [replace(x, source=made, shapes=shapes)]
    size = [-1 if one == many else many for one, many in zip(x.shape, shapes[0], strict=True)]
    return [at.outcome(out, Feed(at.add("expand", [x.source], {"size": size})), x)]


def _of_shapes(at: Builder, shapes: tuple[Shape, ...]) -> TracedValue | None:
    """Return the last value that has these shapes in all runs."""
    known = (each for each in reversed([*at.known.values()]) if each is not None and each.source not in at.free)
    return next((each for each in known if each.plain and each.shapes == shapes), None)


def _of_samples(at: Builder, x: TracedValue, out: RunValue) -> TracedValue | None:
    """Return a parameter that is stretched over the samples along another axis than the first; None where it is not."""
    axis, whole = batch_axis(out.shapes, at.batches), (1, *x.shape) if x.leading else x.shape
    if not axis or whole[axis : axis + 1] != (1,):
        return None
    own = whole[:axis] + whole[axis + 1 :]
    if any(shape[:axis] + shape[axis + 1 :] != own for shape in out.shapes):
        return None
    if own == x.shape:
        return TracedValue(x.source, x.shapes, axis, dtype=x.dtype)
    return replace(at.without_axis(x, axis), batch=axis) if x.batch is None else None


def repeat(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a value again and again along its axes, the batch as it is."""
    x = value_of(at, call)
    if x.batch is None and len(_times(call, x.rank)) == x.rank + 1:
        x = replace(x, batch=0, leading=True)  # once for each sample, or as often
    if x.source in at.free and (beside := _of_samples(at, x, call.outputs[0])) is not None:
        return [beside]
    repeats, *others = (_times(each, x.rank) for each in (call, *call.twins))
    if x.leading and repeats[0] != 1 and batch_axis(call.outputs[0].shapes, at.batches) is None:
        x = _axis_of_one(at, x)
    lead = x.batch is not None
    if (lead and (x.batch or x.folded or len(repeats) != x.rank)) or any(
        each[lead:] != repeats[lead:] for each in others
    ):
        raise Unsayable("it repeats the batch, or as often as follows from the size of the input")
    if repeats[lead:] == [1] * len(x.shape) and (not lead or repeats[0] == 1 or x.leading):
        return [x]
    if lead and repeats[0] != 1:
        raise Unsayable("it repeats the batch, which a spec never touches")
    return at.apply(call, "repeat", [x], {"repeats": repeats[lead:]})


def _axis_of_one(at: Builder, x: TracedValue) -> TracedValue:
    """Return a parameter whose axis of 1 stands for samples elsewhere with that axis as its own."""
    made = Feed(at.add("unsqueeze", [x.source], {"dim": 1}))
    shapes = tuple((1, *shape) for shape in x.shapes)
    at.shapes[made] = shapes[0]
    return TracedValue(made, shapes, None, dtype=x.dtype)


def _times(call: RecordedCall, rank: int) -> list[int]:
    """Return how often a call repeats each axis; `tile` says it of the last ones alone."""
    given = [call.kwargs.get("repeats", call.kwargs.get("dims"))] if len(call.args) < 2 else [*call.args[1:]]
    flat = [n for each in given for n in (each if isinstance(each, list | tuple) else [each])]
    return [1] * (rank - len(flat)) + flat if call.name == "tile" else flat
