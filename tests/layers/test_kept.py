"""What a layer says autograd keeps of it is what saved tensors hold, byte by byte, however its inputs lie in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.kept import Wanted
from speczoo.compiler.layer import Layer
from speczoo.compiler.strides import Layout
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import evaluated, prepared, seeded
from tests.layers.test_layouts import lying, sums_alone
from tests.shares import OF_EACH_LAYER


class Storages(NamedTuple):
    """Which inputs and outputs are kept, and how many bytes besides; of an input that is written over, the output is
    the same memory."""

    inputs: set[int]
    outputs: set[int]
    besides: int


def kept(layer: Layer, case: Case, given: list[Any], wanted: Wanted) -> Storages:
    """What autograd keeps, parameters and buffers left out."""
    given = [ALIKE.apply(x.requires_grad_()) if i in wanted.inputs else x for i, x in enumerate(given)]
    scope, expression = prepared(layer.call(*case.inputs), given)
    module = scope["module"]
    parameters, own = {}, []
    if isinstance(module, nn.Module):
        parameters, own = dict(module.named_parameters()), [*module.parameters(), *module.buffers()]
    for name, parameter in parameters.items():
        parameter.requires_grad_(name in wanted.weights)
    found = {}

    def note(x: Tensor) -> Tensor:
        found[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x.detach()  # an output that holds itself is never let go of

    recurrent = torch.backends.mkldnn.flags(enabled=not isinstance(module, nn.RNNBase))  # oneDNN keeps it otherwise
    with seeded(), recurrent, torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        made = evaluated(scope, expression)
    places = [x.untyped_storage().data_ptr() for x in own]
    inputs = {i for i, x in enumerate(given) if isinstance(x, Tensor) and x.untyped_storage().data_ptr() in found}
    outputs = {i for i, x in enumerate(made) if x.untyped_storage().data_ptr() in found}
    places += [x.untyped_storage().data_ptr() for x in (*given, *made) if isinstance(x, Tensor)]
    return Storages(inputs, outputs, sum(s.nbytes() for place, s in found.items() if place not in places))


class ALIKE(torch.autograd.Function):
    """The same memory as a value that is no leaf of autograd's, so that it may be written over."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.detach().as_strided(x.shape, x.stride(), x.storage_offset())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def stated(layer: Layer, case: Case, wanted: Wanted) -> Storages:
    out = layer.apply(*case.inputs)
    if not any(value.is_float for value in out):
        return Storages(set(), set(), 0)
    found = layer.keeping(wanted, out[0].shape, *case.inputs)
    everything = {i for i, value in enumerate(case.inputs) if value.batched or value.shape}
    inputs = {"input": everything, "both": everything, "output": {0} if layer.inplace_ else set()}
    kept = inputs.get(found.values, set()) | {*found.inputs} & everything
    outputs = {*range(len(out))} if found.values in ("output", "both") else {*found.outputs}
    if layer.inplace_ and kept:
        outputs = {0}
    besides = (wanted.batch if out[0].batched else 1) * (4 * found.numbers + 8 * found.indices) + 4 * found.once
    return Storages(kept, outputs, besides)


def everything(layer: Layer, case: Case, batch: int, layouts: tuple[Layout, ...]) -> Wanted:
    """Gradients of all that can have one."""
    floats = [i for i, v in enumerate(case.inputs) if v.is_float and (v.batched or v.shape)]
    names = layer.weights(*(value.shape for value in case.inputs))
    return Wanted(frozenset(floats), frozenset(names), batch, tuple(range(len(case.inputs))), layouts)


def part(whole: Wanted, computed_with: int) -> st.SearchStrategy[Wanted]:
    """Gradients of all of these, or of some: of at least one weight, or one input that is computed with."""
    inputs, weights = sorted(whole.inputs & {*range(computed_with)}), sorted(whole.weights)
    some_inputs, some_weights = (st.sets(st.sampled_from(x)) if x else st.just(set()) for x in (inputs, weights))
    parts = st.tuples(some_inputs, some_weights).filter(any)
    return st.just(whole) | parts.map(lambda p: whole._replace(inputs=frozenset(p[0]), weights=frozenset(p[1])))


def unequal(case: Case) -> bool:
    """Where autograd keeps less than is predicted, or torch has several ways of computing: few numbers are at stake."""
    arguments = case.arguments
    match case.op:
        case "Dropout" | "AlphaDropout" | "FeatureAlphaDropout" | "Dropout1d" | "Dropout2d" | "Dropout3d":
            return arguments.get("p") == 1
        case "mul" | "div" | "matmul" | "pow":  # stretched over the batch, with numbers among them, or single as those
            return not all(value.batched and value.shape for value in case.inputs)
        case "einsum":  # of values without a batch axis, or axes of one alone that are summed before
            return not all(value.batched for value in case.inputs) or sums_alone(case)
        case "StochasticDepth":
            return arguments["p"] == 1
    return False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_what_is_kept(op: str) -> None:
    """Of all that flows in and all weights, or of some alone: others are frozen, or come of what is."""

    @OF_EACH_LAYER
    @given(layer_cases(op), st.integers(1, 3), st.data())
    def holds(case: Case, batch: int, data: st.DataObject) -> None:
        layer = case.accepted()
        if layer is None or layer.no_backward() is not None or unequal(case) or not case.inputs:
            return
        given, layouts = data.draw(lying(layer, case, batch))
        whole = everything(layer, case, batch, layouts)
        if not whole.inputs and not whole.weights:
            return
        wanted = data.draw(part(whole, layer.valued(len(case.inputs))))
        try:
            came = kept(layer, case, given, wanted)
        except (RuntimeError, ValueError, AttributeError):
            return  # which is the conformance tests' to say
        if layer.views:
            came = came._replace(outputs=set())
        assert came == stated(layer, case, wanted), (case, wanted)

    holds()
