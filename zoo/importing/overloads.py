"""Calls of exported programs as code calls torch: by the names of functions, and of their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor
from torch._ops import OpOverload

from speczoo.importing.owned import LEARNED

Given: TypeAlias = dict[str, Any]

#: What functions of programs, and their arguments, are called otherwise in torch.
FUNCTIONS = {
    "rsub": "__rsub__",
    "lift_fresh_copy": "clone",
    "detach_": "detach",
    "_to_copy": "to",
    "split_with_sizes": "split",
}
ARGUMENTS = {
    "self": "input",
    "end": "stop",
    "indices": "input",
    "output_size": "size",
    "scale_factors": "scale_factor",
    "split_sizes": "split_size",
}
#: Values that may be numbers.
OPERANDS = ("other", "exponent")
#: What says nothing of the result.
LEFT_OUT = ("cudnn_enabled", "cudnn_enable", "train", "implicit")
MODES = {"nearest": "nearest", "_nearest_exact": "nearest-exact", "bicubic": "bicubic"}


class Spelled(NamedTuple):
    """A function by its name, with its values first and the rest by their names."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def spelled(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Spelled:
    """Return a call of a program as code would have it."""
    name = func._schema.name.partition("::")[2]
    given: Given = dict(zip((each.name for each in func._schema.arguments), args, strict=False)) | dict(kwargs)
    stated = {key: value for key, value in given.items() if key not in LEFT_OUT and value is not None and value != []}
    if name.startswith("upsample_"):
        stated["mode"] = MODES.get(name[9:-2], name[9:-2])
        if stated.get("align_corners") is False:  # as where nothing is stated of it
            del stated["align_corners"]
        if "scale_factors" in stated:
            stated.pop("output_size", None)
        name = "interpolate"
    if name == "index":
        items = [slice(None) if each is None else each for each in stated["indices"]]
        return Spelled("__getitem__", (stated["self"], items), {})
    if stated.get("padding_idx") == -1:
        del stated["padding_idx"]
    dims = stated.get("dim")
    if isinstance(dims, list | tuple) and len(dims) == 1:
        stated["dim"] = dims[0]
    own = name in LEARNED or name == "interpolate"
    first = [] if own else _first(stated)
    rest = {_named(key, name): value for key, value in stated.items() if key not in first}
    return Spelled(FUNCTIONS.get(name, name), tuple(stated[key] for key in first), rest)


def _named(argument: str, function: str) -> str:
    if argument == "output_size" and function != "interpolate":
        return argument
    return ARGUMENTS.get(argument, argument)


def _first(given: Given) -> list[str]:
    """Return the arguments in front that are tensors, or lists of them."""
    out = []
    for key, value in given.items():
        listed = isinstance(value, list | tuple) and any(isinstance(each, Tensor) for each in value)
        if not listed and not isinstance(value, Tensor) and key not in OPERANDS:
            break
        out.append(key)
    return out
