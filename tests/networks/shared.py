"""The names that the zoo and torchvision share: same name, same network."""

from __future__ import annotations

from fnmatch import fnmatchcase

from speczoo.torchvision import torchvision

#: torchvision's convolutional classification families.
FAMILIES = (
    "alexnet", "convnext_*", "densenet*", "efficientnet_*", "googlenet", "inception_v3", "mnasnet*", "mobilenet_*",
    "regnet_*", "resnet*", "resnext*", "wide_resnet*", "shufflenet_v2_*", "squeezenet*", "vgg*",
)  # fmt: skip

models = torchvision().models
SHARED = sorted(n for n in models.list_models(module=models) if any(fnmatchcase(n, f) for f in FAMILIES))
