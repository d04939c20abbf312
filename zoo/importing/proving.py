"""What was written, built and held to the original: the same state_dict, and the same numbers for the same weights.

Weights and statistics are drawn anew, so that nothing that starts at 0 or 1 hides anything. Outputs are the same to the
last bit where both compute in the same order; where they do not, both compute again in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from speczoo.compiler.emit import module as emitted
from speczoo.compiler.graph import Graph
from speczoo.importing.building import Rounded
from speczoo.importing.inputs import ModelInput, given, shown
from speczoo.importing.recorder import copied
from speczoo.importing.recording import leaves
from speczoo.importing.running import failures_of
from speczoo.specs.wording import by_axis, enumerated
from speczoo.verify import draw_anew

#: How far outputs may be from each other in double precision, as a part of the largest.
CLOSE = 1e-9


#: How many constants are named.
FEW = 3
#: How far the numbers of a rule may be from those of the constant that it says.
NEAR = 1e-2


class NotTheSame(Exception):
    """What was written is not the original: a bug of ours, reported with the first thing that differs."""


def prove(
    model: nn.Module,
    graph: Graph,
    runs: Sequence[tuple[Sequence[ModelInput], int]],
    left_out: Sequence[str] = (),
    rounded: Sequence[Rounded] = (),
) -> list[str]:
    """Hold the network of a graph to the model it was imported from: names and shapes of weights, then outputs for
    inputs of these sizes and numbers of samples; constants that are `rounded` as the model has them. Raises NotTheSame,
    and ModelFailed.

    Returns what differs in training mode, but for the modules that are left out there, and in constants.
    """
    with _Undrawn():
        ours = emitted.build(graph).eval()
    twin = copied(model).eval()
    _weights(twin, ours)
    known = [*_as_the_model_has(ours, rounded)]
    draw_anew(twin)
    for inputs, batch in runs:
        tensors = given(inputs, batch, torch.device("cpu"))
        ours.load_state_dict(twin.state_dict(), strict=True)  # a model may write to its weights as it runs
        if _same(twin, ours, tensors):
            continue
        several = given(inputs, batch + 2, torch.device("cpu"))
        if batch > 1 or not _drops_an_axis(twin, tensors, several) or not _same(twin, ours, several):
            raise NotTheSame(_first_difference(twin, ours, tensors))
        known.append("of one sample alone it gives values without an axis for the samples")
    inputs, batch = runs[-1]
    tensors = given(inputs, max(2, batch), torch.device("cpu"))
    return [*known, *_in_training(twin.train(), ours.train(), tensors, left_out)]


class _Undrawn(TorchFunctionMode):
    """Weights are not drawn, which takes long: others are loaded before any of them is read."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in ("uniform_", "normal_") or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _as_the_model_has(ours: nn.Module, rounded: Sequence[Rounded]) -> Iterator[str]:
    """Put the numbers of the model in the place of what rules give but for rounding, and yield how far these are from
    them.
    """
    own = dict(ours.named_buffers())
    unkept = [each for key, each in own.items() if key not in ours.state_dict()]
    apart: dict[str, float] = {}
    for key, numbers, missing in rounded:
        if missing:
            continue
        shown = f"`{key}`" if key else f"a constant of {by_axis(numbers.shape)}"
        for each in [own[key]] if key else [each for each in unkept if _distance(each, numbers) < NEAR]:
            apart[shown] = max(apart.get(shown, 0.0), _distance(each, numbers))
            each.copy_(numbers.reshape(each.shape))
    if names := [name for name, far in apart.items() if far]:
        of = enumerated(names, FEW)
        yield f"the numbers of {of} are those of a rule but for rounding: at most {max(apart.values()):.0e} apart"
    if keys := [f"`{key}`" for key, _, missing in rounded if missing]:
        yield f"the state_dict alone has the numbers of {enumerated(keys, FEW)}: they are 0 until it is loaded"


def _distance(one: Tensor, other: Tensor) -> float:
    """Return how far the numbers of two constants are from each other, as a part of the largest."""
    if one.numel() != other.numel():
        return math.inf
    return float((one.flatten() - other.flatten()).abs().max() / other.abs().max())


def _same(twin: nn.Module, ours: nn.Module, tensors: Sequence[Tensor]) -> bool:
    return _equal(twin, ours, tensors) or _close(twin, ours, tensors)


def _drops_an_axis(twin: nn.Module, one: Sequence[Tensor], several: Sequence[Tensor]) -> bool:
    """Return whether what comes out of a model has fewer axes for one sample, as where it squeezes all that it can."""
    pairs = zip(_run(twin, one), _run(twin, several), strict=True)
    return any(alone.dim() < among.dim() for alone, among in pairs)


def _in_training(twin: nn.Module, ours: nn.Module, tensors: Sequence[Tensor], left_out: Sequence[str]) -> Iterator[str]:
    """Yield what differs in training mode: outputs or statistics, with what is drawn at random the same, or off."""
    for path in left_out:
        twin.get_submodule(path).eval()
    before = [{key: value.clone() for key, value in each.named_buffers()} for each in (twin, ours)]
    try:
        if _trained(twin, ours, tensors, torch.equal):
            return
        for each, buffers in zip((twin, ours), before, strict=True):
            each.load_state_dict(each.state_dict() | buffers, strict=False)
            each.double()
        for module in (*twin.modules(), *ours.modules()):
            if not [*module.children()] and not module.state_dict():
                module.eval()  # what draws has no weights
        double = [x.double() if x.is_floating_point() else x for x in tensors]
        if not _trained(twin, ours, double, _near):
            yield "in training mode it gives something else, or keeps other statistics"
    except Exception as error:  # whatever the model raises
        yield f"it was not tried in training mode, where it raises {type(error).__name__}: {error}".partition("\n")[0]


