"""Layers write over what flows in where nothing reads it any more: the checks of what shares a memory, and who writes
over what, say so of each. What flows into a list is never written over: who else has it is not known there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from speczoo.compiler.application import Application
from speczoo.compiler.checks.aliasing import overwritten, storage
from speczoo.compiler.checks.inplace import inplace_problems
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge
from speczoo.compiler.layer import Layer, ShapeError


def overwrite(composite: Composite) -> Composite:
    """Return a list whose layers work in place where that is safe."""
    for index in range(len(composite.nodes)):
        composite = next(_safe(composite, index), composite)
    return composite


def _safe(composite: Composite, index: int) -> Iterator[Composite]:
    """Yield the list with an entry that works in place, as often as it can be."""
    for node in _inplace(composite.nodes[index]):
        source = composite.wiring.resolve(node.inputs[0])
        home = storage(composite.wiring, source)
        if not isinstance(home, Edge) or home.node == INPUT:
            continue
        changed = replace(composite, nodes=(*composite.nodes[:index], node, *composite.nodes[index + 1 :]))
        if overwritten(changed.wiring) == overwritten(composite.wiring) and not any(inplace_problems(changed)):
            yield changed


def _inplace(node: Node) -> Iterator[Node]:
    """Yield a node in place, a sum over either of its two inputs; nothing where its layer cannot be, or is."""
    body = node.body
    if not isinstance(body, Layer) or getattr(body, "inplace", None) is not False:
        return
    over = body.model_copy(update={"inplace": True})
    turned = node.replace(inputs=node.inputs[::-1], arriving=node.arriving[::-1])
    for each in (node, turned) if node.op == "add" and len(node.inputs) == 2 else (node,):
        try:
            made = Application.of(over, each.arrived)
            if made.outputs == node.outputs:
                yield each.applying(made)
        except ShapeError:
            continue
