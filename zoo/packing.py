"""Weights as oneDNN reads them, for evaluation on a CPU: torch lays the weight of a convolution out anew in every run,
and computes linear layers by another library, which is slower on some processors.

    >>> import torch
    >>> import speczoo
    >>> model = speczoo.build("resnet18", optimize=True)
    >>> model = speczoo.pack(model, torch.randn(1, 3, 224, 224))
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speczoo.module_mode import in_mode

M = TypeVar("M", bound=nn.Module)

#: Below so many multiply-accumulates the call itself costs more than is won.
LEAST = 1_000_000
onednn = torch.ops.mkldnn
#: Where torch's modules are that read the weights of those that they hold.
READING = ("torch.nn.modules.activation", "torch.nn.modules.transformer")


def pack(module: M, *inputs: Tensor, least: int = LEAST) -> M:
    """Return the module, its weights laid out as oneDNN reads them on this CPU: convolutions and linear layers of
    `least` multiply-accumulates and more. It is changed in place, and its parameters cannot be trained.

    `inputs` are such as it will be run on: it runs once in evaluation mode, and the sizes that flow, and torch's number
    of threads, choose how weights lie; others give the same outputs, later. Its state_dict, and copies and pickles of
    it, have plain weights; so has the module itself once it is moved, or weights are loaded. Where gradients are wanted
    of an input, or numbers are not float32, it computes as it did before. A module of another device, and torch without
    oneDNN, stay as they are.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return module
    read = _read(module)
    for layer, shape in _shapes(module, inputs).items():
        kind = PACKED[type(layer)]
        if layer not in read and kind.macs(layer, shape) >= least:
            _replace(layer, kind, kind.laid_out(layer, shape), _memory_format(layer))
    return module


