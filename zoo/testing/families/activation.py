"""What is drawn of activations: see `speczoo.testing.cases`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import NUMBERS, POSITIVE, Drawn, dims, family, shape, size, some, value

_ACTIVATIONS: dict[str, dict[str, SearchStrategy[Any]]] = {
    **{
        name: {"inplace": st.booleans()}
        for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish")
    },
    **{name: {} for name in ("Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Softsign", "Identity")},
    "ELU": {"alpha": NUMBERS, "inplace": st.booleans()},
    "CELU": {"alpha": NUMBERS, "inplace": st.booleans()},
    "LeakyReLU": {"negative_slope": NUMBERS, "inplace": st.booleans()},
    "RReLU": {"lower": st.floats(0, 0.5, width=16), "upper": st.floats(0, 0.5, width=16), "inplace": st.booleans()},
    "GELU": {"approximate": st.sampled_from(["none", "tanh", "exact"])},
    "Hardtanh": {"min_val": NUMBERS, "max_val": NUMBERS, "inplace": st.booleans()},
    "Hardshrink": {"lambd": NUMBERS},
    "Softshrink": {"lambd": NUMBERS},
    "Softplus": {"beta": POSITIVE, "threshold": POSITIVE},
}


@family(*_ACTIVATIONS)
def activation(draw: DrawFn, layer: type[Layer]) -> Drawn:
    arguments, x = some(draw, **_ACTIVATIONS[layer.op]), shape(draw, 0, 1, 2, 3)
    batched = bool(arguments.get("inplace")) or not layer.unbatched or draw(st.integers(0, 3)) > 0
    return arguments, (Value(x, batched=batched or not x),)


@family("Threshold")
def threshold(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"threshold": draw(NUMBERS), "value": draw(NUMBERS), **some(draw, inplace=st.booleans())}, value(
        *shape(draw, 0, 1, 3)
    )


@family("PReLU")
def prelu(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    return some(draw, num_parameters=st.one_of(st.just(x[0]), size()), init=NUMBERS), value(*x)


@family("GLU", "Softmax", "LogSoftmax", "Softmin")
def along(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return some(draw, dim=dims()), value(*shape(draw, 1, 2, 3), batched=draw(st.integers(0, 3)) > 0)


@family("Softmax2d")
def softmax2d(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {}, value(*shape(draw, 3))
