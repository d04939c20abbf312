"""What is drawn of paddings: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import DIMENSIONS, NUMBERS, Arguments, Drawn, each, family, shape, spatial, value


@family(
    *(f"{kind}Pad{d}" for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular") for d in DIMENSIONS)
)
def pad(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    arguments: Arguments = {"padding": draw(each(2 * n, st.integers(-2, 4)))}
    if "value" in layer.model_fields:
        arguments["value"] = draw(NUMBERS)
    return arguments, value(*shape(draw, n + 1))
