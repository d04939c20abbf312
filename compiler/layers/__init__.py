"""The layers of the language, a family a file. Importing this package fills `Layer.registry`."""

from speczoo.compiler.layers import (
    activation,
    attention,
    axes,
    comparison,
    conv,
    dropout,
    elementwise,
    function,
    linear,
    norm,
    padding,
    parameter,
    pool,
    reduction,
    reshape,
    resize,
)

__all__ = [
    "activation",
    "attention",
    "axes",
    "comparison",
    "conv",
    "dropout",
    "elementwise",
    "function",
    "linear",
    "norm",
    "padding",
    "parameter",
    "pool",
    "reduction",
    "reshape",
    "resize",
]
