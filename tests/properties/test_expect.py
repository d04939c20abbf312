"""`expect`: each number is held to what is stated, exactly, or between bounds, and what is wrong is placed where it
stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.checking import check_into
from speczoo.compiler.analysis.memory import memory
from speczoo.compiler.analysis.receptive_field import receptive_fields
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report
from speczoo.specs.wording import scaled, unscaled
from tests.commands.zoo_command import data

NET = {
    "spec": 1,
    "name": "net",
    "input": [3, 12, 12],
    "layers": [
        {"op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
        {"op": "BatchNorm2d"},
        {"op": "ReLU"},
        {"op": "Conv2d", "out_channels": 5, "kernel_size": [5, 3], "stride": 2},
    ],
}
GRAPH = speczoo.graph(NET)
FIELD = receptive_fields(GRAPH)[-1].size
NUMBERS: dict[tuple[str, ...], Callable[[Graph], int]] = {
    ("params",): lambda graph: graph.params,
    ("trainable_params",): lambda graph: graph.trainable_params,
    ("macs",): lambda graph: graph.macs,
    ("memory", "weights"): lambda graph: 4 * graph.params,
    ("memory", "buffers"): lambda graph: memory(graph).buffers,
    ("memory", "inference"): lambda graph: memory(graph).inference,
    ("memory", "training"): lambda graph: memory(graph).training,
}


def wrong(expect: dict[str, Any]) -> list[tuple[str, str]]:
    """Codes of what is wrong, each with the text at its place."""
    report, text = Report(), json.dumps({**NET, "expect": expect}, indent=1)
    check_into(report, text)
    lines = text.splitlines()
    return [
        (d.code, lines[d.span.line - 1][d.span.column - 1 : d.span.end_column - 1])
        for d in report.errors
        if d.span is not None
    ]


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return value


@given(st.sampled_from(list(NUMBERS)), st.integers(-2, 2), st.integers(-2, 2), st.booleans(), st.booleans())
def test_a_number_lies_between_its_bounds(
    path: tuple[str, ...], below: int, above: int, with_min: bool, with_max: bool
) -> None:
    actual = NUMBERS[path](GRAPH)
    least, most = actual + min(below, above), actual + max(below, above)
    bounds = {**({"min": least} if with_min else {}), **({"max": float(most)} if with_max else {})}
    if not bounds:
        return
    expected = []
    if with_min and actual < least:
        expected = [("assertion-failed", str(least))]
    elif with_max and actual > most:
        expected = [("assertion-failed", str(float(most)))]
    assert wrong(nested(path, bounds)) == expected


@given(st.sampled_from(list(NUMBERS)), st.integers(-1, 1))
def test_a_number_alone_is_that_number(path: tuple[str, ...], more: int) -> None:
    stated = NUMBERS[path](GRAPH) + more
    assert wrong(nested(path, stated)) == ([("assertion-failed", str(stated))] if more else [])


@given(st.sampled_from(list(NUMBERS)), st.integers(1, 10**15), st.booleans())
def test_bounds_are_written_as_numbers_are_printed(path: tuple[str, ...], bound: int, lower: bool) -> None:
    """Three digits and a unit, which are as exact as they look."""
    unit, key = "B" * (path[0] == "memory"), "min" if lower else "max"
    text = scaled(max(bound, 1_000), unit)
    digits, power = text.removesuffix(unit).split()
    exact = Fraction(digits) * {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}[power]
    assert unscaled(text, unit) == exact
    actual = NUMBERS[path](GRAPH)
    right = actual >= exact if lower else actual <= exact
    assert wrong(nested(path, {key: text})) == ([] if right else [("assertion-failed", f'"{text}"')])
    assert wrong(nested(path, {key: f"{digits}{power}{unit}"})) == (
        [] if right else [("assertion-failed", f'"{digits}{power}{unit}"')]
    )
    other = f"{digits} {power}{'' if unit else 'B'}"
    assert [code for code, _ in wrong(nested(path, {key: other}))] == ["bad-value"]


@pytest.mark.parametrize("text", ["50mb", "50 mB", "50  MB", "50 Mb", "50 MBytes"])
def test_another_spelling_of_a_unit_is_no_number_and_the_right_one_is_offered(text: str) -> None:
    report = Report()
    check_into(report, json.dumps({**NET, "expect": {"memory": {"inference": {"max": text}}}}))
    (error,) = report.errors
    assert error.help == ("write `max: 50 MB`",)


OUTPUT = (5, 4, 5)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2), st.booleans(), st.booleans()), max_size=4), st.booleans()
)
def test_sizes_of_an_output_lie_between_their_bounds(drawn: list[tuple[int, int, bool, bool]], by_name: bool) -> None:
    """Numbers where no bound is drawn."""
    wanted: list[Any] = []
    for least, more, with_min, with_max in drawn:
        bounds = {**({"min": least} if with_min else {}), **({"max": least + more} if with_max else {})}
        wanted.append(bounds or least)
    right = len(drawn) == len(OUTPUT) and all(
        (least <= size or not with_min) and (size <= least + more or not with_max)
        if with_min or with_max
        else size == least
        for size, (least, more, with_min, with_max) in zip(OUTPUT, drawn, strict=False)
    )
    found = wrong({"output": {"output": wanted} if by_name else wanted})
    assert [code for code, _ in found] == ([] if right else ["assertion-failed"])


@pytest.mark.parametrize("bounds", [{"max": 20}, {"min": 1}, {"min": 1, "max": 2}])
def test_bounds_in_the_place_of_a_shape(bounds: Any) -> None:
    report = Report()
    check_into(report, json.dumps({**NET, "expect": {"output": bounds}}))
    (error,) = report.errors
    assert (error.code, error.message) == ("bad-value", "bounds stand in the place of a size: `output: [{max: 20}]`")


def test_the_receptive_field_is_the_last_layers_on_each_axis() -> None:
    assert FIELD == (7, 5)
    assert wrong({"receptive_field": [7, 5]}) == []
    assert wrong({"receptive_field": {"min": 5, "max": 7}}) == []
    assert wrong({"receptive_field": {"min": 6}}) == [("assertion-failed", "6")]
    assert [code for code, _ in wrong({"receptive_field": 7})] == ["assertion-failed"]
    assert [code for code, _ in wrong({"receptive_field": [5, 7]})] == ["assertion-failed"]


@given(st.integers(1, 99) | st.lists(st.integers(1, 99), min_size=1) | st.builds(lambda n: {"min": n}, st.integers(1)))
def test_nothing_is_a_receptive_field_where_no_axis_is_spatial(field: Any) -> None:
    vector = {"spec": 1, "name": "net", "input": [8], "layers": [{"op": "ReLU"}], "expect": {"receptive_field": field}}
    report = Report()
    check_into(report, json.dumps(vector))
    (error,) = report.errors
    assert (error.code, "no receptive field" in error.message) == ("assertion-failed", True)


@pytest.mark.parametrize("bounds", [{}, {"min": 3, "max": 2}, {"max": "5"}, {"maximum": 3}, {"min": True}, [1, 2]])
def test_bounds_that_are_none_are_one_error(bounds: Any) -> None:
    assert len({code for code, _ in wrong({"macs": bounds})} - {"assertion-failed"}) == 1


def test_what_a_list_shows_is_counted_where_bounds_stand(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps({**NET, "expect": {"params": {"max": 1e6}, "macs": {"min": 1}}}), encoding="utf-8")
    (row,) = data("list", path)
    assert (row["params"], row["macs"]) == (GRAPH.params, GRAPH.macs)
