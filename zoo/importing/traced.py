"""What a tensor of torch is in the language: which axis is the batch, and which axes of the value are in it.

Torch's code moves the batch about (`permute(2, 0, 3, 1, 4)` before `unbind(0)`) and puts axes into it (windows, heads:
`view(b * n, ...)`), which a spec never does. A traced value says how the tensor stands for a value of the spec, whose
batch comes first and is never written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from speczoo.compiler.layer import Shape
from speczoo.importing.entries import Feed
from speczoo.importing.refusals import Unsayable


@dataclass(frozen=True)
class TracedValue:
    """A value of the spec that a tensor stands for.

    `shapes` are the value's in all runs, without the batch. `batch` is torch's axis that holds the batch, together with
    the value's first `folded` axes; None for what has none: a parameter, or a constant. `leading`: a parameter has an
    axis of 1 there.
    """

    source: Feed
    shapes: tuple[Shape, ...]
    batch: int | None = 0
    folded: int = 0
    leading: bool = False
    dtype: str = "float32"

    @property
    def shape(self) -> Shape:
        return self.shapes[0]

    @property
    def fixed(self) -> Shape:
        """The shape, with 0 for the sizes that are others at another size of the input."""
        return fixed_sizes(self.shapes)

    @property
    def rank(self) -> int:
        """How many axes torch's tensor has."""
        return len(self.shape) - self.folded + (self.batch is not None)

    @property
    def plain(self) -> bool:
        """Whether the batch comes first and holds nothing else, as in a spec."""
        return self.batch == 0 and not self.folded

    def axis(self, dim: int) -> int:
        """Return the spec's number of torch's axis, 1 for the first; from the end where it was counted so and stays.

        Raises Unsayable for the batch.
        """
        at = dim + self.rank if dim < 0 else dim
        if self.batch is None:
            return at + 1
        if at == self.batch:
            raise Unsayable("it works on the batch axis, which a spec never touches")
        if dim < 0 and at > self.batch:
            return dim
        return at + self.folded if at > self.batch else at + 1 + self.folded

    def at(self, dim: int) -> int:
        """Return the index into `shape` of torch's axis. Raises Unsayable for the batch."""
        found = self.axis(dim)
        return found - 1 if found > 0 else len(self.shape) + found

    def like(self, source: Feed, shapes: tuple[Shape, ...], batch: int | None = None) -> TracedValue:
        """Return another value whose tensor has its batch where this one's has it, or at `batch`."""
        return replace(self, source=source, shapes=shapes, batch=self.batch if batch is None else batch)


def spec_shapes(torch_shapes: tuple[Shape, ...], batch: int | None, folded: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Return the shapes of a value from those of its tensor: without the batch, and with the axes folded into it."""
    if batch is None:
        return torch_shapes
    return tuple((*inner, *s[:batch], *s[batch + 1 :]) for s, inner in zip(torch_shapes, folded, strict=True))


def fixed_sizes(shapes: tuple[Shape, ...]) -> Shape:
    """Return the shape of all runs, with 0 for the sizes in which they differ; nothing where they have other axes."""
    if len({*map(len, shapes)}) > 1:
        return ()
    return tuple(size[0] if len(set(size)) == 1 else 0 for size in zip(*shapes, strict=True))


def folded_sizes(value: TracedValue) -> tuple[Shape, ...]:
    """Return the sizes of the axes that are in the batch axis, in all runs."""
    return tuple(shape[: value.folded] for shape in value.shapes)


def times(sizes: Shape) -> int:
    return math.prod(sizes)
