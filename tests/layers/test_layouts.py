"""Where what comes out of a layer lies, and of which input it is a view, is what torch's strides say: of inputs that
are plain, permuted, parts of others, stretched or with channels innermost."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.layers.product import Terms
from speczoo.compiler.strides import Laid, Layout
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import evaluated, prepared, seeded, tensors
from tests.shares import OF_EACH_LAYER


class Lying(NamedTuple):
    """Tensors with the memory that they lie in."""

    given: list[Any]
    layouts: tuple[Layout, ...]


@st.composite
def lying(draw: DrawFn, layer: Layer, case: Case, batch: int) -> Lying:
    """What flows in, each value in a layout of its own."""
    given = [anew(draw, x) if isinstance(x, Tensor) and x.dim() else x for x in tensors(layer, case, batch)]
    return Lying(given, tuple(map(layout, given, case.inputs)))


def anew(draw: DrawFn, x: Tensor) -> Tensor:
    """The same numbers elsewhere in memory; where an axis is stretched, its first place again and again."""
    order = draw(st.permutations(range(x.dim())))
    back = [order.index(i) for i in range(x.dim())]
    at = draw(st.integers(0, x.dim() - 1))
    match draw(st.sampled_from(["plain", "permuted", "part", "stretched", "channels"])):
        case "permuted":
            return x.permute(order).contiguous().permute(back)
        case "part":
            whole = torch.cat([x.permute(order)] * 2, at)
            size = whole.shape[at] // 2
            return whole.narrow(at, draw(st.sampled_from([0, size])), size).permute(back)
        case "stretched":
            return x.narrow(at, 0, 1).contiguous().expand_as(x)
        case "channels" if x.dim() in (4, 5):
            kind = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
            return x.contiguous(memory_format=kind)
    return x


def layout(x: Any, value: Value) -> Layout:
    """How it lies, with a batch axis of 1 where it has none."""
    if not isinstance(x, Tensor):
        return Layout((1,), (0,))
    return Layout(tuple(x.shape), x.stride()) if value.batched else Layout((1, *x.shape), (0, *x.stride()))


def places(laid: Laid) -> tuple[Any, ...]:
    """What a layout says of places that there are: the stride of an axis of 1 says nothing."""
    steps = zip(*laid.layout, strict=True)
    return (laid.layout.sizes, tuple(step if size > 1 else None for size, step in steps), laid.of)


def otherwise(case: Case, batch: int) -> bool:
    """Where torch lays out otherwise than predicted: by kernels for few numbers, and for maps of one row or column."""
    match case.op:
        case "ConvTranspose2d" | "ConvTranspose3d":
            return True
        case "Conv1d" | "Conv2d" | "Conv3d" | "ConvTranspose1d" | "convolution":
            return batch == 1 or 1 in case.inputs[0].shape
        case "BatchNorm2d" | "BatchNorm3d":
            return 1 in case.inputs[0].shape
        case "Upsample" | "interpolate":
            return case.arguments.get("mode") == "area" and len(case.inputs[0].shape) == 2
        case "ReflectionPad3d":
            return max(each(case.arguments["padding"])) < 1
        case "stack":
            return len(case.inputs) == 1
        case "einsum":
            return sums_alone(case)
    return False


def each(numbers: int | list[int]) -> list[int]:
    return numbers if isinstance(numbers, list) else [numbers]


def sums_alone(case: Case) -> bool:
    """Whether an equation has axes of one value alone that are summed before the product."""
    terms = Terms.of(case.arguments["equation"])
    first, second = ({*labels} for labels in terms.inputs)
    return not first ^ second <= {*terms.output}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_how_outputs_lie(op: str) -> None:
    @OF_EACH_LAYER
    @given(layer_cases(op), st.integers(1, 3), st.booleans(), st.data())
    def holds(case: Case, batch: int, training: bool, data: st.DataObject) -> None:
        layer = case.accepted()
        if layer is None or not case.inputs or otherwise(case, batch):
            return
        given, layouts = data.draw(lying(layer, case, batch))
        memories = [x.untyped_storage().data_ptr() if isinstance(x, Tensor) else 0 for x in given]
        try:
            scope, expression = prepared(layer.call(*case.inputs), given, training=training)
            with torch.no_grad(), seeded():
                outputs = evaluated(scope, expression)
        except (RuntimeError, ValueError):
            return  # which is the conformance tests' to say
        came = []
        for x, value in zip(outputs, layer.apply(*case.inputs), strict=True):
            memory = x.untyped_storage().data_ptr()
            came.append(Laid(layout(x, value), memories.index(memory) if memory in memories else None))
        stated = layer.laid_out([laid.layout.sizes for laid in came], layouts, *case.inputs, training=training)
        assert [*map(places, stated)] == [*map(places, came)], (case, layouts)

    holds()
