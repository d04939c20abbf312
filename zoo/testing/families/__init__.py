"""What is drawn of each layer of the language, a family a file, as in `speczoo.compiler.layers`."""

from speczoo.testing.families import (
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
