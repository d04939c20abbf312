"""Layers of Keras without windows: dense and embedding, norms, dropouts, merges, and what moves axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from speczoo.importing.sources.entries import Tensor
from speczoo.importing.sources.given import is_number
from speczoo.importing.sources.keras.activations import activated, dim_here
from speczoo.importing.sources.keras.site import Site, maps
from speczoo.specs.wording import printable


@maps("Dense")
def dense(site: Site) -> Tensor:
    x = site.place.plain(site.one())
    arguments = {"out_features": site.given.whole("units"), "bias": site.given.flag("use_bias", True)}
    return activated(site, site.weighted("Linear", x, arguments))


@maps("Embedding")
def embedding(site: Site) -> Tensor:
    site.given.only("mask_zero", [False], "has no counterpart here: no masks flow along")
    site.given.raw("input_length")
    arguments = {"num_embeddings": site.given.whole("input_dim"), "embedding_dim": site.given.whole("output_dim")}
    return site.weighted("Embedding", site.one(), arguments)


# -- norms ------------------------------------------------------------------------------------------------------------


def _over_channels(site: Site) -> Tensor:
    """Return the one value that flows in with the axis that the layer says, its channels, as the first."""
    x = site.one()
    rank = len(x.shape)
    axes = site.given.wholes("axis", (-1,))
    axis = axes[0] % (rank + 1) if len(axes) == 1 and -rank - 1 <= axes[0] <= rank else 0
    if axis == rank:
        return site.place.channels_first(x)
    if axis == 1:
        return site.place.plain(x)
    raise site.given.refusal("axis", "it is over the channels alone: the last axis, or the first")


def _last_axis(site: Site) -> None:
    rank = len(site.one().shape)
    if site.given.wholes("axis", (-1,)) not in ((-1,), (rank,)):
        raise site.given.refusal("axis", "it is over the last axis")


@maps("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization")
def batch_norm(site: Site) -> Tensor:
    """Return a batch norm, torch's momentum what Keras's leaves of 1; a scale or shift that is not there is frozen."""
    x = _over_channels(site)
    rank = len(x.shape)
    if rank > 4:
        raise site.refusal(f"{rank} axes besides the batch flow into it")
    for key in ("renorm_clipping", "renorm_momentum", "virtual_batch_size", "fused", "adjustment"):
        site.given.raw(key)
    scale, center = site.given.flag("scale", True), site.given.flag("center", True)
    arguments = {
        "eps": site.given.number("epsilon", 1e-3),
        "momentum": round(1 - site.given.number("momentum", 0.99), 12),
        "affine": scale or center,
    }
    out = site.weighted(f"BatchNorm{max(rank - 1, 1)}d", x, arguments)
    if scale != center:
        site.freeze("bias" if scale else "weight")
    return out


@maps("LayerNormalization")
def layer_norm(site: Site) -> Tensor:
    x = site.one()
    site.given.only("rms_scaling", [False], "has no counterpart here")
    _last_axis(site)
    scale, center = site.given.flag("scale", True), site.given.flag("center", True)
    arguments = {"eps": site.given.number("epsilon", 1e-3), "elementwise_affine": scale or center}
    arguments |= {"bias": False} if scale and not center else {}
    channels = x.channels_last and len(x.shape) == 3
    out = site.weighted("LayerNorm2d" if channels else "LayerNorm", x if channels else site.place.plain(x), arguments)
    if center and not scale:
        site.freeze("weight")
    return out


@maps("GroupNormalization")
def group_norm(site: Site) -> Tensor:
    x = _over_channels(site)
    groups = site.given.whole("groups", 32, least=-1)
    scale, center = site.given.flag("scale", True), site.given.flag("center", True)
    arguments = {
        "num_groups": x.shape[0] if groups == -1 else groups,
        "eps": site.given.number("epsilon", 1e-3),
        "affine": scale or center,
    }
    out = site.weighted("GroupNorm", x, arguments)
    if scale != center:
        site.freeze("bias" if scale else "weight")
    return out


@maps("RMSNormalization")
def rms_norm(site: Site) -> Tensor:
    _last_axis(site)
    return site.weighted("RMSNorm", site.place.plain(site.one()), {"eps": site.given.number("epsilon", 1e-6)})


@maps("Rescaling")
def rescaling(site: Site) -> Tensor:
    scale, offset = site.given.number("scale"), site.given.number("offset", 0.0)
    x = site.add("mul", [site.one(), scale], suffix="scaled" if offset else "")
    if not offset:
        return x
    return site.add("add", [x, offset]) if offset > 0 else site.add("sub", [x, -offset])


@maps("Normalization")
def normalization(site: Site) -> Tensor:
    """Return the value less a mean and divided by a deviation: constants, those of a file of weights where this file
    has none.
    """
    site.given.only("invert", [False], "has no counterpart here")
    x = site.one()
    channels, rank = x.there[-1], len(x.shape)
    if site.given.wholes("axis", (-1,)) not in ((-1,), (rank,)):
        raise site.given.refusal("axis", "it is over the last axis")
    shape = tuple(channels if at == (0 if x.channels_last else rank - 1) else 1 for at in range(rank))
    mean = site.constant(_statistics(site, "mean", channels, 0.0), shape, "mean", x)
    variance = site.constant(_statistics(site, "variance", channels, 1.0), shape, "variance", x)
    deviation = site.add("clamp", site.add("sqrt", variance, suffix="root"), {"min": 1e-7}, "deviation")
    centred = site.add("sub", [x, mean], {"broadcast": True}, "centred")
    return site.add("div", [centred, deviation], {"broadcast": True})


def _statistics(site: Site, key: str, channels: int, default: float) -> Any:
    """Return the numbers of the channels; the default where the file has none."""
    value = site.given.raw(key)
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if value is None:
        return default
    if is_number(value):
        return float(value)
    if not isinstance(value, list) or len(value) != channels or not all(map(is_number, value)):
        raise site.given.refusal(key, f"`{key}` has a number for each of {channels} channels")
    return [float(each) for each in value]


# -- dropouts, and what is a layer in name alone ----------------------------------------------------------------------


@maps("Dropout", "AlphaDropout")
def dropout(site: Site) -> Tensor:
    """Return a dropout of single values, or of the whole of a sample where the shape of the noise says so."""
    x, rate, shape = site.one(), site.given.number("rate"), site.given.raw("noise_shape")
    if shape is not None and shape != [None] + [1] * len(x.shape):
        raise site.given.refusal("noise_shape", "a dropout of parts has no counterpart here, but of whole samples")
    if shape is not None and site.layer.kind == "Dropout":
        return site.add("StochasticDepth", x, {"p": rate})
    return site.add(site.layer.kind, x, {"p": rate})


@maps("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def spatial_dropout(site: Site) -> Tensor:
    n = int(site.layer.kind[-2])
    return site.add(f"Dropout{n}d", site.spatial(n), {"p": site.given.number("rate")})


@maps("ActivityRegularization", "InputLayer")
def identity(site: Site) -> Tensor:
    """Return the input: what is added to a loss computes nothing."""
    for key in ("l1", "l2", "sparse", "ragged", "optional"):
        site.given.raw(key)
    return site.one()


# -- axes -------------------------------------------------------------------------------------------------------------


@maps("Flatten")
def flatten(site: Site) -> Tensor:
    """Return the values in the order of Keras, so that what follows has its weights as they are there."""
    x, form = site.one(), site.given.word("data_format", "channels_last", ("channels_last", "channels_first"))
    if len(x.shape) == 1:
        return x
    if form == "channels_first":
        x = site.place.channels_first(x)
    elif x.channels_last and prod(x.shape[1:]) > 1 and x.shape[0] > 1:
        x = site.place.plain(x, "channels last, as Keras flattens them")
    return replace(site.add("Flatten", x), channels_last=False)


@maps("Reshape")
def reshape(site: Site) -> Tensor:
    shape = site.given.wholes("target_shape", least=-1)
    return site.add("reshape", site.place.plain(site.one()), {"shape": list(shape)})


@maps("Permute")
def permute(site: Site) -> Tensor:
    dims = site.given.wholes("dims", least=1)
    return site.add("permute", site.place.plain(site.one()), {"dims": [0, *dims]})


@maps("RepeatVector")
def repeat_vector(site: Site) -> Tensor:
    n, x = site.given.whole("n"), site.one()
    return site.add("expand", site.add("unsqueeze", x, {"dim": 1}, "token"), {"size": [n, -1]})


@maps("Resizing")
def resizing(site: Site) -> Tensor:
    x = site.spatial(2)
    size = [site.given.whole("height"), site.given.whole("width")]
    site.given.word("interpolation", "bilinear", ("bilinear",))
    for key in ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio"):
        site.given.only(key, [False], "has no counterpart here")
    for key in ("fill_mode", "fill_value"):
        site.given.raw(key)
    return site.add("interpolate", x, {"size": size, "mode": "bilinear"})


# -- merges -----------------------------------------------------------------------------------------------------------


def _merged(site: Site) -> tuple[list[Any], bool]:
    """Return the values and numbers that flow in, in one order of axes, and whether their sizes differ."""
    first = next((each for each in site.takes if isinstance(each, Tensor)), None)
    if first is None or len(site.takes) < 2:
        raise site.refusal("several values flow into it")
    takes = [site.place.like(each, first) if isinstance(each, Tensor) else each for each in site.takes]
    tensors = [each for each in takes if isinstance(each, Tensor)]
    if len({len(each.shape) for each in tensors}) > 1:
        raise site.refusal("what flows into it differs in its number of axes")
    return takes, len({each.shape for each in tensors}) > 1


def _arithmetic(op: str) -> Callable[[Site], Tensor]:
    def merge(site: Site) -> Tensor:
        takes, differ = _merged(site)
        return _widest(site.add(op, takes, {"broadcast": True} if differ else {}), takes)

    return merge


def _widest(out: Tensor, takes: list[Any]) -> Tensor:
    first = next(each for each in takes if isinstance(each, Tensor))
    return replace(out, channels_last=first.channels_last)


for _op, _kinds in {
    "add": ("Add",),
    "sub": ("Subtract",),
    "mul": ("Multiply",),
    "div": ("Divide", "TrueDivide"),
}.items():
    maps(*_kinds)(_arithmetic(_op))


_OPERATORS = {
    "__operators__.add": "add",
    "math.add": "add",
    "math.subtract": "sub",
    "math.multiply": "mul",
    "math.truediv": "div",
    "math.divide": "div",
}


@maps("TFOpLambda", takes=("y",))
def operator(site: Site) -> Tensor:
    """Return what an operator between values gives, which Keras 2 has as functions of TensorFlow."""
    function, y = site.given.word("function"), site.named.get("y")
    if function not in _OPERATORS:
        raise site.given.refusal("function", f"TensorFlow's `{printable(function)}` has no counterpart here")
    more = tuple(y) if isinstance(y, list) else (y,) if is_number(y) else ()
    return _arithmetic(_OPERATORS[function])(replace(site, takes=(*site.takes, *more)))


@maps("Average")
def average(site: Site) -> Tensor:
    takes, differ = _merged(site)
    total = site.add("add", takes, {"broadcast": True} if differ else {}, "sum")
    return _widest(site.add("div", [total, len(takes)]), takes)


@maps("Maximum", "Minimum")
def extreme(site: Site) -> Tensor:
    """Return the greatest or the least of several values, two at a time."""
    takes, differ = _merged(site)
    out, *rest = takes
    for number, each in enumerate(rest):
        suffix = "" if number == len(rest) - 1 else f"of_{number + 2}"
        out = site.add(site.layer.kind.lower(), [out, each], {"broadcast": True} if differ else {}, suffix)
    return _widest(out, takes)


@maps("Concatenate")
def concatenate(site: Site) -> Tensor:
    tensors = [each for each in site.takes if isinstance(each, Tensor)]
    if len(tensors) < len(site.takes) or not tensors:
        raise site.refusal("values flow into it, and no numbers")
    first = next((each for each in tensors if each.channels_last), tensors[0])
    takes = [site.place.like(each, first) for each in tensors]
    rank = len(first.shape)
    axis = site.given.whole("axis", -1, least=-rank)
    if axis == 0 or axis > rank:
        raise site.given.refusal("axis", f"there is no axis {axis} to put values one after the other along")
    return site.add("concat", takes, {"dim": dim_here(axis % (rank + 1), first)})