class _Packed(nn.Module):
    """A layer whose weight lies in a layout of oneDNN's: the class of it while it does, in place of torch's `plain`."""

    plain: ClassVar[type[nn.Module]]
    weight: Tensor
    lay: torch.memory_format

    def forward(self, x: Tensor) -> Tensor:
        wanted = torch.is_grad_enabled() and x.requires_grad
        plainly = wanted or x.dtype != torch.float32 or x.device.type != "cpu" or torch._C._get_tracing_state()
        return self.by_torch(x) if plainly else self.by_onednn(x)

    def by_torch(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def by_onednn(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    @staticmethod
    def macs(layer: Any, shape: torch.Size) -> int:
        """Return multiply-accumulates for an input of a shape; 0 for what oneDNN is no faster at."""
        raise NotImplementedError

    @staticmethod
    def laid_out(layer: Any, shape: torch.Size) -> Tensor:
        """Return a layer's weight for inputs of about a shape."""
        raise NotImplementedError

    def dense(self) -> Tensor:
        """Return the weight as it lay before."""
        return self.weight.to_dense().contiguous(memory_format=self.lay)

    def _unpack(self) -> None:
        _replace(self, self.plain, self.dense())

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._unpack()
        return self._apply(fn, recurse)  # torch's

    def _load_from_state_dict(self, *args: Any) -> None:
        self._unpack()
        self._load_from_state_dict(*args)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.dense()

    def __reduce_ex__(self, protocol: Any) -> Any:
        weight = nn.Parameter(self.dense(), requires_grad=False)
        state = self.__dict__ | {"lay": None, "_parameters": self._parameters | {"weight": weight}}
        return _blank, (self.plain,), state


class _PackedConv(_Packed):
    @staticmethod
    def macs(layer: Any, shape: torch.Size) -> int:
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str) or len(shape) != len(layer.kernel_size) + 2:
            return 0
        steps = zip(shape[2:], layer.padding, layer.dilation, layer.kernel_size, layer.stride, strict=True)
        places = math.prod(
            (n + 2 * pad - dilation * (k - 1) - 1) // stride + 1 for n, pad, dilation, k, stride in steps
        )
        return shape[0] * places * layer.weight.numel() if places > 1 else 0

    @staticmethod
    def laid_out(layer: Any, shape: torch.Size) -> Tensor:
        where = (layer.padding, layer.stride, layer.dilation, layer.groups)
        laid: Tensor = onednn._reorder_convolution_weight(layer.weight.detach(), *where, list(shape))
        return laid

    def by_torch(self: Any, x: Tensor) -> Tensor:
        came: Tensor = self._conv_forward(x, self.dense(), self.bias)
        return came

    def by_onednn(self: Any, x: Tensor) -> Tensor:
        if self.lay != torch.contiguous_format:  # where the weight's channels lie, those of what comes out do
            x = x.contiguous(memory_format=self.lay)
        where = (self.padding, self.stride, self.dilation, self.groups)
        came: Tensor = onednn._convolution_pointwise(x, self.weight, self.bias, *where, "none", [], "")
        return came


class PackedConv2d(_PackedConv, nn.Conv2d):
    """A Conv2d whose weight lies as oneDNN reads it."""

    plain = nn.Conv2d


class PackedConv3d(_PackedConv, nn.Conv3d):
    """A Conv3d whose weight lies as oneDNN reads it."""

    plain = nn.Conv3d


class PackedLinear(_Packed, nn.Linear):
    """A Linear whose weight lies as oneDNN reads it."""

    plain = nn.Linear

    @staticmethod
    def macs(layer: Any, shape: torch.Size) -> int:
        rows = math.prod(shape[:-1])
        return rows * layer.weight.numel() if rows > 1 else 0  # of one row the weight's way from memory is all

    @staticmethod
    def laid_out(layer: Any, shape: torch.Size) -> Tensor:
        laid: Tensor = onednn._reorder_linear_weight(layer.weight.detach().contiguous(), math.prod(shape[:-1]))
        return laid

    def by_torch(self, x: Tensor) -> Tensor:
        return F.linear(x, self.dense(), self.bias)

    def by_onednn(self, x: Tensor) -> Tensor:
        came: Tensor = onednn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return came


PACKED: dict[type[nn.Module], type[_Packed]] = {
    nn.Conv2d: PackedConv2d,
    nn.Conv3d: PackedConv3d,
    nn.Linear: PackedLinear,
}


def _blank(plain: type[nn.Module]) -> nn.Module:
    """Return a layer without its state, for pickle and copy to fill."""
    return plain.__new__(plain)


def _memory_format(layer: Any) -> torch.memory_format:
    """Return where the channels of a layer's weight lie."""
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(layer.weight.dim())
    return last if last is not None and not layer.weight.is_contiguous() else torch.contiguous_format


def _replace(layer: Any, kind: type[nn.Module], weight: Tensor, lay: torch.memory_format | None = None) -> None:
    """Give a layer another class, and the weight that goes with it; `lay` is how the weight lay before."""
    layer.__class__ = kind
    layer.lay = lay
    layer.weight = nn.Parameter(weight, requires_grad=False)


def _plain(weight: Any) -> bool:
    return bool(weight.dtype == torch.float32 and weight.device.type == "cpu")


def _read(module: nn.Module) -> set[nn.Module]:
    """Return the layers whose weights another module may read: those inside attention and torch's transformers."""
    reading = [each for each in module.modules() if type(each).__module__ in READING]
    return {layer for each in reading for layer in each.modules()}


def _shapes(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[nn.Module, torch.Size]:
    """Return the layers that can be packed, each with the shape that flows in."""
    owners = Counter(id(weight) for _, weight in module.named_parameters(remove_duplicate=False))
    found: dict[nn.Module, torch.Size] = {}

    def note(layer: nn.Module, given: tuple[Any, ...]) -> None:
        found[layer] = given[0].shape

    hooks = [
        layer.register_forward_pre_hook(note)
        for layer in module.modules()
        if type(layer) in PACKED and _plain(layer.weight) and owners[id(layer.weight)] == 1
    ]
    try:
        with torch.no_grad(), in_mode(module, training=False):
            module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found
