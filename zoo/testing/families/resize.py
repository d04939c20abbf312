"""What is drawn of layers that resize, crop and pad with channels: see `speczoo.testing.cases`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Arguments, Drawn, each, family, shape, size, some, value

_MODES = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]


def _factors(n: int) -> SearchStrategy[Any]:
    factor = st.sampled_from([0.25, 0.5, 0.7, 1, 1.5, 2, 3, 0.3, 1 / 3])
    return st.one_of(factor, st.lists(factor, min_size=n, max_size=n))


@family("Upsample", "interpolate")
def upsample(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, 3, 4)
    n = len(x) - 1
    arguments: Arguments = {}
    by_example = layer.op == "interpolate" and draw(st.booleans())
    which = draw(st.sampled_from(["size", "scale_factor", "scale_factor", "both", "neither"]))
    if not by_example and which in ("size", "both"):
        arguments["size"] = draw(each(n, size()))
    if not by_example and which in ("scale_factor", "both"):
        arguments["scale_factor"] = draw(_factors(n))
    fitting = ("linear", "bilinear", "trilinear")[n - 1]
    options = {"mode": st.sampled_from([fitting, *_MODES]), "align_corners": st.booleans()}
    if not by_example:
        options["recompute_scale_factor"] = st.booleans()
    like = (Value((draw(size()), *shape(draw, n))),) if by_example else ()
    return {**arguments, **some(draw, **options)}, (Value(x), *like)


@family("UpsamplingNearest2d", "UpsamplingBilinear2d")
def upsampling2d(draw: DrawFn, layer: type[Layer]) -> Drawn:
    name = draw(st.sampled_from(["size", "scale_factor"]))
    return {name: draw(each(2, size()) if name == "size" else _factors(2))}, value(*shape(draw, 3))


@family("crop")
def crop(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, 3, 4)
    n = len(x) - 1
    smaller = [draw(st.one_of(st.integers(1, m), st.integers(1, m), size())) for m in x[1:]]
    if draw(st.booleans()):
        return {}, (Value(x), Value((draw(size()), *smaller)))
    return {"size": draw(st.one_of(st.just(smaller), size(1, 3)))}, value(x[0], *(m for m in x[1 : n + 1]))


@family("subsample")
def subsample(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, 3, 4, high=9)
    return {"stride": draw(each(len(x) - 1, size(1, 3)))}, value(*x)


@family("pad_channels")
def pad_channels(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3, 4)
    return {"to": x[0] + draw(st.integers(0, 4))}, value(*x)
