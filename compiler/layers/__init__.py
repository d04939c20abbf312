"""The layers of the language, a family a file. Importing this package fills `Layer.registry`."""

from speczoo.compiler.layers import (
    activation,
    attention,
    axes,
    conv,
    dropout,
    elementwise,
    function,
    linear,
    norm,
    padding,
    pool,
    reshape,
    resize,
)

__all__ = [
    "activation",
    "attention",
    "axes",
    "conv",
    "dropout",
    "elementwise",
    "function",
    "linear",
    "norm",
    "padding",
    "pool",
    "reshape",
    "resize",
]
