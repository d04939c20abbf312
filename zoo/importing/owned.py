"""Functions that are called with a module's own weights: the layer that these are the weights of."""

from __future__ import annotations

from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.building import Builder
from speczoo.importing.recording import Call, Value
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import Traced

#: A function, the layer, and torch's names of its arguments behind the input; those in the layer's `parameters` or
#: buffers are the layer's own.
LEARNED: dict[str, tuple[str, str]] = {
    "linear": ("Linear", "weight bias"),
    "conv1d": ("Conv1d", "weight bias stride padding dilation groups"),
    "conv2d": ("Conv2d", "weight bias stride padding dilation groups"),
    "conv3d": ("Conv3d", "weight bias stride padding dilation groups"),
    "conv_transpose1d": ("ConvTranspose1d", "weight bias stride padding output_padding groups dilation"),
    "conv_transpose2d": ("ConvTranspose2d", "weight bias stride padding output_padding groups dilation"),
    "conv_transpose3d": ("ConvTranspose3d", "weight bias stride padding output_padding groups dilation"),
    "batch_norm": ("BatchNorm", "running_mean running_var weight bias training momentum eps"),
    "layer_norm": ("LayerNorm", "normalized_shape weight bias eps"),
    "group_norm": ("GroupNorm", "num_groups weight bias eps"),
    "rms_norm": ("RMSNorm", "normalized_shape weight eps"),
    "prelu": ("PReLU", "weight"),
}
TENSORS = ("weight", "bias", "running_mean", "running_var")


def layer(at: Builder, call: Call) -> list[Traced]:
    """Return what the layer gives whose weights the call takes, under the name that these have.

    Raises Unsayable for weights that are computed, or are not one module's.
    """
    op, words = LEARNED[call.name]
    names = words.split()
    given = _given(call, names)
    x = at.traced(given.pop("input"))
    tensors = {name: given.pop(name, None) for name in TENSORS}
    weights = {name: each for name, each in tensors.items() if each is not None}
    owner = _owner(at, weights)
    op = f"BatchNorm{max(1, x.rank - 2)}d" if op == "BatchNorm" else op
    arguments = _constant(call, names, given) | _shape_arguments(op, weights)
    if Layer.registry[op].ranks and not x.plain:
        raise Unsayable(f"`{op}` takes the batch first, and other axes are in it here")
    named = {"name": at.relative(owner), "named": True, "module": True} if owner is not None else {}
    return at.apply(call, op, [x], arguments, **named)


def _given(call: Call, names: list[str]) -> dict[str, Any]:
    args = dict(zip(["input", *names], call.args, strict=False)) | dict(call.kwargs)
    return {name: each for name, each in args.items() if name != "training"}


def _constant(call: Call, names: list[str], given: dict[str, Any]) -> dict[str, Any]:
    for twin in call.twins:
        other = _given(twin, names)
        if any(other.get(name) != value for name, value in given.items()):
            raise Unsayable("its arguments follow from the batch or the size of the input")
    return {name: value for name, value in given.items() if name != "normalized_shape" or len(value) > 1}


def _owner(at: Builder, weights: dict[str, Any]) -> str | None:
    """Return the path of the module that has these very weights. Raises Unsayable."""
    keys = []
    for name, value in weights.items():
        owner, _, last = value.key.rpartition(".") if isinstance(value, Value) else ("", "", "")
        if last != name or not isinstance(value, Value) or not at.frame.owns(value):
            raise Unsayable(f"its `{name}` is computed, and no module's own")
        keys.append(owner)
    if len(set(keys)) > 1:
        raise Unsayable("its weights are of several modules")
    return keys[0] if keys else None


def _shape_arguments(op: str, weights: dict[str, Value]) -> dict[str, Any]:
    """Return the arguments that shapes of weights tell."""
    weight = weights.get("weight")
    shape = tuple(weight.tensor.shape) if weight is not None else ()
    if op == "Linear":
        return {"out_features": shape[0], "bias": "bias" in weights}
    if op.startswith("ConvTranspose"):
        raise Unsayable("a transposed convolution with weights of its own")
    if op.startswith("Conv"):
        return {"out_channels": shape[0], "kernel_size": [*shape[2:]], "bias": "bias" in weights}
    if op == "PReLU":
        return {"num_parameters": shape[0]}
    if op not in ("LayerNorm", "RMSNorm") and ("weight" in weights) != ("bias" in weights):
        raise Unsayable(f"`{op}` has both a weight and a bias, or neither")
    affine = "elementwise_affine" if op in ("LayerNorm", "RMSNorm") else "affine"
    tracked = {"track_running_stats": "running_mean" in weights} if op.startswith("BatchNorm") else {}
    without = {"bias": False} if op == "LayerNorm" and "weight" in weights and "bias" not in weights else {}
    return {affine: "weight" in weights, **tracked, **without}
