"""A batch norm is a scale and a shift of each channel once its statistics stay: the layer before it takes both into its
weight and bias.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from speczoo.compiler.layers.linear import Linear
from speczoo.compiler.layers.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from speczoo.compiler.optimize.leaving import emptied

CONVOLUTIONS, TRANSPOSED = (Conv1d, Conv2d, Conv3d), (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)


class FoldedNorm(NamedTuple):
    """A batch norm that another layer does the work of: its path, what it adds to a variance, which axis of the layer's
    weight its channels are, and into how many groups that axis is cut.
    """

    norm: str
    eps: float
    axis: int
    groups: int

    @classmethod
    def of(cls, path: str, layer: Node, norm: Node) -> FoldedNorm:
        """Return the fold of a norm at a path into a layer."""
        assert isinstance(norm.body, NORMS)
        transposed = isinstance(layer.body, TRANSPOSED)
        groups = layer.body.groups if isinstance(layer.body, TRANSPOSED) else 1
        return cls(path, norm.body.eps, int(transposed), groups)


def fold(composite: Composite) -> tuple[Composite, dict[int, int]]:
    """Return a list without the batch norms that the layer before them can do the work of, and these norms by the
    number of the layer.
    """
    folds = {index: norm for norm in range(len(composite.nodes)) if (index := _before(composite, norm)) is not None}
    nodes = list(composite.nodes)
    for index, norm in folds.items():
        layer = nodes[index]
        assert isinstance(layer.body, Layer)
        biased = layer.body.model_copy(update={"bias": True})
        nodes[index] = layer.applying(Application.of(biased, layer.arrived))
        nodes[norm] = emptied(nodes[norm])
    return (replace(composite, nodes=tuple(nodes)) if folds else composite), folds


def _before(composite: Composite, norm: int) -> int | None:
    """Return the layer that can do the work of a norm."""
    node = composite.nodes[norm]
    if not isinstance(node.body, NORMS) or not node.body.track_running_stats:
        return None
    before = only_before(composite, norm)
    return before if before is not None and _scales(composite.nodes[before]) else None


def only_before(composite: Composite, index: int) -> int | None:
    """Return the entry whose output a layer takes, where nothing else takes it, and neither is applied again."""
    node = composite.nodes[index]
    source = composite.wiring.resolve(node.inputs[0])
    if not isinstance(source, Edge) or source.node < 0 or source.port:
        return None
    again = {each.shared for each in composite.nodes}
    if composite.nodes[source.node].shared is not None or node.shared is not None or again & {index, source.node}:
        return None
    return source.node if _readers(composite, source) == [index] else None


def _scales(node: Node) -> bool:
    """Return whether each channel of what comes out can be scaled and shifted by a layer's weight and bias."""
    body = node.body
    if isinstance(body, Linear):
        return body.norm is None and len(node.shapes[0]) == 1
    return isinstance(body, (*CONVOLUTIONS, *TRANSPOSED)) and body.norm is None


def _readers(composite: Composite, source: Edge) -> list[int | str]:
    """Return the entries that take a value, or what left-out ones pass on of it, and OUTPUT."""
    wiring = composite.wiring
    taking = [
        i
        for i, node in enumerate(composite.nodes)
        if node.body is not None
        for edge in node.inputs
        if wiring.resolve(edge) == source
    ]
    given = ["output" for port in composite.outputs if wiring.resolve(port.edge) == source]
    return [*taking, *given]
