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
        if type(layer).__name__ == "Normalization":
            continue
        if (found := _recurrent(layer)) is not None:
            out |= {f"{name}.{key}": torch.tensor(value) for key, value in found.items()}
            continue
        layer = layer.layer if type(layer).__name__ == "TimeDistributed" else layer
        named = {
            _plain(weight): np.asarray(value) for weight, value in zip(layer.weights, layer.get_weights(), strict=True)
        }
        for key, value in _of(type(layer).__name__, layer, named):
            out[f"{name}.{key}"] = torch.tensor(value)
    return out


def _recurrent(layer: Any) -> dict[str, Any] | None:
    """The weights of LSTM, GRU and SimpleRNN, in both directions; None for other layers. Torch's GRU has its gates in
    another order, and the others two biases, of which the second is 0.
    """
    both = type(layer).__name__ == "Bidirectional"
    parts = (layer.forward_layer, layer.backward_layer) if both else (layer,)
    kind, out = type(parts[0]).__name__, dict[str, Any]()
    if kind not in ("LSTM", "GRU", "SimpleRNN"):
        return None
    for part, suffix in zip(parts, ("", "_reverse"), strict=False):
        kernel, recurrent, *bias = (np.asarray(value) for value in part.get_weights())
        if kind == "GRU":
            kernel, recurrent, *bias = (_gates(value) for value in (kernel, recurrent, *bias))
        out |= {f"weight_ih_l0{suffix}": kernel.T.copy(), f"weight_hh_l0{suffix}": recurrent.T.copy()}
        if bias:
            first, second = bias[0] if kind == "GRU" else (bias[0], np.zeros_like(bias[0]))
            out |= {f"bias_ih_l0{suffix}": first, f"bias_hh_l0{suffix}": second}
    return out


def _gates(value: Any) -> Any:
    update, reset, new = np.split(value, 3, -1)
    return np.concatenate([reset, update, new], -1)


def _attention(layer: Any) -> Iterator[tuple[str, Any]]:
    """Kernels of features x heads x width, and heads x width x features for what comes out."""
    parts: dict[str, dict[str, Any]] = {key: {} for key in ("query", "key", "value", "attention_output")}
    for weight, value in zip(layer.weights, layer.get_weights(), strict=True):
        owner = next(part for part in parts if f"/{part}/" in getattr(weight, "path", weight.name))
        parts[owner][_plain(weight)] = np.asarray(value)
    kernels = [parts[key]["kernel"] for key in ("query", "key", "value")]
    flat = [each.reshape(each.shape[0], -1).T.copy() for each in kernels]
    if len({each.shape for each in flat}) == 1:
        yield "in_proj_weight", np.concatenate(flat)
    else:
        yield from zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), flat, strict=True)
    out = parts["attention_output"]["kernel"]
    yield "out_proj.weight", out.reshape(-1, out.shape[-1]).T.copy()
    if "bias" in parts["query"]:
        yield "in_proj_bias", np.concatenate([parts[key]["bias"].reshape(-1) for key in ("query", "key", "value")])
        yield "out_proj.bias", parts["attention_output"]["bias"]


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
    elif kind == "MultiHeadAttention":
        yield from _attention(layer)
        return
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
