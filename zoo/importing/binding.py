"""The arguments of a torch call by the names of a layer's fields, and whether they are the same in all runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable

#: What a call may say besides a layer's fields: it changes nothing, where it has one of these values.
PLAIN: dict[str, tuple[Any, ...]] = {
    "inplace": (True, False),
    "training": (True, False),
    "return_indices": (False,),
    "output_size": (None,),
    "_stacklevel": (3, 5),
    "dtype": (None,),
    "out": (None,),
    "antialias": (False,),
    "rounding_mode": (None,),
    "alpha": (1,),
    "memory_format": None,  # type: ignore[dict-item]
}


def split(call: RecordedCall) -> tuple[list[RunValue], list[Any], dict[str, Any]]:
    """Return the values that a call takes first, alone or in a list, its other positional arguments, and the named."""
    args, kwargs = [*call.args], dict(call.kwargs)
    for name in ("input", "tensors"):
        if name in kwargs:
            args.insert(0, kwargs.pop(name))
    first = args[0] if args else None
    if isinstance(first, list) and any(isinstance(each, RunValue) for each in first):
        return first, args[1:], kwargs
    count = next((i for i, each in enumerate(args) if not isinstance(each, RunValue)), len(args))
    return args[:count], args[count:], kwargs


def bound(call: RecordedCall, fields: Sequence[str]) -> dict[str, Any]:
    """Return a call's arguments behind its values, by these names; equal in all runs. Raises Unsayable."""
    found = [_named(each, fields) for each in (call, *call.twins)]
    for name, value in found[0].items():
        if any(other.get(name) != value for other in found[1:]):
            raise Unsayable(f"its `{name}` follows from the batch or the size of the input: {value} here")
        if isinstance(value, RunValue) or (isinstance(value, list) and any(isinstance(v, RunValue) for v in value)):
            raise Unsayable(f"its `{name}` is a tensor")
    return found[0]


def _named(call: RecordedCall, fields: Sequence[str]) -> dict[str, Any]:
    _, rest, kwargs = split(call)
    if len(rest) > len(fields) and all(isinstance(each, int) for each in rest):
        rest = [rest]  # permute(0, 2, 1)
    out = dict(zip(fields, rest, strict=False))
    for name, value in kwargs.items():
        if name in fields:
            out[name] = value
        elif PLAIN.get(name, ()) is not None and value not in PLAIN.get(name, ()):
            raise Unsayable(f"its `{name}: {value}` has no counterpart in the language")
    return out


def of_layer(call: RecordedCall, op: str) -> dict[str, Any]:
    """Return the arguments of a call by the fields of a layer. Raises Unsayable."""
    fields = [name for name in Layer.registry[op].model_fields if name not in ("inplace", "broadcast")]
    return bound(call, fields)
