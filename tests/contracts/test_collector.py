"""The garbage collector is the program's own: a check has it wait, and leaves it as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import speczoo
from speczoo.collector import YOUNG, patient


@pytest.fixture(autouse=True)
def threshold() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("before", [0, 1, 700, YOUNG - 1, YOUNG, YOUNG + 1])
def test_it_waits_for_no_less_meanwhile_and_then_for_what_it_did(before: int) -> None:
    gc.set_threshold(before)
    with patient():
        assert gc.get_threshold()[0] == (max(before, YOUNG) if before else 0)  # 0: it never looks
    assert gc.get_threshold()[0] == before


@pytest.mark.parametrize("layers", [[{"op": "ReLU"}], [{"op": "ReLUU"}], 3])
def test_a_check_leaves_it_as_it_was(layers: object) -> None:
    gc.set_threshold(701)
    spec = {"spec": 1, "name": "net", "input": [3], "layers": layers}
    try:
        speczoo.check(spec)
    except speczoo.SpecError:
        assert layers != [{"op": "ReLU"}]
    assert gc.get_threshold()[0] == 701
