"""A zoo of networks, written as specs.

    >>> import speczoo
    >>> model = speczoo.build("resnet34")
    >>> speczoo.summary("resnet34").params
    21797672

`build` makes an nn.Module; `summary`, `sizes`, `draw`, `check`, `source` and `list_models` never import torch.
`speczoo.specs` is the language, `speczoo.compiler` what makes a network of it; the command is `zoo`.
"""

from typing import TYPE_CHECKING, Any

from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.errors import SpecError

if TYPE_CHECKING:
    __version__: str

    from speczoo.api import build, check, diff, fingerprint, get_model, graph, list_models, sizes, source, summary
    from speczoo.drawing.files import draw
    from speczoo.exploration import sweep
    from speczoo.exporting import export
    from speczoo.importing import from_module
    from speczoo.training import train
    from speczoo.weights import WeightsError

__all__ = [
    "Diagnostic",
    "SpecError",
    "WeightsError",
    "build",
    "check",
    "diff",
    "draw",
    "export",
    "fingerprint",
    "from_module",
    "get_model",
    "graph",
    "list_models",
    "sizes",
    "source",
    "summary",
    "sweep",
    "train",
]

_FROM = {
    "draw": "speczoo.drawing.files",
    "export": "speczoo.exporting",
    "from_module": "speczoo.importing",
    "sweep": "speczoo.exploration",
    "train": "speczoo.training",
    "WeightsError": "speczoo.weights",
}


if not TYPE_CHECKING:  # to which a name that is not among them is a mistake

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("speczoo")
        if name not in __all__:
            raise AttributeError(f"module 'speczoo' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_FROM.get(name, "speczoo.api")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
