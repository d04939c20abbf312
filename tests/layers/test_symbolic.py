"""A layer's rule says of symbolic sizes what it says of ints, for every layer of the registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.analysis.region import Region
from speczoo.compiler.analysis.rule import REFUSALS, at
from speczoo.compiler.analysis.size_set import NoShortRule, SizeSet
from speczoo.compiler.analysis.staircase import IDENTITY
from speczoo.compiler.analysis.symbolic import DependentAxis, Paths
from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from tests.shares import OF_EACH_LAYER

OPS = sorted(op for op, layer in Layer.registry.items() if layer.arity[1] > 0)

#: What a rule may not say in short: quotients of several axes, fractions, as many outputs as fit, two axes that agree.
LONG = {
    "MultiheadAttention", "TransformerDecoderLayer", "TransformerEncoderLayer", "Upsample", "UpsamplingBilinear2d",
    "UpsamplingNearest2d", "convolution", "einsum", "interpolate", "matmul", "reshape", "scaled_dot_product_attention",
    "split", "std", "unbind", "var",
}  # fmt: skip


def symbolic(case: Case, paths: Paths) -> Iterator[Value]:
    """The inputs with a symbol for each axis, counted from the last, and as far apart as they are in the case."""
    longest = max((value.shape for value in case.inputs), key=len)
    for value in case.inputs:
        shape = [
            paths.along(-place, IDENTITY.plus(value.shape[place] - longest[place]))
            for place in range(-len(value.shape), 0)
        ]
        yield value._replace(shape=tuple(shape))


def resized(case: Case, sizes: tuple[int, ...]) -> list[Value]:
    longest = max((value.shape for value in case.inputs), key=len)
    return [
        value._replace(
            shape=tuple(sizes[-place] + value.shape[place] - longest[place] for place in range(-len(value.shape), 0))
        )
        for value in case.inputs
    ]


def region(case: Case, axes: int) -> Region:
    """Where every axis has at least one place."""
    found = Region.everything(axes)
    longest = max((value.shape for value in case.inputs), key=len)
    for value in case.inputs:
        for place in range(-len(value.shape), 0):
            found = found.within(-place, SizeSet.interval(1 - value.shape[place] + longest[place]))
    return found


@pytest.mark.parametrize("op", OPS)
def test_a_rule_holds_for_every_size(op: str) -> None:
    @OF_EACH_LAYER
    @given(layer_cases(op), st.data())
    def check(case: Case, data: st.DataObject) -> None:
        layer = case.accepted()
        if layer is None or not any(value.shape for value in case.inputs):
            return
        axes = max(len(value.shape) for value in case.inputs) + 1  # counted from 1: the first is of none
        paths = Paths(region(case, axes))
        values = tuple(symbolic(case, paths))
        try:
            outcomes = paths.explore(lambda: layer.apply(*values), REFUSALS)
        except (NoShortRule, DependentAxis):
            assert op in LONG
            event("no short rule")
            return
        for _ in range(10):
            sizes = data.draw(st.tuples(*(st.integers(1, 9 if axes < 5 else 5) for _ in range(axes))))
            if sizes not in paths.region:
                continue
            try:
                wanted = [value.shape for value in layer.apply(*resized(case, sizes))]
            except REFUSALS:
                wanted = None
            (outcome,) = [outcome for outcome in outcomes if sizes in outcome.region]
            given = outcome.given and [at(value.shape, sizes) for value in outcome.given]
            assert given == wanted

    check()


@pytest.mark.parametrize("op", OPS)
def test_what_a_layer_is_made_with_follows_from_what_is_derived(op: str) -> None:
    """Where that is equal, so are weights, buffers and torch's call, whatever the size."""

    @OF_EACH_LAYER
    @given(layer_cases(op), st.data())
    def check(case: Case, data: st.DataObject) -> None:
        layer = case.accepted()
        if layer is None:
            return
        sizes = data.draw(st.tuples(*(st.integers(1, 9) for _ in range(10))))
        other = resized(case, sizes)
        there, here = ([value.shape for value in values] for values in (case.inputs, other))
        try:
            outputs = layer.apply(*other)
        except REFUSALS:
            return
        if any(n < 1 for shape in here for n in shape) or layer.derived(*there) != layer.derived(*here):
            return
        assert layer.weights(*there) == layer.weights(*here)
        assert layer.buffers(*there) == layer.buffers(*here)
        if len(outputs) == len(layer.apply(*case.inputs)):
            before, after = layer.call(*case.inputs), layer.as_made(*case.inputs).call(*other)
            assert before == after

    check()
