"""What is reported of a network is asked of its DiGraph: with an edge of that taken away, every verdict is another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import networkx as nx
import pytest

import speczoo
from speczoo import checking
from speczoo.checking import check_into
from speczoo.compiler import wiring
from speczoo.compiler.checks import aliasing
from speczoo.compiler.dataflow import INPUT, OUTPUT, Edge
from speczoo.compiler.lower import forward
from speczoo.compiler.lower.validate.mistranslation import Mistranslation
from speczoo.specs.diagnostics import Report
from tests.commands.zoo_command import zoo

Data = dict[str, Any]
Cut = Callable[..., None]


@pytest.fixture(autouse=True)
def _wirings_of_their_own() -> Iterator[None]:
    yield
    wiring.INTERNED.clear()


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Cut:
    """Takes an edge out of every dataflow that is made from here on, or adds it to one that has it not."""

    def take(source: object, target: object) -> None:
        make = wiring.dataflow

        def without(*arguments: Any) -> nx.DiGraph:
            graph = nx.DiGraph(make(*arguments))
            if graph.has_edge(source, target):
                graph.remove_edge(source, target)
            else:
                graph.add_edge(source, target)
            return graph

        wiring.INTERNED.clear()  # with the dataflows that are made
        monkeypatch.setattr(wiring, "dataflow", without)
        monkeypatch.setattr(forward, "dataflow", without)

    return take


def net(*layers: Data, **more: Any) -> Data:
    return {"spec": 1, "name": "t", "input": [4], "layers": list(layers), **more}


def layer(id: str, op: str, **more: Any) -> Data:
    return {"id": id, "op": op, **more}


def codes(spec: Data) -> list[str]:
    report = Report()
    check_into(report, spec)
    return [diagnostic.code for diagnostic in report.diagnostics]


RESIDUAL = net(
    layer("a", "Linear", out_features=4),
    layer("b", "Tanh"),
    layer("c", "add", **{"from": ["a", "b"]}),
)
OVERWRITING = net(layer("a", "Linear", out_features=4), layer("b", "Tanh"), layer("c", "ReLU", inplace=True))


@pytest.mark.parametrize("command", ["check", "summary", "source", "build"])
def test_every_look_at_a_network_goes_through_networkx(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[nx.DiGraph] = []
    freeze = nx.freeze
    monkeypatch.setattr(nx, "freeze", lambda graph: made.append(graph) or freeze(graph))
    wiring.INTERNED.clear()
    monkeypatch.setattr(
        checking, "_clean", OrderedDict()
    )  # another test may have looked before, and kept what it found
    zoo(command, "lenet5")
    assert made
    assert all(map(nx.is_frozen, made))


def test_unused_entries(cut: Cut) -> None:
    assert codes(RESIDUAL) == []
    cut(Edge(1), 2)
    assert codes(RESIDUAL) == ["unused-layer"]


def test_what_taps_need(cut: Cut) -> None:
    assert list(speczoo.graph(RESIDUAL, taps=["b"]).state) == ["a.weight", "a.bias"]
    cut(Edge(0), 1)
    assert list(speczoo.graph(RESIDUAL, taps=["b"]).state) == []


def test_what_training_alone_needs(cut: Cut) -> None:
    outputs = [{"id": "out", "from": "c"}, {"id": "aux", "from": "d", "training_only": True}]
    spec = net(*RESIDUAL["layers"], layer("d", "Linear", out_features=2, **{"from": "b"}), outputs=outputs)
    assert speczoo.graph(spec).macs == 16
    cut(Edge(2), OUTPUT)
    assert speczoo.graph(spec).macs == 16  # of the outputs that last it is asked by name
    cut(2, Edge(2))
    assert speczoo.graph(spec).macs == 0


def test_whether_a_list_is_a_chain(cut: Cut) -> None:
    chain = net({"op": "Linear", "out_features": 4}, {"op": "ReLU"})
    assert codes(chain) == []
    cut(Edge(0), 1)
    assert "missing-id" in codes(chain)


def test_order_and_cycles(cut: Cut) -> None:
    cut(Edge(2), 0)
    with pytest.raises(nx.NetworkXUnfeasible):
        speczoo.summary(RESIDUAL)


def test_where_gradients_flow(cut: Cut) -> None:
    assert codes(OVERWRITING) == ["unsafe-inplace"]
    cut(Edge(0), 1)
    assert codes(OVERWRITING) == ["unused-layer"]


def test_how_long_a_value_lives(cut: Cut) -> None:
    assert "+" in speczoo.source(RESIDUAL)
    cut(Edge(0), 2)
    with pytest.raises(Mistranslation, match=r"`x \+ x`"):  # its variable is taken for the next value too early
        speczoo.source(RESIDUAL)


def test_which_values_share_a_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = net(
        layer("a", "Linear", out_features=4),
        layer("view", "Flatten"),
        layer("b", "ReLU", inplace=True),
        layer("c", "add", **{"from": ["a", "b"]}),
    )
    assert codes(spec) == ["unsafe-inplace"]
    wiring.INTERNED.clear()
    monkeypatch.setattr(aliasing, "roots", lambda forest: {})
    assert codes(spec) == []


def test_a_value_that_is_taken_twice_is_one_edge_and_two_inputs() -> None:
    graph = speczoo.graph(net(layer("a", "add", **{"from": ["input", "input"]})))
    (node,) = graph.root.nodes
    assert node.inputs == (Edge(INPUT), Edge(INPUT))
    assert list(graph.root.wiring.dataflow.in_edges(0)) == [(Edge(INPUT), 0)]
