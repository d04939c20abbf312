"""A wrong argument that the shape does not hang on is left out; what comes out of the layer is known all the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.elaborate.layer import without_wrong
from speczoo.compiler.layer import Layer, ShapeError
from speczoo.compiler.unknown import UNKNOWN
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from tests.shares import OF_EACH_LAYER

#: Arguments that no layer's shape hangs on.
NEVER_ASKED = {"affine", "bias", "eps", "inplace", "momentum", "negative_slope", "p", "track_running_stats"}

#: But for these: a sum can write over its first input where it is as large as what comes out.
ASKED = {("add", "inplace")}


@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_what_is_left_out_does_not_change_what_comes_out(op: str) -> None:
    kind = Layer.registry[op]

    @OF_EACH_LAYER
    @given(layer_cases(op), st.data())
    def holds(case: Case, data: st.DataObject) -> None:
        optional = [name for name in case.arguments if not kind.model_fields[name].is_required()]
        if not optional:
            return
        try:
            expected = kind(**case.arguments).apply(*case.inputs)
        except (ValidationError, ShapeError):
            return
        name = data.draw(st.sampled_from(optional))
        node: Any = SimpleNamespace(arriving=case.inputs, arrived=case.inputs)
        made = without_wrong(kind, {**case.arguments, name: UNKNOWN}, (), node)
        if made is not None:
            assert made.apply(*case.inputs) == expected
        assert made is not None or name not in NEVER_ASKED or (op, name) in ASKED

    holds()


@pytest.mark.parametrize("op", sorted(op for op, kind in Layer.registry.items() if kind.parameters))
def test_parameters_names_all_weights(op: str) -> None:
    kind = Layer.registry[op]

    @given(layer_cases(op))
    def holds(case: Case) -> None:
        if (layer := case.accepted()) is None:
            return
        assert layer.weights(*(value.shape for value in case.inputs)).keys() <= set(kind.parameters)

    holds()
