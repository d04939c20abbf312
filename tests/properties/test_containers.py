"""Ids with dots at random: whatever a container holds, a Parameter or a module by whatever name, torch can do with the
network what it does with others."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo

Data = dict[str, Any]

#: Names of members: numbers, what Python has as attributes and what it has not, what containers have for themselves.
PARTS = ["0", "1", "2", "w", "a-b", "keys", "in-2", "m"]


@st.composite
def containers(draw: st.DrawFn) -> Data:
    """Draw a chain of Linears, Parameters that are added and Buffers that are multiplied with, in containers of up to
    three levels."""
    names: list[str] = []
    for depths in draw(st.lists(st.integers(1, 3), min_size=1, max_size=6)):
        name = ".".join([draw(st.sampled_from(["c", "d"])), *(draw(st.sampled_from(PARTS)) for _ in range(depths))])
        if not any(name == n or name.startswith(f"{n}.") or n.startswith(f"{name}.") for n in names):
            names.append(name)
    layers: list[Data] = []
    for turn, name in enumerate(names):
        flowing = layers[-1]["id"] if layers else "input"
        if draw(st.booleans()):
            layers.append({"id": name, "op": "Linear", "out_features": 3, "from": flowing})
            continue
        held = draw(st.sampled_from(["Parameter", "Parameter", "Buffer"]))
        name, entry = (name, {"init": turn}) if held == "Parameter" else (f"b{turn}", {"value": turn + 0.5})
        layers.append({"id": name, "op": held, "shape": [3], **entry})
        op = "add" if held == "Parameter" else "mul"
        layers.append({"id": f"s{turn}", "op": op, "from": [name, flowing]})
    return {"spec": 1, "name": "containers", "input": [3], "layers": layers}


def eager(spec: Data, x: Tensor, state: dict[str, Tensor]) -> Tensor:
    """What the spec says, step by step, with these parameters."""
    values = {"input": x}
    for entry in spec["layers"]:
        name = entry["id"]
        match entry["op"]:
            case "Linear":
                values[name] = nn.functional.linear(
                    values[entry["from"]], state[f"{name}.weight"], state[f"{name}.bias"]
                )
            case "add":
                values[name] = values[entry["from"][0]] + values[entry["from"][1]]
            case "mul":
                values[name] = values[entry["from"][0]] * values[entry["from"][1]]
            case _:
                values[name] = state[name]
    return values[spec["layers"][-1]["id"]]


BESIDE_A_MODULE: Data = {
    "spec": 1, "name": "containers", "input": [3],
    "layers": [
        {"id": "listed.0", "op": "Parameter", "shape": [3]},
        {"id": "listed.1", "op": "Linear", "out_features": 3, "from": "input"},
        {"id": "sum", "op": "add", "from": ["listed.0", "listed.1"]},
    ],
}  # fmt: skip


@example(BESIDE_A_MODULE)
@given(containers())
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torch_does_with_members_of_containers_what_it_does_with_others(spec: Data) -> None:
    model = speczoo.build(spec, seed=1)
    x, state = torch.randn(2, 3), model.state_dict()
    expected = eager(spec, x, state)
    other = {key: 2 * value + 1 for key, value in state.items()}
    functional = torch.func.functional_call(model, other, (x,))
    assert torch.equal(functional, eager(spec, x, other))
    for form in (torch.jit.script, torch.fx.symbolic_trace, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        made = form(model)
        assert torch.equal(made(x), expected)
        assert made.state_dict().keys() == state.keys()


@example(BESIDE_A_MODULE)
@given(containers())
def test_members_of_containers_are_exported(spec: Data) -> None:
    model = speczoo.build(spec, seed=1)
    x = torch.randn(2, 3)
    exported = torch.export.export(model, (x,))
    assert exported.state_dict.keys() == model.state_dict().keys()
    assert torch.equal(exported.module()(x), model(x))
