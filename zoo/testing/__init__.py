"""Property tests for networks and layers of one's own, with Hypothesis and pytest: `pip install 'speczoo[testing]'`.

    from speczoo.testing import check_layer, check_spec

    def test_gain():
        check_layer(Gain)

Nothing of it is imported before it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speczoo.testing.cases import Case
    from speczoo.testing.conformance import CHECKS, check_layer
    from speczoo.testing.layers import layer_cases
    from speczoo.testing.networks import networks
    from speczoo.testing.trial import Disagreement

__all__ = ["CHECKS", "Case", "Disagreement", "check_layer", "layer_cases", "networks"]

_FROM = {
    "CHECKS": "conformance",
    "Case": "cases",
    "Disagreement": "trial",
    "check_layer": "conformance",
    "layer_cases": "layers",
    "networks": "networks",
}


if not TYPE_CHECKING:  # to which a name that is not among them is a mistake

    def __getattr__(name: str) -> Any:
        if name not in _FROM:
            raise AttributeError(f"module 'speczoo.testing' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"speczoo.testing.{_FROM[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
