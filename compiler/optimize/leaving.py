"""What is nothing outside training is left out: dropouts, what training alone computes, and paddings by nothing, which
copy.
"""

from __future__ import annotations

from dataclasses import replace

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided
from speczoo.compiler.dataflow import INPUT, Edge
from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.repeating import Pad


def leave_out(node: Node) -> Node:
    """Return a node without its layer where that passes on what flows in."""
    body = node.body
    passes = isinstance(body, Layer) and body.views == "evaluated"
    pads_nothing = isinstance(body, Pad) and not any(body.pad)
    return emptied(node) if passes or pads_nothing else node


def emptied(node: Node) -> Node:
    """Return a node that passes on what flows in, as one that `when` left out."""
    return node.replace(body=None, inputs=node.inputs[:1], outputs=node.arriving[:1], ports=())


def without_training(root: Composite) -> Composite:
    """Return a network's list without the outputs that training alone has, and what they alone need."""
    lasting = tuple(port for port in root.outputs if not port.training_only)
    if len(lasting) == len(root.outputs):
        return root
    needed = root.wiring.inference_only
    first = Edge(INPUT)
    nodes = [
        node
        if i in needed or not node.inputs
        else node.replace(body=None, inputs=(first,), outputs=(root.value(first),), ports=())
        for i, node in enumerate(root.nodes)
    ]
    return replace(root, nodes=tuple(nodes), outputs=lasting)


def numbered(composite: Composite) -> Composite:
    """Return a list whose entries without ids are counted again, as an nn.Sequential counts them."""
    there = [i for i, node in enumerate(composite.nodes) if node.body is not None]
    names = {i: str(count) for count, i in enumerate(there)}
    if not composite.wiring.chain or not all(composite.nodes[i].name.isdigit() for i in there):
        return composite
    nodes = (node.replace(name=names[i]) if i in names else node for i, node in enumerate(composite.nodes))
    return replace(composite, nodes=tuple(nodes))


def renamed(key: str, old: Composite, new: Composite) -> str:
    """Return the name of a parameter in a list whose entries are counted again, and those of lists in it."""
    head, rest = divided(key, {node.name for node in old.nodes})
    was, now = next(pair for pair in zip(old.nodes, new.nodes, strict=True) if pair[0].name == head)
    if isinstance(was.body, Composite) and isinstance(now.body, Composite):
        rest = renamed(rest, was.body, now.body)
    return f"{now.name}.{rest}" if rest else now.name
