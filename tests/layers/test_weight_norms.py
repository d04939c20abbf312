"""Layers whose weights are computed, in networks: beside plain ones, in blocks, initialised, copied and loaded."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import speczoo
from tests.commands.zoo_command import zoo

BLOCK = {"params": {"norm": {"default": None}}, "layers": [
    {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "norm": "$norm"},
    {"id": "relu", "op": "ReLU"},
]}  # fmt: skip
LAYERS = [{"id": "a", "op": "B"}, {"id": "b", "op": "B", "norm": "weight"}, {"id": "c", "op": "B", "norm": "spectral"}]
SPEC: dict[str, Any] = {"spec": 1, "name": "net", "input": [3, 9, 9], "blocks": {"B": BLOCK}, "layers": LAYERS}


def by_hand() -> nn.Module:
    convs = [nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)]
    convs[1] = parametrizations.weight_norm(convs[1])
    convs[2] = parametrizations.spectral_norm(convs[2])
    return nn.Sequential(*(layer for conv in convs for layer in (conv, nn.ReLU())))


def test_blocks_with_and_without_a_norm_are_those_written_by_hand() -> None:
    built, ours = speczoo.build(SPEC, seed=0), by_hand()
    state = built.state_dict()
    names = [key.partition(".conv.")[2] for key in state]
    assert names == [key.partition(".")[2] for key in ours.state_dict()]
    ours.load_state_dict(dict(zip(ours.state_dict(), state.values(), strict=True)))
    x = torch.randn(2, 3, 9, 9)
    for training in (True, False):
        assert torch.equal(built.train(training)(x), ours.train(training)(x))
    loaded = speczoo.build(SPEC, weights={key: value.clone() for key, value in built.state_dict().items()})
    assert torch.equal(loaded.eval()(x), built(x))
    assert torch.equal(copy.deepcopy(built)(x), built(x))


@pytest.mark.parametrize("norm", ["weight", "spectral"])
def test_a_rule_for_weights_leaves_those_that_are_computed(norm: str) -> None:
    plain = {**SPEC, "layers": [LAYERS[0], {**LAYERS[1], "norm": norm}]}
    ruled = {**plain, "init": [{"match": "Conv2d", "weight": 0, "bias": 1}]}
    model = speczoo.build(ruled)
    assert not model.get_parameter("a.conv.weight").any()
    assert (model.get_parameter("b.conv.bias") == 1).all()
    assert model.get_submodule("b.conv").weight.abs().sum() > 0  # type: ignore[operator,union-attr]


@pytest.mark.parametrize("norm", ["weight", "spectral"])
def test_the_state_is_saved_where_torch_pickles_no_such_module(norm: str, tmp_path: Path) -> None:
    """torch refuses the module in words; what `zoo build` writes, and torch.save of the state, bring it back."""
    spec = {**SPEC, "layers": [{"op": "B", "norm": norm}]}
    model, x = speczoo.build(spec).eval(), torch.randn(2, 3, 9, 9)
    with pytest.raises(RuntimeError, match="state_dict"):
        pickle.dumps(model)
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    stream.seek(0)
    assert torch.equal(speczoo.build(spec, torch.load(stream)).eval()(x), model(x))
    file = tmp_path / "net.json"
    file.write_text(json.dumps(spec))
    seeded = speczoo.build(spec, seed=1).state_dict()
    for name in ("net.pt", "net.safetensors"):
        zoo("build", file, "--seed", 1, "-o", tmp_path / name)
        loaded = speczoo.build(spec, tmp_path / name).state_dict()
        assert all(torch.equal(value, seeded[key]) for key, value in loaded.items())
