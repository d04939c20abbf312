"""A zoo of networks, written as specs.

    >>> import zoo
    >>> model = zoo.build("resnet34")
    >>> zoo.summary("resnet34").params
    21797672

`build` makes an nn.Module; `summary`, `check`, `source` and `list_models` never import torch.
"""

from typing import TYPE_CHECKING, Any

from specs.diagnostics import Diagnostic
from specs.errors import SpecError

if TYPE_CHECKING:
    from zoo.api import build, check, get_model, graph, list_models, source, summary
    from zoo.training import train
    from zoo.weights import WeightsError

__all__ = [
    "Diagnostic",
    "SpecError",
    "WeightsError",
    "build",
    "check",
    "get_model",
    "graph",
    "list_models",
    "source",
    "summary",
    "train",
]

_FROM = {"train": "zoo.training", "WeightsError": "zoo.weights"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_FROM.get(name, "zoo.api")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
