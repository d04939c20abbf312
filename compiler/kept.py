"""What autograd keeps of a layer for its backward pass, and what of it is trained."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from speczoo.compiler.strides import Layout

#: What autograd keeps of a layer, at most: its inputs, each input whose partner in a product needs a gradient, its
#: output, inputs and output both, or nothing.
Saves: TypeAlias = Literal["", "input", "factors", "output", "both"]


class Kept(NamedTuple):
    """What autograd keeps of a layer for its backward pass: of what flows in and comes out, and besides that of its
    own making: so many `numbers` for each input, `once` for a whole batch, and `indices` (int64) for each input.
    `inputs` and `outputs` are the positions of single ones that it keeps, where `values` does not say that of all.
    """

    values: Saves = ""
    numbers: int = 0
    once: int = 0
    indices: int = 0
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()


class Wanted(NamedTuple):
    """What gradients are wanted of where a layer is trained: of which inputs, by position, and of which weights, by
    name; for a batch of so many. `first` has for each input the number of the first that is the same value, `layouts`
    how they lie in memory.
    """

    inputs: frozenset[int]
    weights: frozenset[str]
    batch: int
    first: tuple[int, ...]
    layouts: tuple[Layout, ...]

    @property
    def factors(self) -> tuple[int, ...]:
        """The inputs of a product that are kept: those beside which a gradient of another one is wanted."""
        return tuple(i for i in range(len(self.first)) if self.inputs - {i})
