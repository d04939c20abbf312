"""What people change of a classification network: its classes, its channels, what of it they want."""

from __future__ import annotations

import re

import pytest
import torch

import speczoo
from speczoo import catalogue
from tests.families import graph_of
from tests.networks.shared import CLASSIFIERS, MAPS

QUICK = ("mobilenet_v3_small", "resnet18", "squeezenet1_1")


def classifiers() -> list[object]:
    """Every network with num_classes that says one thing of the whole; without --slow one of a family."""
    out: list[object] = []
    families = set()
    for name, (path, _) in catalogue.index().items():
        if "num_classes" in catalogue.own(path).spec.params and name not in MAPS and not re.search("unet|yolo", name):
            out.append(pytest.param(name, marks=() if path not in families else pytest.mark.slow))
            families.add(path)
    return out


every = pytest.mark.parametrize("name", classifiers())


@every
def test_other_classes_change_the_head_alone(name: str) -> None:
    whole, three = graph_of(name), speczoo.graph(name, num_classes=3)
    assert list(three.state) == list(whole.state)
    changed = {key for key, shape in three.state.items() if whole.state[key] != shape}
    assert 0 < len(changed) <= 10
    assert all(three.state[key][0] == 3 for key in changed)
    assert next(v.shape for v in three.root.values if v is not None) == (3,)


@every
def test_no_classes_give_the_pooled_features(name: str) -> None:
    whole = graph_of(name)
    if name.startswith(("mnist_", "linear_classifier")):
        pytest.skip("its last layer is its head and its body at once")
    bare = speczoo.graph(name, num_classes=0)
    (features,) = [v.shape for v in bare.root.values if v is not None]
    assert len(features) == 1
    assert features != (0,)
    assert bare.params < whole.params
    assert set(bare.state) <= set(whole.state)
    assert all(whole.state[key] == shape for key, shape in bare.state.items())


@every
def test_other_channels_change_the_first_layer(name: str) -> None:
    whole = graph_of(name)
    channels = 1 if whole.settings.inputs[0][1].shape[0] == 3 else 3
    other = speczoo.graph(name, in_channels=channels)
    assert other.settings.inputs[0][1].shape == (channels, *whole.settings.inputs[0][1].shape[1:])
    assert list(other.state) == list(whole.state)
    most = 4 if name == "pointnet" else 3  # whose transform is a matrix of so many rows, too
    assert 0 < len([key for key, shape in other.state.items() if whole.state[key] != shape]) <= most


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CLASSIFIERS])
def test_they_run(name: str) -> None:
    side = 96 if name in ("alexnet", "inception_v3") else 64
    x = torch.randn(2, 1, side, side)
    model = speczoo.build(name, in_channels=1, num_classes=0, input=[1, side, side]).eval()
    (shape,) = speczoo.summary(name, num_classes=0, input=[1, side, side]).outputs.values()
    assert model(x).shape == (2, *shape)
    two = speczoo.build(name, in_channels=1, num_classes=2).eval()
    assert two(x).shape == (2, 2)
