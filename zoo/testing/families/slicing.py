"""What is drawn of functions that take parts of axes and repeat them: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import NUMBERS, Arguments, Drawn, dims, family, shape, size, some, value


def _one(draw: DrawFn, *ranks: int, high: int = 6) -> Value:
    """Return a value, a Parameter now and then."""
    return Value(shape(draw, *ranks, high=high), batched=draw(st.integers(0, 3)) > 0)


@family("select")
def select(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dim": draw(dims()), "index": draw(st.integers(-4, 4))}, (_one(draw, 1, 2, 3),)


@family("slice")
def slice_(draw: DrawFn, layer: type[Layer]) -> Drawn:
    options = some(draw, start=st.integers(-7, 7), stop=st.integers(-7, 7), step=size(1, 4))
    return {"dim": draw(dims()), **options}, (_one(draw, 1, 2, 3),)


@family("narrow")
def narrow(draw: DrawFn, layer: type[Layer]) -> Drawn:
    arguments: Arguments = {"dim": draw(st.one_of(st.just(1), dims())), **some(draw, start=size(0, 3))}
    x = _one(draw, 1, 2, 3, high=9)
    if draw(st.booleans()):
        like = Value((draw(size(1, 4)), *x.shape[1:]), batched=draw(st.booleans()))
        return arguments, (x, like)
    return {**arguments, "length": draw(size(1, 4))}, (x,)


@family("roll", "flip")
def turned(draw: DrawFn, layer: type[Layer]) -> Drawn:
    chosen = draw(st.one_of(dims(), st.lists(dims(), min_size=1, max_size=3)))
    arguments: Arguments = {"dims": chosen}
    if layer.op == "roll":
        count = len(chosen) if isinstance(chosen, list) else 1
        several = st.lists(st.integers(-9, 9), min_size=count, max_size=count)
        arguments["shifts"] = draw(several if isinstance(chosen, list) else st.one_of(st.integers(-9, 9), several))
    return arguments, (_one(draw, 1, 2, 3),)


@family("repeat")
def repeat(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = _one(draw, 1, 2, 3)
    rank = len(x.shape)
    count = draw(st.sampled_from([rank, rank, rank, rank + 1]))
    return {"repeats": draw(st.lists(size(1, 3), min_size=count, max_size=count))}, (x,)


@family("repeat_interleave")
def repeat_interleave(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"repeats": draw(size(1, 4)), "dim": draw(dims())}, (_one(draw, 1, 2, 3),)


@family("index_select")
def index_select(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = Value(tuple(n + 2 for n in shape(draw, 1, 2, 3, high=4)), batched=draw(st.integers(0, 3)) > 0)
    dtype, rank = draw(st.sampled_from(["int64"] * 5 + ["float32"])), draw(st.sampled_from([1, 1, 1, 1, 2]))
    if draw(st.integers(0, 2)) == 0:  # of each sample, in a value that has none as a rule
        table = Value(x.shape[:2], batched=draw(st.integers(0, 5)) == 0)
        return {"dim": draw(st.sampled_from([1, 1, 1, 2]))}, (table, Value(shape(draw, 0, 1, 2), "int64"))
    return {"dim": draw(dims())}, (x, Value(shape(draw, rank), dtype, batched=draw(st.integers(0, 5)) == 0))


@family("unbind")
def unbind(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dim": draw(dims())}, (_one(draw, 1, 2, 3),)


@family("sliding_window")
def sliding_window(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dimension": draw(dims()), "size": draw(size(1, 4)), "step": draw(size(1, 3))}, value(
        *shape(draw, 1, 2, 3, high=9)
    )


@family("expand")
def expand(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = tuple(draw(st.sampled_from([1, 1, n])) for n in shape(draw, 1, 2, 3))
    to = tuple(draw(size()) if n == 1 else n for n in x)
    kind = draw(st.sampled_from(["size", "like", "both"]))
    sizes = [draw(st.sampled_from([n, n, -1])) for n in to]
    if kind == "size":
        return {"size": sizes}, value(*x)
    batched = draw(st.booleans())
    if kind == "like":
        return {}, (Value(x, batched=batched), Value(to))
    return {"size": sizes}, (Value(x, batched=batched), Value(shape(draw, 1, 2)))


@family("pad")
def pad(draw: DrawFn, layer: type[Layer]) -> Drawn:
    sides = st.integers(1, 4).flatmap(lambda n: st.lists(st.integers(-2, 4), min_size=2 * n - 1, max_size=2 * n))
    return {"pad": draw(sides.filter(lambda given: len(given) > 1)), **some(draw, value=NUMBERS)}, (
        _one(draw, 1, 2, 3),
    )
