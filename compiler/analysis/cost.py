"""What a network costs by arithmetic alone: parameters, multiply-accumulates, operations, bytes.

Conventions. A **MAC** is one multiplication with its addition, in convolutions, linear layers and matrix products, for
one input; biases, norms, activations, pools and sums are not counted. It is half of what `torch.utils.flop_counter`
counts, which does not see the products inside fused attention: those are counted here. A **FLOP** is an addition or a
multiplication, so a MAC is two. **Activations** are the numbers that layers put into memory of their own, for one input
when evaluated: a view and an op that writes over its input have none. What only training computes costs parameters and
nothing else. A module that is applied again costs its MACs again, and its parameters once.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from speczoo.compiler.cached import once
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.layer import Layer
from speczoo.compiler.unknown import UNKNOWN

#: Bytes of a number, by the name of its type.
ITEM_SIZES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2, "int64": 8, "bool": 1}
FLOATS = ("float32", "float64", "bfloat16", "float16")  # of which weights can be


class Cost(NamedTuple):
    """What a layer, a block or a network costs, whatever the type of its numbers: see the module for conventions.

    `buffers` are numbers that modules hold beside the parameters, whether or not a state_dict has them, `counters`
    those of them that are int64, `truths` those that are bool.
    """

    params: int = 0
    macs: int = 0
    activations: int = 0
    buffers: int = 0
    counters: int = 0
    truths: int = 0

    @property
    def flops(self) -> int:
        """Additions and multiplications of its MACs."""
        return 2 * self.macs

    def weight_bytes(self, dtype: str = "float32") -> int:
        """Return bytes of its parameters."""
        return self.params * item_size(dtype)

    def buffer_bytes(self, dtype: str = "float32") -> int:
        """Return bytes of its buffers."""
        whole = self.counters * ITEM_SIZES["int64"] + self.truths * ITEM_SIZES["bool"]
        return (self.buffers - self.counters - self.truths) * item_size(dtype) + whole


def item_size(dtype: str) -> int:
    """Return bytes of one weight. Raises ValueError for a type that weights are not of."""
    if dtype not in FLOATS:
        raise ValueError(f"dtype is one of {', '.join(FLOATS)}, not {dtype!r}")
    return ITEM_SIZES[dtype]


def cost(part: Composite | Node) -> Cost:
    """Return what a list or one of its entries costs: `cost(graph.root)` is a network's. A list that is met again is
    counted once.
    """
    return _list_cost(part) if isinstance(part, Composite) else _entry_cost(part)


@once
def _list_cost(composite: Composite) -> Cost:
    found = [0] * len(Cost._fields)
    evaluated = composite.wiring.inference_only
    for index, node in enumerate(composite.nodes):
        own = _entry_cost(node)
        own = own if index in evaluated else own._replace(macs=0, activations=0)
        found = [a + b for a, b in zip(found, own, strict=True)]
    return Cost(*found)


@once
def _entry_cost(node: Node) -> Cost:
    body = node.body
    if isinstance(body, Composite):
        inner = _list_cost(body)
        return inner if node.shared is None else inner._replace(params=0, buffers=0, counters=0, truths=0)
    if body is None:
        return Cost()
    held: Counter[str] = Counter()
    for name, shape in (node.buffers | node.unsaved).items():
        held[body.buffer_dtype(name)] += math.prod(shape)
    return Cost(node.params, node.macs, _activations(node, body), held.total(), held["int64"], held["bool"])


def _activations(node: Node, layer: Layer) -> int:
    if layer.views or layer.inplace_ or not node.inputs:
        return 0
    return sum(math.prod(value.shape) for value in node.outputs if value is not UNKNOWN)
