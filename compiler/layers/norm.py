"""Normalisation over a batch, an instance, groups of channels, a layer, or neighbouring channels."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Layer, Listed, Positive, Shape, ShapeError, Value, divisor, show
from speczoo.compiler.reach import Link, Sight, grouped, mixing, same, whole, windows
from speczoo.compiler.strides import Laid, Layout, Lies, arranged, elementwise


class _Channels(Layer, abstract=True):
    """Norms that keep a scale, a shift and statistics for each channel."""

    lies: ClassVar[Lies] = "suggested"
    saves: ClassVar[Saves] = "input"

    num_features: Positive | None = None
    eps: Annotated[float, Field(gt=0)] = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    derives: ClassVar[tuple[str, ...]] = ("num_features",)
    positional: ClassVar[int] = 1

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"num_features": x[0]}

    parameters: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (x[0],), "bias": (x[0],)} if self.affine else {}

    def buffers(self, x: Shape) -> dict[str, Shape]:
        tracked: dict[str, Shape] = {"running_mean": (x[0],), "running_var": (x[0],), "num_batches_tracked": ()}
        return tracked if self.track_running_stats else {}

    counters: ClassVar[tuple[str, ...]] = ("num_batches_tracked",)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input", once=2 * x[0])  # mean and deviation

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        own = same(len(x))
        return (own if self.track_running_stats else mixing(own, x, range(1, len(x))),)


class BatchNorm1d(_Channels):
    """Each channel of channels, or channels x length, to mean 0 and variance 1 over the batch."""

    ranks: ClassVar[tuple[int, ...]] = (1, 2)


class BatchNorm2d(_Channels):
    """Each channel to mean 0 and variance 1 over batch, height and width, then scaled and shifted."""

    ranks: ClassVar[tuple[int, ...]] = (3,)


class BatchNorm3d(_Channels):
    """Each channel to mean 0 and variance 1 over batch, depth, height and width, then scaled and shifted."""

    ranks: ClassVar[tuple[int, ...]] = (4,)


FROZEN_BATCH_NORM = '''
class FrozenBatchNorm2d(nn.Module):
    """BatchNorm2d with statistics, scale and shift that stay as they are."""

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.reshape(1, -1, 1, 1)
        scale = weight * (self.running_var.reshape(1, -1, 1, 1) + self.eps).rsqrt()
        return x * scale + (self.bias.reshape(1, -1, 1, 1) - self.running_mean.reshape(1, -1, 1, 1) * scale)
'''.strip()


class FrozenBatchNorm2d(Layer):
    """BatchNorm2d with statistics, scale and shift that stay as they are: buffers, as in torchvision's detectors."""

    num_features: Positive | None = None
    eps: Annotated[float, Field(gt=0)] = 1e-5

    torch: ClassVar[str] = "FrozenBatchNorm2d"
    derives: ClassVar[tuple[str, ...]] = ("num_features",)
    positional: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (3,)
    support: ClassVar[tuple[str, ...]] = (FROZEN_BATCH_NORM,)

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"num_features": x[0]}

    def buffers(self, x: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (x[0],))

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return (Laid(elementwise(layouts[0], Layout.plain((1, out[0][1], 1, 1)))),)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept(once=x[0])  # the scale


