"""What is counted of a network with shared modules and frozen parameters is what torch has, at any nesting."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

import speczoo
from speczoo.compiler.graph import Graph

Data = dict[str, Any]
LAYERS = st.sampled_from(
    [
        {"op": "Linear", "out_features": 4},
        {"op": "Linear", "out_features": 4, "bias": False},
        {"op": "BatchNorm1d"},
        {"op": "PReLU"},
        {"op": "Tanh"},
    ]
)


@st.composite
def lists(draw: DrawFn, ops: tuple[str, ...], depth: int = 2) -> list[Data]:
    """A chain of layers, groups and `ops`, some of them applied again, near and far."""
    entries: list[Data] = []
    for i in range(draw(st.integers(1, 4))):
        kinds = ["layer", "layer", *(["op"] if ops else []), *(["group"] if depth else [])]
        makers = [entry["id"] for entry in entries if "share" not in entry and entry.get("op") != "Tanh"]
        kind = draw(st.sampled_from([*kinds, *(["share", "share"] if makers else [])]))
        entry: Data
        match kind:
            case "layer":
                entry = draw(LAYERS)
            case "op":
                entry = {"op": draw(st.sampled_from(ops))}
            case "group":
                entry = {"layers": draw(lists(ops, depth - 1))}
            case _:
                entry = {"share": draw(st.sampled_from(makers))}
        entries.append({"id": f"e{i}", **entry})
    return entries


def parameters(graph: Graph) -> list[str]:
    return [key for key in graph.state if not key.rpartition(".")[2].startswith(("running_", "num_batches"))]


@st.composite
def freezes(draw: DrawFn, keys: list[str]) -> list[str]:
    """Patterns that each meet one of these."""
    found = []
    for key in draw(st.lists(st.sampled_from(keys), max_size=3)) if keys else ():
        head, last = key.partition(".")[0], key.rpartition(".")[2]
        found.append(draw(st.sampled_from([key, f"{head}.**", f"**.{last}", "**"])))
    return list(dict.fromkeys(found))


@st.composite
def specs(draw: DrawFn) -> tuple[Data, Data]:
    """A spec with blocks and a spec in use, both with parameters that are frozen; and the spec in use."""
    used: Data = {"spec": 1, "name": "used", "input": [4], "layers": draw(lists((), 1))}
    used["freeze"] = draw(freezes(parameters(speczoo.graph(used))))
    inner, outer = draw(lists(("Used",), 1)), draw(lists(("Used", "Inner"), 1))
    blocks = {"Inner": {"layers": inner}, "Outer": {"layers": outer}}
    spec: Data = {"spec": 1, "name": "net", "input": [4], "use": {"Used": "./used.yaml"}, "blocks": blocks}
    return {**spec, "layers": draw(lists(("Used", "Inner", "Outer")))}, used


def held(spec: Data, used: Data, data: st.DataObject | None) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.yaml"
        (Path(folder) / "used.yaml").write_text(json.dumps(used), encoding="utf-8")
        path.write_text(json.dumps(spec), encoding="utf-8")
        if data is not None:
            freeze = data.draw(freezes(parameters(speczoo.graph(str(path)))))
            path.write_text(json.dumps({**spec, "freeze": freeze}), encoding="utf-8")
        graph, summary, model = speczoo.graph(str(path)), speczoo.summary(str(path)), speczoo.build(str(path))
    found = list(model.parameters())
    params, trainable = sum(p.numel() for p in found), sum(p.numel() for p in found if p.requires_grad)
    rows = summary.layers
    assert params == graph.params == summary.params == sum(row.params for row in rows)
    assert trainable == graph.trainable_params == summary.trainable_params == sum(row.trainable for row in rows)
    assert all(0 <= row.trainable <= row.params for row in rows)
    assert list(graph.state) == list(model.state_dict())
    weighted = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    assert graph.root.weighted == len(weighted)


LINEAR = {"id": "l", "op": "Linear", "out_features": 4}
TWICE = [{"id": "a", "layers": [LINEAR]}, {"id": "b", "share": "a"}, {"id": "head", "op": "Linear", "out_features": 2}]
USED = {"spec": 1, "name": "used", "input": [4], "layers": [LINEAR], "freeze": ["l.weight"]}
USES = [{"id": "a", "op": "Used"}, {"id": "b", "op": "Used"}, {"id": "c", "share": "b"}]
NET = {"spec": 1, "name": "net", "input": [4], "use": {"Used": "./used.yaml"}}


@example(({**NET, "layers": [*TWICE, {"id": "u", "op": "Used", "from": "b"}], "freeze": ["head.*"]}, USED), None)
@example(({**NET, "layers": USES}, USED), None)
@given(specs(), st.data())
def test_counts_are_those_of_the_module_that_is_built(specs: tuple[Data, Data], data: st.DataObject | None) -> None:
    held(*specs, data)
