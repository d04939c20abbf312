"""Fully connected layers and embeddings."""

import math
from typing import Any, ClassVar

from speczoo.compiler.layer import Int, Kept, Layer, Positive, Saves, Shape, ShapeError, Value
from speczoo.compiler.layers.function import no_truths
from speczoo.compiler.reach import Sight, mixing, same


class Linear(Layer):
    """y = Wx + b over the last axis."""

    saves: ClassVar[Saves] = "input"

    in_features: Positive | None = None
    out_features: Positive
    bias: bool = True

    derives: ClassVar[tuple[str, ...]] = ("in_features",)
    positional: ClassVar[int] = 2
    least: ClassVar[int] = 1

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"in_features": x[-1]}

    def infer(self, x: Shape) -> Shape:
        return (*x[:-1], self.out_features)

    parameters: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def weights(self, x: Shape) -> dict[str, Shape]:
        weight = {"weight": (self.out_features, x[-1])}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, [len(x) - 1]),)

    def macs(self, out: Shape, x: Shape) -> int:
        return math.prod(out) * x[-1]


class Embedding(Layer):
    """A learned vector for each of `num_embeddings` integers; adds an axis of `embedding_dim` at the end."""

    num_embeddings: Positive
    embedding_dim: Positive
    padding_idx: Int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False

    positional: ClassVar[int] = 2
    integer: ClassVar[bool | None] = True
    unbatched: ClassVar[bool] = True

    def check(self, *x: Shape | None) -> None:
        n = self.num_embeddings
        if self.padding_idx is not None and not -n <= self.padding_idx < n:
            raise ShapeError(
                "bad-value", f"`padding_idx: {self.padding_idx}` is not one of {n} embeddings", argument="padding_idx"
            )

    def no_backward(self) -> ShapeError | None:
        if not (self.scale_grad_by_freq and self.sparse):
            return None
        message = "`scale_grad_by_freq` needs gradients that are not `sparse`: torch has none for both"
        return ShapeError("bad-value", message, argument="scale_grad_by_freq")

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)

    def infer(self, x: Shape) -> Shape:
        return (*x, self.embedding_dim)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input")

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (same(len(x)),)

    def dtype(self, *x: Value) -> str:
        return "float32"

    parameters: ClassVar[tuple[str, ...]] = ("weight",)

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}
