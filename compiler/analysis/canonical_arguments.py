"""The arguments of a layer in one of the forms that mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from speczoo.compiler.layer import Call, Layer
from speczoo.specs.keys import kinds


def canonical(layer: Layer, call: Call) -> dict[str, Any]:
    """Return what torch is called with, its defaults included, each in one of the forms that mean the same: a list of
    equal numbers for all axes is one number.

    Arguments that only check are none of it.
    """
    return _followed(type(layer), {**call.defaults, **call.args, **layer.applied_arguments()})


def _followed(kind: type[Layer], given: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with those that follow from others, each in one of the forms that mean the same."""
    given |= {name: given[other] for name, other in kind.follows.items() if given.get(name) is None}
    return {name: _one(kind, name, value) for name, value in given.items()}


def _one(kind: type[Layer], name: str, value: Any) -> Any:
    """Return the number that says as much as a list of equal ones."""
    if not isinstance(value, tuple) or len(set(value)) != 1:
        return value
    return value[0] if _spreads(kind, name) or (len(value) == 1 and _takes_number(kind, name)) else value


@cache
def _spreads(kind: type[Layer], name: str) -> bool:
    """Return whether an argument is one number for all axes, or a list of one for each."""
    return _takes_number(kind, name) and (
        name in kind.per_axis
        or any(get_origin(each) is tuple and Ellipsis not in get_args(each) for each in _taken(kind, name))
    )


def _takes_number(kind: type[Layer], name: str) -> bool:
    return any(each in (int, float) for each in _taken(kind, name))


def _taken(kind: type[Layer], name: str) -> Iterator[Any]:
    """Yield the types that an argument takes."""
    if name in kind.model_fields:
        yield from kinds(kind.model_fields[name].annotation)


def not_default(layer: Layer, call: Call) -> dict[str, Any]:
    """Return the canonical arguments without those that are torch's defaults."""
    usual = {name: type(layer).model_fields[name].default for name in layer.applied}
    defaults = {name: _one(type(layer), name, value) for name, value in (call.defaults | usual).items()}
    given = canonical(layer, call)
    return {name: value for name, value in given.items() if name not in defaults or defaults[name] != value}


def stated(layer: Layer) -> dict[str, Any]:
    """Return the canonical arguments as a spec has them, without those that follow from what flows in."""
    kind = type(layer)
    return _followed(kind, {name: getattr(layer, name) for name in kind.model_fields if name not in kind.derives})


def hashable(value: Any) -> Any:
    """Return a value of arguments as one that dictionaries take for a key: equal where the values are."""
    if isinstance(value, Mapping):
        return frozenset((key, hashable(item)) for key, item in value.items())
    return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value


def is_default(layer: Layer, name: str, value: Any) -> bool:
    """Return whether this is what an argument of a layer is unless it is stated."""
    field = type(layer).model_fields[name]
    followed = type(layer).follows.get(name)
    usual = stated(layer)[followed] if followed and field.default is None else _one(type(layer), name, field.default)
    return not field.is_required() and bool(usual == value)
