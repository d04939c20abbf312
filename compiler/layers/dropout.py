"""Dropouts: what they drop while training; all of them pass their input on when evaluated."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from speczoo.compiler.kept import Kept
from speczoo.compiler.layer import Layer, Probability, Shape, Value, Views
from speczoo.compiler.strides import Laid, Layout, Lies, elementwise


class _Dropout(Layer, abstract=True):
    lies: ClassVar[Lies] = "elementwise"

    p: Probability = 0.5
    inplace: bool = False

    positional: ClassVar[int] = 1
    views: ClassVar[Views] = "evaluated"

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        return super().laid_out(out, layouts, *x, training=training and self.p > 0)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept(numbers=math.prod(x) if self.p else 0)  # a mask


class _ChannelDropout(_Dropout, abstract=True):
    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept(numbers=x[0] if self.p else 0)


class Dropout(_Dropout):
    """Single values, each with probability p; the others grow by 1 / (1 - p)."""

    unbatched: ClassVar[bool] = True


class Dropout1d(_ChannelDropout):
    """Whole channels of channels x length."""

    ranks: ClassVar[tuple[int, ...]] = (2,)


class Dropout2d(_ChannelDropout):
    """Whole channels of channels x height x width."""

    ranks: ClassVar[tuple[int, ...]] = (3,)


class Dropout3d(_ChannelDropout):
    """Whole channels of channels x depth x height x width."""

    ranks: ClassVar[tuple[int, ...]] = (4,)


class AlphaDropout(_Dropout):
    """Single values to SELU's floor, with mean and variance kept; torch takes `inplace`, and does not heed it."""

    unbatched: ClassVar[bool] = True
    inplace_: ClassVar[bool] = False


class FeatureAlphaDropout(_ChannelDropout):
    """Whole channels to SELU's floor, with mean and variance kept; torch takes `inplace`, and does not heed it."""

    least: ClassVar[int] = 1
    inplace_: ClassVar[bool] = False


STOCHASTIC_DEPTH = '''
class StochasticDepth(nn.Module):
    """While training, drops its input with probability p: for each sample ("row") or for all at once ("batch")."""

    def __init__(self, p: float, mode: str = "row"):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        kept = x.new_empty([x.shape[0] if self.mode == "row" else 1]).bernoulli_(1.0 - self.p)
        if self.p < 1.0:
            kept = kept / (1.0 - self.p)
        return (x.transpose(0, -1) * kept).transpose(0, -1)
'''.strip()


class StochasticDepth(Layer):
    """Drops the whole input, a residual branch as a rule, with probability p (Huang et al. 2016).

    Mode `row` decides for each sample, `batch` once for all of them; what stays grows by 1 / (1 - p).
    """

    p: Probability
    mode: Literal["row", "batch"] = "row"

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        if training and self.p:  # the batch is last meanwhile
            return (Laid(elementwise(layouts[0].turned(0, -1)).turned(0, -1)),)
        return (Laid(layouts[0], 0),)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        each = int(self.p > 0)
        return Kept(numbers=each) if self.mode == "row" else Kept(once=each)

    torch: ClassVar[str] = "StochasticDepth"
    views: ClassVar[Views] = "evaluated"
    positional: ClassVar[int] = 1
    support: ClassVar[tuple[str, ...]] = (STOCHASTIC_DEPTH,)
