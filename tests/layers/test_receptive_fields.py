"""What each layer says its places see is what reaches them in torch: a NaN goes everywhere that a number can go."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.compiler.reach import MOST, Link, hull
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import evaluated, prepared, tensors

#: What is linear: a gradient shows where a tap has the weight 0, which a NaN goes through.
LINEAR = {"Upsample", "interpolate", "UpsamplingBilinear2d"}
#: What a NaN goes through though it is left out of what is weighed: another number takes its place.
WEIGHED = {
    "MultiheadAttention", "TransformerDecoderLayer", "TransformerEncoderLayer", "scaled_dot_product_attention",
}  # fmt: skip
UNPOOLED = {f"MaxUnpool{n}d" for n in (1, 2, 3)}
#: Axes of these are merged and taken apart, masked or chosen from, and predicted to be seen whole, though less is.
WIDER = {
    "Fold", "Unfold", "ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "concat", "index_select", "grid_sample",
    *WEIGHED, *UNPOOLED,
}  # fmt: skip
#: What a change of a number need not change: a truth or a sign may stay, another value may be the greater or chosen.
COARSE = {
    "eq", "ne", "lt", "le", "gt", "ge", "sign", "maximum", "minimum", "logical_and", "logical_or", "where",
    "masked_fill", "amax", "amin", "argmax", "argmin", "prod", "bool", "EmbeddingBag", "pow",
}  # fmt: skip


def outputs(layer: Layer, case: Case, given: list[Any]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    scope, expression = prepared(layer.call(*case.inputs), given, training=False)
    return evaluated(scope, expression)


def positive(x: Any) -> Any:
    """Numbers that have a root, too."""
    return x.abs() if isinstance(x, torch.Tensor) and x.dtype != torch.bool else x


def changed(given: list[Any], position: int, axis: int, place: int, most: int, number: float) -> list[Any]:
    """The inputs with this number, or another whole number or truth, at a place of an axis."""
    out = [x.clone() if isinstance(x, torch.Tensor) else x for x in given]
    part = out[position].select(axis, place)
    whole = part.logical_not() if part.dtype == torch.bool else (part + 1) % most
    part.copy_(torch.full_like(part, number) if part.is_floating_point() else whole)
    return out


def reached(layer: Layer, case: Case, position: int, axis: int) -> list[list[torch.Tensor]]:
    """For each place of an input's axis the numbers of each output that it reaches, as truths."""
    given = [positive(x) for x in tensors(layer, case)]
    if case.op in LINEAR:
        return _by_gradient(layer, case, given, position, axis)
    plain = outputs(layer, case, [x.clone() if isinstance(x, torch.Tensor) else x for x in given])
    most = case.arguments.get("num_embeddings", 3)
    number = 4.0 if case.op in WEIGHED else torch.nan
    other = (
        outputs(layer, case, changed(given, position, axis, place, most, number))
        for place in range(given[position].shape[axis])
    )
    return [[_differs(a, b, case) for a, b in zip(each, plain, strict=True)] for each in other]


def _differs(one: torch.Tensor, other: torch.Tensor, case: Case) -> torch.Tensor:
    if case.op not in WEIGHED:
        return one != other
    return ~torch.isclose(one, other, 1e-5, 1e-6, equal_nan=True)  # what is masked by all is no number at all


def _by_gradient(layer: Layer, case: Case, given: list[Any], position: int, axis: int) -> list[list[torch.Tensor]]:
    given = [x.double() for x in given]

    def whole(x: torch.Tensor) -> torch.Tensor:
        return outputs(layer, case, [x if i == position else other for i, other in enumerate(given)])[0]

    jacobian = torch.autograd.functional.jacobian(whole, given[position])
    assert isinstance(jacobian, torch.Tensor)
    rank = jacobian.dim() - given[position].dim()
    others = tuple(i for i in range(rank, jacobian.dim()) if i != rank + axis)
    visited = jacobian.abs().amax(others) > 1e-5
    return [[visited[..., place]] for place in range(visited.shape[-1])]


def repeats(case: Case) -> bool:
    """Whether what stands in the padding is from elsewhere in the input."""
    return case.op.startswith(("Reflection", "Replication", "Circular")) or case.arguments.get("padding_mode") in (
        "reflect", "replicate", "circular",
    )  # fmt: skip


