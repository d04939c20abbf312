"""Weights that are computed anew at each call: torch.nn.utils.parametrizations, as `norm` of a layer says.

`weight` (Salimans and Kingma 2016) has a length for each part of the first axis beside the weight's directions,
`spectral` (Miyato et al. 2018) divides the weight by its largest singular value, which power iteration follows.
`utils.weight_norm` and `utils.spectral_norm` are the same as torch.nn.utils had them before, under other names.
"""

import math
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from speczoo.compiler.kept import Wanted
from speczoo.compiler.layer import Layer, Shape, Value

Norm = Literal["weight", "spectral", "utils.weight_norm", "utils.spectral_norm"] | None


class Stored(NamedTuple):
    """How a norm keeps a weight: what a layer's module is passed through, the names of its parameters (of lengths and
    directions, where it divides those), and of the singular vectors that it keeps.
    """

    wrap: str
    parameters: tuple[str, ...]
    vectors: tuple[str, ...] = ()


NORMS = {
    "weight": Stored(
        "parametrizations.weight_norm", ("parametrizations.weight.original0", "parametrizations.weight.original1")
    ),
    "spectral": Stored(
        "parametrizations.spectral_norm",
        ("parametrizations.weight.original",),
        ("parametrizations.weight.0._u", "parametrizations.weight.0._v"),
    ),
    "utils.weight_norm": Stored("nn.utils.weight_norm", ("weight_g", "weight_v")),
    "utils.spectral_norm": Stored("nn.utils.spectral_norm", ("weight_orig",), ("weight_u", "weight_v")),
}
READS = tuple(each.wrap for each in NORMS.values())
#: What the parameters are called of which a weight is computed, and all of such layers.
ORIGINALS = tuple(name for each in NORMS.values() for name in each.parameters)
PARAMETERS = ("weight", "bias", *ORIGINALS)


def reparametrized(norm: Norm, weights: dict[str, Shape]) -> dict[str, Shape]:
    """Return a layer's weights by their names under a norm, in torch's order."""
    if norm is None:
        return weights
    shape = weights["weight"]
    rest = {name: own for name, own in weights.items() if name != "weight"}
    if spectral(norm):
        return rest | dict.fromkeys(NORMS[norm].parameters, shape)
    lengths = (shape[0], *(1 for _ in shape[1:]))
    return rest | dict(zip(NORMS[norm].parameters, (lengths, shape), strict=True))


def spectral(norm: Norm) -> bool:
    """Return whether a norm divides by a singular value, whose vectors it keeps."""
    return norm is not None and bool(NORMS[norm].vectors)


def norm_buffers(norm: Norm, shape: Shape, axis: int) -> dict[str, Shape]:
    """Return the singular vectors that `spectral` keeps of a weight as a matrix, whose rows are this axis."""
    if norm is None or not spectral(norm):
        return {}
    columns = math.prod(size for i, size in enumerate(shape) if i != axis)
    return dict(zip(NORMS[norm].vectors, ((shape[axis],), (columns,)), strict=True))


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
        return NORMS[self.norm].wrap if self.norm is not None else None

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return a weight that is computed, too; or that twice, where it is turned before: the output is not yet."""
        held = super().scratch_of(batch, *x)
        if self.norm is None:
            return held
        shape = self.computed_with(x[0].shape)["weight"]
        weight, (out,) = math.prod(shape), self.apply(*x)
        turned = weight if spectral(self.norm) and self.rows else 0
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
        if not spectral(self.norm):
            return shape[0]
        return 1 + sum(map(math.prod, norm_buffers(self.norm, shape, self.rows).values()))
