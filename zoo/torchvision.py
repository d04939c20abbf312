"""The one door to torchvision.

A torchvision wheel from PyPI beside a CPU-only torch cannot load its compiled extension, and then fails at import with
`operator torchvision::nms does not exist`, because it registers shape functions for operators that nobody defined.
Models, datasets and transforms need none of them: defining the two schemas first lets the import succeed. Where the
extension does load, nothing is touched. Lightning imports torchvision too and trips over the same.
"""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
_library: Any = None  # lives as long as the process: dropping it would take the schemas away again


def torchvision() -> ModuleType:
    """Return the torchvision module. Raises ModuleNotFoundError when it is not installed. Threads may ask at once."""
    with _lock:
        return _import()


def published_weights(name: str) -> Any:
    """Return torchvision's enum of published weights by its name, `FCN_ResNet50_Weights`: of classification, and of
    segmentation, video and the like, which have modules of their own.

    Raises LookupError where this torchvision has no such enum, and ModuleNotFoundError when it is not installed.
    """
    models = torchvision().models
    for module in (models, *vars(models).values()):
        enum = vars(module).get(name) if isinstance(module, ModuleType) else None
        if isinstance(enum, type) and issubclass(enum, models.WeightsEnum):
            return enum
    raise LookupError(name)


def _import() -> ModuleType:
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    global _library
    _library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        _library.define(schema)
    return importlib.import_module("torchvision")
