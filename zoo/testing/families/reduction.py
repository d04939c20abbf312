"""What is drawn of functions that reduce axes: see `speczoo.testing.cases`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import EPS, POSITIVE, Drawn, dims, family, shape, some

_OPTIONS: dict[str, SearchStrategy[Any]] = {
    "keepdim": st.booleans(),
    "correction": st.integers(0, 2),
    "p": st.one_of(st.sampled_from([1.0, 2.0]), POSITIVE),
    "eps": EPS,
}
_SEVERAL = ("mean", "sum", "amax", "amin", "logsumexp", "var", "std", "norm")
_ONE = ("prod", "cumsum", "argmax", "argmin")
_WHOLE = {
    **dict.fromkeys(("sum", "prod", "cumsum", "amax", "amin"), ("float32", "float32", "int64", "bool")),
    **dict.fromkeys(("argmax", "argmin"), ("float32", "int64")),
}


@family(*_SEVERAL, *_ONE, "normalize")
def reduction(draw: DrawFn, layer: type[Layer]) -> Drawn:
    dim = st.one_of(dims(), st.lists(dims(), min_size=1, max_size=3)) if layer.op in _SEVERAL else dims()
    options = some(draw, **{name: drawn for name, drawn in _OPTIONS.items() if name in layer.model_fields})
    if layer.op != "normalize" or draw(st.booleans()):
        options["dim"] = draw(dim)
    dtype = draw(st.sampled_from(_WHOLE.get(layer.op, ("float32",))))
    return options, (Value(shape(draw, 1, 2, 3), dtype, batched=dtype != "float32" or draw(st.integers(0, 3)) > 0),)
