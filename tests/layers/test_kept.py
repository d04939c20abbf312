"""What a layer says autograd keeps of it is what saved tensors hold, byte by byte."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import evaluated, prepared, seeded, tensors
from tests.shares import OF_EACH_LAYER


class Storages(NamedTuple):
    """Which inputs and outputs are kept, and how many bytes besides; of an input that is written over, the output is
    the same memory."""

    inputs: set[int]
    outputs: set[int]
    besides: int


def kept(layer: Layer, case: Case, batch: int, *, frozen: bool = False) -> Storages:
    """What autograd keeps, parameters and buffers left out, where a gradient is wanted of every input."""
    given = [x.requires_grad_().clone() if _floats(x) else x for x in tensors(layer, case, batch)]
    scope, expression = prepared(layer.call(*case.inputs), given)
    module = scope["module"]
    own = [*module.parameters(), *module.buffers()] if isinstance(module, nn.Module) else []
    if frozen:
        module.requires_grad_(False)
    found = {}

    def note(x: Tensor) -> Tensor:
        found[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x

    with seeded(), torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        made = evaluated(scope, expression)
    places = [x.untyped_storage().data_ptr() for x in own]
    inputs = {i for i, x in enumerate(given) if isinstance(x, Tensor) and x.untyped_storage().data_ptr() in found}
    outputs = {i for i, x in enumerate(made) if x.untyped_storage().data_ptr() in found}
    places += [x.untyped_storage().data_ptr() for x in (*given, *made) if isinstance(x, Tensor)]
    return Storages(inputs, outputs, sum(s.nbytes() for place, s in found.items() if place not in places))


def _floats(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def said(layer: Layer, case: Case, batch: int, *, frozen: bool = False) -> Storages:
    out = layer.apply(*case.inputs)
    if not any(value.is_float for value in out):
        return Storages(set(), set(), 0)
    keeps = layer.keeps_frozen if frozen else layer.keeps
    found = keeps(out[0].shape, *(value.shape for value in case.inputs))
    everything = {i for i, value in enumerate(case.inputs) if value.batched or value.shape}
    inputs = {
        "input": everything,
        "both": everything,
        "factors": {i for i in everything if everything - {i}},
        "output": {0} if layer.inplace_ else set(),
    }.get(found.values, set()) | {*found.inputs}
    kept = found.values in ("output", "both")
    outputs = (
        set(range(len(out)))
        if kept
        else {*found.outputs}
        if found.outputs
        else {0}
        if layer.inplace_ and inputs
        else set()
    )
    besides = (batch if out[0].batched else 1) * (4 * found.numbers + 8 * found.indices) + 4 * found.once
    return Storages(inputs, outputs, besides)


def unequal(case: Case) -> bool:
    """Where autograd keeps less than is said, or torch has several ways of computing: few numbers are at stake."""
    arguments = case.arguments
    match case.op:
        case "Dropout" | "AlphaDropout" | "FeatureAlphaDropout" | "Dropout1d" | "Dropout2d" | "Dropout3d":
            return arguments.get("p") == 1
        case "mul" | "div" | "matmul" | "pow":  # stretched over the batch, with numbers among them, or single as those
            return not all(value.batched and value.shape for value in case.inputs)
        case "RNN" | "GRU" | "LSTM" | "TransformerEncoderLayer" | "TransformerDecoderLayer":  # whose kernels differ
            return True
        case "einsum":  # torch copies what it cannot lay out as matrices
            return True
        case "StochasticDepth":
            return arguments["p"] == 1
        case "MultiheadAttention":  # in one projection, as a fused kernel
            options = ("dropout", "add_bias_kv", "add_zero_attn")
            return len(case.inputs) > 1 or any(arguments.get(name) for name in options) or case.inputs[0].shape[0] == 1
        case "scaled_dot_product_attention":  # where masks and shared heads are laid out anew
            return len(case.inputs) > 3 or bool(arguments.get("enable_gqa"))
    return False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_what_is_kept(op: str) -> None:
    @OF_EACH_LAYER
    @given(layer_cases(op), st.integers(2, 3))
    def holds(case: Case, batch: int) -> None:
        layer = case.accepted()
        if layer is None or layer.no_backward() is not None or unequal(case) or not case.inputs:
            return
        try:
            came = kept(layer, case, batch)
        except (RuntimeError, ValueError, AttributeError):
            return  # which is the conformance tests' to say
        if layer.views:
            came = came._replace(outputs=set())
        assert came == said(layer, case, batch), case

    holds()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ["Linear", "Bilinear", "PReLU", "LayerNorm", "GroupNorm", "BatchNorm2d"])
def test_what_is_kept_of_a_frozen_layer(op: str) -> None:
    @OF_EACH_LAYER
    @given(layer_cases(op), st.integers(2, 3))
    def holds(case: Case, batch: int) -> None:
        layer = case.accepted()
        if layer is None or layer.no_backward() is not None:
            return
        try:
            came = kept(layer, case, batch, frozen=True)
        except (RuntimeError, ValueError):
            return  # which is the conformance tests' to say
        assert came == said(layer, case, batch, frozen=True), case

    holds()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True, "num_layers": 3}])
def test_what_recurrent_layers_keep_is_within_a_tenth(op: str, options: dict[str, Any]) -> None:
    case = Case(op, {"hidden_size": 7, **options}, (Value((20, 5)),))
    layer = case.accepted()
    assert layer is not None
    with torch.backends.mkldnn.flags(enabled=False):
        came = kept(layer, case, 2)
    out = sum(2 * 4 * math.prod(layer.apply(*case.inputs)[0].shape) for _ in came.outputs)
    assert said(layer, case, 2).besides == pytest.approx(came.besides + out, rel=0.1)


@pytest.mark.parametrize("options", [{}, {"norm_first": True}, {"activation": "gelu"}, {"dropout": 0.0}])
@pytest.mark.parametrize("shapes", [((20, 8),), ((20, 8), (15, 8))])
def test_what_transformers_keep_is_within_a_tenth(options: dict[str, Any], shapes: tuple[tuple[int, ...], ...]) -> None:
    op = ("TransformerEncoderLayer", "TransformerDecoderLayer")[len(shapes) - 1]
    case = Case(op, {"nhead": 2, "dim_feedforward": 32, **options}, tuple(map(Value, shapes)))
    layer = case.accepted()
    assert layer is not None
    came, stated = kept(layer, case, 2), said(layer, case, 2)
    own, known = (sum(2 * 4 * math.prod(shapes[i]) for i in each.inputs) for each in (came, stated))
    assert stated.besides + known == pytest.approx(came.besides + own, rel=0.1)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize("others", [(), ((7, 8), (7, 8)), ((7, 6), (7, 4))])
def test_what_attention_keeps_is_within_a_twentieth(dropout: float, others: tuple[tuple[int, ...], ...]) -> None:
    arguments = {"num_heads": 2, "dropout": dropout}
    case = Case("MultiheadAttention", arguments, tuple(Value(shape) for shape in ((9, 8), *others)))
    layer = case.accepted()
    assert layer is not None
    came, stated = kept(layer, case, 2), said(layer, case, 2)
    own = sum(2 * 4 * math.prod(case.inputs[i].shape) for i in came.inputs)
    assert stated.besides == pytest.approx(came.besides + own, rel=0.05)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize("shapes", [((9, 8), (7, 8), (7, 8)), ((3, 9, 8), (3, 7, 8), (3, 7, 6))])
@pytest.mark.parametrize("mask", [(), ((9, 7),)])
def test_what_attention_as_products_keeps(
    dropout: float, shapes: tuple[tuple[int, ...], ...], mask: tuple[tuple[int, ...], ...]
) -> None:
    arguments = {"dropout_p": dropout, **({"mask": True} if mask else {})}
    values = (*(Value(shape) for shape in shapes), *(Value(shape, batched=False) for shape in mask))
    case = Case("scaled_dot_product_attention", arguments, values)
    layer = case.accepted()
    assert layer is not None
    assert kept(layer, case, 2) == said(layer, case, 2)
