"""What is drawn of pools: see `speczoo.testing.cases`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import POSITIVE, Drawn, each, every, family, shape, size, some, spatial, value


@family(*every("MaxPool"), *every("AvgPool"), *every("LPPool"))
def pool(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    options: dict[str, SearchStrategy[Any]] = {
        "stride": each(n, size(1, 4)),
        "padding": each(n, size(0, 2)),
        "dilation": each(n, size(1, 2)),
        "ceil_mode": st.booleans(),
        "return_indices": st.booleans(),
        "count_include_pad": st.booleans(),
        "divisor_override": st.integers(0, 3),
    }
    kernel = size(1, 4) if layer.op == "LPPool1d" else each(n, size(1, 4))
    arguments = {
        "kernel_size": draw(kernel),
        **some(draw, **{k: s for k, s in options.items() if k in layer.model_fields}),
    }
    if "norm_type" in layer.model_fields:
        arguments["norm_type"] = draw(POSITIVE)
    return arguments, value(*shape(draw, n + 1, high=9))


@family(*every("AdaptiveMaxPool"), *every("AdaptiveAvgPool"))
def adaptive_pool(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    out = size(1, 8) if n == 1 else st.one_of(st.none(), size(1, 8))
    wanted = draw(st.one_of(size(), st.lists(out, min_size=n, max_size=n)))
    indices = some(draw, return_indices=st.booleans()) if "return_indices" in layer.model_fields else {}
    return {"output_size": wanted, **indices}, value(*shape(draw, n + 1))
