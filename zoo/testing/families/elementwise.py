"""What is drawn of functions of single values, and of bool: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.testing.cases import NUMBERS, Arguments, Drawn, family, shape, some

_FLOATS = ("exp", "expm1", "log", "log1p", "log2", "sin", "cos", "atan", "erf", "sqrt", "rsqrt", "reciprocal")
_ROUNDED = ("floor", "ceil", "round")
_NUMBERS = ("abs", "neg", "sign", "square")
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


@family("float", "long", "bool")
def as_kind(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {}, (Value(shape(draw, 0, 1, 2, 3), draw(st.sampled_from(["float32", "int64", "bool"]))),)


@family(*_FLOATS, *_ROUNDED, *_NUMBERS, "clamp", "logical_not")
def of_one(draw: DrawFn, layer: type[Layer]) -> Drawn:
    kinds = {"logical_not": ("bool",), **dict.fromkeys(_NUMBERS, ("float32", "float32", "int64"))}
    dtype = draw(st.sampled_from(kinds.get(layer.op, ("float32",))))
    x = shape(draw, 0, 1, 2, 3)
    options = {"min": NUMBERS, "max": NUMBERS} if layer.op == "clamp" else {}
    batched = dtype != "float32" or not x or draw(st.integers(0, 3)) > 0
    return some(draw, **options), (Value(x, dtype, batched),)


def _beside(draw: DrawFn, x: Shape, dtype: str) -> Value:
    """Return what stands beside an input of this shape: as large, stretched, or larger on an axis of 1."""
    kind = draw(st.sampled_from(["same", "same", "squeezed", "parameter", "other"]))
    if kind == "other":
        return Value(shape(draw, len(x)), dtype)
    sizes = tuple(draw(st.sampled_from([1, n])) for n in x) if kind != "same" else x
    return Value(sizes, dtype, batched=kind != "parameter" or dtype != "float32" or not x)


def _options(draw: DrawFn) -> Arguments:
    return {"broadcast": True} if draw(st.booleans()) else {}


@family("maximum", "minimum", "logical_and", "logical_or")
def of_two(draw: DrawFn, layer: type[Layer]) -> Drawn:
    dtype = "bool" if layer.op.startswith("logical") else draw(st.sampled_from(["float32", "float32", "int64"]))
    x = shape(draw, 0, 1, 2, 3)
    inputs = [Value(x, dtype), _beside(draw, x, dtype)]
    return _options(draw), tuple(draw(st.permutations(inputs)))


@family("pow", *_COMPARISONS)
def with_a_number(draw: DrawFn, layer: type[Layer]) -> Drawn:
    name = "exponent" if layer.op == "pow" else "other"
    dtype = draw(st.sampled_from(["float32", "float32", "int64"])) if layer.op in _COMPARISONS else "float32"
    x = shape(draw, 0, 1, 2, 3)
    kind = draw(st.sampled_from(["named", "value", *(["number"] if layer.numbers else [])]))
    if kind == "named":
        return {name: draw(NUMBERS)}, (Value(x, dtype, batched=dtype != "float32" or not x or draw(st.booleans())),)
    beside = Value((), batched=False) if kind == "number" else _beside(draw, x, dtype)
    return _options(draw), tuple(draw(st.permutations([Value(x, dtype), beside])))


@family("where")
def where(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    condition = Value(tuple(draw(st.sampled_from([1, n])) for n in x) if draw(st.booleans()) else x, "bool")
    dtype = draw(st.sampled_from(["float32", "float32", "int64"]))
    beside = Value((), "int64", batched=False) if draw(st.booleans()) else _beside(draw, x, dtype)
    return _options(draw), (condition, *draw(st.permutations([Value(x, dtype), beside])))


@family("masked_fill")
def masked_fill(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 0, 1, 2, 3)
    mask = _beside(draw, x, "bool")
    return {"value": draw(NUMBERS), **_options(draw)}, (Value(x), mask)
