"""Fully connected layers, of one input or two, and embeddings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Int, Layer, Positive, Shape, ShapeError, Value, show
from speczoo.compiler.layers.function import no_truths
from speczoo.compiler.layers.weight_norms import Norm, WeightNormed
from speczoo.compiler.reach import Sight, mixing, same, whole
from speczoo.compiler.strides import Layout


class Linear(WeightNormed):
    """y = Wx + b over the last axis."""

    saves: ClassVar[Saves] = "input"
    unbatched: ClassVar[bool] = True

    in_features: Positive | None = None
    out_features: Positive
    bias: bool = True
    norm: Norm = None

    derives: ClassVar[tuple[str, ...]] = ("in_features",)
    positional: ClassVar[int] = 2
    least: ClassVar[int] = 1

    def derived(self, x: Shape) -> dict[str, Any]:
        return {"in_features": x[-1]}

    def infer(self, x: Shape) -> Shape:
        return (*x[:-1], self.out_features)

    def computed_with(self, x: Shape) -> dict[str, Shape]:
        weight = {"weight": (self.out_features, x[-1])}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return the input for the weight's gradient; a weight that is computed, for the input's, and what of that."""
        inputs = (0,) if wanted.weights - {"bias"} else ()
        shape = x[0].shape
        weight = self.out_features * shape[-1] if self.norm and wanted.inputs else 0
        return Kept(once=weight + self.norm_numbers(wanted, shape), inputs=inputs)

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the input where its rows do not become those of one matrix, for a weight that trains, or its matrices
        not one list of them, for one that does not.
        """
        layout = wanted.layouts[0]
        matrix = layout.sizes[-1 if wanted.weights - {"bias"} else -2 :]
        rows = layout.numbers // math.prod(matrix)
        return {0: layout.numbers} if layout.copied((rows, *matrix)) else {}

    def scratch_where(self, wanted: Wanted, *x: Value) -> int:
        """Return the same; a bias is added to a copy of what is not plain, which is there by then."""
        held, layout = super().scratch_where(wanted, *x), wanted.layouts[0]
        if not self.bias or len(layout.sizes) == 2 or layout.is_plain:
            return held
        out = layout.numbers // layout.sizes[-1] * self.out_features
        return held + max(0, out - sum(self.laid_anew(wanted, *x).values()))

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (mixing(same(len(x)), x, [len(x) - 1]),)

    def macs(self, out: Shape, x: Shape) -> int:
        return math.prod(out) * x[-1]


class Bilinear(Layer):
    """y = x1 W x2 + b over the last axis of two inputs."""

    saves: ClassVar[Saves] = "input"

    in1_features: Positive | None = None
    in2_features: Positive | None = None
    out_features: Positive
    bias: bool = True

    derives: ClassVar[tuple[str, ...]] = ("in1_features", "in2_features")
    positional: ClassVar[int] = 3
    arity: ClassVar[tuple[int, float]] = (2, 2)
    least: ClassVar[int] = 1
    parameters: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def derived(self, a: Shape, b: Shape) -> dict[str, Any]:
        return {"in1_features": a[-1], "in2_features": b[-1]}

    def infer(self, a: Shape, b: Shape) -> Shape:
        if a[:-1] != b[:-1]:
            raise ShapeError(
                "shape-mismatch",
                f"`Bilinear` needs equal axes before the last: {show(a)} and {show(b)}",
                inputs={0: show(a), 1: show(b)},
            )
        return (*a[:-1], self.out_features)

    def weights(self, a: Shape, b: Shape) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.out_features, a[-1], b[-1])}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        return Kept(inputs=(0, 1) if "weight" in wanted.weights else wanted.factors)

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the inputs whose rows do not become those of one matrix."""
        return _rows_copied(wanted.layouts)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return tuple(mixing(same(len(shape)), shape, [len(shape) - 1]) for shape in x)

    def macs(self, out: Shape, a: Shape, b: Shape) -> int:
        """Return the products of `weight` with both inputs, which torch's flop counter leaves out."""
        return math.prod(out) * a[-1] * b[-1]


def _rows_copied(layouts: Sequence[Layout]) -> dict[int, int]:
    rows = ((x, (x.numbers // x.sizes[-1], x.sizes[-1])) for x in layouts)
    return {i: x.numbers for i, (x, sizes) in enumerate(rows) if x.copied(sizes)}


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
        _among(self.padding_idx, self.num_embeddings)

    def no_backward(self) -> ShapeError | None:
        return _no_sparse_counts(self.scale_grad_by_freq, self.sparse)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)

    def infer(self, x: Shape) -> Shape:
        return (*x, self.embedding_dim)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        return Kept("input")

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the integers where vectors are cut to a length, which wants them plain."""
        (layout,) = wanted.layouts
        return {} if self.max_norm is None or layout.is_plain else {0: layout.numbers}

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return (same(len(x)),)

    def dtype(self, *x: Value) -> str:
        return "float32"

    parameters: ClassVar[tuple[str, ...]] = ("weight",)

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}


class EmbeddingBag(Layer):
    """The sum, the mean or the largest of the learned vectors of all integers of an axis."""

    num_embeddings: Positive
    embedding_dim: Positive
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    mode: Literal["sum", "mean", "max"] = "mean"
    sparse: bool = False
    padding_idx: Int | None = None

    positional: ClassVar[int] = 2
    integer: ClassVar[bool | None] = True
    ranks: ClassVar[tuple[int, ...]] = (1,)
    parameters: ClassVar[tuple[str, ...]] = ("weight",)

    def check(self, *x: Shape | None) -> None:
        _among(self.padding_idx, self.num_embeddings)
        for name in ("scale_grad_by_freq", "sparse"):
            if self.mode == "max" and getattr(self, name):
                raise ShapeError("bad-value", f"`mode: max` does not go with `{name}: true`", argument=name)

    def no_backward(self) -> ShapeError | None:
        return _no_sparse_counts(self.scale_grad_by_freq, self.sparse)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        no_truths(self.op, values)
        return super().apply(*values)

    def infer(self, x: Shape) -> Shape:
        return (self.embedding_dim,)

    def keeps(self, out: Shape, x: Shape) -> Kept:
        """Return where the bags begin and how long they are, and, unless sums are plain, which token is of which bag,
        and which was the largest.
        """
        if self.mode == "sum" and self.padding_idx is None:
            return Kept("input", indices=3)
        return Kept("input", once=2, indices=x[0] + (2 + self.embedding_dim if self.mode == "max" else 3))

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the bags where they are not one plain list."""
        (bags,) = wanted.layouts
        return {} if bags.is_plain else {0: bags.numbers}

    def sees(self, port: int, out: Shape, x: Shape) -> tuple[Sight, ...]:
        return ((whole(x[0]),),)

    def dtype(self, *x: Value) -> str:
        return "float32"

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}


def _among(padding_idx: int | None, n: int) -> None:
    """Raise ShapeError for an index that is none of so many embeddings."""
    if padding_idx is not None and not -n <= padding_idx < n:
        message = f"`padding_idx: {padding_idx}` is not one of {n} embeddings"
        raise ShapeError("bad-value", message, argument="padding_idx")


def _no_sparse_counts(by_frequency: bool, sparse: bool) -> ShapeError | None:
    if not (by_frequency and sparse):
        return None
    message = "`scale_grad_by_freq` needs gradients that are not `sparse`: torch has none for both"
    return ShapeError("bad-value", message, argument="scale_grad_by_freq")
