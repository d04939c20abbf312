"""What is drawn of layers that reshape, shuffle, unfold and fold: see `speczoo.testing.cases`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import Drawn, dims, each, family, shape, shape_of, size, some, value


@family("Flatten")
def flatten(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 0, 1, 2, 3, 4)
    return some(draw, start_dim=dims(), end_dim=dims()), value(*x, batched=not x or draw(st.integers(0, 3)) > 0)


@family("Unflatten")
def unflatten(draw: DrawFn, layer: type[Layer]) -> Drawn:
    parts = draw(st.lists(size(1, 3), min_size=1, max_size=3))
    rest = draw(shape_of(2))
    total = 1
    for n in parts:
        total *= n
    if draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = draw(st.sampled_from([-1, -1, 2]))
    return {"dim": draw(st.one_of(st.just(1), st.just(1), dims())), "unflattened_size": parts}, value(
        total, *rest, batched=draw(st.integers(0, 3)) > 0
    )


@family("PixelShuffle", "PixelUnshuffle")
def pixels(draw: DrawFn, layer: type[Layer]) -> Drawn:
    r = draw(size(1, 3))
    c = draw(st.one_of(size(), st.integers(1, 2).map((r * r).__mul__)))
    h, w = (draw(st.one_of(size(), st.integers(1, 3).map(r.__mul__))) for _ in range(2))
    name = "upscale_factor" if layer.op == "PixelShuffle" else "downscale_factor"
    return {name: r}, value(c, h, w)


@family("ChannelShuffle")
def channel_shuffle(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"groups": draw(size(1, 4))}, value(*shape(draw, 2, 3, 4))


_WINDOW: dict[str, SearchStrategy[Any]] = {
    "dilation": each(2, size(1, 2)),
    "padding": each(2, size(0, 2)),
    "stride": each(2, size(1, 3)),
}


@family("Unfold")
def unfold(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"kernel_size": draw(each(2, size(1, 3))), **some(draw, **_WINDOW)}, value(*shape(draw, 3, high=7))


@family("Fold")
def fold(draw: DrawFn, layer: type[Layer]) -> Drawn:
    out, kernel = draw(st.lists(size(2, 7), min_size=2, max_size=2)), draw(st.lists(size(1, 3), min_size=2, max_size=2))
    options = some(draw, **_WINDOW)
    spread = {name: v if isinstance(v, list) else [v, v] for name, v in options.items()}
    windows = 1
    for i in range(2):
        p, d, s = (
            spread.get(name, [default] * 2)[i] for name, default in (("padding", 0), ("dilation", 1), ("stride", 1))
        )
        windows *= max(1, (out[i] + 2 * p - d * (kernel[i] - 1) - 1) // s + 1)
    columns = draw(st.sampled_from([windows, windows, windows, windows + 1]))
    rows = draw(st.sampled_from([1, 2, 2])) * kernel[0] * kernel[1] + draw(st.sampled_from([0, 0, 0, 1]))
    return {"output_size": out, "kernel_size": kernel, **options}, value(rows, columns)
