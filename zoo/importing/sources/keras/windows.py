"""Layers of Keras that slide a window, and what it means there that the padding is `same`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from speczoo.importing.sources.entries import Tensor, applied
from speczoo.importing.sources.keras.activations import activated
from speczoo.importing.sources.keras.site import Site, maps
from speczoo.specs.problem import ProblemError

#: The lowest float32: what no value of a window is below.
LOWEST = -3.4028234663852886e38


def _dimensions(site: Site) -> int:
    return int(next(c for c in site.layer.kind if c in "123"))


def same_sides(
    sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Return what `same` adds before and after each axis: what ceil(n / stride) places need, the odd one after."""
    sides = []
    for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        sides.append((total // 2, total - total // 2))
    return sides


def torch_sides(sides: list[tuple[int, int]]) -> list[int]:
    """Return sides axis by axis as torch lists them: the last axis first."""
    return [each for pair in reversed(sides) for each in pair]


def short(values: tuple[int, ...]) -> Any:
    """Return one number where all are equal, else a list."""
    return values[0] if len(set(values)) == 1 else list(values)


def _padded(site: Site, x: Tensor, n: int, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
            ) -> tuple[Tensor, Any]:  # fmt: skip
    """Return the input, with zeros around it where no number says the padding, and the padding of the convolution."""
    causal = ("causal",) if n == 1 else ()
    padding = site.given.word("padding", "valid", ("valid", "same", *causal))
    if padding == "valid":
        return x, 0
    if padding == "causal":
        return site.add(f"ZeroPad{n}d", x, {"padding": [dilation[0] * (kernel[0] - 1), 0]}, "pad"), 0
    sides = same_sides(x.shape[1:], kernel, stride, dilation)
    if all(before == after for before, after in sides):
        return x, short(tuple(before for before, _ in sides))
    if all(s == 1 for s in stride):
        return x, "same"
    return site.add(f"ZeroPad{n}d", x, {"padding": torch_sides(sides)}, "pad"), 0


def by_channel(multiplier: int) -> dict[str, str]:
    """Return the arguments of a convolution of each channel by itself, as a person writes them."""
    channels = "$in_channels" if multiplier == 1 else f"$({multiplier} * in_channels)"
    return {"out_channels": channels, "groups": "$in_channels"}


def _window(site: Site, n: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    given = site.given
    return given.sizes("kernel_size", n), given.sizes("strides", n, (1,) * n), given.sizes("dilation_rate", n, (1,) * n)


def _arguments(out_channels: int, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int, bias: bool
               ) -> dict[str, Any]:  # fmt: skip
    return {
        "out_channels": out_channels,
        "kernel_size": short(kernel),
        "stride": short(stride),
        "padding": padding,
        "dilation": short(dilation),
        "groups": groups,
        "bias": bias,
    }


@maps("Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D")
def convolution(site: Site) -> Tensor:
    n = _dimensions(site)
    x, (kernel, stride, dilation) = site.spatial(n), _window(site, n)
    filters, groups, bias = (
        site.given.whole("filters"),
        site.given.whole("groups", 1),
        site.given.flag("use_bias", True),
    )
    x, padding = _padded(site, x, n, kernel, stride, dilation)
    arguments = _arguments(filters, kernel, stride, padding, dilation, groups, bias)
    return activated(site, site.weighted(f"Conv{n}d", x, arguments))


@maps("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise(site: Site) -> Tensor:
    n = _dimensions(site)
    x, (kernel, stride, dilation) = site.spatial(n), _window(site, n)
    for key in ("filters", "groups"):  # Keras 2 keeps these of the class that it derives from
        site.given.raw(key)
    channels, multiplier = x.shape[0], site.given.whole("depth_multiplier", 1)
    x, padding = _padded(site, x, n, kernel, stride, dilation)
    bias = site.given.flag("use_bias", True)
    arguments = _arguments(channels * multiplier, kernel, stride, padding, dilation, channels, bias)
    return activated(site, site.weighted(f"Conv{n}d", x, arguments, by_channel(multiplier)))


@maps("SeparableConv1D", "SeparableConv2D", "SeparableConvolution2D")
def separable(site: Site) -> Tensor:
    n = _dimensions(site)
    x, (kernel, stride, dilation) = site.spatial(n), _window(site, n)
    site.given.only("groups", [1], "has no counterpart here")
    filters, multiplier = site.given.whole("filters"), site.given.whole("depth_multiplier", 1)
    bias = site.given.flag("use_bias", True)

    def inside(inner: Site, x: Tensor) -> Tensor:
        channels, add = x.shape[0], inner.place.add
        x, padding = _padded(inner, x, n, kernel, stride, dilation)
        arguments = _arguments(channels * multiplier, kernel, stride, padding, dilation, channels, False)
        x = add(f"Conv{n}d", x, arguments, id="depthwise", named=True, written=by_channel(multiplier))
        pointwise = {"out_channels": filters, "kernel_size": 1, "bias": bias}
        return add(f"Conv{n}d", x, pointwise, id="pointwise", named=True)

    return activated(site, site.group(x, inside))


@maps("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed(site: Site) -> Tensor:
    """Return a transposed convolution: `same` cuts it to n times the stride, the odd one at the end, valid adds what
    the stride leaves.
    """
    n = _dimensions(site)
    x, (kernel, stride, dilation) = site.spatial(n), _window(site, n)
    site.given.only("output_padding", [], "has no counterpart here")
    filters, groups, bias = (
        site.given.whole("filters"),
        site.given.whole("groups", 1),
        site.given.flag("use_bias", True),
    )
    same = site.given.word("padding", "valid", ("valid", "same")) == "same"
    if any(d > 1 for d in dilation):
        raise site.given.refusal("dilation_rate", "a transposed convolution with holes has no counterpart here")
    over = [k - s for k, s in zip(kernel, stride, strict=True)]
    cut = [max(each, 0) if same else 0 for each in over]
    arguments = {
        "out_channels": filters,
        "kernel_size": short(kernel),
        "stride": short(stride),
        "padding": short(tuple(each // 2 for each in cut)),
        "output_padding": short(tuple(max(-each, 0) for each in over)),
        "groups": groups,
        "bias": bias,
    }
    out = site.weighted(f"ConvTranspose{n}d", x, arguments)
    if any(each % 2 for each in cut):
        sides = torch_sides([(0, -(each % 2)) for each in cut])
        out = site.add(f"ZeroPad{n}d", out, {"padding": sides}, "cut")
    return activated(site, out)


@maps("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool1D", "MaxPool2D", "MaxPool3D")
def max_pooling(site: Site) -> Tensor:
    return _pooling(site, "MaxPool", {})


@maps("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D")
def average_pooling(site: Site) -> Tensor:
    return _pooling(site, "AvgPool", {"count_include_pad": False})


def _pooling(site: Site, op: str, uncounted: dict[str, Any]) -> Tensor:
    n = _dimensions(site)
    x, kernel = site.spatial(n), site.given.sizes("pool_size", n, (2,) * n)
    stride = site.given.sizes("strides", n, kernel)
    arguments: dict[str, Any] = {"kernel_size": short(kernel)}
    if stride != kernel:
        arguments["stride"] = short(stride)
    if site.given.word("padding", "valid", ("valid", "same")) == "valid":
        return site.add(f"{op}{n}d", x, arguments)
    sides = same_sides(x.shape[1:], kernel, stride, (1,) * n)
    wanted = (x.shape[0], *(-(-size // s) for size, s in zip(x.shape[1:], stride, strict=True)))
    before = tuple(side for side, _ in sides)
    for ceil in ({}, {"ceil_mode": True}):
        tried = {**arguments, **({"padding": short(before)} if any(before) else {}), **ceil}
        tried |= uncounted if any(map(any, sides)) else {}
        if (not ceil and any(a != b for a, b in sides)) or _gives(f"{op}{n}d", tried, x) != wanted:
            continue
        return site.add(f"{op}{n}d", x, tried)
    if uncounted:
        raise site.refusal("`padding: same` adds more behind than before, which no average without it can say here")
    x = site.add(f"ConstantPad{n}d", x, {"padding": torch_sides(sides), "value": LOWEST}, "pad")
    return site.add(f"{op}{n}d", x, arguments)


def _gives(op: str, arguments: dict[str, Any], x: Tensor) -> tuple[int, ...] | None:
    try:
        return applied(op, arguments, [x.value]).shape
    except ProblemError:
        return None


@maps(*(f"Global{kind}{n}D" for kind in ("AveragePooling", "MaxPooling", "AvgPool", "MaxPool") for n in (1, 2, 3)))
def global_pooling(site: Site) -> Tensor:
    n = _dimensions(site)
    x = site.spatial(n)
    op = f"AdaptiveMaxPool{n}d" if "Max" in site.layer.kind else f"AdaptiveAvgPool{n}d"
    if site.given.flag("keepdims", False):
        return site.add(op, x, {"output_size": 1})
    x = site.add(op, x, {"output_size": 1}, "pool")
    return replace(site.add("Flatten", x), channels_last=False)


@maps(*(f"ZeroPadding{n}D" for n in (1, 2, 3)))
def zero_padding(site: Site) -> Tensor:
    return _sides(site, 1)


@maps(*(f"Cropping{n}D" for n in (1, 2, 3)))
def cropping(site: Site) -> Tensor:
    return _sides(site, -1)


def _sides(site: Site, sign: int) -> Tensor:
    """Return zeros added, or what is cut off: a number, one for each axis, or two for each axis."""
    n = _dimensions(site)
    key, x = ("padding" if sign > 0 else "cropping"), site.spatial(n)
    value = site.given.raw(key)
    axes = value if isinstance(value, list) and (n > 1 or len(value) != 2) else [value] * n if n > 1 else [value]
    sides: list[tuple[int, int]] = []
    for each in axes:
        pair = each if isinstance(each, list) else [each, each]
        if len(pair) != 2 or not all(type(side) is int and 0 <= side < 2**31 for side in pair):
            raise site.given.refusal(key, f"`{key}` is a number, one for each axis, or two for each")
        sides.append((sign * pair[0], sign * pair[1]))
    if len(sides) != n:
        raise site.given.refusal(key, f"`{key}` has {len(sides)} axes, and {n} are there")
    flat = torch_sides(sides)
    return site.add(f"ZeroPad{n}d", x, {"padding": flat[0] if len(set(flat)) == 1 else flat})


@maps(*(f"UpSampling{n}D" for n in (1, 2, 3)))
def upsampling(site: Site) -> Tensor:
    n = _dimensions(site)
    x, factor = site.spatial(n), site.given.sizes("size", n, (2,) * n)
    mode = site.given.word("interpolation", "nearest", ("nearest", "bilinear") if n == 2 else ("nearest",))
    scale = short(factor)
    return site.add("Upsample", x, {"scale_factor": scale, "mode": mode})
