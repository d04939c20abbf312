"""What networks of the zoo see of their input, against gradients, publications and the documents' arithmetic."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import speczoo
from speczoo.compiler.analysis.receptive_field import ReceptiveField, receptive_fields

Data = dict[str, Any]


def by_path(name: Any, **options: Any) -> dict[str, ReceptiveField]:
    graph = speczoo.graph(name, **options)
    return dict(zip((row.path for row in graph.rows), receptive_fields(graph), strict=True))


def convolutions(kernel: int, count: int) -> Data:
    layer = {"for": {"i": f"1..{count}"}, "op": "Conv2d", "out_channels": 1, "kernel_size": kernel, "bias": False}
    return {"spec": 1, "name": "stack", "input": [1, 40, 40], "layers": [layer]}


@pytest.mark.parametrize(("count", "as_one", "fewer"), [(2, 5, 28.0), (3, 7, 44.9), (5, 11, 62.8)])
def test_small_kernels_stand_for_a_large_one(count: int, as_one: int, fewer: float) -> None:
    """Documents 003 and 004: what stacks of 3x3 convolutions see, and how many weights fewer they have."""
    stack, one = speczoo.graph(convolutions(3, count)), speczoo.graph(convolutions(as_one, 1))
    assert receptive_fields(stack)[-1] == receptive_fields(one)[-1]
    assert receptive_fields(stack)[-1] == ReceptiveField((as_one,) * 2, (1, 1), (0, 0))
    assert round(100 * (1 - stack.params / one.params), 1) == fewer
    assert stack.root.values == one.root.values


@pytest.mark.parametrize(
    ("name", "path", "size", "stride"),
    [
        # Araujo, Norris and Sim 2019, table of their section "Receptive fields for modern architectures"
        ("vgg16", "features.30", 212, 32),
        ("alexnet", "features.12", 195, 32),
    ],
)
def test_published(name: str, path: str, size: int, stride: int) -> None:
    field = by_path(name)[path]
    assert (field.size, field.stride) == ((size, size), (stride, stride))


PERIOD = 16  # of a U-Net


class Averaging(nn.Module):
    """In place of a pool that lets through one of many."""

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.pool(x)
        return out


def open_everywhere(model: nn.Module) -> nn.Module:
    """The module with weights under which no gradient is 0 or cancels another: all positive, and no maxima."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, Averaging(child))
            elif isinstance(child, nn.LocalResponseNorm):
                setattr(parent, name, nn.Identity())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1 / max(1, parameter[0].numel()) if parameter.dim() > 1 else 1.0)
    return model.double().eval()


NARROW = {"widths": [2, 2, 2, 2, 2]}


def maps(name: str, side: int) -> tuple[list[str], Any, Data]:
    """The paths of a network's maps at such an input, its graph, and the parameters that it was given."""
    channels = next(iter(speczoo.summary(name).inputs.values()))[0]
    options = NARROW if name == "unet" else {}
    graph = speczoo.graph(name, input=[channels, side, side], **options)
    return [row.path for row in graph.rows if len(row.output) == 3], graph, options


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("lenet5_c5", 32),
        ("mnist_resnet", 28),
        ("mnist_densenet", 28),
        ("unet", 240),
        pytest.param("resnet18", 224, marks=pytest.mark.slow),
        pytest.param("googlenet_2014", 224, marks=pytest.mark.slow),
        pytest.param("squeezenet1_1", 224, marks=pytest.mark.slow),
    ],
)
def test_gradients_show_it(name: str, side: int) -> None:
    """Of a few of a network's maps, the last among them."""
    paths, graph, options = maps(name, side)
    fields = dict(zip((row.path for row in graph.rows), receptive_fields(graph), strict=True))
    chosen = paths[:: max(1, len(paths) // 5)] + paths[-1:]
    channels = graph.root.inputs[0][1].shape[0]
    taps = {f"t{i}": path for i, path in enumerate(chosen)}
    model = speczoo.build(name, input=[channels, side, side], taps=taps, **options)
    x = torch.ones(1, channels, side, side, dtype=torch.double, requires_grad=True)
    for path, value in zip(chosen, open_everywhere(model)(x), strict=True):
        held(fields[path], value, x, repeats=name == "unet")


def held(field: ReceptiveField, value: torch.Tensor, x: torch.Tensor, *, repeats: bool) -> None:
    """Hold the rows that a layer sees to those with a gradient: for its first place, and some in its middle.

    After an upsampling some places see more than others; after so many it begins anew.
    """
    (size, _), (stride, _), (offset, _) = field.size, field.stride, field.offset
    middle, side = value.shape[2] // 2, x.shape[2]
    spans = {}
    for place in (0, *range(middle, min(value.shape[2], middle + PERIOD + 1))) if stride else (middle,):
        (gradient,) = torch.autograd.grad(value[0, :, place, place].sum(), x, retain_graph=True)
        rows = gradient.abs().amax((0, 1, 3)).nonzero()
        spans[place] = int(rows.min()), int(rows.max())
    if stride == 0:
        assert spans == {middle: (offset, offset + size - 1)}
        return
    assert spans[0][0] == max(0, offset)
    inside = {place: span for place, span in spans.items() if span[0] > 0 and span[1] < side - 1 - stride}
    if repeats:
        assert max((last - first + 1 for first, last in inside.values()), default=size) == size
        steps = {inside[p + PERIOD][0] - inside[p][0] for p in inside if p + PERIOD in inside}
        assert steps <= {PERIOD * stride}
    else:
        expected = {place: offset + place * stride for place in inside}
        assert inside == {place: (first, first + size - 1) for place, first in expected.items()}


def test_what_is_taken_together() -> None:
    """Two branches: the longer one to the left and the longer one to the right."""
    layers = [
        {"id": "left", "from": "input", "op": "ZeroPad1d", "padding": [4, -4]},
        {"id": "right", "from": "input", "op": "ZeroPad1d", "padding": [-2, 2]},
        {"id": "sum", "op": "add", "from": ["left", "right"]},
    ]
    fields = by_path({"spec": 1, "name": "two", "input": [1, 30], "layers": layers})
    assert fields["sum"] == ReceptiveField((7,), (1,), (-4,))
    assert fields["left"].to_json() == {"size": [1], "stride": [1], "offset": [-4]}


def test_axes_that_are_gone_are_noticed_whole() -> None:
    fields = by_path("resnet18", input=[3, 64, 100])
    assert fields["avgpool"] == fields["fc"] == ReceptiveField((64, 100), (0, 0), (0, 0))
    assert fields["conv1"] == ReceptiveField((7, 7), (2, 2), (-3, -3))
    assert by_path("mlp")["1"] == ReceptiveField((32, 32), (0, 0), (0, 0))


def test_a_network_without_axes_has_nothing_to_report() -> None:
    layers = [{"op": "Linear", "out_features": 3}]
    assert by_path({"spec": 1, "name": "flat", "input": [4], "layers": layers})["0"] == ReceptiveField((), (), ())
