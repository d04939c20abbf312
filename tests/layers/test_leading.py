"""A Parameter with an axis of 1 where the batch would be is the same value wherever it flows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import speczoo

W, PLACES = {"id": "w", "op": "Parameter"}, {"id": "i", "op": "Buffer", "value": [1, 0]}
LOOKED_UP = [
    {"id": "at", "op": "argmax", "from": "input", "dim": 2},
    {"op": "index_select", "from": ["w", "at"], "dim": 1},
]
CASES: dict[str, tuple[tuple[int, ...], list[dict[str, Any]]]] = {
    "convolution": ((4, 9), [W | {"shape": [6, 4, 3]}, {"op": "convolution", "from": ["input", "w"]}]),
    "convolution of what is computed": (
        (4, 9),
        [
            W | {"shape": [4, 6, 3]},
            {"id": "turned", "op": "transpose", "dim0": 1, "dim1": 2},
            {"op": "convolution", "from": ["input", "turned"]},
        ],
    ),
    "einsum": ((4, 5), [W | {"shape": [4, 3]}, {"op": "einsum", "from": ["input", "w"], "equation": "bij,ik->bkj"}]),
    "matmul": ((4, 5), [W | {"shape": [5, 3]}, {"op": "matmul", "from": ["input", "w"]}]),
    "places": ((4, 5), [PLACES, {"op": "index_select", "from": ["input", "i"], "dim": 1}]),
    "a table": ((4, 5), [W | {"shape": [7, 3]}, *LOOKED_UP]),
    "a vector": ((4, 5), [W | {"shape": [7]}, *LOOKED_UP]),
    "concat": (
        (4, 5),
        [
            W | {"shape": [2, 5]},
            {"id": "v", "op": "Parameter", "shape": [2, 5], "init": 1.0},
            {"id": "both", "op": "concat", "from": ["w", "v"]},
            {"op": "add", "from": ["input", "both"]},
        ],
    ),
    "stack": (
        (2, 5),
        [
            W | {"shape": [5]},
            {"id": "v", "op": "Parameter", "shape": [5], "init": 1.0},
            {"id": "both", "op": "stack", "from": ["w", "v"]},
            {"op": "add", "from": ["input", "both"]},
        ],
    ),
    "reshape": (
        (4, 5),
        [W | {"shape": [20]}, {"id": "r", "op": "reshape", "shape": [4, 5]}, {"op": "add", "from": ["input", "r"]}],
    ),
    "a mask": (
        (4, 6),
        [
            W | {"shape": [4, 4]},
            {"id": "mha", "op": "MultiheadAttention", "from": ["input", "input", "input"], "num_heads": 2, "mask": "w"},
        ],
    ),
    "a mask of scores": (
        (4, 6),
        [
            W | {"shape": [4, 4]},
            {"op": "scaled_dot_product_attention", "from": ["input", "input", "input"], "mask": "w"},
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_with_and_without(case: str) -> None:
    size, layers = CASES[case]
    x = torch.randn(2, *size)
    models = []
    for leading in (False, True):
        given = [layer | {"leading": True} if leading and layer.get("id") in ("w", "i") else layer for layer in layers]
        spec = {"spec": 1, "name": "net", "input": [*size], "layers": given}
        assert not speczoo.check(spec)
        models.append(speczoo.build(spec).eval())
    state = {key: torch.randn_like(value) for key, value in models[0].state_dict().items() if value.is_floating_point()}
    for model in models:
        own = model.state_dict()
        model.load_state_dict(own | {key: value.reshape(own[key].shape) for key, value in state.items()})
    torch.testing.assert_close(models[1](x), models[0](x))
