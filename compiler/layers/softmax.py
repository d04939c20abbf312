"""The softmaxes: shares that sum to 1 along an axis."""

from typing import ClassVar, Self

from speczoo.compiler.kept import Saves
from speczoo.compiler.layer import Call, Int, Layer, Shape, ShapeError, Value, axis
from speczoo.compiler.layers.reduction import printed
from speczoo.compiler.reach import Sight, mixing, same


class _Softmax(Layer, abstract=True):
    dim: Int | None = None

    saves: ClassVar[Saves] = "output"
    least: ClassVar[int] = 1
    positional: ClassVar[int] = 0
    unbatched: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("dim",)

    def infer(self, x: Shape) -> Shape:
        self._axis(len(x))
        return x

    def _axis(self, rank: int) -> int:
        """Return `dim`, or the one that torch picks with a warning where none is stated."""
        if self.dim is None:
            if rank == 2:
                raise ShapeError(
                    "bad-value",
                    f"`{self.op}` over two axes needs its `dim`: torch would pick the batch",
                    argument="dim",
                    help=["`dim: -1` is the last axis, `dim: 1` the channels"],
                )
            return 1
        axis(self.dim, rank)
        return self.dim

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, [axis(self._axis(len(x)), len(x))]),)

    def as_made(self, x: Value) -> Self:
        return self.model_copy(update={"dim": self._axis(len(x.shape))})

    def call(self, x: Value) -> Call:
        return Call(f"nn.{self.op}", {"dim": printed(self._axis(len(x.shape)), x)})


class Softmax(_Softmax):
    """Shares along `dim` that are positive and sum to 1."""


class LogSoftmax(_Softmax):
    """The logarithm of Softmax."""


class Softmin(_Softmax):
    """Softmax of -x."""


class Softmax2d(Layer):
    """Softmax over the channels at each place of channels x height x width."""

    saves: ClassVar[Saves] = "output"

    ranks: ClassVar[tuple[int, ...]] = (3,)

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, [0]),)
