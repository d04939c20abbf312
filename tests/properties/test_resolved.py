"""The resolved spec of a network builds the network: the same computation, the same state_dict, the same numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo import resolved
from speczoo.compiler.analysis.difference import difference
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.entry import Entry
from speczoo.specs.source import Source
from speczoo.testing import networks
from tests.families import graph_of, of_each_family

Data = dict[str, Any]


def read_again(graph: Graph) -> Data:
    """The resolved spec, by way of its text."""
    data, report = resolved.data(graph), Report()
    document = parse(Source.of(resolved.written(data)), report)
    assert document is not None, report.diagnostics
    assert document.data == json.loads(json.dumps(data))
    return document.data


def holds(graph: Graph) -> Graph:
    data = read_again(graph)
    text = resolved.written(data)
    again = speczoo.graph(text)
    assert difference(graph, again) is None, text
    assert [*again.state.items()] == [*graph.state.items()]
    assert (again.params, again.trainable_params, again.macs) == (graph.params, graph.trainable_params, graph.macs)
    assert speczoo.fingerprint(text) == speczoo.fingerprint(data)
    assert resolved.data(again) == data  # nothing is left to resolve
    assert computed(data) == []
    speczoo.check(text)
    return again


def computed(data: Data) -> list[Data]:
    """What is left of a spec that is written otherwise than outright."""
    found = [data] if {"params", "defaults", "use", "variants"} & data.keys() else []
    left = [entry for owner in (data, *data.get("blocks", {}).values()) for entry in owner["layers"]]
    while left:
        entry = left.pop()
        left += [inner for key in Entry.LISTS for inner in entry.get(key, ())]
        outright = "for" not in entry and "do" not in entry and entry.get("when", False) is False
        stated = [value for key, value in entry.items() if (entry.get("op"), key) != ("Buffer", "value")]  # over places
        if not outright or any(isinstance(value, str) and "$" in value for value in stated):
            found.append(entry)
    return found


@given(networks())
def test_of_any_network(spec: Data) -> None:
    holds(speczoo.graph(spec))


@given(networks())
def test_it_gives_the_same_numbers(spec: Data) -> None:
    graph = speczoo.graph(spec)
    first, other = speczoo.build(spec, seed=0).eval(), speczoo.build(read_again(graph)).eval()
    other.load_state_dict(first.state_dict())
    given = [torch.randn(2, *value.shape) for _, value in graph.root.inputs]
    with torch.no_grad():
        came, again = first(*given), other(*given)
    for one, two in zip(came, again, strict=True) if isinstance(came, tuple) else [(came, again)]:
        assert (one is None) == (two is None)
        torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize("name", of_each_family())
def test_of_the_zoo(name: str) -> None:
    graph = graph_of(name)
    again = holds(graph)
    assert again.name == name
    assert "use" not in read_again(graph)


RARE = """
nothing is left:
  layers: [{op: ReLU, when: false}]
the last entry is left out:
  layers: [{id: a, op: ReLU}, {id: b, op: GELU, from: input, when: false}]
outputs of the last entry:
  layers: [{id: cut, op: chunk, chunks: 2}]
one of them:
  layers: [{id: cut, op: chunk, chunks: 2}]
  outputs: [{id: second, from: cut.1}]
a name that stands for an entry without one:
  layers: [{op: ReLU}, {id: c, op: GELU, when: false}, {op: Tanh}, {op: add, from: [c, c]}]
a name that an input has, for an entry without one:
  layers: [{id: t, op: Tanh}, {op: B, from: [t, input]}]
  blocks:
    B:
      inputs: [relu_0, other]
      layers:
        - {op: ReLU, from: relu_0}
        - {id: c, op: GELU, when: false}
        - {op: Tanh}
        - {op: add, from: [c, relu_0, other]}
a tensor of its own:
  layers:
    - {id: p, op: Parameter, shape: [4, 6, 6], init: {normal: {std: 0.5}}}
    - {id: s, op: add, from: [p, input]}
a block whose output is not its last entry:
  layers: [{op: B}]
  blocks: {B: {layers: [{id: h, op: chunk, chunks: 2}], outputs: [{id: o, from: h.1}]}}
a spec in use that freezes nothing, and is frozen:
  use: {E: mnist_cnn}
  input: [1, 28, 28]
  layers: [{id: r, op: E}]
  freeze: ["r.0.**"]
another value's size:
  layers: [{id: up, op: interpolate, scale_factor: 2}, {op: interpolate, like: input, mode: bilinear}]
taps of taps:
  blocks:
    B: {layers: [{id: x, layers: [{op: ReLU}, {op: Conv2d, out_channels: 2, kernel_size: 1}]}, {id: y, op: Tanh}]}
  layers:
    - {id: b, op: B, taps: {far: x.0, near: y}}
    - {id: o, op: add, from: [b.far, input]}
taps of a loop:
  params: {n: 2}
  blocks: {B: {layers: [{for: {i: 0..$n}, id: x$i, layers: [{op: ReLU}, {op: Dropout}]}]}}
  layers:
    - {id: b, op: B, taps: [{for: {i: 1..$n}, id: deep$i, from: x$i.0}, x0]}
    - {id: o, op: add, from: [{for: {i: 1..$n}, id: b.deep$i}, b.x0]}
"""


@pytest.mark.parametrize("what", re.findall(r"^(\w.*):$", RARE, re.MULTILINE))
def test_of_what_is_rarely_written(what: str) -> None:
    document = parse(Source.of(RARE), Report())
    assert document is not None
    holds(speczoo.graph({"spec": 1, "name": "t", "input": [4, 6, 6], **document.data[what]}))


FROZEN = st.sets(st.sampled_from(["a.**", "inner.a.**", "inner.inner.b.*", "inner.**"]))
STARTS = st.sampled_from(["Linear", "**.a", "inner.**.b", "inner.*"])


NETS = st.tuples(FROZEN, st.lists(st.tuples(STARTS, st.integers(0, 3)), max_size=2), st.booleans())


@given(st.lists(NETS, min_size=3, max_size=3))
def test_what_specs_in_use_freeze_and_start_from(own: list[tuple[set[str], list[tuple[str, int]], bool]]) -> None:
    """Each from where it stands, at every depth, where one is applied twice too."""
    with TemporaryDirectory() as folder:
        for depth, (frozen, starting, twice) in enumerate(own):
            layers: list[Data] = [{"id": id, "op": "Linear", "out_features": 2 + depth} for id in "ab"]
            if depth:
                layers.append({"id": "inner", "op": "Inner"})
            if depth and twice:
                layers += [{"id": "again", "share": "inner", "from": "b"}, {"op": "add", "from": ["inner", "again"]}]
            rules = [{"match": path, "weight": value} for path, value in starting if depth or "inner" not in path]
            spec = {
                "spec": 1, "name": f"net{depth}", "input": [4 - depth], "layers": layers, "init": rules,
                "use": {"Inner": f"./net{depth - 1}.yaml"} if depth else {},
                "freeze": sorted(path for path in frozen if path.count("inner") <= depth),
            }  # fmt: skip
            path = Path(folder) / f"net{depth}.yaml"
            path.write_text(json.dumps(spec))
        holds(speczoo.graph(path))


def test_taps_from_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="taps"):
        resolved.data(speczoo.graph("resnet18", taps=["layer2"]))
