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
    from speczoo.testing.mistakes import MISTAKES, Broken, broken
    from speczoo.testing.random_networks import blocks, networks
    from speczoo.testing.sizes import accepted_shapes, inputs, refused_shapes
    from speczoo.testing.spec_checks import check_spec
    from speczoo.testing.subject import SpecFailure
    from speczoo.testing.trial import Disagreement

#: The names, and the modules of this package that have them.
_FROM = {
    "Broken": "mistakes",
    "CHECKS": "conformance",
    "Case": "cases",
    "Disagreement": "trial",
    "MISTAKES": "mistakes",
    "SpecFailure": "subject",
    "accepted_shapes": "sizes",
    "blocks": "random_networks",
    "broken": "mistakes",
    "check_layer": "conformance",
    "check_spec": "spec_checks",
    "inputs": "sizes",
    "layer_cases": "layers",
    "networks": "random_networks",
    "refused_shapes": "sizes",
}
__all__ = [
    "CHECKS",
    "MISTAKES",
    "Broken",
    "Case",
    "Disagreement",
    "SpecFailure",
    "accepted_shapes",
    "blocks",
    "broken",
    "check_layer",
    "check_spec",
    "inputs",
    "layer_cases",
    "networks",
    "refused_shapes",
]


if not TYPE_CHECKING:  # to which a name that is not among them is a mistake

    def __getattr__(name: str) -> Any:
        if name not in _FROM:
            raise AttributeError(f"module 'speczoo.testing' has no attribute {name!r}")
        from importlib import import_module

        try:
            return getattr(import_module(f"speczoo.testing.{_FROM[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name not in ("hypothesis", "torch"):
                raise
            text = f"this needs {error.name}, which is not installed: pip install 'speczoo[testing]'"
            raise ModuleNotFoundError(text, name=error.name) from None


def __dir__() -> list[str]:
    return sorted(__all__)
