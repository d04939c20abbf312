"""The flat graph has every layer and every value that flows, and nothing else."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import given

import speczoo
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.flat import flat
from speczoo.compiler.graph import Graph
from speczoo.testing import networks
from tests.families import graph_of


def holds(graph: Graph) -> None:
    found = flat(graph)
    layers = {path: node for path, node, _ in graph.walk()}
    inputs = [name for name, _ in graph.root.inputs]
    assert set(found.nodes) == {*inputs, *layers}
    assert nx.is_directed_acyclic_graph(found)
    for path, node in layers.items():
        into = sorted((data["position"], source, data) for source, _, data in found.in_edges(path, data=True))
        assert [position for position, _, _ in into] == [i for i, e in enumerate(node.inputs) if isinstance(e, Edge)]
        for position, source, data in into:
            assert data["value"] == node.arriving[position]
            if source in layers:
                assert layers[source].outputs[data["port"]] == data["value"]
            else:
                assert dict(graph.root.inputs)[source] == data["value"]
    for (name, (path, port)), value in zip(found.graph["outputs"].items(), graph.root.values, strict=True):
        assert name
        assert (layers[path].outputs[port] if path in layers else dict(graph.root.inputs)[path]) == value


@given(networks())
def test_of_any_network(spec: dict[str, Any]) -> None:
    holds(speczoo.graph(spec))


@pytest.mark.parametrize("name", ["resnet34", "densenet121", "googlenet", "unet_resnet34", "vit_b_16", "lenet5"])
def test_of_the_zoo(name: str) -> None:
    holds(graph_of(name))


def test_a_value_that_is_taken_twice_flows_twice() -> None:
    layers = [{"id": "a", "op": "ReLU"}, {"id": "s", "op": "add", "from": ["a", "a"]}]
    found = flat(speczoo.graph({"spec": 1, "name": "t", "input": [3], "layers": layers}))
    assert sorted(data["position"] for _, _, data in found.edges("a", data=True)) == [0, 1]
