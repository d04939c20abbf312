"""What is drawn of unpooling and grids: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Arguments, Drawn, each, every, family, shape, size, some, spatial


@family(*every("MaxUnpool"))
def unpool(draw: DrawFn, layer: type[Layer]) -> Drawn:
    """Of sizes and strides of 2 and more, so that there is a place for each of the indices, which are 0 and 1."""
    n = spatial(layer)
    x = (draw(size(1, 3)), *(draw(size(2, 4)) for _ in range(n)))
    kernel, stride = draw(size(2, 3)), draw(size(2, 3))
    arguments: Arguments = {"kernel_size": kernel, "stride": stride, **some(draw, padding=each(n, size(0, 1)))}
    indices = Value(
        x if draw(st.integers(0, 4)) else (x[0] + 1, *x[1:]), draw(st.sampled_from(["int64"] * 4 + ["bool"]))
    )
    if draw(st.booleans()):
        return arguments, (Value(x), indices)
    padding = arguments.get("padding", 0)
    pads = padding if isinstance(padding, list) else [padding] * n
    made = [(m - 1) * stride - 2 * p + kernel for m, p in zip(x[1:], pads, strict=True)]
    like = [max(2, m + draw(st.integers(-2, 2))) for m in made]
    return arguments, (Value(x), indices, Value((draw(size(1, 3)), *like)))


@family("grid_sample")
def grid_sample(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 3, 4)
    n = len(x) - 1
    options = some(
        draw,
        mode=st.sampled_from(["bilinear", "nearest", "bicubic"]),
        padding_mode=st.sampled_from(["zeros", "border", "reflection"]),
        align_corners=st.booleans(),
    )
    grid = (*(draw(size(1, 4)) for _ in range(n)), draw(st.sampled_from([n, n, n, 2])))
    return options, (Value(x), Value(grid))


@family("affine_grid")
def affine_grid(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = draw(st.sampled_from([2, 3]))
    rows = draw(st.sampled_from([n, n, n, 2]))
    out, options = [draw(size()) for _ in range(n)], some(draw, align_corners=st.booleans())
    theta = Value((rows, n + 1))
    if draw(st.booleans()):
        return options, (theta, Value((draw(size(1, 3)), *out)))
    return {"size": out, **options}, (theta,)
