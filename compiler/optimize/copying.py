"""A value whose axes are in another order lies as it did before: what multiplies matrices copies each part of it, with
all of it in memory. Copied once, in the order in which it is read, its parts are multiplied where they lie.
"""

from dataclasses import replace
from typing import ClassVar

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite
from speczoo.compiler.layer import Call, Value, Views
from speczoo.compiler.layers.axes import Chunk, Permute, Split
from speczoo.compiler.layers.slicing import Unbind
from speczoo.compiler.optimize.folding import only_before

CUTS = (Chunk, Split, Unbind)


class PermutedCopy(Permute, op="permute", abstract=True):
    """A permute that copies: no op of its own."""

    views: ClassVar[Views] = False

    def call(self, *x: Value) -> Call:
        plain = super().call(*x)
        inline = plain.inline and f"{plain.inline}.contiguous()"
        return replace(plain, apply=f"{plain.apply}.contiguous()", inline=inline)


def copy_before_cuts(composite: Composite) -> Composite:
    """Return a list in which a permuted value is copied that is only cut into parts."""
    nodes = list(composite.nodes)
    for index in permuted_before_cuts(composite):
        copied = PermutedCopy.model_construct(**nodes[index].body.__dict__)
        nodes[index] = nodes[index].applying(Application.of(copied, nodes[index].arrived))
    return replace(composite, nodes=tuple(nodes))


def permuted_before_cuts(composite: Composite) -> list[int]:
    """Return the entries that permute a value which is only cut into parts then."""
    cuts = [i for i, node in enumerate(composite.nodes) if isinstance(node.body, CUTS)]
    found = [before for cut in cuts if (before := only_before(composite, cut)) is not None]
    return [i for i in found if isinstance(composite.nodes[i].body, Permute)]
