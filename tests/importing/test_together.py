"""Several models as one spec: each variant is its model, what differs a parameter; the rest is reported."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import speczoo
from speczoo.importing import ImportRefused, from_module, from_modules
from speczoo.torchvision import torchvision
from tests.importing.test_folding import DenseNet, Stages, Turns, Way

SIZE = (3, 16, 16)


def stages(*depths: int, act: type[nn.Module] = nn.ReLU, wide: int = 1) -> nn.Module:
    widths = (4 * wide, 8 * wide, 16 * wide)
    return Stages(
        [
            [Way(width, 2 if i == n == 1 else 1, act, False) for i in range(depth)]
            for n, (width, depth) in enumerate(zip(widths, depths, strict=True))
        ]
    )


@pytest.mark.parametrize(
    "models",
    [
        {"small": stages(1, 2, 2), "large": stages(3, 3, 4)},
        {"narrow": stages(2, 2, 2), "wide": stages(2, 2, 2, wide=2)},
        {"relu": stages(2, 1, 2), "silu": stages(2, 1, 2, act=nn.SiLU)},
    ],
    ids=["depth", "width", "act"],
)
def test_a_variant_is_its_model(models: dict[str, nn.Module]) -> None:
    made = from_modules(models, SIZE, name="family")
    assert str(made).count("variants:") == 1
    for name, model in models.items():
        alone = from_module(model, SIZE, name=name).graph
        graph = made.graphs[name]
        assert graph.state == alone.state
        assert (graph.params, graph.macs) == (alone.params, alone.macs)
    assert speczoo.check(str(made)) == ()


def test_models_that_differ_in_a_few_entries_are_one_list() -> None:
    models = {"five": DenseNet(5), "eight": DenseNet(8)}
    made = from_modules(models, SIZE, name="dense")
    for name, model in models.items():
        assert dict(made.graphs[name].state) == {key: tuple(v.shape) for key, v in model.state_dict().items()}


def test_what_does_not_line_up_is_reported() -> None:
    with pytest.raises(ImportRefused, match="`other`: it does not line up with one"):
        from_modules({"one": DenseNet(2), "other": nn.Sequential(nn.Flatten(), nn.Linear(768, 2))}, SIZE, name="both")


def test_what_flows_in_is_the_same() -> None:
    torch.manual_seed(0)
    one = from_modules({"three": Turns(3), "four": Turns(4)}, (4, 8, 8), name="turns")
    assert [graph.settings.inputs[0][1].shape for graph in one.graphs.values()] == [(4, 8, 8)] * 2


@pytest.mark.slow
def test_resnets_are_one_file() -> None:
    names = ("resnet18", "resnet34", "resnet50")
    models = {name: getattr(torchvision().models, name)() for name in names}
    made = from_modules(models, (3, 224, 224), name="resnet")
    for name in names:
        known = speczoo.graph(name)
        assert (made.graphs[name].state, made.graphs[name].macs) == (known.state, known.macs)
    assert "depths: [2, 2, 2, 2]" in str(made)
    assert "resnet50: {params: {block: Bottleneck" in str(made)
