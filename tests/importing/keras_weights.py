"""The weights of a Keras model by the names that its imported spec has, in torch's layouts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speczoo.importing.sources.entries import identifier


def converted(model: Any, prefix: str = "") -> dict[str, Tensor]:
    """The state_dict, without the counters of batch norms."""
    out: dict[str, Tensor] = {}
    for layer in model.layers:
        name = prefix + identifier(layer.name)
        if hasattr(layer, "layers"):
            out |= converted(layer, f"{name}.")
            continue
        named = {
            _plain(weight): np.asarray(value) for weight, value in zip(layer.weights, layer.get_weights(), strict=True)
        }
        for key, value in _of(type(layer).__name__, layer, named):
            out[f"{name}.{key}"] = torch.tensor(value)
    return out


def _plain(weight: Any) -> str:
    return re.sub(r":\d+$", "", weight.name).rpartition("/")[2]


def _of(kind: str, layer: Any, w: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if kind.startswith("DepthwiseConv"):
        kernel = w.get("kernel", w.get("depthwise_kernel"))
        yield "weight", _depthwise(kernel)
    elif kind.startswith("SeparableConv"):
        yield "depthwise.weight", _depthwise(w["depthwise_kernel"])
        yield "pointwise.weight", _kernel(w["pointwise_kernel"])
        if "bias" in w:
            yield "pointwise.bias", w["bias"]
        return
    elif kind.endswith("Transpose"):
        yield "weight", _kernel(w["kernel"])  # spatial, out, in: the same turn gives in, out, spatial
    elif kind.startswith("Conv"):
        yield "weight", _kernel(w["kernel"])
    elif kind == "Dense":
        yield "weight", w["kernel"].T
    elif kind == "Embedding":
        yield "weight", w["embeddings"]
    elif kind == "PReLU":
        yield "weight", w["alpha"].reshape(-1)
    else:
        for theirs, ours in (("gamma", "weight"), ("scale", "weight"), ("beta", "bias")):
            if theirs in w:
                yield ours, w[theirs]
        if "moving_mean" in w:
            yield "running_mean", w["moving_mean"]
            yield "running_var", w["moving_variance"]
        return
    if "bias" in w:
        yield "bias", w["bias"]


def _kernel(kernel: Any) -> Any:
    """Places, in, out to out, in, places."""
    return np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1)))


def _depthwise(kernel: Any) -> Any:
    """Places, channels, multiplier to channels x multiplier, 1, places."""
    *places, channels, multiplier = kernel.shape
    return np.ascontiguousarray(np.moveaxis(kernel, (-2, -1), (0, 1)).reshape(channels * multiplier, 1, *places))
