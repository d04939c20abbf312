"""What users draw from: blocks, shapes that a network takes and that it does not, inputs, and specs that are broken."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

import speczoo
from speczoo.testing import (
    MISTAKES,
    Broken,
    accepted_shapes,
    blocks,
    broken,
    inputs,
    networks,
    refused_shapes,
)

Data = dict[str, Any]
FEW = settings(max_examples=max(5, settings().max_examples // 2))

#: A network that is pinned to sizes, one that takes many, one with several inputs, one of tokens.
PINNED: Data = {"spec": 1, "name": "pinned", "input": [1, 12, 12], "layers": [
    {"op": "Conv2d", "out_channels": 2, "kernel_size": 3}, {"op": "MaxPool2d", "kernel_size": 2},
    {"op": "Flatten"}, {"op": "Linear", "out_features": 3}]}  # fmt: skip
PYRAMID: Data = {"spec": 1, "name": "pyramid", "input": [3, 16, 16], "layers": [
    {"id": "down", "op": "MaxPool2d", "kernel_size": 4}, {"id": "up", "op": "Upsample", "scale_factor": 4},
    {"id": "sum", "op": "add", "from": ["input", "up"]}]}  # fmt: skip
PAIR: Data = {"spec": 1, "name": "pair", "inputs": [{"id": "a", "shape": [2, 8]}, {"id": "b", "shape": [2, 8]}],
    "layers": [{"id": "sum", "op": "add", "from": ["a", "b"]}, {"op": "Conv1d", "id": "c", "out_channels": 3,
    "kernel_size": 5}]}  # fmt: skip
TOKENS: Data = {"spec": 1, "name": "tokens", "inputs": [{"id": "x", "shape": [7], "dtype": "int64"}], "layers": [
    {"op": "Embedding", "num_embeddings": 4, "embedding_dim": 3}, {"op": "mean", "dim": 1}]}  # fmt: skip
ALL = [PINNED, PYRAMID, PAIR, TOKENS]


def by_name(spec: Data) -> str:
    return str(spec["name"])


@pytest.mark.parametrize("spec", ALL, ids=by_name)
def test_one_module_takes_every_input_that_is_drawn(spec: Data) -> None:
    model = speczoo.build(spec).eval()
    sizes = set()

    @given(inputs(spec))
    def runs(x: tuple[torch.Tensor, ...]) -> None:
        sizes.add(tuple(value.shape for value in x))
        model(*x)

    runs()
    assert len(sizes) > 3


@pytest.mark.parametrize("spec", ALL, ids=by_name)
def test_a_shape_that_is_accepted_is_that_of_the_same_network(spec: Data) -> None:
    graph = speczoo.graph(spec)
    found = set()

    @given(accepted_shapes(spec))
    def holds(shape: Any) -> None:
        found.add(str(shape))
        assert speczoo.graph(spec, input=shape).state == graph.state

    holds()
    assert len(found) > 1


@pytest.mark.parametrize("spec", [PINNED, PYRAMID, PAIR], ids=by_name)
def test_no_module_takes_a_shape_that_is_refused(spec: Data) -> None:
    model = speczoo.build(spec).eval()

    @FEW
    @given(refused_shapes(spec))
    def refuses(shape: Any) -> None:
        given = [torch.randn(2, *each) for each in (shape.values() if isinstance(shape, dict) else [shape])]
        note(str(shape))
        with pytest.raises(RuntimeError):
            model(*given)

    refuses()


def test_a_network_that_takes_every_size_refuses_none() -> None:
    @given(refused_shapes(TOKENS))
    def never(shape: Any) -> None:
        raise AssertionError(shape)

    with pytest.raises(Unsatisfiable):
        never()


@FEW
@given(networks(), st.data())
def test_a_network_at_random_takes_what_is_drawn_for_it(spec: Data, data: st.DataObject) -> None:
    model = speczoo.build(spec).eval()
    for _ in range(3):
        model(*data.draw(inputs(spec)))


@FEW
@given(blocks(), st.integers(1, 4), st.integers(1, 2))
def test_a_block_gives_the_channels_that_it_is_asked_for(block: Data, channels: int, stride: int) -> None:
    call = {"op": "Block", "channels": channels, "stride": stride}
    spec = {"spec": 1, "name": "net", "input": [3, 7, 7], "blocks": {"Block": block}, "layers": [call]}
    assert speczoo.build(spec)(torch.randn(2, 3, 7, 7)).shape[1] == channels


# -- broken specs -----------------------------------------------------------------------------------------------------


def is_found(case: Broken) -> None:
    """The mistake is reported by one of its codes."""
    note(case.mistake)
    with pytest.raises(speczoo.SpecError) as caught:
        speczoo.check(case.spec)
    assert case.codes & {d.code for d in caught.value.diagnostics if d.severity == "error"}


@given(networks().flatmap(broken))
def test_a_mistake_in_a_network_at_random_is_found(case: Broken) -> None:
    is_found(case)


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_every_mistake_can_be_made_by_name(name: str) -> None:
    spec = PYRAMID if name in ("missing input", "unequal sum", "forward reference", "duplicate id") else PINNED

    @FEW
    @given(broken(spec, name))
    def found(case: Broken) -> None:
        assert case.mistake == name
        is_found(case)

    found()


@pytest.mark.parametrize("network", ["lenet5", "resnet18"])
def test_mistakes_in_networks_of_the_zoo_are_found(network: str) -> None:
    FEW(given(broken(network))(is_found))()


def test_a_mistake_without_a_place_is_reported() -> None:
    with pytest.raises(ValueError, match="pinned has no place for unequal sum"):
        broken(PINNED, "unequal sum")
    with pytest.raises(ValueError, match=r"no mistake 'unequal summ'.*`unequal sum`"):
        broken(PINNED, "unequal summ")
    with pytest.raises(ValueError, match="no mistake 'nope': there is unknown op, "):
        broken(PINNED, "cycle", "nope")
    speczoo.check(PINNED)
