"""What is drawn of layers that drop at random: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import Drawn, every, family, shape, some, value


@family("Dropout", "AlphaDropout", "FeatureAlphaDropout", *every("Dropout"))
def dropout(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, *(layer.ranks or (1, 2, 3)))
    arguments = some(draw, p=st.floats(-0.25, 1.25, width=16), inplace=st.booleans())
    batched = bool(arguments.get("inplace")) or not layer.unbatched or draw(st.integers(0, 3)) > 0
    return arguments, value(*x, batched=batched)


@family("StochasticDepth")
def stochastic_depth(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"p": draw(st.floats(0, 1, width=16)), **some(draw, mode=st.sampled_from(["row", "batch"]))}, value(
        *shape(draw, 0, 1, 3)
    )