class _InstanceNorm(_Channels, abstract=True):
    lies: ClassVar[Lies] = "plain"
    eps: float = 1e-5
    momentum: float = 0.1
    affine: bool = False
    track_running_stats: bool = False

    def infer(self, x: Shape) -> Shape:
        if math.prod(x[1:]) == 1:
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` needs more than one value per channel, and {show(x)} has one",
                inputs={0: show(x)},
                help=["leave it out here: one value less its own mean is 0"],
            )
        return x

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        (layout,) = wanted.layouts
        return {} if layout.is_plain else {0: layout.numbers}

    def keeps(self, out: Shape, x: Shape) -> Kept:
        """Return mean and deviation of each sample's channels, beside its scale and statistics as repeated for each."""
        return Kept("input", x[0] * (2 + self.affine + 2 * self.track_running_stats))


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample to mean 0 and variance 1 over its length."""

    ranks: ClassVar[tuple[int, ...]] = (2,)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample to mean 0 and variance 1 over height and width."""

    ranks: ClassVar[tuple[int, ...]] = (3,)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each sample to mean 0 and variance 1 over depth, height and width."""

    ranks: ClassVar[tuple[int, ...]] = (4,)


class GroupNorm(Layer):
    """Each group of channels of each sample to mean 0 and variance 1, then scaled and shifted by channel."""

    lies: ClassVar[Lies] = "suggested"
    saves: ClassVar[Saves] = "input"

    num_groups: Positive
    num_channels: Positive | None = None
    eps: float = 1e-5
    affine: bool = True

    derives: ClassVar[tuple[str, ...]] = ("num_channels",)
    positional: ClassVar[int] = 2
    least: ClassVar[int] = 1

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"num_channels": x[0]}

    def infer(self, x: Shape) -> Shape:
        if x[0] % self.num_groups:
            raise ShapeError(
                "indivisible",
                f"`num_groups: {self.num_groups}` does not divide the {x[0]} channels",
                argument="num_groups",
                inputs={0: f"{x[0]} channels"},
                help=[f"{divisor(x[0], self.num_groups)} would"],
            )
        if math.prod(x) == self.num_groups:
            here = show(x)
            fewer = [f"`num_groups: {divisor(x[0], x[0] // 2)}` would, or"] if x[0] > 1 else []
            raise ShapeError(
                "shape-mismatch",
                f"`GroupNorm` needs more than one value per group, and {here} / {self.num_groups} = 1",
                inputs={0: here},
                help=[" ".join([*fewer, "leave it out here: one value less its own mean is 0"])],
            )
        return x

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        (layout,) = wanted.layouts
        return {} if arranged(layout) else {0: layout.numbers}

    def scratch(self, x: Shape) -> int:
        return 2 * self.num_groups

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input", 2 * self.num_groups)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        channels = grouped(0, x[0], x[0], self.num_groups)
        return ((channels, *map(whole, x[1:])),)

    parameters: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (x[0],), "bias": (x[0],)} if self.affine else {}


Trailing = Annotated[
    Positive | Annotated[tuple[Positive, ...], Field(min_length=1)],
    Listed,
]


class _Trailing(Layer, abstract=True):
    """Norms over the last axis, or over as many trailing axes as `normalized_shape` states."""

    saves: ClassVar[Saves] = "input"

    normalized_shape: Trailing | None = None

    unbatched: ClassVar[bool] = True
    derives: ClassVar[tuple[str, ...]] = ("normalized_shape",)
    positional: ClassVar[int] = 1
    least: ClassVar[int] = 1

    def derived(self, x: Shape) -> dict[str, Any]:
        stated = self.normalized_shape
        return {"normalized_shape": x[-len(stated) :] if isinstance(stated, tuple) else x[-1]}

    def _normalized(self, x: Shape) -> Shape:
        found = self.derived(x)["normalized_shape"]
        return found if isinstance(found, tuple) else (found,)

    def scratch(self, x: Shape) -> int:
        return 2 * self._rows(x)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        """Return means and deviations, beside the input."""
        return Kept("input", 2 * self._rows(x))

    def _rows(self, x: Shape) -> int:
        return math.prod(x) // math.prod(self._normalized(x))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        first = len(x) - len(self._normalized(x))
        return (mixing(same(len(x)), x, range(first, len(x))),)


class LayerNorm(_Trailing):
    """Each sample's last axis to mean 0 and variance 1, then scaled and shifted.

    `normalized_shape: [56, 56]` takes the last two axes together, and asserts their sizes.
    """

    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    parameters: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def weights(self, x: Shape) -> dict[str, Shape]:
        names = ("weight", "bias") if self.bias else ("weight",)
        return {name: self._normalized(x) for name in names} if self.elementwise_affine else {}


class RMSNorm(_Trailing):
    """Each sample's last axis divided by its root mean square, then scaled. `eps: null` is the dtype's own."""

    lies: ClassVar[Lies] = "suggested"

    eps: float | None = None
    elementwise_affine: bool = True

    def scratch(self, x: Shape) -> int:
        return self._rows(x)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return the input and its reciprocal roots, for its gradient; what they come to, for the scale's."""
        whole, parts = math.prod(out), math.prod(out) // math.prod(self._normalized(out))
        scaled = whole if "weight" in wanted.weights else 0
        return Kept(numbers=parts + scaled, inputs=(0,)) if wanted.inputs else Kept(numbers=scaled)

    parameters: ClassVar[tuple[str, ...]] = ("weight",)

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": self._normalized(x)} if self.elementwise_affine else {}


LAYER_NORM_2D = '''
class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of batch x channels x height x width."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)
'''.strip()


class LayerNorm2d(LayerNorm):
    """The channels at each place of channels x height x width to mean 0 and variance 1 (ConvNeXt)."""

    normalized_shape: Positive | None = None

    unbatched: ClassVar[bool] = False
    torch: ClassVar[str] = "LayerNorm2d"
    kin: ClassVar[tuple[str, ...]] = ("LayerNorm",)
    ranks: ClassVar[tuple[int, ...]] = (3,)
    support: ClassVar[tuple[str, ...]] = (LAYER_NORM_2D,)

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"normalized_shape": x[0]}

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return (Laid(Layout.nested(out[0], (0, 2, 3, 1))),)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, [0]),)


class LocalResponseNorm(Layer):
    """Each value divided by (k + alpha * mean of the squares in `size` neighbouring channels) ** beta (AlexNet)."""

    lies: ClassVar[Lies] = "elementwise"
    saves: ClassVar[Saves] = "input"

    size: Positive
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    positional: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2, 3, 4)

    def operations(self, x: Shape) -> int:
        return math.prod(x) * self.size

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return ((Link(0, windows(1, self.size // 2, self.size)), *same(len(x))[1:]),)

    def scratch(self, x: Shape) -> int:
        return max(2 * x[0], x[0] + self.size - 1) * math.prod(x[1:])  # what is divided by, or the squares padded

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input", (3 * x[0] + self.size - 1) * math.prod(x[1:]))  # padded squares, divisors, their roots
