"""GELU has no form that writes over what flows in: the layer before it computes it, and the value between the two, the
largest of many transformers, is not in memory.
"""

from __future__ import annotations

from dataclasses import replace

from speczoo.compiler.composite import Composite
from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.activation import GELU
from speczoo.compiler.optimize.folding import only_before
from speczoo.compiler.optimize.leaving import emptied
from speczoo.compiler.optimize.packing import WITH_GELU, become


def fuse(composite: Composite) -> Composite:
    """Return a list in which layers that oneDNN computes have the GELU behind them in them."""
    nodes = list(composite.nodes)
    for index, node in enumerate(composite.nodes):
        if not isinstance(node.body, GELU) or node.body.approximate != "none":
            continue
        before = only_before(composite, index)
        body = nodes[before].body if before is not None else None
        if before is not None and isinstance(body, Layer) and type(body) in WITH_GELU:
            nodes[before], nodes[index] = become(nodes[before], WITH_GELU[type(body)]), emptied(node)
    return replace(composite, nodes=tuple(nodes))
