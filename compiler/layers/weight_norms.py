"""Weights that are computed anew at each call: torch.nn.utils.parametrizations, as `norm` of a layer says.

`weight` (Salimans and Kingma 2016) has a length for each part of the first axis beside the weight's directions,
`spectral` (Miyato et al. 2018) divides the weight by its largest singular value, which power iteration follows.
"""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from speczoo.compiler.kept import Wanted
from speczoo.compiler.layer import Layer, Shape, Value

Norm = Literal["weight", "spectral"] | None

#: What a layer's module is passed through.
WRAPS = {"weight": "parametrizations.weight_norm", "spectral": "parametrizations.spectral_norm"}
READS = tuple(WRAPS.values())
#: What the parameters of such layers are called.
PARAMETERS = (
    "weight", "bias", "parametrizations.weight.original", "parametrizations.weight.original0",
    "parametrizations.weight.original1",
)  # fmt: skip


def reparametrized(norm: Norm, weights: dict[str, Shape]) -> dict[str, Shape]:
    """Return a layer's weights by their names under a norm, in torch's order."""
    if norm is None:
        return weights
    shape = weights["weight"]
    rest = {name: own for name, own in weights.items() if name != "weight"}
    if norm == "spectral":
        return {**rest, "parametrizations.weight.original": shape}
    lengths = (shape[0], *(1 for _ in shape[1:]))
    return {**rest, "parametrizations.weight.original0": lengths, "parametrizations.weight.original1": shape}


def norm_buffers(norm: Norm, shape: Shape, axis: int) -> dict[str, Shape]:
    """Return the singular vectors that `spectral` keeps of a weight as a matrix, whose rows are this axis."""
    if norm != "spectral":
        return {}
    columns = math.prod(size for i, size in enumerate(shape) if i != axis)
    return {"parametrizations.weight.0._u": (shape[axis],), "parametrizations.weight.0._v": (columns,)}


class WeightNormed(Layer, abstract=True):
    """A layer whose `weight` may have a `norm`. `rows` is the axis of the weight that `spectral` takes for a matrix's
    rows.
    """

    if TYPE_CHECKING:  # a field of the subclasses, which have it behind torch's arguments
        norm: Norm

    rows: ClassVar[int] = 0
    applied: ClassVar[tuple[str, ...]] = ("norm",)
    reads: ClassVar[tuple[str, ...]] = READS
    parameters: ClassVar[tuple[str, ...]] = PARAMETERS

    def computed_with(self, x: Shape) -> dict[str, Shape]:
        """Return the parameters that the layer computes with, `weight` first, in torch's order."""
        raise NotImplementedError

    def weights(self, x: Shape) -> dict[str, Shape]:
        return reparametrized(self.norm, self.computed_with(x))

    def buffers(self, x: Shape) -> dict[str, Shape]:
        return norm_buffers(self.norm, self.computed_with(x)["weight"], self.rows)

    def wrap(self) -> str | None:
        return WRAPS.get(self.norm or "")

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return a weight that is computed, too; or that twice, where it is turned before: the output is not yet."""
        held = super().scratch_of(batch, *x)
        if self.norm is None:
            return held
        shape = self.computed_with(x[0].shape)["weight"]
        weight, (out,) = math.prod(shape), self.apply(*x)
        turned = weight if self.norm == "spectral" and self.rows else 0
        return max(held + weight, weight + turned - batch * math.prod(out.shape))

    def computed_weight(self, wanted: Wanted, x: Shape) -> int:
        """Return how many numbers autograd keeps of a weight that is computed, with how it is."""
        return math.prod(self.computed_with(x)["weight"]) + self.norm_numbers(wanted, x) if self.norm else 0

    def norm_numbers(self, wanted: Wanted, x: Shape) -> int:
        """Return how many numbers autograd keeps of how a weight is computed, where that trains: the lengths of its
        parts, or its largest singular value and the vectors of that.
        """
        if self.norm is None or not wanted.weights - {"bias"}:
            return 0
        shape = self.computed_with(x)["weight"]
        if self.norm == "weight":
            return shape[0]
        return 1 + sum(map(math.prod, norm_buffers("spectral", shape, self.rows).values()))
