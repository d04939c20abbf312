"""Modules that a layer of the language stands for: those of exactly its class, with its arguments read off them."""

from __future__ import annotations

import sys
from importlib import import_module
from operator import attrgetter
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.importing import constructed
from speczoo.importing.module_layer import ModuleLayer
from speczoo.importing.norms import norm_of, plain_class
from speczoo.importing.refusals import Unsayable

#: Classes of other packages that are a layer of the language under their own name.
ELSEWHERE = {"StochasticDepth": "torchvision.ops.stochastic_depth"}
#: Where the layers of transformers have what they were made with.
INSIDE = {
    "nhead": "self_attn.num_heads",
    "dim_feedforward": "linear1.out_features",
    "dropout": "dropout.p",
    "layer_norm_eps": "norm1.eps",
    "bias": "linear1.bias",
}
#: What a module calls an argument otherwise than its constructor.
ATTRIBUTES = {"shape": "normalized_shape"}


def is_leaf(module: nn.Module) -> bool:
    """Return whether a layer of the language stands for a module."""
    return op_of(module) is not None


def op_of(module: nn.Module) -> str | None:
    """Return the op whose modules are of exactly a module's class; None where there is none."""
    kind = plain_class(module)
    op = kind.__name__
    layer = Layer.registry.get(op)
    if layer is None:
        return None
    return op if _class_of(layer) is kind else None


def _class_of(layer: type[Layer]) -> Any:
    """Return the class that a layer's modules are of; None where that is not loaded, or there is none."""
    if layer.op in ELSEWHERE:
        return getattr(sys.modules.get(ELSEWHERE[layer.op]), layer.op, None)
    if layer.torch and not layer.torch.startswith(("nn.", "torch.")):
        package, _, name = layer.torch.rpartition(".")
        return getattr(import_module(package), name, None) if package else None
    found = getattr(nn, layer.op, None)
    return found if isinstance(found, type) and issubclass(found, nn.Module) else None


def arguments_of(module: nn.Module, op: str) -> dict[str, Any]:
    """Return a module's arguments as a spec says them: without those that follow from the input, or are the layer's
    defaults. Raises Unsayable.
    """
    layer = Layer.registry[op]
    if issubclass(layer, ModuleLayer):
        return stated(op, constructed.arguments_of(module))
    found = {
        name: argument(module, name, field.annotation)
        for name, field in layer.model_fields.items()
        if name not in layer.derives and (field.is_required() or name in INSIDE or hasattr(module, name))
    }
    if (norm := norm_of(module, op)) is not None:
        found["norm"] = norm
    return stated(op, found)


def stated(op: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that differ from the layer's own, as plain data: one number where all axes have the same.

    Raises Unsayable where the layer does not take them.
    """
    layer = Layer.registry[op]
    out: dict[str, Any] = {}
    for name, given in arguments.items():
        field = layer.model_fields[name]
        value = plain(given)
        whole = name in layer.axes or name in WHOLE or (op, name) == ("expand", "size")
        if isinstance(value, list) and not whole and len(set(map(str, value))) == 1:
            value = value[0]
        if name in layer.follows and value == plain(arguments.get(layer.follows[name])):
            value = None
        if field.is_required() or value != plain(field.default):
            out[name] = value
    return out


#: Lists that are no numbers by axis.
WHOLE = frozenset(
    ["dims", "repeats", "pad", "size_", "shifts", "shape", "unflattened_size", "normalized_shape", "padding_list"]
)


def plain(value: Any) -> Any:
    """Return a value as data of a spec."""
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def argument(module: nn.Module, name: str, annotation: Any) -> Any:
    """Return one argument that a module was made with."""
    path = INSIDE.get(name) if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) else None
    value = attrgetter(path)(module) if path else getattr(module, name, None)
    if name == "activation" and value in (F.relu, F.gelu):
        value = value.__name__
    if name == "bias" and hasattr(module, "in_proj_bias"):
        value = module.in_proj_bias
    if name in ("add_bias_kv",):
        value = module.bias_k
    if isinstance(value, Tensor) or (annotation is bool and value is None):
        return value is not None
    if not isinstance(value, bool | int | float | str | tuple | list | None):
        raise Unsayable(f"its `{name}` is {value!r:.60}, which is no plain value")
    return value
