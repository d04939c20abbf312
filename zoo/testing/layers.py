"""Cases of one layer as a Hypothesis strategy."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer
from speczoo.testing import families  # noqa: F401  (fills FAMILIES)
from speczoo.testing.cases import FAMILIES, Case


def layer_cases(op: str) -> SearchStrategy[Case]:
    """Return the strategy of an op's cases. Raises KeyError for an op that has none."""
    family = FAMILIES[op]

    @st.composite
    def cases(draw: DrawFn) -> Case:
        arguments, inputs = family(draw, Layer.registry[op])
        return Case(op, arguments, inputs)

    return cases()
