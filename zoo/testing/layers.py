"""Cases of one layer as a Hypothesis strategy: those of its family, or what the types of its fields allow."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic.fields import FieldInfo

from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.specs.suggestions import did_you_mean
from speczoo.testing import families  # noqa: F401  (fills FAMILIES)
from speczoo.testing.cases import FAMILIES, Arguments, Case, Drawn, Family, shape

SPAN = 6  # how far numbers are drawn from the least that they may be
MORE = 2  # inputs above the fewest that are drawn, of a layer that takes any number


def layer_cases(
    kind: type[Layer] | str,
    *,
    inputs: SearchStrategy[Sequence[Shape | Value]] | None = None,
    **arguments: SearchStrategy[Any],
) -> SearchStrategy[Case]:
    """Return the strategy of a layer's cases: its arguments as a spec states them, and what flows in. Some fit, some
    nearly do.

    Of a layer of one's own they follow from the types of its fields, with pydantic's bounds, and from `ranks`, `least`,
    `arity` and `integer`. `inputs` and `arguments` are drawn in place of what would be. Raises ValueError for a name of
    no layer, TypeError for a field whose type does not say what it may be.
    """
    layer = named(kind)
    family = FAMILIES[layer.op] if layer.op in FAMILIES else _family(layer, arguments)

    @st.composite
    def cases(draw: DrawFn) -> Case:
        stated, flowing = family(draw, layer)
        if inputs is not None:
            flowing = tuple(v if isinstance(v, Value) else Value(tuple(v)) for v in draw(inputs))
        return Case(layer.op, {**stated, **{name: draw(given) for name, given in arguments.items()}}, flowing)

    return cases()


def named(kind: type[Layer] | str) -> type[Layer]:
    """Return the class of a layer. Raises ValueError where none has that name."""
    if not isinstance(kind, str):
        return kind
    if kind not in Layer.registry:
        raise ValueError("; ".join([f"there is no layer {kind!r}", *did_you_mean(kind, Layer.registry)]))
    return Layer.registry[kind]


def _family(layer: type[Layer], given: Iterable[str]) -> Family:
    """Return a function that draws cases by the types of a layer's fields, but for the arguments that are given."""
    others = {*given, *layer.references, *layer.derives}
    fields = {
        name: (field.is_required(), _values(name, field.annotation, field.metadata))
        for name, field in layer.model_fields.items()
        if name not in others
    }

    def family(draw: DrawFn, layer: type[Layer]) -> Drawn:
        arguments: Arguments = {}
        for name, (required, values) in fields.items():
            if required or draw(st.booleans()):
                arguments[name] = draw(values)
        low, high = layer.arity
        count = draw(st.integers(low, int(min(high, low + MORE))))
        ranks = layer.ranks or tuple(range(layer.least, max(4, layer.least + 1)))
        first = shape(draw, *ranks)
        dtype = "int64" if layer.integer else "float32"
        return arguments, tuple(Value(first, dtype) for _ in range(count))

    return family


def _values(name: str, annotation: Any, metadata: Iterable[Any] = ()) -> SearchStrategy[Any]:
    """Return what a field of this type may be, as a spec says it. Raises TypeError."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(name, parts[0], (*parts[1:], *metadata))
    if origin in (Union, types.UnionType):
        return st.one_of(*(_values(name, part, metadata) for part in parts))
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (tuple, list, Sequence):
        if len(parts) == 1 or Ellipsis in parts:
            return st.lists(_values(name, parts[0]), min_size=1, max_size=3)
        return st.tuples(*(_values(name, part) for part in parts)).map(list)
    low, high = _bounds(metadata)
    if annotation is None or annotation is type(None):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        first = math.ceil(low) if low > -math.inf else min(-2, math.floor(min(high, 0)))
        return st.integers(first, math.floor(min(high, first + SPAN)))
    if annotation is float:
        return st.floats(max(low, min(-2.0, high)), min(high, max(2.0, low)), width=16)
    raise TypeError(f"`{name}` may be any {getattr(annotation, '__name__', annotation)}: say what, as {name}=strategy")


def _bounds(metadata: Iterable[Any]) -> tuple[float, float]:
    """Return the least and the most that pydantic's constraints allow, infinite where there is none."""
    low, high = -math.inf, math.inf
    for part in metadata:
        for bound in part.metadata if isinstance(part, FieldInfo) else (part,):
            low = max(low, getattr(bound, "ge", low), _next(getattr(bound, "gt", None), 1, low))
            high = min(high, getattr(bound, "le", high), _next(getattr(bound, "lt", None), -1, high))
    return low, high


def _next(bound: float | None, step: int, default: float) -> float:
    """Return the number beside a bound that is not taken itself."""
    if bound is None:
        return default
    return bound + step if isinstance(bound, int) else bound + step * 2**-10
