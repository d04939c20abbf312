"""Functions that take weights: the layer whose own these are, or what computes with those that are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing import indexing
from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue

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
    "embedding": ("Embedding", "weight padding_idx max_norm norm_type scale_grad_by_freq sparse"),
}
TENSORS = ("weight", "bias", "running_mean", "running_var")


def layer(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return what the layer gives whose weights the call takes, under the name that these have; of weights that are
    computed, what a function of the language gives.

    Raises Unsayable where there is none, and for weights that are not one module's.
    """
    op, words = LEARNED[call.name]
    names = words.split()
    given = _given(call, names)
    x = at.traced(given.pop("input"))
    tensors = {name: given.pop(name, None) for name in TENSORS}
    weights = {name: each for name, each in tensors.items() if each is not None}
    if op in FUNCTIONS and any(_is_apart(at, value, name) for name, value in weights.items()):
        taken = [at.weight(value) for value in weights.values()]
        return FUNCTIONS[op](at, call, x, taken, _constant(call, names, given))
    if op == "BatchNorm" and x.source in at.free and not {"running_mean", "running_var"} & {*weights}:
        return _standardized(at, call, x, weights, _constant(call, names, given))
    if op == "GroupNorm" and len(weights) == 1:
        return _scaled_groups(at, call, x, weights, _constant(call, names, given))
    owner = _owner(at, weights)
    op = f"BatchNorm{max(1, x.rank - 2)}d" if op == "BatchNorm" else op
    arguments = _constant(call, names, given)
    arguments |= _shape_arguments(op, weights, arguments.get("groups", 1))
    if Layer.registry[op].ranks and not x.plain:
        raise Unsayable(f"`{op}` takes the batch first, and other axes are in it here")
    named = {"name": at.relative(owner), "named": True, "module": True} if owner is not None else {}
    return at.apply(call, op, [x], arguments, **named)


def apart(at: Builder, call: RecordedCall, op: str, x: TracedValue, weights: dict[str, RunValue]) -> list[TracedValue]:
    """Return what a module gives as a function of its weights, which something else takes, too. Raises Unsayable."""
    names = ("stride", "padding", "dilation", "groups") if op.startswith("Conv") else ()
    arguments = {name: getattr(call.module, name) for name in names}
    return FUNCTIONS[op](at, call, x, [at.traced(value) for value in weights.values()], arguments)


def _is_apart(at: Builder, value: RunValue, name: str) -> bool:
    """Return whether a weight is computed, or taken elsewhere, too: no layer's own alone."""
    return value.key.rpartition(".")[2] != name or at.apart.start(value.key) is not None


def _given(call: RecordedCall, names: list[str]) -> dict[str, Any]:
    args = dict(zip(["input", *names], call.args, strict=False)) | dict(call.kwargs)
    return {name: each for name, each in args.items() if name != "training"}


def _constant(call: RecordedCall, names: list[str], given: dict[str, Any]) -> dict[str, Any]:
    for twin in call.twins:
        other = _given(twin, names)
        if any(other.get(name) != value for name, value in given.items()):
            raise Unsayable("its arguments follow from the batch or the size of the input")
    return {name: value for name, value in given.items() if name != "normalized_shape" or len(value) > 1}


def _owner(at: Builder, weights: dict[str, Any]) -> str | None:
    """Return the path of the module that has these very weights. Raises Unsayable."""
    keys = []
    for name, value in weights.items():
        owner, _, last = value.key.rpartition(".") if isinstance(value, RunValue) else ("", "", "")
        if last != name or not isinstance(value, RunValue) or not at.frame.owns(value):
            raise Unsayable(f"its `{name}` is computed, and no module's own")
        at.check_apart(value.key)
        keys.append(owner)
    if len(set(keys)) > 1:
        raise Unsayable("its weights are of several modules")
    return keys[0] if keys else None


def _shape_arguments(op: str, weights: dict[str, RunValue], groups: int = 1) -> dict[str, Any]:
    """Return the arguments that follow from shapes of weights."""
    weight = weights.get("weight")
    shape = tuple(weight.tensor.shape) if weight is not None else ()
    if op == "Linear":
        return {"out_features": shape[0], "bias": "bias" in weights}
    if op.startswith("Conv"):
        channels = groups * shape[1] if op.startswith("ConvTranspose") else shape[0]
        return {"out_channels": channels, "kernel_size": [*shape[2:]], "bias": "bias" in weights}
    if op == "Embedding":
        return {"num_embeddings": shape[0], "embedding_dim": shape[1]}
    if op == "PReLU":
        return {"num_parameters": shape[0]}
    if op not in ("LayerNorm", "RMSNorm") and ("weight" in weights) != ("bias" in weights):
        raise Unsayable(f"`{op}` has both a weight and a bias, or neither")
    affine = "elementwise_affine" if op in ("LayerNorm", "RMSNorm") else "affine"
    tracked = {"track_running_stats": "running_mean" in weights} if op.startswith("BatchNorm") else {}
    without = {"bias": False} if op == "LayerNorm" and "weight" in weights and "bias" not in weights else {}
    return {affine: "weight" in weights, **tracked, **without}