def _trained(
    twin: nn.Module, ours: nn.Module, tensors: Sequence[Tensor], same: Callable[[Tensor, Tensor], bool]
) -> bool:
    """Return whether both give the same from the same seed, and keep the same statistics."""
    results = []
    for module in (twin, ours):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            results.append(_run(module, tensors))
    first, second = results
    theirs, own = twin.state_dict(), ours.state_dict()
    return len(first) == len(second) and all(map(same, first, second)) and all(same(theirs[k], own[k]) for k in theirs)


def ties_of(model: nn.Module) -> dict[str, str]:
    """Return the parameters of a model that are others, by their keys: each with the first that it is."""
    first: dict[int, str] = {}
    named = model.named_parameters(remove_duplicate=False)
    return {key: own for key, each in named if (own := first.setdefault(id(each), key)) != key}


def _weights(twin: nn.Module, ours: nn.Module) -> None:
    want = {key: tuple(value.shape) for key, value in twin.state_dict().items()}
    have = {key: tuple(value.shape) for key, value in ours.state_dict().items()}
    if want != have:
        missing, more = want.keys() - have.keys(), have.keys() - want.keys()
        differing = [key for key in want.keys() & have.keys() if want[key] != have[key]]
        lacking = [f"no `{key}`, which nothing in the forward uses" for key in want if key in missing]
        rest = [*(f"`{key}` besides" for key in have if key in more), *(f"another `{key}`" for key in differing)]
        lines = [*lacking, *rest]
        raise NotTheSame("the state_dict would have " + "; ".join(lines[:5]) + (" ..." if len(lines) > 5 else ""))
    apart = _together(twin) - _together(ours)
    if apart:
        raise NotTheSame(f"parameters would not be one: {', '.join(sorted(next(iter(apart))))}")


def _together(model: nn.Module) -> set[frozenset[str]]:
    """Return the parameters that are one, by their keys."""
    found: dict[int, set[str]] = {}
    for key, each in model.named_parameters(remove_duplicate=False):
        found.setdefault(id(each), set()).add(key)
    return {frozenset(keys) for keys in found.values() if len(keys) > 1}


def _run(module: nn.Module, tensors: Sequence[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        return [*leaves(Tensor, module(*(x.clone() for x in tensors)))]


def _equal(twin: nn.Module, ours: nn.Module, tensors: Sequence[Tensor]) -> bool:
    with failures_of(f"{type(twin).__name__}, given {shown(tensors)},"):
        first = _run(twin, tensors)
    second = _run(ours, tensors)
    return len(first) == len(second) and all(map(torch.equal, first, second))


def _close(twin: nn.Module, ours: nn.Module, tensors: Sequence[Tensor]) -> bool:
    double = [x.double() if x.is_floating_point() else x for x in tensors]
    pair = [copied(each).double() for each in (twin, ours)]
    second = _run(pair[1], double)
    with suppress(RuntimeError):  # where what the model makes on its way is of the usual precision
        first = _run(pair[0], double)
        if len(first) == len(second) and all(map(_near, first, second)):
            return True
    with _of_doubles(), suppress(RuntimeError):
        first = _run(pair[0], double)
        return len(first) == len(second) and all(map(_near, first, second))
    return False


@contextmanager
def _of_doubles() -> Iterator[None]:
    """Have tensors in double precision that are made of nothing, or cast to single precision on the way."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _NoSingles():
            yield
    finally:
        torch.set_default_dtype(before)


class _NoSingles(TorchFunctionMode):
    """Casts to single precision, as norms and attention have them, cast to double precision."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.float:
            return args[0].double()
        given = [torch.float64 if each is torch.float32 else each for each in args]
        named = {key: torch.float64 if each is torch.float32 else each for key, each in (kwargs or {}).items()}
        return func(*given, **named)


def _near(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or not one.isfinite().all():
        return False
    if not one.is_floating_point() or not one.numel():
        return torch.equal(one, other)
    return bool((one - other).abs().max() <= CLOSE * one.abs().max().clamp(min=1e-30))


def _first_difference(twin: nn.Module, ours: nn.Module, tensors: Sequence[Tensor]) -> str:
    """Return where, in the order of execution, both first give something else under one name."""
    first, second = _taps(twin, tensors), _taps(ours, tensors)
    for path, value in first.items():
        if path in second and (
            second[path].shape != value.shape or not torch.allclose(second[path], value, 1e-3, 1e-5)
        ):
            return f"what `{path}` gives differs first" if path else "what comes out differs, and no module before it"
    return "what comes out differs"


def _taps(module: nn.Module, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    hooks = []
    for path, each in module.named_modules():

        def keep(_: Any, __: Any, out: Any, path: str = path) -> None:
            if (value := next(leaves(Tensor, out), None)) is not None:
                found.setdefault(path, value.clone())

        hooks.append(each.register_forward_hook(keep))
    try:
        _run(module, tensors)
    finally:
        for hook in hooks:
            hook.remove()
    return found
