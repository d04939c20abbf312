"""What nothing takes is one warning, that counts all of it; what another entry shares is taken."""

from __future__ import annotations

import re

import pytest

import speczoo


@pytest.mark.parametrize("turns", range(1, 12))
def test_all_turns_of_a_loop_are_counted(turns: int) -> None:
    loop = {"for": {"i": f"1..{turns}"}, "id": "a$i", "op": "ReLU", "from": "input"}
    layers = [loop, {"id": "z", "op": "Tanh", "from": "input"}]
    (stated,) = speczoo.check({"spec": 1, "name": "n", "input": [4], "layers": layers})
    more = re.search(r" (\d+) more$", stated.message)
    assert len(re.findall(r"`a\d+`", stated.message)) + (int(more[1]) if more else 0) == turns
    assert more is None or int(more[1]) > 0


@pytest.mark.parametrize("taken", [True, False])
def test_a_module_that_is_shared_is_taken(taken: bool) -> None:
    """Where nothing takes what shares it, that alone is reported."""
    layers = [{"id": "a", "op": "Linear", "out_features": 4}, {"id": "b", "share": "a", "from": "input"}]
    layers += [] if taken else [{"id": "z", "op": "Tanh", "from": "input"}]
    stated = speczoo.check({"spec": 1, "name": "n", "input": [4], "layers": layers})
    assert [d.path for d in stated] == ([] if taken else ["b"])
