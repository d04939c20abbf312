"""What is drawn of transformers' layers: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import EPS, Drawn, family, size, some
from speczoo.testing.families.attention import mask_of


@family("TransformerEncoderLayer", "TransformerDecoderLayer")
def transformer(draw: DrawFn, layer: type[Layer]) -> Drawn:
    heads = draw(size(1, 3))
    features = draw(st.one_of(size(), size(1, 3).map(lambda n: n * heads)))
    options = {
        "d_model": st.just(features),
        "dropout": st.floats(0, 0.5, width=16),
        "activation": st.sampled_from(["relu", "gelu"]),
        "layer_norm_eps": EPS,
        "norm_first": st.booleans(),
        "bias": st.booleans(),
        "is_causal": st.booleans(),
        "tgt_is_causal": st.booleans(),
    }
    given = some(draw, **{name: drawn for name, drawn in options.items() if name in layer.model_fields})
    inputs = [Value((draw(size(1, 4)), features))]
    if layer.op == "TransformerDecoderLayer":
        inputs.append(Value((draw(size(1, 4)), features + draw(st.sampled_from([0, 0, 0, 1])))))
    tokens, memory = inputs[0].shape[0], inputs[-1].shape[0]
    for name in layer.references:
        keys = memory if name.startswith("memory") else tokens
        if draw(st.sampled_from([False, False, True])):
            given[name] = True
            padding = Value((draw(st.sampled_from([keys, keys, keys + 1])),), "bool")
            inputs.append(padding if "padding" in name else mask_of(draw, (heads, tokens, keys)))
    return {"nhead": heads, "dim_feedforward": draw(size()), **given}, tuple(inputs)
