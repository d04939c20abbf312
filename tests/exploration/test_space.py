"""Spaces of settings: what is written means what it says, by number as one after the other, and none is endless."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.exploration.pareto import front
from speczoo.exploration.space import Lists, Space, SpaceError, ValueSequence, declared, drawn, read, written
from speczoo.specs.parameter import Param


def listed(values: ValueSequence) -> list[Any]:
    return [values.at(index) for index in range(values.size)]


def of_text(text: str, param: Param | None = None) -> list[Any]:
    return listed(read("p", written("p", text), param))


@given(st.integers(-50, 50), st.integers(0, 60), st.integers(1, 9))
def test_a_range_is_pythons_with_both_ends_in_it(first: int, more: int, step: int) -> None:
    assert of_text(f"{first}..{first + more}") == list(range(first, first + more + 1))
    assert of_text(f"{first}..{first + more}:{step}") == list(range(first, first + more + 1, step))


@given(st.decimals(-9, 9, places=2), st.decimals("0.01", 2, places=2), st.integers(0, 40))
def test_fractions_are_as_exact_as_they_are_written(first: Decimal, step: Decimal, count: int) -> None:
    found = of_text(f"{first:f}..{first + count * step:f}:{step:f}")
    assert found == [float(first + i * step) for i in range(count + 1)]


@given(st.integers(1, 20), st.integers(2, 5), st.integers(0, 8))
def test_a_range_that_multiplies(first: int, factor: int, count: int) -> None:
    assert of_text(f"{first}..{first * factor**count}*{factor}") == [first * factor**i for i in range(count + 1)]


@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_list_with_ranges_is_every_list(parts: list[list[int]]) -> None:
    runs = [(min(part), min(part) + len(part) - 1) for part in parts]
    text = ",".join(f"{low}..{high}" for low, high in runs)
    expected = [list(each) for each in itertools.product(*(range(low, high + 1) for low, high in runs))]
    assert of_text(f"[{text}]") == expected
    assert of_text(f"[{text}],[7]") == [*expected, [7]]


def test_what_is_written_is_what_a_spec_would_say() -> None:
    assert of_text("16, 32") == [16, 32]
    assert of_text("[2,2,2,2]") == [[2, 2, 2, 2]]
    assert of_text("true,false,null,1e-3,word") == [True, False, None, 0.001, "word"]
    assert of_text("1..3", Param.model_validate("str")) == ["1..3"]
    assert of_text("Bottleneck,BasicBlock", Param.model_validate({"type": "op", "default": "A"})) == [
        "Bottleneck",
        "BasicBlock",
    ]


ENDLESS = [
    "2..",
    "..6",
    "..",
    "6..2",
    "0.1..0.5",
    "1..9:0",
    "1..9:-1",
    "1..9*1",
    "0..9*2",
    "-4..9*2",
    "1..1e30",
]
ENDLESS += ["", "[", "]", "{a: 1", "1..1000000000*1.0000001", "1\nx: 2"]


@pytest.mark.parametrize("text", ENDLESS)
def test_what_has_no_values_or_no_end_is_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        of_text(text)


@given(st.text())
def test_any_text_is_values_or_refused(text: str) -> None:
    try:
        values = read("p", written("p", text))
    except SpaceError:
        return
    assert values.size > 0
    values.at(0), values.at(values.size - 1)


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), min_size=1, max_size=4), min_size=1))
def test_a_space_is_the_product_of_its_axes(axes: dict[str, list[int]]) -> None:
    space = Space.of(axes, {})
    expected = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    assert list(space) == expected
    assert space.size == len(expected)


def test_a_space_larger_than_memory_is_not_listed() -> None:
    space = Space.of(dict.fromkeys("abcdefgh", range(1, 10**6)), {})
    assert space.size == (10**6 - 1) ** 8
    assert space.at(space.size - 1) == dict.fromkeys("abcdefgh", 10**6 - 1)
    assert len(drawn(space.size, 100, seed=1)) == 100


def test_values_of_python() -> None:
    params = {"depths": Param.model_validate({"default": [1]}), "width": Param.model_validate(8)}

    def values(name: str, given: Any) -> list[Any]:
        return [setting[name] for setting in Space.of({name: given}, params)]

    assert values("width", 7) == [7]
    assert values("width", range(2, 9, 3)) == [2, 5, 8]
    assert values("width", np.arange(3)) == [0, 1, 2]
    assert values("width", (4, 5)) == [4, 5]
    assert values("width", "2..4") == [2, 3, 4]
    assert values("depths", [1, 2]) == [[1, 2]]
    assert values("depths", [[1, 2], [3, 4]]) == [[1, 2], [3, 4]]
    assert values("input", (3, 8, 8)) == [[3, 8, 8]]
    assert values("input", [[3, 8, 8], [3, 9, 9]]) == [[3, 8, 8], [3, 9, 9]]
    for endless in (itertools.count(), iter([1]), []):
        with pytest.raises(SpaceError):
            values("width", endless)


@given(st.integers(1, 10**30), st.integers(1, 200), st.integers(0, 9))
def test_what_is_drawn_are_different_settings_the_same_each_time(size: int, count: int, seed: int) -> None:
    found = drawn(size, count, seed)
    assert len(found) == len(set(found)) == min(size, count)
    assert list(found) == sorted(found)
    assert found[0] >= 0
    assert found[-1] < size
    assert list(found) == list(drawn(size, count, seed))


def test_every_setting_is_drawn_as_often() -> None:
    counts = np.zeros(20)
    for seed in range(3_000):
        counts[list(drawn(20, 3, seed))] += 1
    assert np.abs(counts - 450).max() < 6 * np.sqrt(450 * 0.85)  # six standard deviations of a fair draw


def test_what_a_spec_declares() -> None:
    def values(form: Any) -> list[Any]:
        return listed(declared("p", Param.model_validate(form)))

    assert values({"type": "int", "min": 2, "max": 5}) == [2, 3, 4, 5]
    assert values({"default": 3, "choices": [3, 5]}) == [3, 5]
    assert values(True) == [False, True]
    assert declared("p", Param.model_validate({"type": "int", "min": 1, "max": 10**15})).size == 10**15
    for form in (3, "str", {"type": "float", "min": 0, "max": 1}, {"type": "int", "min": 1}):
        with pytest.raises(SpaceError, match="p"):
            values(form)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30))
def test_the_front_is_what_no_other_beats(points: list[tuple[int, int]]) -> None:
    def beaten(p: tuple[int, int]) -> bool:
        return any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)

    found = front(points)
    assert sorted(found) == [i for i, p in enumerate(points) if not beaten(p)]
    assert [points[i] for i in found] == sorted(points[i] for i in found)


def _sizes() -> Iterator[tuple[ValueSequence, int]]:
    yield read("p", ["1..4", 9]), 5
    yield Lists(()), 1
    yield read("p", [["1..2", "1..3"], ["1..2"]]), 8


@pytest.mark.parametrize(("values", "size"), list(_sizes()))
def test_sizes(values: ValueSequence, size: int) -> None:
    assert values.size == size
    assert len({str(value) for value in listed(values)}) == size
