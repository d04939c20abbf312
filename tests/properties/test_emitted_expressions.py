"""Expressions of a block's parameters mean in the emitted code what they meant to the walk."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from specs.diagnostics import SpecError
from tests.properties.test_expression import CONDITIONS, NUMBERS, texts_of
from tests.properties.test_mutations import runs_as_predicted
from zoo import api

LISTED = ["sum(l)", "len(l + l)", "(l + l)[i]", "l[-1]"]
DECIDING = ["(n in l)", "(l == l)", "(l != l + [n])", "(n in l or c)"]
PARAMS = {"a": 3, "b": 4, "c": 2, "xs": [3, 1, 2]}


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    """A block whose widths and conditions are computed, used with other parameters each time."""
    number = texts_of([text for text in NUMBERS if "**" not in text] + 3 * LISTED)
    layers: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        width = f"$(max(1, min(9, int(abs({draw(number)})))))"
        layers.append({"op": "Conv2d", "out_channels": width, "kernel_size": 1})
        if draw(st.booleans()):
            layers[-1]["when"] = f"$({draw(texts_of(CONDITIONS + 3 * DECIDING))})"
        if draw(st.booleans()):
            layers[-1] = {"for": {"a": draw(st.sampled_from(["1..2", "$xs", [5, "$(b + 1)"]]))}, **layers[-1]}
    changes = st.fixed_dictionaries(
        {},
        optional={
            "a": st.integers(1, 5),
            "b": st.integers(1, 70),
            "c": st.integers(-7, 7).filter(bool),
            "xs": st.lists(st.integers(1, 6), min_size=3, max_size=3),
        },
    )
    uses = [{"op": "B"}, {"op": "B", "xs": [2, 4, 2], "b": 5}, {"op": "B", **draw(changes)}]
    return {
        "spec": 1, "name": "t", "input": [3, 2, 2], "layers": uses,
        "blocks": {"B": {"params": {**PARAMS}, "layers": layers}},
    }  # fmt: skip


@settings(max_examples=15 * settings().max_examples)
@given(blocks())
def test_what_is_emitted_is_what_was_predicted(spec: dict[str, Any]) -> None:
    try:
        graph = api.graph(spec)
    except SpecError as error:
        assert error.diagnostics  # noqa: PT017
        return
    runs_as_predicted(graph)
