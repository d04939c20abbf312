"""The names that the zoo and torchvision share: same name, same network."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from speczoo.torchvision import torchvision

#: What torchvision registers in another order than that in which it runs.
REORDERED = ("mvit_*", "swin*")
#: torchvision's families: of classification, of segmentation and of video.
FAMILIES = (
    "alexnet", "convnext_*", "densenet*", "efficientnet_*", "googlenet", "inception_v3", "maxvit_t", "mnasnet*",
    "mobilenet_*", "regnet_*", "resnet*", "resnext*", "wide_resnet*", "shufflenet_v2_*", "squeezenet*", "swin_*",
    "vgg*",
)  # fmt: skip
SEGMENTATION = ("deeplabv3_*", "fcn_*", "lraspp_*")
VIDEO = ("mc3_18", "mvit_*", "r2plus1d_18", "r3d_18", "s3d", "swin3d_*")

models = torchvision().models


def matching(module: Any, patterns: tuple[str, ...]) -> list[str]:
    return [n for n in models.list_models(module=module) if any(fnmatchcase(n, p) for p in patterns)]


CLASSIFIERS = sorted(matching(models, FAMILIES))
MAPS = sorted(matching(models.segmentation, SEGMENTATION))
CLIPS = sorted(matching(models.video, VIDEO))
SHARED = sorted([*CLASSIFIERS, *MAPS, *CLIPS])

#: The smallest image that a grid takes, where that is not 64: five halvings, and stems, heads and pools that need more.
SIDE = {
    "inception_v3": 299, "alexnet": 95, "s3d": 209, "maxvit_t": 224, "mvit_v1_b": 224, "mvit_v2_s": 224,
    **{f"swin_{size}": 224 for size in "tsb"}, **{f"swin_v2_{size}": 256 for size in "tsb"},
    **{f"swin3d_{size}": 224 for size in "tsb"},
}  # fmt: skip
FRAMES = {"s3d": 13, "mvit_v1_b": 16, "mvit_v2_s": 16, **{f"swin3d_{size}": 16 for size in "tsb"}}


def theirs(name: str, **more: Any) -> nn.Module:
    """torchvision's network of the name; weights as they come, without its own slow initialisation."""
    slow: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name in MAPS:
        slow["weights_backbone"] = None
    model: nn.Module = models.get_model(name, weights=None, **{**slow, **more})
    return model


def example(name: str, batch: int, seed: int = 0, channels: int = 3) -> Tensor:
    """A small batch that the network takes."""
    side = SIDE.get(name, 64)
    frames = (FRAMES.get(name, 4),) if name in CLIPS else ()
    return torch.randn(batch, channels, *frames, side, side, generator=torch.Generator().manual_seed(seed))


def outputs(out: Any) -> list[Tensor]:
    """The tensors of what a network gives, alone, as a tuple or by names."""
    if isinstance(out, Tensor):
        return [out]
    return [value for value in (out.values() if isinstance(out, dict) else out) if value is not None]
