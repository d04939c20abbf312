"""What is drawn of layers that are matrices, and tables of vectors: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.layers.weight_norms import NORMS
from speczoo.testing.cases import POSITIVE, Drawn, family, shape, size, some, value


@family("Linear")
def linear(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    stated = st.one_of(st.just(x[-1]), size())
    options = some(draw, bias=st.booleans(), in_features=stated, norm=st.sampled_from([*NORMS]))
    return {"out_features": draw(size()), **options}, (Value(x, batched=draw(st.integers(0, 3)) > 0),)


@family("Bilinear")
def bilinear(draw: DrawFn, layer: type[Layer]) -> Drawn:
    lead = shape(draw, 0, 1, 2)
    off = draw(st.sampled_from([0, 0, 0, 1]))
    other = (*(n + off for n in lead), draw(size()))
    return {"out_features": draw(size()), **some(draw, bias=st.booleans())}, (
        Value((*lead, draw(size()))),
        Value(other),
    )


@family("EmbeddingBag")
def embedding_bag(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = draw(size())
    options = some(
        draw,
        padding_idx=st.integers(-n - 1, n),
        max_norm=POSITIVE,
        norm_type=POSITIVE,
        scale_grad_by_freq=st.booleans(),
        mode=st.sampled_from(["sum", "mean", "max"]),
        sparse=st.booleans(),
    )
    return {"num_embeddings": n, "embedding_dim": draw(size()), **options}, value(*shape(draw, 1), dtype="int64")


@family("Embedding")
def embedding(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = draw(size())
    arguments = {
        "num_embeddings": n,
        "embedding_dim": draw(size()),
        **some(
            draw,
            padding_idx=st.integers(-n - 1, n),
            max_norm=POSITIVE,
            norm_type=POSITIVE,
            scale_grad_by_freq=st.booleans(),
            sparse=st.booleans(),
        ),
    }
    x = shape(draw, 0, 1, 2)
    return arguments, value(*x, dtype="int64", batched=not x or draw(st.booleans()))
