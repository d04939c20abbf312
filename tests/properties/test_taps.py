"""Taps that follow a parameter: the same network as with each written out, and one problem for a mistake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo


def spec(taps: object, n: int = 3) -> dict[str, Any]:
    inside = [
        {"for": {"i": f"0..{n}"}, "id": "part$i", "layers": [{"op": "ReLU"}, {"op": "Linear", "out_features": 4}]}
    ]
    taken = ["g.near", *(f"g.deep{i}" for i in range(1, n + 1))]
    return {
        "spec": 1,
        "name": "net",
        "input": [4],
        "params": {"n": n},
        "layers": [{"id": "g", "taps": taps, "layers": inside}, {"op": "concat", "from": taken}],
    }


LOOP = {"for": {"i": "1..$n"}, "id": "deep$i", "from": "part$i.0"}
NEAR = {"id": "near", "from": "part0"}


@given(st.integers(1, 4))
def test_a_loop_is_its_turns_written_out(n: int) -> None:
    each = {"near": "part0", **{f"deep{i}": f"part{i}.0" for i in range(1, n + 1)}}
    listed = [{"id": name, "from": path} for name, path in each.items()]
    by_hand = speczoo.source(spec(each, n))
    assert speczoo.source(spec([NEAR, LOOP], n)) == by_hand
    assert speczoo.source(spec(listed, n)) == by_hand


@given(st.integers(1, 3))
def test_paths_are_computed(n: int) -> None:
    last = spec({"near": "part$n", **{f"deep{i}": f"part$({i} - 1).0" for i in range(1, n + 1)}}, n)
    written = spec({"near": f"part{n}", **{f"deep{i}": f"part{i - 1}.0" for i in range(1, n + 1)}}, n)
    assert speczoo.source(last) == speczoo.source(written)


@pytest.mark.parametrize(
    ("changes", "code", "at"),
    [
        ({"id": "deep"}, "duplicate-id", "/layers/0/taps/1/id"),
        ({"id": "near"}, "duplicate-id", "/layers/0/taps/1/id"),
        ({"id": "deep.$i"}, "bad-value", "/layers/0/taps/1/id"),
        ({"id": "_$i"}, "bad-value", "/layers/0/taps/1/id"),
        ({"id": "deep$j"}, "unknown-param", "/layers/0/taps/1/id"),
        ({"from": "part$j"}, "unknown-param", "/layers/0/taps/1/from"),
        ({"from": "port$i"}, "unknown-reference", "/layers/0/taps/1/from"),
        ({"for": {"i": "1..$m"}}, "unknown-param", "/layers/0/taps/1/for/i"),
        ({"for": {"n": "1..3"}}, "bad-value", "/layers/0/taps/1/for/n"),
        ({"for": 3}, "bad-value", "/layers/0/taps/1/for"),
        ({"form": "part$i"}, "unknown-key", "/layers/0/taps/1/form"),
    ],
)
def test_one_problem_for_one_mistake(changes: dict[str, Any], code: str, at: str) -> None:
    with pytest.raises(speczoo.SpecError) as caught:
        speczoo.check(spec([NEAR, LOOP | changes]))
    assert [(d.code, d.pointer) for d in caught.value.diagnostics if d.severity == "error"] == [(code, at)]


@pytest.mark.parametrize("taps", [{"for": {"i": "1..$n"}, "id": "deep$i"}, {"near": "part0", "deep$i": "part1"}])
def test_a_mapping_that_would_follow_one_is_answered_how(taps: dict[str, Any]) -> None:
    with pytest.raises(speczoo.SpecError) as caught:
        speczoo.check(spec(taps))
    assert "are a list: `taps: [{for: {i: 1..3}, id: NAME$i, from: PATH}]`" in caught.value.diagnostics[0].help[0]
