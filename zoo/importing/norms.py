"""Layers whose weight is computed by a norm: torch's parametrizations, and the hooks that it had before these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.weight_norms import WeightNormed

#: What a norm's own values are where nobody states others.
STEPS, LEAST = 1, 1e-12


def plain_class(module: nn.Module) -> type[nn.Module]:
    """Return the class of a module as it was before a parametrization, where that is a norm that layers have."""
    own: type[nn.Module] = parametrize.type_before_parametrizations(module)
    return own if own is type(module) or next(_norms(module, own.__name__), None) is not None else type(module)


def norm_of(module: nn.Module, op: str) -> str | None:
    """Return the norm of a layer's weight."""
    return next(_norms(module, op), None)


@dataclass(frozen=True)
class Moved:
    """A norm that was a hook of its module, and is part of its forward."""

    norm: WeightNorm | SpectralNorm

    def __call__(self, module: nn.Module, args: Any) -> None:
        """Do nothing, where the hook did something."""


def hooked(module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the forward of a module whose norm is a hook, with that at its start and no longer before it."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm | SpectralNorm):
            module._forward_pre_hooks[number] = Moved(hook)
            forward = _begun(module, hook, forward)
    return forward


def _begun(module: nn.Module, hook: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        hook(module, args)
        return forward(*args, **kwargs)

    return run


def _norms(module: nn.Module, op: str) -> Iterator[str]:
    """Yield what computes the weight of a module of an op, where a spec says it."""
    layer = Layer.registry.get(op)
    if layer is None or not issubclass(layer, WeightNormed):
        return
    for hook in (each.norm if isinstance(each, Moved) else each for each in module._forward_pre_hooks.values()):
        if isinstance(hook, WeightNorm) and (hook.name, hook.dim) == ("weight", 0):
            yield "utils.weight_norm"
        if isinstance(hook, SpectralNorm) and hook.name == "weight" and _usual(hook, layer):
            yield "utils.spectral_norm"
    given = getattr(module, "parametrizations", {})
    if [*given] != ["weight"] or len(given["weight"]) != 1:
        return
    (own,) = given["weight"]
    if type(own) is parametrizations._WeightNorm and own.dim == 0:
        yield "weight"
    if type(own) is parametrizations._SpectralNorm and _usual(own, layer):
        yield "spectral"


def _usual(norm: Any, layer: type[WeightNormed]) -> bool:
    return (norm.n_power_iterations, norm.eps, norm.dim) == (STEPS, LEAST, layer.rows)
