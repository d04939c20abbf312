"""Numbers of any size: no layer takes long over them, and none fails but by refusing."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, ShapeError, Value, divisor
from tests.steps import lines

LINES = 200_000  # of Python that one answer may run: most take 200, the divisors of a prime 100,000
LARGE = [2**40, 2**40 - 1, 1_099_511_627_689]  # as large as a size may be, smooth and prime


@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_a_layer_answers_soon(op: str) -> None:
    layer = Layer.registry[op]
    required = {name: 1 for name, field in layer.model_fields.items() if field.is_required()}

    def answer(shape: tuple[int, ...], arguments: dict[str, Any]) -> None:
        values = [Value(shape)] * int(layer.arity[0])
        try:
            made = layer.model_validate(arguments)
            made.apply(*values)
            made.weights(*(v.shape for v in values))
        except (ValidationError, ShapeError):
            pass

    for large in LARGE:
        for rank in (1, 2, 3, 4):
            for shape in ((large, *[1] * (rank - 1)), (*[1] * (rank - 1), large), (64,) * rank):
                for name in [*layer.model_fields, "nothing"]:
                    for value in (large, [large], [large, 1], 1):
                        arguments = required | ({name: value} if name != "nothing" else {})
                        lines(partial(answer, shape, arguments), LINES)


@given(st.integers(1, 3000), st.integers(-3, 4000))
def test_the_largest_divisor(n: int, most: int) -> None:
    assert divisor(n, most) == max(d for d in range(1, n + 1) if n % d == 0 and (d <= most or d == 1))


def test_a_divisor_of_a_large_number_divides() -> None:
    for n in LARGE:
        assert n % divisor(n, 10**6) == 0
