"""Activations of Keras: by name in another layer, as a layer with a name, and as layers of their own."""

from __future__ import annotations

from typing import Any

from speczoo.importing.sources.entries import Tensor
from speczoo.importing.sources.given import GivenArguments
from speczoo.importing.sources.keras.site import Site, maps
from speczoo.specs.wording import printed

#: Ops and arguments by the names that functions of `keras.activations` have.
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "relu6": ("ReLU6", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.2}),
    "sigmoid": ("Sigmoid", {}),
    "log_sigmoid": ("LogSigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "elu": ("ELU", {}),
    "selu": ("SELU", {}),
    "celu": ("CELU", {}),
    "gelu": ("GELU", {}),
    "silu": ("SiLU", {}),
    "swish": ("SiLU", {}),
    "mish": ("Mish", {}),
    "hard_sigmoid": ("Hardsigmoid", {}),
    "hard_silu": ("Hardswish", {}),
    "hard_swish": ("Hardswish", {}),
    "hard_tanh": ("Hardtanh", {}),
    "hard_shrink": ("Hardshrink", {}),
    "soft_shrink": ("Softshrink", {}),
    "tanh_shrink": ("Tanhshrink", {}),
    "exponential": ("exp", {}),
    "softmax": ("Softmax", {}),
    "log_softmax": ("LogSoftmax", {}),
}
_AXIS = frozenset({"Softmax", "LogSoftmax"})


def activated(site: Site, x: Tensor, key: str = "activation") -> Tensor:
    """Return the value behind the activation that a layer says, an entry of its own."""
    value = site.given.raw(key)
    if isinstance(value, dict) and value.get("class_name") == "function" and isinstance(value.get("config"), str):
        value = value["config"]
    if isinstance(value, dict) and isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
        return _layer(site, x, key, value)
    if value is None or value == "linear":
        return x
    if not isinstance(value, str) or value not in NAMED:
        help = f"known are {', '.join(NAMED)}" if isinstance(value, str) else "it holds code, which is never run"
        raise site.given.refusal(key, f"the activation {printed(value)} has no counterpart here", help)
    if value == "hard_sigmoid" and site.layer.second:
        return _hard_sigmoid_of_keras_2(site, x)
    op, arguments = NAMED[value]
    if op in _AXIS:
        arguments = {"dim": 1 if x.channels_last else len(x.shape)}
    return site.add(op, x, arguments, op.lower() if _there(site) else "")


def _there(site: Site) -> bool:
    """Return whether the layer has an entry of its name already."""
    return site.layer.kind != "Activation"


def _hard_sigmoid_of_keras_2(site: Site, x: Tensor) -> Tensor:
    """Return 0.2 x + 0.5, kept between 0 and 1: what Keras 2 means by a hard sigmoid."""
    scaled = site.add("mul", [x, 0.2], suffix="scaled")
    moved = site.add("add", [scaled, 0.5], suffix="moved")
    return site.add("Hardtanh", moved, {"min_val": 0.0, "max_val": 1.0}, "hardsigmoid" if _there(site) else "")


def _layer(site: Site, x: Tensor, key: str, value: dict[str, Any]) -> Tensor:
    """Return the value behind a layer that stands in place of an activation's name."""
    kind = value["class_name"]
    if kind not in LAYERS:
        raise site.given.refusal(key, f"the activation {printed(kind)} has no counterpart here")
    given = GivenArguments(f"{site.given.what}: {kind}", value["config"], (*site.given.place(key), "config"))
    op, arguments = LAYERS[kind](given, x)
    return site.add(op, x, arguments, op.lower())


def _relu(given: GivenArguments, x: Tensor) -> tuple[str, dict[str, Any]]:
    most = given.number("max_value", None)
    slope, threshold = given.number("negative_slope", 0.0), given.number("threshold", 0.0)
    if threshold:
        raise given.refusal("threshold", f"`threshold: {threshold}` has no counterpart here")
    if most is None:
        return ("LeakyReLU", {"negative_slope": slope}) if slope else ("ReLU", {})
    if slope:
        raise given.refusal("negative_slope", "a slope beside `max_value` has no counterpart here")
    return ("ReLU6", {}) if most == 6 else ("Hardtanh", {"min_val": 0.0, "max_val": most})


def _leaky(given: GivenArguments, x: Tensor) -> tuple[str, dict[str, Any]]:
    key = "alpha" if given.says("alpha") else "negative_slope"
    return "LeakyReLU", {"negative_slope": given.number(key, 0.3)}


def _elu(given: GivenArguments, x: Tensor) -> tuple[str, dict[str, Any]]:
    return "ELU", {"alpha": given.number("alpha", 1.0)}


def _thresholded(given: GivenArguments, x: Tensor) -> tuple[str, dict[str, Any]]:
    return "Threshold", {"threshold": given.number("theta", 1.0), "value": 0.0}


def _softmax(given: GivenArguments, x: Tensor) -> tuple[str, dict[str, Any]]:
    rank = len(x.shape)
    axes = given.wholes("axis", (-1,))
    axis = axes[0] % (rank + 1) if -rank - 1 <= axes[0] <= rank else 0
    if len(axes) > 1 or axis == 0:
        raise given.refusal("axis", "it is over one axis, and not the batch's")
    return "Softmax", {"dim": dim_here(axis, x)}


def dim_here(axis: int, x: Tensor) -> int:
    """Return torch's number of what is axis 1, 2, ... in Keras."""
    if not x.channels_last:
        return axis
    return 1 if axis == len(x.shape) else axis + 1


LAYERS = {"ReLU": _relu, "LeakyReLU": _leaky, "ELU": _elu, "ThresholdedReLU": _thresholded, "Softmax": _softmax}


@maps(*LAYERS)
def activation_layer(site: Site) -> Tensor:
    x = site.one()
    op, arguments = LAYERS[site.layer.kind](site.given, x)
    return site.add(op, x, arguments)


@maps("Activation")
def activation(site: Site) -> Tensor:
    return activated(site, site.one())


@maps("PReLU")
def prelu(site: Site) -> Tensor:
    """Return a slope for each channel, where the axes besides are shared; torch has no other."""
    x = site.one()
    rank = len(x.shape)
    shared = set(site.given.wholes("shared_axes", ()) or ())
    for key in ("alpha_initializer", "alpha_regularizer", "alpha_constraint"):
        site.given.raw(key)
    if shared == set(range(1, rank + 1)):
        return site.weighted("PReLU", x, {})
    if rank > 1 and shared == set(range(2, rank + 1)):
        x = site.place.plain(x)
    elif rank > 1 and shared == set(range(1, rank)):
        x = site.place.channels_first(x)
    elif rank > 1:
        raise site.given.refusal(
            "shared_axes", "a slope for each place has no counterpart here: share all but channels"
        )
    return site.weighted("PReLU", x, {"num_parameters": x.shape[0]})
