"""Layers of maps whose batch holds other axes too, windows or heads: these as channels, the weights once for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed, ImportedEntry
from speczoo.importing.recording import RecordedCall
from speczoo.importing.refusals import Unsayable
from speczoo.importing.reshaping import sizes
from speczoo.importing.traced import TracedValue, folded_sizes, times


def layer(at: Builder, call: RecordedCall, op: str, x: TracedValue, arguments: dict[str, Any]) -> list[TracedValue]:
    """Return what a convolution, a pooling or a batch norm gives. Raises Unsayable for other layers."""
    kind = op.rstrip("123d")
    make = _of_places if kind == "BatchNorm" or _is_pointwise(call.module) else KINDS.get(kind)
    follows = len({*folded_sizes(x)}) > 1 and make is not _of_places
    if x.batch != 0 or make is None or follows or call.path in at.modules:
        raise Unsayable(f"`{op}` takes the batch first, and other axes are in it here")
    return [at.outcome(call.outputs[0], make(at, call, op, x, arguments), x, folded_sizes(x))]


def _is_pointwise(module: Any) -> bool:
    """Return whether a layer is a convolution of each place by itself."""
    return (
        isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        and {*module.kernel_size, *module.stride} == {1}
        and {*module.padding} == {0}
    )


def _convolution(at: Builder, call: RecordedCall, op: str, x: TracedValue, arguments: dict[str, Any]) -> Feed:
    """Return a convolution of groups, as many times as there are maps, by weights that are repeated as often."""
    module: Any = call.module
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise Unsayable(f"`{op}` pads otherwise than with zeros, and other axes are in its batch")
    count = times(x.shape[: x.folded])
    weights = [
        _repeated(at, f"{at.relative(call.path)}.{name}", tuple(weight.shape), count)
        for name, weight in module.named_parameters()
    ]
    given = {name: list(getattr(module, name)) for name in ("stride", "padding", "dilation")}
    made = at.add("convolution", [_as_channels(at, x), *weights], given | {"groups": count * module.groups})
    return _unflattened(at, Feed(made), [*x.shape[: x.folded], module.out_channels])


def _repeated(at: Builder, name: str, shape: tuple[int, ...], count: int) -> Feed:
    """Return a Parameter of a module under its key, again and again along its first axis."""
    own = Feed(at.append(ImportedEntry("Parameter", {"shape": [*shape]}, [], name, True, True)))
    at.free.add(own)
    at.shapes[own] = shape
    return Feed(at.add("repeat", [own], {"repeats": [count, *[1] * (len(shape) - 1)]})) if count > 1 else own


def _pooling(at: Builder, call: RecordedCall, op: str, x: TracedValue, arguments: dict[str, Any]) -> Feed:
    pooled = Feed(at.add(op, [_as_channels(at, x)], arguments, name=at.relative(call.path), module=True))
    return _unflattened(at, pooled, x.shape[: x.folded + 1])


def _of_places(at: Builder, call: RecordedCall, op: str, x: TracedValue, arguments: dict[str, Any]) -> Feed:
    """Return what a norm of channels or a convolution of each place gives, of maps that stand one above the other
    meanwhile.
    """
    count, rank = x.folded, len(x.shape)
    turned = [0, count + 1, *range(1, count + 1), *range(count + 2, rank + 1)]
    first = Feed(at.add("permute", [x.source], {"dims": turned}))
    above = Feed(at.add("Flatten", [first], {"start_dim": 2, "end_dim": count + 2}))
    made = Feed(at.add(op, [above], arguments, name=at.relative(call.path), named=True, module=True))
    columns = [*zip(*((*shape[:count], shape[count + 1]) for shape in x.shapes), strict=True)]
    apart = Feed(at.add("Unflatten", [made], {"dim": 2, "unflattened_size": sizes(columns)}))
    back = [0, *range(2, count + 2), 1, *range(count + 2, rank + 1)]
    return Feed(at.add("permute", [apart], {"dims": back}))


def _as_channels(at: Builder, x: TracedValue) -> Feed:
    return Feed(at.add("Flatten", [x.source], {"end_dim": x.folded + 1}))


def _unflattened(at: Builder, source: Feed, first: Sequence[int]) -> Feed:
    """Return a value whose channels are several axes."""
    return Feed(at.add("Unflatten", [source], {"dim": 1, "unflattened_size": [*first[:-1], -1]}))


KINDS = {
    "Conv": _convolution,
    **dict.fromkeys(("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool"), _pooling),
}
