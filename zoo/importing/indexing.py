"""Calls that take places of axes, or put something there: slices, indices, windows, look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speczoo.importing.axes import value_of
from speczoo.importing.binding import bound, split
from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue, folded_sizes


def sliced(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return every so many-th place of an axis between two; all of them where that is asked for."""
    given = bound(call, ["dim", "start", "stop", "step"])
    x = value_of(at, call)
    items = [slice(None)] * x.rank
    size = call.inputs[0].tensor.shape[given.get("dim", 0)]
    stop = given.get("stop")
    items[given.get("dim", 0)] = slice(
        given.get("start") or None, None if stop is None or stop >= size else stop, given.get("step")
    )
    return [_indexed(at, call, x, items)]


def repeat_interleave(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return each place of an axis several times; each sample, where that axis is the batch: then these are in it."""
    x = value_of(at, call)
    given = bound(call, ["repeats", "dim"])
    count, dim = given["repeats"], given.get("dim")
    if dim is None or x.batch != 0 or dim % x.rank:
        return at.apply(call, "repeat_interleave", [x], {"repeats": count, "dim": x.axis(dim or 0)})
    more = Feed(at.add("unsqueeze", [x.source], {"dim": x.folded + 1}))
    size = [*[-1] * x.folded, count, *[-1] * (len(x.shape) - x.folded)]
    made = Feed(at.add("expand", [more], {"size": size}))
    return [at.outcome(call.outputs[0], made, x, [(*each, count) for each in folded_sizes(x)])]


def setitem(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a value with another one in the place of slices of it: what is before these, that one, what is after."""
    x, index, value = at.traced(call.args[0]), _filled(_listed(call.args[1]), call.args[0].tensor.dim()), call.args[2]
    if any(repr(twin.args[1]) != repr(call.args[1]) for twin in call.twins) or not isinstance(value, RunValue):
        raise Unsayable("it puts a number somewhere, or where that is follows from the size of the input")
    of_batch = index[x.batch] if x.batch is not None else slice(None)
    if not all(isinstance(each, slice) and each.step in (None, 1) for each in index) or of_batch != slice(None):
        raise Unsayable("it puts a value at places that are no slices, or into a part of the batch")
    inner, out = at.traced(value), call.outputs[0]
    cuts = [
        (x.axis(place), *item.indices(size)[:2], size)
        for place, (item, size) in enumerate(zip(index, out.tensor.shape, strict=True))
        if item != slice(None)
    ]
    wanted = [stop - start for _, start, stop, _ in cuts]
    if [inner.shape[dim - 1] for dim, *_ in cuts] != wanted or (inner.batch, inner.folded) != (x.batch, x.folded):
        raise Unsayable("it puts a value where it has to be stretched")
    return [at.outcome(out, _put(at, x.source, cuts, inner.source), x, folded_sizes(x))]


def _put(at: Builder, whole: Feed, cuts: Sequence[tuple[int, int, int, int]], inner: Feed) -> Feed:
    """Return a value with another one between places of its axes."""
    if not cuts:
        return inner
    (dim, start, stop, size), *more = cuts
    middle = _sliced(at, whole, dim, slice(start or None, stop if stop < size else None)) if more else whole
    parts = [_sliced(at, whole, dim, slice(None, start))] if start else []
    parts.append(_put(at, middle, more, inner))
    parts += [_sliced(at, whole, dim, slice(stop, None))] if stop < size else []
    return Feed(at.add("concat", parts, {"dim": dim})) if len(parts) > 1 else parts[0]


def extreme(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the largest or smallest along an axis, and where these are; of two values, place by place."""
    values, _, _ = split(call)
    if len(values) == 2:
        return at.apply(call, f"{call.name}imum", [at.traced(each) for each in values])
    given = bound(call, ["dim", "keepdim"])
    if given.get("dim") is None:
        raise Unsayable("it works on the batch axis, which a spec never touches")
    x = value_of(at, call)
    given["dim"] = x.axis(given["dim"])
    ops = (f"a{call.name}", f"arg{call.name}")
    return [
        each
        for op, value in zip(ops, call.outputs, strict=False)
        for each in at.apply(replace(call, outputs=[value]), op, [x], given)
    ]


def getitem(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return what an index with integers, whole slices, None and an ellipsis takes out."""
    x = value_of(at, call)
    indices = [_one_place(_listed(each.args[1])) for each in (call, *call.twins)]
    if any(isinstance(each, RunValue | list) for each in indices[0]):
        return [_rows(at, call, x, indices[0])]
    runs = [_filled(index, x.rank) for index in indices]
    if len({len(each) for each in runs}) > 1:
        raise Unsayable("its index follows from the batch or the size of the input")
    return [_indexed(at, call, x, [_in_all_runs(each) for each in zip(*runs, strict=True)])]


def _one_place(index: list[Any]) -> list[Any]:
    """Return an index whose only list names one place, which keeps its axis, with the slice of that place."""
    lists = [i for i, each in enumerate(index) if isinstance(each, RunValue | list)]
    if len(lists) != 1 or not isinstance(index[lists[0]], list):
        return index
    match index[lists[0]]:
        case [int() as place] if not isinstance(place, bool):
            return [*index[: lists[0]], slice(place, place + 1 or None), *index[lists[0] + 1 :]]
    return index


def _in_all_runs(items: Sequence[Any]) -> Any:
    """Return what one part of an index is in all runs: that part, or how many first places of an axis it takes in each.

    Raises Unsayable.
    """
    first = items[0]
    if all(repr(each) == repr(first) for each in items):
        return first
    if all(isinstance(each, slice) and not each.start and each.step in (None, 1) for each in items):
        lengths = tuple(each.stop for each in items)
        if all(isinstance(each, int) and each > 0 for each in lengths):
            return lengths
    raise Unsayable("its index follows from the batch or the size of the input")


def _rows(at: Builder, call: RecordedCall, x: TracedValue, items: Sequence[Any]) -> TracedValue:
    """Return the slices of an axis at the places that a tensor names, whose own axes take the place of that one."""
    items = _filled(items, x.rank)
    place = next(i for i, each in enumerate(items) if isinstance(each, RunValue | list))
    if any(each != slice(None) for i, each in enumerate(items) if i != place):
        raise Unsayable("its index is a tensor beside other places")
    axis = x.at(place) + 1
    index = _listed_places(at, call, place) if isinstance(items[place], list) else at.traced(items[place])
    if axis == 1 and x.source in at.free and index.source not in at.free:
        return looked_up(at, call.outputs[0], x, index)
    if index.source not in at.free or index.dtype != "int64" or not index.shape:
        raise Unsayable("its index is a tensor of the network's own values")
    shape, places = index.shape, index.source
    if len(shape) > 1:
        places = Feed(at.add("reshape", [places], {"shape": [-1]}))
    made = Feed(at.add("index_select", [x.source, places], {"dim": axis}))
    if x.source in at.free:
        at.free.add(made)
    if len(shape) > 1 and x.source in at.free:
        made = Feed(at.add("reshape", [made], {"shape": [*x.shape[: axis - 1], *shape, *x.shape[axis:]]}))
    elif len(shape) > 1:
        made = Feed(at.add("Unflatten", [made], {"dim": axis, "unflattened_size": [*shape]}))
    return at.outcome(call.outputs[0], made, x, folded_sizes(x))


def looked_up(at: Builder, value: RunValue, table: TracedValue, index: TracedValue) -> TracedValue:
    """Return the rows of a table without a batch at the whole numbers of each sample. Raises Unsayable."""
    if table.batch is not None or len(table.shape) > 2 or index.dtype != "int64":
        raise Unsayable("it looks up in what is no vector or matrix of all samples, or not by whole numbers")
    made = Feed(at.add("index_select", [table.source, index.source], {"dim": 1}))
    return at.outcome(value, made, index, folded_sizes(index))


def _listed_places(at: Builder, call: RecordedCall, place: int) -> TracedValue:
    """Return the places that an index lists, as a constant. Raises Unsayable."""
    runs = [_filled(_listed(each.args[1]), call.args[0].tensor.dim())[place] for each in (call, *call.twins)]
    size = call.args[0].tensor.shape[place]
    known = all(type(n) is int for n in runs[0]) and (
        all(n >= 0 for n in runs[0]) or all(each.args[0].tensor.shape[place] == size for each in call.twins)
    )
    if any(each != runs[0] for each in runs) or not known:
        raise Unsayable("its index is a list of what are no places, or follows from the size of the input")
    places = [n % size for n in runs[0]]
    return TracedValue(at.unnamed({"value": places}), ((len(runs[0]),),) * len(at.batches), None, dtype="int64")


def windows(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the windows that slide along an axis, the places in each along a new last axis."""
    x = value_of(at, call)
    given = bound(call, ["dimension", "size", "step"])
    dim, size, step = (given[name] for name in ("dimension", "size", "step"))
    place = x.at(dim)
    if len({shape[place] for shape in x.shapes}) > 1:
        raise Unsayable("the number of its windows follows from the size of the input")
    count = (x.shape[place] - size) // step + 1
    rule = {"shape": [count * size], "value": f"$({step} * (i // {size}) + i % {size})", "at": ["i"]}
    places = at.unnamed(rule)
    made = Feed(at.add("index_select", [x.source, places], {"dim": place + 1}))
    cut = Feed(at.add("Unflatten", [made], {"dim": place + 1, "unflattened_size": [count, size]}))
    axes = [*range(len(x.shape) + 2)]
    axes.append(axes.pop(place + 2))
    last = cut if axes == sorted(axes) else Feed(at.add("permute", [cut], {"dims": axes}))
    return [at.outcome(call.outputs[0], last, x, folded_sizes(x))]


def _listed(index: Any) -> list[Any]:
    return index if isinstance(index, list) else [index]


def _filled(items: Sequence[Any], rank: int) -> list[Any]:
    """Return an index with whole slices in place of its ellipsis and at its end."""
    missing = rank - sum(each is not None and each is not Ellipsis for each in items)
    if Ellipsis in items:
        place = items.index(Ellipsis)
        return [*items[:place], *[slice(None)] * missing, *items[place + 1 :]]
    return [*items, *[slice(None)] * missing]


def _indexed(at: Builder, call: RecordedCall, x: TracedValue, items: Sequence[Any]) -> TracedValue:
    if x.source in at.free and not x.leading and items[:1] == [None]:
        x, items = TracedValue(x.source, x.shapes, 0, leading=True, dtype=x.dtype), [slice(None), *items[1:]]
    source, dim, place = x.source, 1 + x.folded, 0
    for item in items:
        if item is None:
            source, dim = Feed(at.add("unsqueeze", [source], {"dim": dim})), dim + 1
            continue
        if place == x.batch:
            if item != slice(None):
                raise Unsayable("it takes a part of the batch, which a spec never touches")
        elif isinstance(item, tuple):
            source, dim = _narrowed(at, source, dim, item), dim + 1
        elif isinstance(item, slice):
            if not _whole(item, [shape[x.at(place)] for shape in x.shapes]):
                source = _sliced(at, source, dim, item)
            dim += 1
        else:
            source = Feed(at.add("select", [source], {"dim": dim, "index": item}))
        place += 1
    return at.outcome(call.outputs[0], source, x, folded_sizes(x))


def _narrowed(at: Builder, source: Feed, dim: int, lengths: tuple[int, ...]) -> Feed:
    """Return as many first places of an axis as another value has there, in all runs. Raises Unsayable."""
    flowing = (x for x in at.known.values() if x is not None and x.plain and x.source not in at.free)
    for x in flowing:
        if len(x.shape) >= dim and tuple(shape[dim - 1] for shape in x.shapes) == lengths:
            return Feed(at.add("narrow", [source], {"dim": dim}, references={"like": x.source}))
    raise Unsayable("its index follows from the batch or the size of the input")


def _whole(item: slice, sizes: Sequence[int]) -> bool:
    """Return whether a slice takes an axis as it is, at all its sizes."""
    numbers = all(isinstance(each, int | None) for each in (item.start, item.stop, item.step))
    return numbers and all(item.indices(size) == (0, size, 1) for size in sizes)


def _sliced(at: Builder, source: Feed, dim: int, item: slice) -> Feed:
    bounds = {"start": item.start, "stop": item.stop, "step": item.step}
    return Feed(at.add("slice", [source], {"dim": dim, **{k: v for k, v in bounds.items() if v is not None}}))
