"""What is drawn of attention, and free parameters: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import NUMBERS, POSITIVE, Drawn, family, shape_of, size, some


@family("MultiheadAttention")
def attention(draw: DrawFn, layer: type[Layer]) -> Drawn:
    heads = draw(size(1, 3))
    features = draw(st.one_of(size(), size(1, 3).map(lambda n: n * heads)))
    arguments = {
        "num_heads": heads,
        **some(
            draw,
            embed_dim=st.just(features),
            dropout=st.floats(0, 0.5, width=16),
            bias=st.booleans(),
            add_bias_kv=st.booleans(),
            add_zero_attn=st.booleans(),
        ),
    }
    inputs = [Value((draw(size()), features))]
    if draw(st.booleans()):
        keys = draw(size())
        values = draw(st.sampled_from([keys, keys, keys, keys + 1]))
        inputs += [Value((n, draw(st.sampled_from([features, 4])))) for n in (keys, values)]
    return arguments, tuple(inputs)


@family("Parameter")
def parameter(draw: DrawFn, layer: type[Layer]) -> Drawn:
    init = st.one_of(
        NUMBERS,
        st.fixed_dictionaries({"normal": st.fixed_dictionaries({"std": POSITIVE})}),
        st.fixed_dictionaries({"uniform": st.fixed_dictionaries({"a": st.just(-1), "b": POSITIVE})}),
        st.just({"trunc_normal": {"std": 0.02}}),
        st.just({"normal": {"sigma": 0.02}}),
    )
    return {"shape": draw(shape_of(3)), **some(draw, init=init, leading=st.booleans())}, ()
