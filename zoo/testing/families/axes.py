"""What is drawn of functions of axes: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Drawn, dims, family, shape, shape_of, size, some


def _one(draw: DrawFn, *sizes: int) -> tuple[Value]:
    """Return a value of these sizes, a Parameter now and then."""
    return (Value(sizes, batched=draw(st.integers(0, 3)) > 0),)


@family("chunk")
def chunk(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"chunks": draw(size(1, 4)), **some(draw, dim=dims())}, _one(draw, *shape(draw, 1, 2, 3, high=9))


@family("split")
def split(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3, high=9)
    first = draw(st.integers(1, x[0]))
    listed = st.just([first, x[0] - first] if first < x[0] else [first])
    return {
        "split_size": draw(st.one_of(size(1, 4), listed, st.lists(size(1, 4), min_size=1))),
        **some(draw, dim=dims()),
    }, _one(draw, *x)


@family("permute")
def permute(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    order = st.permutations(range(1, len(x) + 1)).map(lambda rest: [0, *rest])
    signed = order.map(lambda dims: [0, *(d - len(dims) for d in dims[1:])])
    return {"dims": draw(st.one_of(order, order, signed, st.lists(dims(), max_size=4)))}, _one(draw, *x)


@family("reshape")
def reshape(draw: DrawFn, layer: type[Layer]) -> Drawn:
    parts = draw(shape_of(3))
    total = list(draw(st.permutations(parts)))
    if bool(parts) and draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = draw(st.sampled_from([-1, -1, 2]))
    return {"shape": parts}, _one(draw, *total)


@family("transpose")
def transpose(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dim0": draw(dims()), "dim1": draw(dims())}, _one(draw, *shape(draw, 1, 2, 3))


@family("squeeze", "unsqueeze")
def squeeze(draw: DrawFn, layer: type[Layer]) -> Drawn:
    sizes = [draw(st.sampled_from([1, 1, 3])) for _ in range(draw(st.integers(0, 3)))]
    return {"dim": draw(dims())}, _one(draw, *sizes)
