"""What flows into a model that is imported: names, shapes and kinds; random tensors of them; other sizes to try."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from speczoo.compiler.layer import Shape

#: What most strides divide, and sizes that are worth halving.
WHOLE, LARGE = 32, 128
#: What is added to the first free axis, and to the others, where half the size is not taken.
STEPS = ((-64, -32), (64, 32), (32, 16), (8, 4), (4, 2), (-1, -2))


@dataclass(frozen=True)
class ModelInput:
    """One input: a name, a shape without the batch axis, and `float32`, `int64` or `bool`."""

    name: str
    shape: Shape
    dtype: str = "float32"
    most: int = 2  # whole numbers are below it


def inputs_of(model: nn.Module, given: Any) -> list[ModelInput]:
    """Return the inputs that a shape, a tensor with its batch, a sequence of tensors, or a mapping of names to either
    means; unnamed ones go by the names of `forward`. Raises ValueError.
    """
    named = given if isinstance(given, Mapping) else dict(zip(_names(model), _several(given), strict=False))
    if not named:
        raise ValueError("what flows in is a shape without the batch axis, as (3, 224, 224), or a mapping of names")
    tables = [m.num_embeddings for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    most = min(tables, default=2)
    found = [_input(name, each, most) for name, each in named.items()]
    if len(found) > 1:
        return found
    (only,) = found
    name = "input" if only.dtype == "float32" else "x" if only.name == "input" else only.name
    return [replace(only, name=name)]


def _several(given: Any) -> list[Any]:
    if isinstance(given, Tensor):
        return [given]
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str):
        return [given]
    items = list(given)
    return [tuple(items)] if all(isinstance(n, int) for n in items) else items


def _names(model: nn.Module) -> Iterator[str]:
    parameters = inspect.signature(model.forward).parameters.values()
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    yield from (p.name if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", p.name) else f"input_{p.name}" for p in plain)
    yield from (f"input_{number}" for number in range(len(plain), 100))


def _input(name: str, given: Any, most: int) -> ModelInput:
    if isinstance(given, Tensor):
        kind = str(given.dtype).removeprefix("torch.")
        return ModelInput(name, tuple(given.shape[1:]), kind if kind in ("int64", "bool") else "float32", most)
    sizes, kind = given if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str) else (given, "")
    shape = tuple(int(n) for n in sizes)
    if any(n < 1 for n in shape):
        raise ValueError(f"{name}: sizes are 1 and more, not {list(shape)}")
    return ModelInput(name, shape, kind or "float32", most)


def given(inputs: Sequence[ModelInput], batch: int, device: torch.device) -> list[Tensor]:
    """Return random tensors of so many samples."""
    out = []
    for each in inputs:
        size = (batch, *each.shape)
        if each.dtype == "int64":
            numbers = torch.randint(each.most, size, device=device)
            if each.shape:
                numbers[..., 0] = each.most // 2  # no padding as a rule: who sees padding alone gives no number
            out.append(numbers)
        elif each.dtype == "bool":
            truths = torch.rand(size, device=device) < 0.5
            truths[..., 0], truths[..., -1] = True, False  # a mask that hides all of a sample says nothing of the rest
            out.append(truths)
        else:
            out.append(torch.randn(size, device=device))
    return out


def shown(tensors: Sequence[Tensor]) -> str:
    """Return the shapes of tensors in words."""
    return " and ".join("x".join(map(str, each.shape)) for each in tensors)


def other_sizes(inputs: Sequence[ModelInput]) -> Iterator[list[ModelInput]]:
    """Yield the inputs at other sizes, the cheapest that most models take first: none of the axes stays but the
    channels.
    """
    changes: list[Callable[[int, int], int]] = [_half, *(partial(_moved, steps) for steps in STEPS)]
    for change in changes:
        sized = [replace(each, shape=_changed(each, change)) for each in inputs]
        if any(a != b for a, b in zip(sized, inputs, strict=True)) and all(n > 2 for s in sized for n in _free(s)):
            yield sized
    doubled = [replace(each, shape=_changed(each, lambda size, place: 2 * size)) for each in inputs]
    yield from [doubled] if doubled != [*inputs] else []


def _fixed(each: ModelInput) -> int:
    """Return how many first axes are channels or the like."""
    return 0 if len(each.shape) == 1 and each.dtype == "int64" else 1 if len(each.shape) > 2 else 0


def _free(each: ModelInput) -> Shape:
    if len(each.shape) == 2 and each.dtype != "int64":
        return each.shape[:1]
    return () if len(each.shape) < 2 and each.dtype != "int64" else each.shape[_fixed(each) :]


def _changed(each: ModelInput, change: Callable[[int, int], int]) -> Shape:
    free, first = _free(each), _fixed(each)
    changed = tuple(change(n, place) for place, n in enumerate(free))
    return (*each.shape[:first], *changed, *each.shape[first + len(free) :])


def _half(size: int, place: int) -> int:
    """Return about half of a size, that most strides divide; 0 where little is left of it."""
    return WHOLE * (size // (2 * WHOLE) + min(place, 1)) if size >= LARGE else 0


def _moved(steps: tuple[int, int], size: int, place: int) -> int:
    return size + steps[min(place, 1)]
