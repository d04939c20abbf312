"""What is drawn of recurrent layers and their cells: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Arguments, Drawn, family, shape, size, some


@family("RNN", "GRU", "LSTM")
def recurrent(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, high=4)
    hidden, layers, both = draw(size(1, 4)), draw(size(1, 3)), draw(st.booleans())
    options = {
        "nonlinearity": st.sampled_from(["tanh", "relu"]),
        "bias": st.booleans(),
        "proj_size": st.integers(0, hidden),
        "dropout": st.floats(0, 0.5, width=16),
        "return_state": st.booleans(),
        "input_size": st.just(x[-1]),
    }
    arguments: Arguments = {
        "hidden_size": hidden,
        "num_layers": layers,
        "bidirectional": both,
        **some(draw, **{name: drawn for name, drawn in options.items() if name in layer.model_fields}),
    }
    inputs = [Value(x)]
    if draw(st.booleans()):
        count, off = layers * (1 + both), draw(st.sampled_from([0, 0, 0, 1]))
        inputs.append(Value((count, (arguments.get("proj_size") or hidden) + off)))
        if layer.op == "LSTM":
            inputs.append(Value((count, hidden)))
    return arguments, tuple(inputs)


@family("RNNCell", "GRUCell", "LSTMCell")
def cell(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x, hidden = draw(size()), draw(size())
    options = {"bias": st.booleans(), "nonlinearity": st.sampled_from(["tanh", "relu"]), "input_size": st.just(x)}
    given = some(draw, **{name: drawn for name, drawn in options.items() if name in layer.model_fields})
    states = draw(st.sampled_from([0, 1 + (layer.op == "LSTMCell")]))
    off = draw(st.sampled_from([0, 0, 0, 1]))
    return {"hidden_size": hidden, **given}, (Value((x,)), *[Value((hidden + off,))] * states)
