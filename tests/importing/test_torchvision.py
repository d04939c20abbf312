"""torchvision's classification models that the zoo has, imported from their code: what comes out is proved to be the
same network, and is the one that the zoo has by that name.
"""

from __future__ import annotations

import pytest
from torch import nn

import speczoo
from speczoo.importing import from_module
from speczoo.torchvision import torchvision

MODELS = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50"),
    *("resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_0", "squeezenet1_1", "swin_t", "vgg11_bn"),
    *("vit_b_32", "wide_resnet50_2"),
]
#: One of each kind of thing: shared and in-place layers, a shuffle of channels, heads that training alone has.
FEW = ("resnet18", "shufflenet_v2_x0_5", "googlenet", "squeezenet1_1", "mobilenet_v3_small")


def model(name: str) -> nn.Module:
    plain = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    made: nn.Module = getattr(torchvision().models, name)(**plain)
    return made


def marked(name: str) -> object:
    return name if name in FEW else pytest.param(name, marks=pytest.mark.slow)


def test_shifted_windows() -> None:
    """Their masks are constants of five axes, which torchvision makes anew in each call."""
    swin = torchvision().models.swin_transformer.SwinTransformer
    made = from_module(swin([4, 4], 8, [2], [2], [3, 3], num_classes=5), (3, 24, 24), name="windows")
    assert speczoo.check(str(made)) == ()


@pytest.mark.parametrize("name", [marked(name) for name in MODELS])
def test_a_model_becomes_the_network_that_the_zoo_has(name: str) -> None:
    size = speczoo.graph(name).settings.inputs[0][1].shape
    made = from_module(model(name), size, name=name)
    known = speczoo.graph(name)
    assert made.graph.state == known.state
    assert (made.graph.params, made.graph.macs) == (known.params, known.macs)
    assert speczoo.check(str(made)) == ()
    assert made.graph.settings.inputs[0][1].shape == size
    assert made.sizes == (not name.startswith(("swin", "vit")))
    print(f"{name}: {len(str(made).splitlines())} lines of {len(repr(model(name)).splitlines())}")
