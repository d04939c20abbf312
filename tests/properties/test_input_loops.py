"""Inputs of a network that a loop declares: the same network as with each written out, and one problem for a
mistake.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.specs.limits import Limits

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def spec(inputs: list[dict[str, Any]], sizes: list[int]) -> dict[str, Any]:
    every = {"for": {"i": f"1..{len(sizes)}"}}
    return {
        "spec": 1,
        "name": "n",
        "inputs": inputs,
        "params": {"sizes": sizes},
        "layers": [
            {**every, "id": "part$i", "op": "Linear", "from": "x$i", "out_features": 2},
            {"id": "all", "op": "concat", "from": ["first", {**every, "id": "part$i"}]},
        ],
    }


def looped(sizes: list[int], **changes: Any) -> dict[str, Any]:
    loop = {"for": {"i": f"1..{len(sizes)}", "size": "$sizes"}, "id": "x$i", "shape": ["$size"]}
    return spec([{"id": "first", "shape": [3]}, loop | changes], sizes)


def written(sizes: list[int]) -> dict[str, Any]:
    return spec(
        [{"id": "first", "shape": [3]}, *({"id": f"x{i}", "shape": [n]} for i, n in enumerate(sizes, 1))], sizes
    )


def codes(what: dict[str, Any] | Path, **limits: int) -> list[str]:
    try:
        found = speczoo.check(what, limits=Limits(**limits))
    except speczoo.SpecError as error:
        found = error.diagnostics
    return [d.code for d in found if d.severity == "error"]


@given(SIZES, SIZES)
def test_a_loop_is_its_turns_written_out(sizes: list[int], others: list[int]) -> None:
    by_loop, by_hand = speczoo.graph(looped(sizes)), speczoo.graph(written(sizes))
    assert by_loop.inputs == by_hand.inputs
    assert speczoo.source(looped(sizes)) == speczoo.source(written(sizes))
    own = {f"x{i}": [n] for i, n in enumerate(others[: len(sizes)], 1)}
    assert speczoo.graph(looped(sizes), input=own).inputs == speczoo.graph(written(sizes), input=own).inputs
    model = speczoo.build(looped(sizes))
    assert model(torch.ones(2, 3), *(torch.ones(2, n) for n in sizes)).shape == (2, 3 + 2 * len(sizes))


@given(SIZES, st.integers(1, 5))
def test_a_spec_in_use_takes_as_many_as_its_arguments_say(sizes: list[int], count: int) -> None:
    inner = looped([1]) | {"params": {"sizes": "list", "n": "$(len(sizes))"}}
    for part in (inner["inputs"][1], inner["layers"][0], inner["layers"][1]["from"][1]):
        part["for"] = {**part["for"], "i": "1..$n"}
    arriving = [{"id": "first", "shape": [3]}, *({"id": f"y{i}", "shape": [n]} for i, n in enumerate(sizes))]
    more = [{"id": f"z{i}", "shape": [1]} for i in range(count - 1)]
    used = {"id": "inner", "op": "Inner", "from": [one["id"] for one in [*arriving, *more]], "sizes": sizes}
    outer = {"spec": 1, "name": "outer", "use": {"Inner": "./inner.yaml"}, "inputs": [*arriving, *more]}
    outer["layers"] = [used]
    with TemporaryDirectory() as folder:
        Path(folder, "inner.yaml").write_text(json.dumps(inner))
        Path(folder, "outer.yaml").write_text(json.dumps(outer))
        assert codes(Path(folder, "outer.yaml")) == ["bad-value"] * (count > 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "x"}, "duplicate-id"),
        ({"id": "first"}, "duplicate-id"),
        ({"id": "sizes"}, "duplicate-id"),
        ({"id": "x.$i"}, "bad-value"),
        ({"id": "$i"}, "bad-value"),
        ({"id": "x$j"}, "unknown-param"),
        ({"for": {"i": "1..$m", "size": "$sizes"}}, "unknown-param"),
        ({"for": {"i": "1..2", "size": "$sizes"}}, "bad-value"),
        ({"for": {"i": 3, "size": "$sizes"}}, "bad-value"),
        ({"for": {"sizes": "1..3", "size": "$sizes"}}, "bad-value"),
        ({"shape": ["$(size / 2)"]}, "bad-value"),
        ({"shape": ["$side"]}, "unknown-param"),
    ],
)
def test_one_problem_for_one_mistake(changes: dict[str, Any], code: str) -> None:
    assert codes(looped([3, 5, 7], **changes)) == [code]


def test_no_input_hides_a_name_under_let() -> None:
    assert codes(looped([3, 5, 7]) | {"let": {"x2": "$(sizes[0])"}}) == ["duplicate-id"]


def test_inputs_are_limited() -> None:
    many = looped([1]) | {"layers": [{"op": "ReLU", "from": "first"}]}
    many["inputs"][1] |= {"for": {"i": "1..90000"}, "shape": [1]}
    assert codes(many) == ["limit-exceeded"]
    many["inputs"][1] |= {"for": {"i": "1..4000"}, "id": "x$(max([i, 2]) if i > 0 else i)"}
    assert codes(many, work=5_000) == ["limit-exceeded"]
    many["inputs"] = [{"for": {"i": "1..0"}, "id": "x$i", "shape": [1]}]
    assert codes(many | {"layers": [{"op": "ReLU"}]}) == ["bad-value"]