def held(case: Case, link: Link, found: list[torch.Tensor], lead: int) -> None:
    """Hold what is predicted of an axis of an input to the places that reach an output."""
    size = len(found)
    places = range(found[0].shape[link.axis + lead]) if link.axis is not None else [0]
    for i in places:
        visited = [each.any() if link.axis is None else each.select(link.axis + lead, i).any() for each in found]
        came = hull((place, place) for place, there in enumerate(visited) if there)
        stated = link.reach.at(i)
        over = stated is not None and not (stated[0] >= 0 and stated[1] < size)
        if over and repeats(case):
            continue
        if stated is not None:
            stated = (max(0, stated[0]), min(size - 1, stated[1]))
            stated = stated if stated[0] <= stated[1] else None
        gap = over and "dilation" in case.arguments  # one of the kernel may lie at the end
        wider = case.op in WIDER | COARSE or gap or "return_indices" in case.arguments
        assert came == stated or (wider and hull((came, stated)) == stated), (case, link, i, came, stated)


def nothing(sight: tuple[Link, ...], shape: Shape, out: Shape) -> bool:
    """Whether an axis of the input is all cut off, or falls between what is spread."""
    spans = [link.reach.between(0, 0 if link.axis is None else out[link.axis] - 1) for link in sight]
    return any(span is None or span[1] < 0 or span[0] >= size for span, size in zip(spans, shape, strict=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_what_a_place_sees(op: str) -> None:
    @settings(max_examples=max(5, settings().max_examples // 4))
    @given(layer_cases(op), st.data())
    def sees(case: Case, data: st.DataObject) -> None:
        if (layer := case.accepted()) is None or case.arguments.get("num_embeddings") == 1:
            return
        if op.startswith("Circular") and torch.tensor(case.arguments["padding"]).min() < 0:
            return  # torch leaves memory as it was
        try:
            outputs(layer, case, tensors(layer, case))
        except (RuntimeError, ValueError, AttributeError):
            return  # which is the conformance tests' to say
        shapes = [value.shape for value in case.inputs]
        made = layer.apply(*case.inputs)
        axes = [(position, axis) for position, shape in enumerate(shapes) for axis in range(len(shape))]
        if not axes:
            return
        position, axis = data.draw(st.sampled_from(axes))
        found = reached(layer, case, position, axis + case.inputs[position].batched)
        for port, out in enumerate(made):
            sight = layer.sees(port, out.shape, *shapes)[position]
            each = [outputs[port] for outputs in found]
            if sight is None or nothing(sight, shapes[position], out.shape):
                assert repeats(case) or not any(visited.any() for visited in each)
            else:
                held(case, sight[axis], each, lead=out.batched)

    sees()


def test_a_layer_that_says_nothing_sees_all_where_it_changes_the_shape() -> None:
    class Halved(Layer, abstract=True):
        pass

    assert Halved().sees(0, (3, 4), (3, 4)) == Layer.registry["ReLU"]().sees(0, (3, 4), (3, 4))
    (sight,) = Halved().sees(0, (3, 2), (3, 4))
    assert sight is not None
    assert [(link.axis, link.reach.at(0)) for link in sight] == [(None, (0, 2)), (None, (0, 3))]


@pytest.mark.parametrize(
    ("op", "arguments", "shape"),
    [
        ("Conv2d", {"out_channels": 2 * 10**8, "kernel_size": 1, "groups": 2}, (2, 3, 3)),
        ("ConvTranspose2d", {"out_channels": 1, "kernel_size": 10**8, "stride": 10**8 - 1}, (1, 3, 3)),
        ("AdaptiveAvgPool2d", {"output_size": 10**8 + 1}, (1, 3, 3)),
        ("Upsample", {"size": 10**8 + 1}, (1, 3, 3)),
        ("Upsample", {"size": 10**8 + 1, "mode": "bilinear", "align_corners": True}, (1, 3, 3)),
        ("PixelShuffle", {"upscale_factor": 10**4}, (10**8, 3, 3)),
        ("GroupNorm", {"num_groups": 2}, (2 * 10**8, 3)),
    ],
)
def test_a_pattern_of_any_length_takes_little(op: str, arguments: dict[str, Any], shape: Shape) -> None:
    """What a stranger writes makes no list of a hundred million places."""
    layer = Layer.registry[op](**arguments)
    (out,) = layer.apply(Value(shape))
    (sight,) = layer.sees(0, out.shape, shape)
    assert sight is not None
    assert all(link.reach.period <= MOST for link in sight)
