"""Constants that are expressions over places: torch's tensors hold what the language gives, place by place."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import speczoo
from speczoo.compiler.expression_bounds import NumberRange, Uncertain, bounds
from speczoo.specs.expression import ExpressionError, Template, parse
from speczoo.specs.expression.closing import closed
from speczoo.specs.expression.evaluation import compiled
from speczoo.testing.cases import Case
from speczoo.testing.families.parameter import expressions
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import run

NAMES = ["i", "j"]
#: What torch and Python round in ways of their own.
ROUNDED = re.compile(r"sqrt|exp|log|sin|cos|\*\*")
WHOLE = re.compile(r"floor|ceil|round|int|//|%|<|=")


def places(case: Case) -> list[Any]:
    """What the language gives, in order."""
    expression = compiled(parse(case.arguments["value"][2:-1]))
    names = case.arguments["at"]
    every = product(*map(range, case.arguments["shape"]))
    return [expression(dict(zip(names, at, strict=True))) for at in every]


@given(layer_cases("Buffer"))
def test_a_buffer_is_its_expression_at_every_place(case: Case) -> None:
    assume("at" in case.arguments and case.accepted() is not None)
    text = case.arguments["value"]
    assume(not (ROUNDED.search(text) and WHOLE.search(text)))  # where a rounding may tip over
    layer = case.accepted()
    assert layer is not None
    (made,) = run(layer, case).outputs
    (value,) = layer.apply()
    assert made.is_contiguous()
    assert str(made.dtype) == f"torch.{value.dtype}"
    wanted = torch.tensor(places(case), dtype=torch.float64 if value.is_float else made.dtype).to(made.dtype)
    if ROUNDED.search(text):
        torch.testing.assert_close(made.flatten(), wanted, rtol=2e-7, atol=1e-38)
    else:
        assert torch.equal(made.flatten(), wanted)


@given(expressions(["i", "a"]), st.integers(0, 6), st.integers(0, 6))
def test_what_is_known_is_put_in_its_place(text: str, i: int, a: int) -> None:
    def value(template: str, scope: dict[str, int]) -> Any:
        try:
            return Template.of(template).evaluate(scope)
        except ExpressionError:
            return None

    try:
        rest = closed(f"$({text})", {"a": a}, ["i"])
    except ExpressionError:
        return
    assert "a" not in Template.of(f"$({rest})").names
    wanted = value(f"$({text})", {"a": a, "i": i})
    if wanted is not None:
        got = value(f"$({rest})", {"i": i})
        assert (got, type(got)) == (wanted, type(wanted))


@given(expressions(NAMES), st.integers(1, 4), st.integers(1, 4))
def test_bounds_hold_every_value(text: str, rows: int, columns: int) -> None:
    tree = parse(text)
    try:
        found = bounds(tree, {"i": NumberRange(0, rows - 1), "j": NumberRange(0, columns - 1)})
    except Uncertain:
        return
    for i, j in product(range(rows), range(columns)):
        value = compiled(tree)({"i": i, "j": j})
        slack = 1e-9 * max(1.0, abs(found.low), abs(found.high))
        assert found.low - slack <= value <= found.high + slack


def test_blocks_of_several_sizes_share_a_class() -> None:
    """What differs are arguments of its constructor."""
    mask = {
        "id": "mask",
        "op": "Buffer",
        "shape": ["$n", "$n"],
        "at": ["i", "j"],
        "value": "$(0.0 if j <= i else -1.0)",
    }
    sum_ = {"id": "sum", "op": "add", "from": ["input", "mask"]}
    spec = {
        "spec": 1,
        "name": "net",
        "inputs": [{"id": "a", "shape": [3, 3]}, {"id": "b", "shape": [5, 5]}],
        "blocks": {"Masked": {"params": {"n": "int"}, "layers": [mask, sum_]}},
        "layers": [
            {"id": "small", "op": "Masked", "from": "a", "n": 3},
            {"id": "large", "op": "Masked", "from": "b", "n": 5},
        ],
        "outputs": [{"id": "one", "from": "small"}, {"id": "other", "from": "large"}],
    }
    model = speczoo.build(spec)
    assert speczoo.source(spec).count("class Masked") == 1
    assert list(model.state_dict()) == ["small.mask", "large.mask"]
    for n, own in ((3, model.small.mask), (5, model.large.mask)):
        assert torch.equal(own, torch.ones(n, n).triu(1).neg())
