"""What is drawn of convolutions by a weight that flows in: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Arguments, Drawn, each, family, shape, size, some


@family("convolution")
def convolution(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    own, out = draw(size(1, 3)), groups * draw(size(1, 3)) + draw(st.sampled_from([0, 0, 0, 0, 1]))
    x = Value((own * groups, *shape(draw, n, high=9)))
    weight = Value((out, own, *shape(draw, n, high=4)), batched=False)
    bias = [Value((out,), batched=False)] if draw(st.booleans()) else []
    arguments: Arguments = some(
        draw, stride=each(n, size(1, 3)), padding=each(n, size(0, 3)), dilation=each(n, size(1, 2))
    )
    if groups > 1:
        arguments["groups"] = groups
    return arguments, (x, weight, *bias)
