"""Tensors of one number for each sample, as the states before the first step are: a constant that is stretched."""

from __future__ import annotations

from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed, ImportedEntry
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue

#: Functions that fill a tensor, with the number that they fill it with, where their name says it.
FILLED = {
    **dict.fromkeys(("zeros", "new_zeros", "zeros_like", "zero_"), 0),
    **dict.fromkeys(("ones", "new_ones", "ones_like"), 1),
    **dict.fromkeys(("full", "new_full", "full_like", "fill_"), None),
}


def filled(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a tensor of one number with as many samples as flow in. Raises Unsayable."""
    value = call.outputs[0]
    if len({*value.shapes}) == 1:
        return [_alone(at, call, value)]
    axis, count = at.layout(value, None, None)
    shapes = {tuple(n for place, n in enumerate(shape) if place != axis) for shape in value.shapes}
    if axis is None or count or len(shapes) > 1:
        raise Unsayable("its sizes follow from that of the input")
    flowing = at.flowing()
    if flowing is None:
        raise Unsayable("nothing flows in that has its batch")
    (shape,) = shapes
    arguments = {"shape": [1] * len(shape), "value": _number(call, value), "persistent": False}
    one = Feed(at.append(ImportedEntry("Buffer", arguments, [])))
    at.shapes[one] = (1,) * len(shape)
    entry = at.append(ImportedEntry("expand", {"size": [*shape]}, [one], references={"like": flowing.source}))
    if not arguments["value"]:
        at.zeros.add(Feed(entry))
    return [at.outcome(value, Feed(entry), flowing)]


def _alone(at: Builder, call: RecordedCall, value: RunValue) -> TracedValue:
    """Return a tensor of one number that has no batch, in the place of a part of a parameter."""
    shape = tuple(value.tensor.shape)
    one = at.unnamed({"shape": [*shape], "value": _number(call, value)})
    at.shapes[one] = shape
    return TracedValue(one, value.shapes, None, dtype=str(value.tensor.dtype).removeprefix("torch."))


def _number(call: RecordedCall, value: RunValue) -> float:
    number = FILLED[call.name]
    if number is None:
        given = call.kwargs.get("fill_value", call.args[-1] if call.args else None)
        if not isinstance(given, bool | int | float):
            raise Unsayable(f"it is filled with {given!r:.40}")
        number = given
    if value.tensor.is_floating_point():
        return float(number)
    return bool(number) if str(value.tensor.dtype) == "torch.bool" else int(number)
