"""In which order the calls of a functional model come, and in which order of axes its inputs are wanted."""

from __future__ import annotations

from typing import NamedTuple

from speczoo.importing.sources.keras.config import KerasLayer, KerasModel, LayerCall
from speczoo.specs.problem import Problem, ProblemError
from speczoo.specs.wording import listed, printable


class OrderedCall(NamedTuple):
    """One call of a layer; the number distinguishes it from the others of that layer."""

    layer: KerasLayer
    call: LayerCall
    number: int


def offsets(model: KerasModel) -> dict[str, int]:
    """Return by how much the calls of a layer are numbered too high: Keras 2 counts the making of a model as one."""
    highest: dict[str, int] = {}
    found = [ref for layer in model.layers for call in layer.calls for ref in call.refs()]
    for ref in (*found, *model.outputs):
        highest[ref.layer] = max(highest.get(ref.layer, 0), ref.call)
    return {
        layer.name: 1
        for layer in model.layers
        if layer.model is not None and layer.calls and highest.get(layer.name, 0) == len(layer.calls)
    }


def steps(model: KerasModel) -> list[OrderedCall]:
    """Return all calls, each after those that it takes from, and a branch to its end before the next one begins.

    Raises ProblemError for a value that there is not, and for calls that wait for each other.
    """
    shift = offsets(model)
    given = {ref.layer for ref in model.inputs}
    every = {
        (layer.name, number): OrderedCall(layer, call, number)
        for layer in model.layers
        for number, call in enumerate(layer.calls)
        if layer.name not in given
    }
    waits: dict[tuple[str, int], int] = {}
    followers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for key, step in every.items():
        before = {
            (ref.layer, ref.call - shift.get(ref.layer, 0)): ref for ref in step.call.refs() if ref.layer not in given
        }
        for goal, ref in before.items():
            if goal not in every:
                message = f"nothing gives the value `{printable(ref.layer)}`, call {ref.call}"
                raise ProblemError(Problem("unknown-reference", message, ref.loc))
            followers.setdefault(goal, []).append(key)
        waits[key] = len(before)
    ready = [key for key in reversed(every) if waits[key] == 0]
    out: list[OrderedCall] = []
    while ready:
        key = ready.pop()
        out.append(every[key])
        for follower in reversed(followers.get(key, ())):
            waits[follower] -= 1
            if waits[follower] == 0:
                ready.append(follower)
    if len(out) < len(every):
        stuck = [name for (name, _), count in waits.items() if count][:4]
        message = f"{listed([printable(name) for name in stuck])} wait for each other's values"
        raise ProblemError(Problem("cycle", message, every[next(k for k, n in waits.items() if n)].layer.loc))
    return out


# -- what is wanted of an input ---------------------------------------------------------------------------------------

_SPATIAL = (
    "Conv", "DepthwiseConv", "SeparableConv", "MaxPool", "AveragePool", "AvgPool", "Global", "UpSampling",
    "ZeroPadding", "Cropping", "SpatialDropout", "Resizing", "BatchNormalization", "GroupNormalization",
)  # fmt: skip
_ALONG = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "ThresholdedReLU", "Dropout", "AlphaDropout", "Rescaling",
    "Normalization", "Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Average", "Maximum", "Minimum",
    "Concatenate", "ActivityRegularization", "InputLayer",
)  # fmt: skip


def channels_first_wanted(model: KerasModel, name: str) -> bool:
    """Return whether one of the first layers with a wish that an input meets has its channels first here."""
    waiting, visited = [(model, name)], {(id(model), name)}
    while waiting:
        around, source = waiting.pop(0)
        for layer in around.followers.get(source, ()):
            key = (id(around), layer.name)
            if layer.model is not None:
                key = (id(layer.model), "")
            if key in visited:
                continue
            visited.add(key)
            if layer.model is not None:
                inputs = [ref.layer for ref in layer.model.inputs] or [""]
                waiting += [(layer.model, each) for each in inputs]
            elif layer.kind in _ALONG:
                waiting.append((around, layer.name))
            else:
                first = layer.given.data.get("data_format") == "channels_first" or layer.given.data.get("axis") == 1
                if layer.kind.startswith(_SPATIAL) and not first:
                    return True
    return False
