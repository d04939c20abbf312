"""What is imported of a Keras model computes what Keras computes with the same weights, by real Keras on torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="Keras is not installed: pip install keras")

import numpy as np  # noqa: E402
import torch  # noqa: E402

import speczoo  # noqa: E402
from speczoo.importing.sources.formats import imported  # noqa: E402
from speczoo.specs.source import Source  # noqa: E402
from tests.importing.keras_weights import converted  # noqa: E402

L = keras.layers


def randomised(model: Any, seed: int = 0) -> None:
    """Weights and statistics that hide nothing: none is 0 or 1."""
    draw = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 1.5) if "variance" in weight.name else (-0.5, 0.5)
        weight.assign(draw.uniform(low, high, weight.shape).astype("float32"))


def turned(value: Any, shape: tuple[int, ...]) -> Any:
    """A value of Keras, whose channels are last, in the order of a spec that has such a shape: the shapes of the tests
    tell the orders apart.
    """
    moved = np.moveaxis(value, -1, 1) if value.ndim > 2 else value
    return moved if moved.shape[1:] == shape else value


def same(model: Any) -> str:
    """Import a model, give it the weights of the original, and hold its outputs to those; returns the spec."""
    randomised(model)
    text = str(imported(Source.of(model.to_json(), "config.json")))
    assert speczoo.check(text) == ()
    ours = speczoo.build(text).eval()
    weights = converted(model)
    missing, unexpected = ours.load_state_dict(weights, strict=False)
    frozen = {key.rpartition(".")[0] for key in missing if key.endswith((".weight", ".bias"))}
    left = ("num_batches_tracked", ".weight", ".bias", "_mean", "_variance")
    assert all(key.endswith(left) for key in missing), missing
    assert all(f"{name}.weight" in text or f"{name}.bias" in text for name in frozen), missing
    assert not unexpected
    draw = np.random.default_rng(1)
    theirs: list[Any] = []
    inputs: list[Any] = []
    graph = speczoo.graph(text)
    for symbolic, (_, wanted) in zip(model.inputs, graph.settings.inputs, strict=True):
        shape = (2, *symbolic.shape[1:])
        if wanted.dtype == "int64":
            value = draw.integers(0, 5, shape)
            theirs.append(value)
            inputs.append(torch.tensor(value))
        else:
            value = draw.normal(size=shape).astype("float32")
            theirs.append(value)
            inputs.append(torch.tensor(np.ascontiguousarray(turned(value, wanted.shape))))
    expected = model(theirs[0] if len(theirs) == 1 else theirs, training=False)
    with torch.no_grad():
        found = ours(*inputs)
    expected = expected if isinstance(expected, list | tuple) else [expected]
    found = [found] if isinstance(found, torch.Tensor) else list(found)
    for mine, its in zip(found, expected, strict=True):
        wanted = turned(np.asarray(its.detach() if hasattr(its, "detach") else its), tuple(mine.shape[1:]))
        np.testing.assert_allclose(mine.numpy(), wanted, rtol=2e-4, atol=2e-5)
    return text


def sequential(*layers: Any, shape: tuple[int, ...]) -> Any:
    return keras.Sequential([keras.Input(shape), *layers], name="net")


ONE_D = {
    "Conv1D": lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2),
    "Conv1D same": lambda: L.Conv1D(5, 4, strides=3, padding="same", activation="elu"),
    "DepthwiseConv1D": lambda: L.DepthwiseConv1D(3, depth_multiplier=2),
    "SeparableConv1D": lambda: L.SeparableConv1D(4, 3, padding="same"),
    "Conv1DTranspose": lambda: L.Conv1DTranspose(4, 3, strides=2),
    "MaxPooling1D": lambda: L.MaxPooling1D(3, padding="same", strides=2),
    "AveragePooling1D": lambda: L.AveragePooling1D(2),
    "GlobalMaxPooling1D": lambda: L.GlobalMaxPooling1D(),
    "GlobalAveragePooling1D": lambda: L.GlobalAveragePooling1D(keepdims=True),
    "ZeroPadding1D": lambda: L.ZeroPadding1D((1, 2)),
    "Cropping1D": lambda: L.Cropping1D((2, 1)),
    "UpSampling1D": lambda: L.UpSampling1D(3),
    "SpatialDropout1D": lambda: L.SpatialDropout1D(0.3),
    "BatchNormalization": lambda: L.BatchNormalization(center=False),
    "LayerNormalization": lambda: L.LayerNormalization(epsilon=0.01),
    "Dense": lambda: L.Dense(5, activation="gelu"),
    "Flatten": lambda: L.Flatten(),
    "Permute": lambda: L.Permute((2, 1)),
    "Softmax": lambda: L.Softmax(axis=1),
    "Reshape": lambda: L.Reshape((3, 4, 3)),
    "PReLU": lambda: L.PReLU(shared_axes=[1]),
    "LSTM": lambda: L.LSTM(5, return_sequences=True),
    "LSTM last": lambda: L.LSTM(5),
    "GRU": lambda: L.GRU(4, return_sequences=True, use_bias=False),
    "GRU last": lambda: L.GRU(5),
    "SimpleRNN": lambda: L.SimpleRNN(5, activation="relu"),
    "Bidirectional LSTM": lambda: L.Bidirectional(L.LSTM(4)),
    "Bidirectional GRU": lambda: L.Bidirectional(L.GRU(4, return_sequences=True)),
    "Bidirectional SimpleRNN": lambda: L.Bidirectional(L.SimpleRNN(4)),
    "TimeDistributed": lambda: L.TimeDistributed(L.Dense(4, activation="exponential")),
}
TWO_D = {
    "Conv2D": lambda: L.Conv2D(4, 3, activation="relu"),
    "Conv2D same": lambda: L.Conv2D(6, (3, 2), strides=2, padding="same", use_bias=False, activation="silu"),
    "Conv2D even": lambda: L.Conv2D(4, 4, padding="same", dilation_rate=(1, 2)),
    "Conv2D groups": lambda: L.Conv2D(6, 3, groups=3, strides=(2, 1)),
    "DepthwiseConv2D": lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
    "SeparableConv2D": lambda: L.SeparableConv2D(5, 3, strides=2, padding="same", activation="tanh"),
    "Conv2DTranspose": lambda: L.Conv2DTranspose(4, 4, strides=2, padding="same"),
    "Conv2DTranspose small": lambda: L.Conv2DTranspose(4, 2, strides=2),
    "MaxPooling2D": lambda: L.MaxPooling2D((2, 3), strides=1, padding="same"),
    "MaxPooling2D even": lambda: L.MaxPooling2D(2, padding="same"),
    "MaxPooling2D four": lambda: L.MaxPooling2D(4, strides=1, padding="same"),
    "AveragePooling2D": lambda: L.AveragePooling2D(3, strides=1, padding="same"),
    "GlobalAveragePooling2D": lambda: L.GlobalAveragePooling2D(),
    "GlobalMaxPooling2D": lambda: L.GlobalMaxPooling2D(keepdims=True),
    "ZeroPadding2D": lambda: L.ZeroPadding2D(((1, 0), (2, 3))),
    "Cropping2D": lambda: L.Cropping2D((1, 2)),
    "UpSampling2D": lambda: L.UpSampling2D((2, 3)),
    "UpSampling2D bilinear": lambda: L.UpSampling2D(2, interpolation="bilinear"),
    "Resizing": lambda: L.Resizing(5, 9),
    "Dropout of samples": lambda: L.Dropout(0.3, noise_shape=(None, 1, 1, 1)),
    "SpatialDropout2D": lambda: L.SpatialDropout2D(0.3),
    "BatchNormalization": lambda: L.BatchNormalization(scale=False, momentum=0.9),
    "LayerNormalization": lambda: L.LayerNormalization(),
    "GroupNormalization": lambda: L.GroupNormalization(3),
    "Dense": lambda: L.Dense(5),
    "Flatten": lambda: L.Flatten(),
    "Reshape": lambda: L.Reshape((-1, 3)),
    "Permute": lambda: L.Permute((3, 1, 2)),
    "Softmax": lambda: L.Softmax(),
    "PReLU": lambda: L.PReLU(shared_axes=[1, 2]),
    "Rescaling": lambda: L.Rescaling(0.5, offset=-1.0),
    "ReLU": lambda: L.ReLU(max_value=0.5),
    "LeakyReLU": lambda: L.LeakyReLU(negative_slope=0.4),
    "Normalization": lambda: L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.6, 0.7]),
}
THREE_D = {
    "Conv3D": lambda: L.Conv3D(4, 3, strides=2, padding="same"),
    "Conv3DTranspose": lambda: L.Conv3DTranspose(2, 2, strides=2),
    "MaxPooling3D": lambda: L.MaxPooling3D(2),
    "AveragePooling3D": lambda: L.AveragePooling3D(2),
    "GlobalAveragePooling3D": lambda: L.GlobalAveragePooling3D(),
    "ZeroPadding3D": lambda: L.ZeroPadding3D(1),
    "UpSampling3D": lambda: L.UpSampling3D(2),
    "BatchNormalization": lambda: L.BatchNormalization(),
}
SHAPES: list[tuple[tuple[int, ...], dict[str, Callable[[], Any]]]] = [
    ((12, 3), ONE_D),
    ((7, 8, 3), TWO_D),
    ((5, 4, 6, 2), THREE_D),
]
CASES = [
    pytest.param(shape, make, id=f"{name} {len(shape) - 1}d") for shape, cases in SHAPES for name, make in cases.items()
]


@pytest.mark.parametrize(("shape", "make"), CASES)
def test_a_layer_alone(shape: tuple[int, ...], make: Callable[[], Any]) -> None:
    same(sequential(make(), shape=shape))


@pytest.mark.parametrize(("shape", "make"), CASES)
def test_a_layer_between_others(shape: tuple[int, ...], make: Callable[[], Any]) -> None:
    """Whatever order of axes it hands on, what follows has the one that it wants."""
    model = sequential(L.Dense(3), make(), L.Activation("tanh"), L.Flatten(), L.Dense(4), shape=shape)
    same(model)


# -- functional models ------------------------------------------------------------------------------------------------


def branches() -> Any:
    x = keras.Input((8, 10, 3), name="image")
    a = L.Conv2D(6, 3, padding="same", activation="relu", name="left")(x)
    b = L.Conv2D(6, 1, name="right-1x1")(x)
    y = L.Add()([a, b, 2.0 * a - 0.5])
    y = L.Concatenate()([y, L.AveragePooling2D(3, strides=1, padding="same")(a)])
    y = L.Multiply()([y, L.Dense(12, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(y))])
    return keras.Model(x, [L.Flatten(name="flat")(y), L.Average(name="mean")([a, b])])


def shared() -> Any:
    x, y = keras.Input((9, 11, 2), name="one"), keras.Input((9, 11, 2), name="other")
    convolution, norm = L.Conv2D(3, 3, padding="same", activation="elu"), L.BatchNormalization()
    return keras.Model([x, y], L.Subtract()([norm(convolution(x)), norm(convolution(y))]))


def nested() -> Any:
    inner = keras.Sequential([keras.Input((6, 7, 2)), L.Conv2D(2, 3, padding="same"), L.ReLU()], name="inner")
    x = keras.Input((6, 7, 2))
    return keras.Model(x, L.Flatten()(L.Add()([inner(inner(x)), x])))


def nested_with_several_values() -> Any:
    a, b = keras.Input((6, 7, 2), name="a"), keras.Input((6, 7, 2), name="b")
    inner = keras.Model([a, b], [L.Add()([a, b]), L.Conv2D(4, 1, name="conv")(a)], name="two_ways")
    x = keras.Input((6, 7, 2))
    one, two = inner([x, L.ReLU()(x)])
    three, four = inner([one, x])
    return keras.Model(x, L.Concatenate()([one, two, three, four]))


def text() -> Any:
    x = keras.Input((12,), dtype="int32")
    y = L.Embedding(5, 6)(x)
    y = L.Conv1D(8, 3, activation="relu")(y)
    y = L.LayerNormalization()(y)
    return keras.Model(x, L.Dense(3, activation="softmax")(L.GlobalMaxPooling1D()(y)))


def digits_without_channels() -> Any:
    return sequential(L.Flatten(), L.Dense(16, activation="relu"), L.Dropout(0.2), L.Dense(10), shape=(28, 20))


def attending() -> Any:
    x, y = keras.Input((9, 8), name="query"), keras.Input((5, 6), name="memory")
    a = L.MultiHeadAttention(2, 4, dropout=0.1)(x, x, use_causal_mask=True)
    b = L.MultiHeadAttention(4, 2, use_bias=False)(L.LayerNormalization()(L.Add()([a, x])), y)
    return keras.Model([x, y], L.Dense(3)(L.Maximum()([a, b, x])))


def repeated_vector() -> Any:
    return sequential(L.Dense(6), L.RepeatVector(3), L.LSTM(4, return_sequences=True), shape=(5,))


def repeated() -> Any:
    x = y = keras.Input((8, 10, 4))
    for i in range(1, 6):
        z = L.Conv2D(4, 3, padding="same", name=f"block{i}_conv")(y)
        z = L.BatchNormalization(name=f"block{i}_bn")(z)
        y = L.Add(name=f"block{i}_sum")([y, L.ReLU(name=f"block{i}_relu")(z)])
    return keras.Model(x, y)


@pytest.mark.parametrize(
    "make",
    [
        branches, shared, nested, nested_with_several_values, text, digits_without_channels, attending, repeated_vector,
        repeated,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_a_functional_model(make: Callable[[], Any]) -> None:
    same(make())


def test_repeats_become_a_loop() -> None:
    assert "for: {i: 2..5}" in same(repeated())


def test_what_is_not_trained_is_frozen() -> None:
    model = sequential(L.Dense(4, name="fixed"), L.Dense(3, name="free"), shape=(5,))
    model.layers[0].trainable = False
    graph = speczoo.graph(same(model))
    assert graph.trainable_params == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
