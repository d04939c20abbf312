"""A layer as it was made for what flows into it, on values of another size: what comes out, or why it refuses them.
Sizes may be ints or symbolic.
"""

from __future__ import annotations

from typing import Any

from speczoo.compiler.composite import Node
from speczoo.compiler.layer import Layer, ShapeError, Value


def outputs_again(node: Node, arriving: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return what comes out of a layer as it was made where these flow in. Raises ShapeError.

    What a layer of the language is made with follows from its arguments and `derived` alone; another's weights and
    call are asked for.
    """
    body = node.body
    assert isinstance(body, Layer)
    outputs = body.apply(*arriving)
    shapes = tuple(value.shape for value in arriving)
    if body.derives:
        _hold(body.derived(*node.shapes), body.derived(*shapes))
    if not type(body).__module__.startswith("speczoo.compiler.layers."):
        _hold(
            {**body.weights(*node.shapes), **body.buffers(*node.shapes)},
            {**body.weights(*shapes), **body.buffers(*shapes)},
        )
        here = body.as_made(*node.arrived).call(*arriving)
        _hold({"its call": node.call}, {"its call": here})
    if len(outputs) != len(node.outputs):
        raise ShapeError(
            "shape-mismatch", f"it was made with {len(node.outputs)} outputs, and would have {len(outputs)}"
        )
    return outputs


def outputs_anew(node: Node, arriving: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return what comes out of a layer that is made for what flows in, as where a network is compiled for another
    size. Raises ShapeError.
    """
    assert isinstance(node.body, Layer)
    return node.body.apply(*arriving)


def _hold(there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raise ShapeError where something of a layer would have to be another than it is."""
    for name in {**there, **here}:
        if there.get(name) != here.get(name):
            raise ShapeError("shape-mismatch", f"{name} was made for {there.get(name)}, not for {here.get(name)}")
