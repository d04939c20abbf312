"""Where the channels of a value lie in memory: behind the places of an image, where most of the work is convolutions,
which are fastest then; before them, as torch has it, otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from speczoo.compiler.composite import Composite
from speczoo.compiler.layer import Layer

#: Names of torch's memory formats, by the op that they are fast for, and how many axes its values have.
FORMATS = {"Conv2d": "torch.channels_last", "Conv3d": "torch.channels_last_3d"}
AXES = {"Conv2d": 4, "Conv3d": 5}


def memory_format(root: Composite) -> str | None:
    """Return the memory format that suits a network, as torch names it; None for torch's own: torch's `to` lays no
    weight of four axes out as one of five, nor the other way round, and a network may have both.
    """
    work = dict.fromkeys(FORMATS, 0)
    for op in work:
        work[op] = _macs(root, op)
    op = max(work, key=lambda each: work[each])
    others = {*AXES.values()} - {AXES[op]}
    return FORMATS[op] if 2 * work[op] > root.macs and not others & {*_axes(root)} else None


def _axes(composite: Composite) -> Iterator[int]:
    """Yield how many axes each weight and buffer has."""
    for node in composite.nodes:
        if isinstance(node.body, Composite):
            yield from _axes(node.body)
        else:
            yield from map(len, (*node.weights.values(), *node.buffers.values(), *node.unsaved.values()))


def _macs(composite: Composite, op: str) -> int:
    """Return the multiply-accumulates of one op."""
    found = 0
    for node in composite.nodes:
        if isinstance(node.body, Composite):
            found += _macs(node.body, op)
        elif isinstance(node.body, Layer) and node.op == op:
            found += node.macs
    return found
