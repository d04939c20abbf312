"""What the calls in a pickle of torch.save are taken for: none is made, and each becomes data or a description."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from speczoo.tensors.descriptions import (
    AXES,
    DAMAGED,
    DTYPES,
    LONGEST,
    STATE_DICT,
    GlobalName,
    Odd,
    StoredBytes,
    TensorsError,
    View,
)

#: Calls that make tensors which are no plain views of a storage: what those are, and what to save in their place.
_ODD = {
    "torch._utils._rebuild_sparse_tensor": ("a sparse tensor", "save it dense: .to_dense()"),
    "torch._utils._rebuild_sparse_csr_tensor": ("a sparse tensor", "save it dense: .to_dense()"),
    "torch._utils._rebuild_qtensor": ("a quantized tensor", "save it as fractions: .dequantize()"),
    "torch._utils._rebuild_nested_tensor": ("a nested tensor", "save its parts: .unbind()"),
    "torch.nested._internal.nested_tensor._rebuild_njt": ("a nested tensor", "save its parts: .unbind()"),
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "a tensor of the device `meta`, which has no values",
        "save it once it has some",
    ),
    **dict.fromkeys(
        ("torch._utils._rebuild_wrapper_subclass", "torch._tensor._rebuild_from_type_v2"),
        ("a tensor of a class of its own, or with attributes", "save its values: .detach().as_subclass(torch.Tensor)"),
    ),
    **dict.fromkeys(
        ("torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_device_tensor_from_cpu_tensor"),
        ("a tensor of a device that has its own format", "save it from the processor: .cpu()"),
    ),
}


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> View | Odd:
    return _view(storage, offset, shape, strides, storage.dtype, rest[2:])


def _tensor_with_dtype(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> View | Odd:
    return _view(storage, offset, shape, strides, dtype.dtype, rest)


def _view(storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any, rest: Any) -> View | Odd:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, StoredBytes) or not all(type(n) is int and 0 <= n < LONGEST for n in numbers):
        raise TensorsError(DAMAGED)
    if any(rest):
        return Odd(
            "a tensor yet to be conjugated or negated", "save it as it is intended: .resolve_conj().resolve_neg()"
        )
    if dtype not in DTYPES.values():
        return Odd(f"a tensor of {dtype or 'an unknown type'}", "save it as torch.float32: .float()")
    if len(shape) != len(strides) or len(shape) > AXES:
        raise TensorsError(DAMAGED)
    return View(storage, dtype, offset, tuple(shape), tuple(strides))


def _first(value: Any, *_: Any) -> Any:
    """Return a parameter, of which the values are its data."""
    return value


def _mapping(kind: type[dict[Any, Any]]) -> Callable[..., Any]:
    def made(items: Any = ()) -> dict[Any, Any]:
        pairs = list(items.items()) if isinstance(items, dict) else [(key, value) for key, value in items]
        return filled(kind(), [each for pair in pairs for each in pair])

    return made


def _text(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise TensorsError(DAMAGED)
    return text.encode(encoding)


def _set(items: Any = ()) -> set[Any]:
    return {as_key(item) for item in items}


def _device(kind: str, index: int | None = None) -> str:
    if not isinstance(kind, str) or type(index) not in (int, type(None)):
        raise TensorsError(DAMAGED)
    return kind if index is None else f"{kind}:{index}"


#: What calls are taken for. Each takes memory like its arguments, which `Pickle.call` counts.
CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_with_dtype,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.Size": lambda items=(): tuple(items),
    "torch.device": _device,
    "collections.OrderedDict": _mapping(OrderedDict),
    "collections.Counter": _mapping(Counter),
    "_codecs.encode": _text,
    "__builtin__.set": _set,
    "builtins.set": _set,
}


def odd(name: GlobalName) -> Odd:
    return Odd(*_ODD.get(name.text, (f"a `{name.text}`",)))


def as_key(key: Any) -> Any:
    """Return a key of a mapping.

    Keys that are neither text nor whole numbers could be chosen so that all of them collide.
    """
    if not isinstance(key, str | GlobalName | Odd) and not (type(key) is int and abs(key) < LONGEST):
        raise TensorsError(f"it has a key of type {type(key).__name__}, where names are wanted", STATE_DICT)
    return key


def filled(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[as_key(key)] = value
    return target
