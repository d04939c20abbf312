"""Tied parameters: one tensor under two names, wherever these are, in all that is reported and built of a network."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import speczoo
from speczoo.compiler.emit.resolved import resolved

Data = dict[str, Any]


def linear(name: str) -> Data:
    return {"id": name, "op": "Linear", "out_features": 8}


def grouped(name: str, inner: list[Data]) -> Data:
    return {"id": name, "layers": inner}


KEYS = [
    f"{path}.{name}"
    for path in ("plain", "group.inner", "deep.a.b", "block.one", "block.two")
    for name in ("weight", "bias")
]


@st.composite
def networks(draw: st.DrawFn) -> Data:
    """Layers of one size at places of several kinds, tied as it comes: no key twice, and none to what is tied."""
    free = draw(st.permutations(KEYS))
    kinds = {name: [key for key in free if key.endswith(name)] for name in ("weight", "bias")}
    ties = {}
    for keys in kinds.values():
        count = draw(st.integers(0, len(keys) - 1))
        sources = keys[count:]
        ties |= {key: draw(st.sampled_from(sources)) for key in keys[:count]}
    patterns = st.sampled_from(["plain.*", "**.bias", "deep.**", "block.one.weight"])
    rules = st.sampled_from(
        [
            {"match": "Linear", "bias": 0.5},
            {"match": "deep.**", "bias": 0.25},
            {"match": "plain", "weight": {"normal": {"std": 0.5}}},
        ]
    )
    return {
        "spec": 1,
        "name": "net",
        "input": [8],
        "blocks": {"Pair": {"layers": [linear("one"), {"id": "act", "op": "ReLU"}, linear("two")]}},
        "layers": [
            linear("plain"),
            grouped("group", [linear("inner"), {"id": "act", "op": "ReLU"}]),
            grouped("deep", [grouped("a", [linear("b")])]),
            {"id": "block", "op": "Pair"},
        ],
        "tie": ties,
        "init": draw(st.lists(rules, max_size=2)),
        "freeze": draw(st.lists(patterns, max_size=2, unique=True)),
    }


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    return dict(model.named_parameters(remove_duplicate=False))


def holds(spec: Data, model: nn.Module) -> None:
    own = parameters(model)
    for key, source in spec["tie"].items():
        assert own[key] is own[source]
    assert len({*map(id, own.values())}) == len(own) - len(spec["tie"])


@given(networks())
def test_what_is_tied_is_one_parameter(spec: Data) -> None:
    graph = speczoo.graph(spec)
    model = speczoo.build(spec, seed=0)  # held to what was predicted, key by key
    holds(spec, model)
    assert graph.params == sum(p.numel() for p in model.parameters())
    assert graph.trainable_params == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert {key for key, p in parameters(model).items() if not p.requires_grad} == graph.frozen_keys
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        holds(spec, other)
    again = speczoo.build(resolved(graph), seed=0)
    holds(spec, again)
    assert speczoo.fingerprint(resolved(graph)) == speczoo.fingerprint(spec)


@given(networks())
def test_ties_are_a_part_of_what_is_computed(spec: Data) -> None:
    apart = {**spec, "tie": {}}
    assert (speczoo.fingerprint(apart) == speczoo.fingerprint(spec)) is not bool(spec["tie"])


TIED = {
    "spec": 1,
    "name": "net",
    "input": [8],
    "layers": [linear("a"), linear("b")],
    "tie": {"b.weight": "a.weight"},
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_are_written_and_read_under_both_names(suffix: str, tmp_path: Path) -> None:
    from speczoo.verify import safetensors, save

    model = speczoo.build(TIED, seed=0)
    path = tmp_path / f"weights{suffix}"
    with path.open("wb") as file:
        file.write(safetensors(model, {})) if suffix == ".safetensors" else save(model, file)
    again = speczoo.build(TIED, weights=str(path), seed=1)
    holds(TIED, again)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_spec_in_use_keeps_its_ties(tmp_path: Path) -> None:
    head = "spec: 1\ninput: [8]\n"
    layers = "layers: [{id: a, op: Linear, out_features: 8}, {id: b, op: Linear, out_features: 8}]\n"
    (tmp_path / "inner.yaml").write_text(f"{head}name: inner\n{layers}tie: {{b.weight: a.weight}}\n")
    layers = "layers: [{id: first, op: Inner}, {id: second, op: Inner}]\n"
    path = tmp_path / "outer.yaml"
    path.write_text(f"{head}name: outer\nuse: {{Inner: ./inner.yaml}}\n{layers}tie: {{second.a.bias: first.b.bias}}\n")
    graph = speczoo.graph(str(path))
    model = speczoo.build(str(path))
    own = parameters(model)
    assert dict(graph.ties) == {
        "first.b.weight": "first.a.weight",
        "second.b.weight": "second.a.weight",
        "second.a.bias": "first.b.bias",
    }
    assert all(own[key] is own[source] for key, source in graph.ties.items())
    assert graph.params == sum(p.numel() for p in model.parameters())


def test_weights_that_tie_what_differs_are_refused() -> None:
    state = dict(speczoo.build({**TIED, "tie": {}}).state_dict())
    with pytest.raises(speczoo.WeightsError, match="not equal"):
        speczoo.build(TIED, weights=state)
    del state["b.weight"]  # which is there all the same
    model = speczoo.build(TIED, weights=state)
    holds(TIED, model)
    assert torch.equal(model.get_parameter("b.weight"), state["a.weight"])


def test_constants_that_no_file_has_are_computed_where_weights_are_loaded() -> None:
    mask = {"id": "mask", "op": "Buffer", "shape": [8], "at": ["i"], "value": "$(1 / (i + 1))", "persistent": False}
    layers = [linear("a"), mask, {"id": "sum", "op": "mul", "from": ["a", "mask"]}]
    spec = {"spec": 1, "name": "net", "input": [8], "layers": layers}
    model = speczoo.build(spec, seed=0)
    again = speczoo.build(spec, weights=dict(model.state_dict()))
    x = torch.randn(2, 8)
    assert torch.equal(model(x), again(x))
