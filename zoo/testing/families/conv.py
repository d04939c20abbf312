"""What is drawn of convolutions: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.weight_norms import NORMS
from speczoo.testing.cases import Arguments, Drawn, each, every, family, shape, size, some, spatial, value


@family(*every("Conv"))
def conv(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = draw(st.one_of(st.just(groups), st.just(2 * groups), size()))
    arguments: Arguments = {
        "out_channels": draw(st.one_of(st.just(groups), st.just(2 * groups), size())),
        "kernel_size": draw(each(n, size(1, 4))),
        **some(
            draw,
            stride=each(n, size(1, 3)),
            padding=st.one_of(each(n, size(0, 3)), st.sampled_from(["same", "valid"])),
            dilation=each(n, size(1, 2)),
            bias=st.booleans(),
            padding_mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
            norm=st.sampled_from([*NORMS]),
            in_channels=st.just(channels),
        ),
    }
    if groups > 1:
        arguments["groups"] = groups
    return arguments, value(channels, *shape(draw, n, high=9))


@family(*every("ConvTranspose"))
def conv_transpose(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = draw(st.one_of(st.just(groups), st.just(2 * groups), size()))
    arguments: Arguments = {
        "out_channels": draw(st.one_of(st.just(groups), st.just(2 * groups), size())),
        "kernel_size": draw(each(n, size(1, 4))),
        **some(
            draw,
            stride=each(n, size(1, 3)),
            padding=each(n, size(0, 3)),
            output_padding=each(n, size(0, 2)),
            groups=st.just(groups),
            bias=st.booleans(),
            dilation=each(n, size(1, 2)),
            norm=st.sampled_from([*NORMS]),
        ),
    }
    return arguments, value(channels, *shape(draw, n, high=6))
