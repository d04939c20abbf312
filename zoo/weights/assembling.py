"""A module that takes tensors as they are: made without storage, but for what is initialised afresh."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode


def assembled(cls: type[nn.Module], fresh: frozenset[str], device: torch.device) -> nn.Module:
    """Return an instance whose `fresh` keys are initialised on `device`; all others have no storage yet.

    Parameters and buffers register in the same order whenever the class is made: a first instance shows which ones are
    `fresh`, and the second one gives those storage before their initialisers meet them.
    """
    values: list[Tensor] = []
    module = _made(cls, values.append, device)
    if not fresh:
        return module
    wanted = {id(value) for key, value in module.state_dict(keep_vars=True).items() if key in fresh}
    order = iter([id(value) in wanted for value in values])

    def with_storage(value: Tensor) -> Tensor | None:
        if not next(order) or not value.is_meta:  # a constant, or what another name has already
            return None
        empty = torch.empty(value.shape, dtype=value.dtype, device=device)
        return (
            nn.Parameter(empty, requires_grad=value.requires_grad) if isinstance(value, nn.Parameter) else empty.zero_()
        )

    return _made(cls, with_storage, device)


def tie(module: nn.Module, ties: Mapping[str, str]) -> None:
    """Have parameters be others again, each by the other's name: tensors that were taken are tensors of their own."""
    for key, source in ties.items():
        path, _, name = key.rpartition(".")
        setattr(module.get_submodule(path), name, module.get_parameter(source))


def _made(cls: type[nn.Module], registered: Callable[[Tensor], Tensor | None], device: torch.device) -> nn.Module:
    """Return an instance on the meta device, its constants on this one; `registered` may put something else in place of
    each tensor.
    """
    here = threading.get_ident()

    def hook(module: nn.Module, name: str, value: Any) -> Any:
        return registered(value) if value is not None and threading.get_ident() == here else None

    handles = [register_module_parameter_registration_hook(hook), register_module_buffer_registration_hook(hook)]
    try:
        with torch.device("meta"), _Idle(device):
            return cls()
    finally:
        for handle in handles:
            handle.remove()


class _Idle(TorchFunctionMode):
    """Initialisers find nothing to do on tensors without storage, and lose no time in finding out. What constants are
    computed of is there: no file need hold them.
    """

    CONSTANT = frozenset({"arange", "full", "tensor"})
    FILLING = frozenset({"uniform_", "normal_", "fill_", "zero_", "erfinv_", "mul_", "add_", "clamp_"})

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func.__name__ in self.CONSTANT:
            kwargs.setdefault("device", self.device)
        if func.__name__ in self.FILLING or getattr(func, "__module__", None) == "torch.nn.init":
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, Tensor) and target.is_meta:
                return target
        return func(*args, **kwargs)
