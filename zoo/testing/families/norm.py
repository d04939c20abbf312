"""What is drawn of norms: see `speczoo.testing.cases`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import EPS, POSITIVE, Drawn, every, family, shape, size, some, value


@family(*every("BatchNorm"), *every("InstanceNorm"))
def channel_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, *layer.ranks, high=3)
    arguments = some(
        draw,
        num_features=st.one_of(st.just(x[0]), size()),
        eps=EPS,
        momentum=st.floats(0, 1, width=16),
        affine=st.booleans(),
        track_running_stats=st.booleans(),
    )
    return arguments, value(*x)


@family("FrozenBatchNorm2d")
def frozen_batch_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 3)
    return some(draw, num_features=st.one_of(st.just(x[0]), size()), eps=EPS), value(*x)


@family("GroupNorm")
def group_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    return {"num_groups": draw(size()), **some(draw, eps=EPS, affine=st.booleans())}, value(*x)


@family("LayerNorm", "RMSNorm", "LayerNorm2d")
def layer_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    if layer.op == "LayerNorm2d":
        x = shape(draw, 3)
        stated: SearchStrategy[Any] = st.one_of(st.just(x[0]), size())
    else:
        x = shape(draw, 1, 2, 3)
        last = st.integers(1, len(x)).map(lambda n: list(x[-n:]))
        stated = st.one_of(st.just(x[-1]), last, st.lists(size(), max_size=2), size())
    options = {"normalized_shape": stated, "eps": EPS, "elementwise_affine": st.booleans()}
    if "bias" in layer.model_fields:
        options["bias"] = st.booleans()
    return some(draw, **options), value(*x, batched=not layer.unbatched or draw(st.integers(0, 3)) > 0)


@family("LocalResponseNorm")
def local_response_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    window = draw(st.sampled_from([2, 4, 3, 1]))
    return {"size": window, **some(draw, alpha=POSITIVE, beta=POSITIVE, k=POSITIVE)}, value(*shape(draw, 2, 3, 4))