def _standardized(
    at: Builder, call: RecordedCall, x: TracedValue, weights: dict[str, RunValue], arguments: dict[str, Any]
) -> list[TracedValue]:
    """Return a weight each of whose channels is taken to mean 0 and variance 1, as convolutions that do this have it.

    Raises Unsayable.
    """
    if not x.leading or len(x.shape) != 2:
        raise Unsayable("it takes a weight alone to mean 0 and variance 1 over more than its last axis")
    along = {"dim": -1, "keepdim": True}
    mean = Feed(at.add("mean", [x.source], along))
    apart = Feed(at.add("sub", [x.source, mean], {"broadcast": True}))
    variance = Feed(at.add("mean", [Feed(at.add("mul", [apart, apart]))], along))
    deviation = Feed(at.add("sqrt", [Feed(at.add("add", [variance, arguments.get("eps", 1e-5)]))]))
    made = Feed(at.add("div", [apart, deviation], {"broadcast": True}))
    for name, value in weights.items():
        each = Feed(at.add("reshape", [at.traced(value).source], {"shape": [x.shape[0], 1]}))
        made = Feed(at.add({"weight": "mul", "bias": "add"}[name], [made, each], {"broadcast": True}))
    return [at.outcome(call.outputs[0], made, x)]


def _scaled_groups(
    at: Builder, call: RecordedCall, x: TracedValue, weights: dict[str, RunValue], arguments: dict[str, Any]
) -> list[TracedValue]:
    """Return a norm of groups that has a weight or a bias alone, which follows it. Raises Unsayable."""
    ((name, value),) = weights.items()
    if not x.plain:
        raise Unsayable("`GroupNorm` takes the batch first, and other axes are in it here")
    normed = Feed(at.add("GroupNorm", [x.source], arguments | {"affine": False}))
    at.shapes[normed] = x.fixed
    shape = [x.shape[0], *[1] * (len(x.shape) - 1)]
    each = Feed(at.add("reshape", [at.traced(value).source], {"shape": shape}))
    op = {"weight": "mul", "bias": "add"}[name]
    return [at.outcome(call.outputs[0], Feed(at.add(op, [normed, each], {"broadcast": True})), x)]


def _convolution(
    at: Builder, call: RecordedCall, x: TracedValue, weights: list[TracedValue], arguments: dict[str, Any]
) -> list[TracedValue]:
    """Return a convolution by a weight without a batch. Raises Unsayable."""
    if not x.plain or any(each.batch is not None for each in weights):
        raise Unsayable("its weight is one for each sample, or its batch holds other axes")
    if isinstance(arguments.get("padding"), str):
        raise Unsayable("its `padding` is no number, and its weight is computed")
    return at.apply(call, "convolution", [x, *weights], arguments)


def _linear(
    at: Builder, call: RecordedCall, x: TracedValue, weights: list[TracedValue], arguments: dict[str, Any]
) -> list[TracedValue]:
    """Return the product with a matrix without a batch, and the sum with a bias. Raises Unsayable."""
    if x.batch == x.rank - 1 or any(each.batch is not None for each in weights):
        raise Unsayable("its weight is one for each sample, or its batch is last")
    made = Feed(at.add("einsum", [x.source, weights[0].source], {"equation": "...i,oi->...o"}))
    if len(weights) > 1:
        made = Feed(at.add("add", [made, weights[1].source], {"broadcast": True} if len(x.shape) > 1 else {}))
    return [at.outcome(call.outputs[0], made, x)]


def _looked_up(
    at: Builder, call: RecordedCall, x: TracedValue, weights: list[TracedValue], arguments: dict[str, Any]
) -> list[TracedValue]:
    """Return rows of a table without a batch. Raises Unsayable."""
    if any(arguments.values()):
        raise Unsayable(f"its table is computed, and it says {' and '.join(f'`{name}`' for name in arguments)}")
    return [indexing.looked_up(at, call.outputs[0], weights[0], x)]


#: What computes with weights that are computed, or taken elsewhere, too.
FUNCTIONS: dict[
    str, Callable[[Builder, RecordedCall, TracedValue, list[TracedValue], dict[str, Any]], list[TracedValue]]
] = {
    "Linear": _linear,
    "Embedding": _looked_up,
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _convolution),
}
