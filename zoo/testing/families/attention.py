"""What is drawn of attention: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.testing.cases import Arguments, Drawn, family, size, some


def mask_of(draw: DrawFn, attentions: Shape) -> Value:
    """Draw a mask that fits attentions, or nearly does: of each sample or of all, some axes of size 1 or one off."""
    kind = draw(st.sampled_from(["bool", "bool", "float32", "float32", "int64"]))
    batched = draw(st.booleans())  # or a Parameter, a Buffer
    shape = tuple(draw(st.sampled_from([n, n, n, 1, n + 1])) for n in attentions)
    fewer = draw(st.integers(0, 1))
    return Value(shape[fewer:], kind, batched)


@family("scaled_dot_product_attention")
def scaled_dot_product_attention(draw: DrawFn, layer: type[Layer]) -> Drawn:
    heads, queries, keys, features, out = (draw(size(1, 4)) for _ in range(5))
    served = draw(st.sampled_from([heads, heads, 1, 2]))
    brought = draw(st.sampled_from([served, served, heads, 1, served + 1]))  # heads of values
    lead, others, last = draw(st.sampled_from([((), (), ()), ((heads,), (served,), (brought,))]))
    arguments = some(
        draw,
        dropout_p=st.floats(0, 0.5, width=16),
        is_causal=st.booleans(),
        scale=st.floats(-2, 2, width=16),
        enable_gqa=st.booleans(),
    )
    if {served, brought} != {heads} and draw(st.integers(0, 2)):
        arguments["enable_gqa"] = True  # as only that lets them be others
    off = draw(st.sampled_from([0, 0, 0, 1]))
    shapes = [
        (*lead, queries, features),
        (*others, keys, features + off),
        (*last, keys, draw(st.sampled_from([features, out]))),
    ]
    inputs = [Value(shape) for shape in shapes]
    if draw(st.booleans()):
        arguments["mask"] = True
        inputs.append(mask_of(draw, (*lead, queries, keys)))
    return arguments, tuple(inputs)


@family("MultiheadAttention")
def attention(draw: DrawFn, layer: type[Layer]) -> Drawn:
    heads = draw(size(1, 3))
    features = draw(st.one_of(size(), size(1, 3).map(lambda n: n * heads)))
    arguments: Arguments = {
        "num_heads": heads,
        **some(
            draw,
            embed_dim=st.just(features),
            dropout=st.floats(0, 0.5, width=16),
            bias=st.booleans(),
            add_bias_kv=st.booleans(),
            add_zero_attn=st.booleans(),
            is_causal=st.booleans(),
        ),
    }
    inputs = [Value((draw(size()), features))]
    if draw(st.booleans()):
        keys = draw(size())
        values = draw(st.sampled_from([keys, keys, keys, keys + 1]))
        inputs += [Value((n, draw(st.sampled_from([features, 4])))) for n in (keys, values)]
    queries, keys = inputs[0].shape[0], inputs[-1].shape[0]
    if draw(st.booleans()):
        arguments["key_padding_mask"] = True
        inputs.append(Value((draw(st.sampled_from([keys, keys, keys + 1])),), "bool"))
    if draw(st.booleans()):
        arguments["mask"] = True
        inputs.append(mask_of(draw, (heads, queries, keys)))
    return arguments, tuple(inputs)
