"""Networks at random, built and imported from their modules: the same network comes back."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import event, given, settings

import speczoo
from speczoo.importing import ImportRefused, from_module
from speczoo.specs.errors import SpecError
from speczoo.testing.random_networks import networks


@settings(max_examples=max(10, settings().max_examples // 2))
@given(networks())
def test_a_network_comes_back(data: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    data = {key: value for key, value in data.items() if key not in ("init", "freeze")}
    try:
        unused = speczoo.check(data)
    except SpecError:
        event("no network")
        return
    if unused:  # its weights are in the state_dict, and nothing calls them
        event("unused layers")
        return
    graph = speczoo.graph(data)
    shapes = {name: value.shape for name, value in graph.settings.inputs}
    model = speczoo.build(data, seed=0)
    try:
        made = from_module(model, shapes)
    except ImportRefused as error:
        event(str(error).split(": ")[-1])
        raise
    assert made.graph.state == graph.state
    assert made.graph.macs == graph.macs
    ours = speczoo.build(str(made))
    ours.load_state_dict(model.state_dict())
