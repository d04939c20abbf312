"""Configurations as Keras writes them, in both formats, without Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Config = dict[str, Any]
#: A layer of a model: its class, its name, the names of the layers that it takes, and its arguments.
Row = tuple[str, str, Sequence[str], Config]


def layer(kind: str, name: str, arguments: Config) -> Config:
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "trainable": True, "dtype": "float32", **arguments},
        "registered_name": None,
    }


def entrance(shape: Sequence[int | None], second: bool = False) -> Config:
    return {"batch_input_shape" if second else "batch_shape": [None, *shape], "sparse": False, "ragged": False}


def sequential(shape: Sequence[int | None], *rows: tuple[str, str, Config], second: bool = False) -> Config:
    layers = [layer("InputLayer", "input_layer", entrance(shape, second))]
    layers += [layer(kind, name, arguments) for kind, name, arguments in rows]
    return {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}


def functional(
    inputs: dict[str, Sequence[int | None]], rows: Sequence[Row], outputs: Sequence[str], second: bool = False
) -> Config:
    layers = [
        {**layer("InputLayer", name, entrance(shape, second)), "name": name, "inbound_nodes": []}
        for name, shape in inputs.items()
    ]
    for kind, name, takes, arguments in rows:
        merges = len(takes) > 1
        if second:
            node: Any = [[each, 0, 0, {}] for each in takes]
        else:
            values = [_tensor(each) for each in takes]
            node = {"args": [values] if merges else values, "kwargs": {"mask": None}}
        layers.append({**layer(kind, name, arguments), "name": name, "inbound_nodes": [node]})
    config = {
        "name": "net",
        "layers": layers,
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    return {"class_name": "Functional", "config": config}


def _tensor(name: str) -> Config:
    config = {"shape": [None], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


MNIST = (
    ("Conv2D", "conv2d", {"filters": 32, "kernel_size": [3, 3], "activation": "relu"}),
    ("MaxPooling2D", "max_pooling2d", {"pool_size": [2, 2]}),
    ("Conv2D", "conv2d_1", {"filters": 64, "kernel_size": [3, 3], "activation": "relu"}),
    ("MaxPooling2D", "max_pooling2d_1", {"pool_size": [2, 2]}),
    ("Flatten", "flatten", {}),
    ("Dropout", "dropout", {"rate": 0.5}),
    ("Dense", "dense", {"units": 10, "activation": "softmax"}),
)
BRANCHES: tuple[Row, ...] = (
    ("Conv2D", "left", ["image"], {"filters": 8, "kernel_size": 3, "padding": "same", "strides": 2}),
    ("SeparableConv2D", "right", ["image"], {"filters": 8, "kernel_size": 3, "padding": "same", "strides": 2}),
    ("Add", "sum", ["left", "right"], {}),
    ("BatchNormalization", "norm", ["sum"], {"axis": -1, "momentum": 0.9, "epsilon": 0.001, "scale": False}),
    ("ReLU", "relu", ["norm"], {"max_value": 6.0}),
    ("Concatenate", "both", ["relu", "left"], {"axis": -1}),
    ("LayerNormalization", "layer_norm", ["both"], {"epsilon": 0.001}),
    ("GlobalAveragePooling2D", "pool", ["layer_norm"], {}),
    ("Dense", "head", ["pool"], {"units": 3, "use_bias": False}),
)
