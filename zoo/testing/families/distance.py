"""What is drawn of distances: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import EPS, POSITIVE, Drawn, dims, family, shape, some


@family("CosineSimilarity", "PairwiseDistance")
def distance(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    other = (x[0] + draw(st.sampled_from([0, 0, 0, 1])), *x[1:])
    options = {"dim": dims(), "p": st.one_of(st.just(2.0), POSITIVE), "eps": EPS, "keepdim": st.booleans()}
    given = some(draw, **{name: drawn for name, drawn in options.items() if name in layer.model_fields})
    return given, (Value(x), Value(other))
