"""Whole networks at random: what is predicted is what torch does, and every form of a network is the same network."""

from __future__ import annotations

import ast
import copy
import io
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from torch import Tensor, nn

import speczoo
from speczoo.compiler.checks.inplace import differentiable
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, OUTPUT, Edge
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.errors import raise_if_wrong
from speczoo.specs.load import load
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.testing import networks
from tests import reference_interpreter

Data = dict[str, Any]
FEW = settings(max_examples=max(3, settings().max_examples // 10))


def inputs(graph: Graph, batch: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(batch, *value.shape, generator=generator) for _, value in graph.settings.inputs]


def tensors(value: Any) -> list[Tensor | None]:
    return [value] if isinstance(value, Tensor) else list(value)


def same(a: Any, b: Any) -> bool:
    pairs = list(zip(tensors(a), tensors(b), strict=True))
    return all((x is None and y is None) or torch.equal(x, y) for x, y in pairs)


# -- what is predicted ------------------------------------------------------------------------------------------------


def lists_of(graph: Graph) -> list[Composite]:
    lists = [graph.root]
    for composite in lists:
        lists += [node.body for node in composite.nodes if isinstance(node.body, Composite)]
    return lists


@given(networks())
def test_the_dataflow_is_that_of_the_ordered_inputs(spec: Data) -> None:
    for composite in lists_of(speczoo.graph(spec)):
        flow = composite.wiring.dataflow
        for index, node in enumerate(composite.nodes):
            assert set(flow.predecessors(index)) == {edge for edge in node.inputs if isinstance(edge, Edge)}
            assert set(flow.successors(index)) == {Edge(index, port) for port in range(len(node.outputs))}
        assert set(flow.predecessors(OUTPUT)) == {port.edge for port in composite.outputs}
        assert flow is composite.wiring.dataflow
        assert nx.is_frozen(flow)


@given(networks())
def test_what_is_asked_of_the_dataflow_is_what_a_walk_over_the_inputs_finds(spec: Data) -> None:
    """Order, reachability and chains, each held to the plain loop over `Node.inputs` that says what it means."""
    for composite in lists_of(speczoo.graph(spec)):
        assert composite.wiring.order == tuple(range(len(composite.nodes)))
        needed = {port.edge.node for port in composite.outputs}
        for index in reversed(range(len(composite.nodes))):
            node = composite.nodes[index]
            if index in needed:
                needed |= {edge.node for edge in node.inputs if isinstance(edge, Edge)}
                needed |= {node.shared} - {None}
        assert composite.wiring.needed == needed - {INPUT}
        passed = [*(node.inputs for node in composite.nodes), tuple(port.edge for port in composite.outputs)]
        plain = len(composite.inputs) == 1 and all(len(n.outputs) == 1 and n.shared is None for n in composite.nodes)
        straight = passed == [(Edge(index - 1),) for index in range(len(passed))]
        assert composite.wiring.chain == (plain and straight and not composite.outputs[0].training_only)


@given(networks())
def test_each_module_is_found_once_where_it_stands_first(spec: Data) -> None:
    graph = speczoo.graph(spec)
    first: dict[Node, str] = {}
    for path, node, _ in graph.walk():
        first.setdefault(node, path)
    made = {node: path for path, node in graph.made()}
    assert made.items() <= first.items()
    assert {node for node in first if node.shared is None} <= made.keys()
    assert len(made) == len(list(graph.made()))


@given(networks(), st.booleans())
def test_gradients_flow_on_from_weights_and_from_inputs_that_want_them(spec: Data, wanted: bool) -> None:
    for composite in lists_of(speczoo.graph(spec)):
        flowing = {INPUT} if wanted else set()
        for index, node in enumerate(composite.nodes):
            if composite.nodes[composite.maker(index)].params or any(
                isinstance(edge, Edge) and edge.node in flowing for edge in node.inputs
            ):
                flowing.add(index)
        active = differentiable(composite.wiring, (wanted,) * len(composite.inputs))
        assert {index for index in range(len(composite.nodes)) if index in active} == flowing - {INPUT}


CHAIN = {"id": "r_$i", "for": {"i": "1..4"}}
SUMMED = {
    "params": {"channels": "int"},
    "let": {"mid": "$(2 * channels)"},
    "layers": [
        {"id": "first", "op": "Conv2d", "out_channels": "$mid", "kernel_size": 1},
        {**CHAIN, "op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1},
        {"op": "concat", "from": [CHAIN]},
        {"id": "last", "op": "Conv2d", "out_channels": "$channels", "kernel_size": 1},
    ],
}
IN_A_LOOP = {"for": {"c": [3]}, "layers": [{"op": "Block", "channels": "$c"}]}
NUMBERED = [
    {"id": "scales.0", "op": "Parameter", "shape": [4, 1, 1]},
    {"op": "mul", "from": ["scales.0", "input"], "broadcast": True},
]
NET = {"spec": 1, "name": "net", "input": [4, 5, 5]}


@example({**NET, "blocks": {"Block": SUMMED}, "layers": [{"op": "Block", "channels": 5}, IN_A_LOOP]})
@example({**NET, "layers": NUMBERED})
@given(networks())
def test_the_prediction_is_what_torch_has(spec: Data) -> None:
    graph = speczoo.graph(spec)
    model = speczoo.build(spec)
    assert {k: tuple(v.shape) for k, v in model.state_dict().items()} == graph.state
    assert list(model.state_dict()) == list(graph.state)
    assert sum(p.numel() for p in model.parameters()) == graph.params == sum(r.params for r in graph.rows)
    patterns = spec.get("freeze", ())
    starts = tuple(pattern.removesuffix("**") for pattern in patterns if not pattern.startswith("**"))
    ends = tuple(pattern.removeprefix("**") for pattern in patterns if pattern.startswith("**"))
    trains = {name: not name.startswith(starts) and not name.endswith(ends) for name, _ in model.named_parameters()}
    assert {name: p.requires_grad for name, p in model.named_parameters()} == trains
    assert graph.trainable_params == sum(p.numel() for name, p in model.named_parameters() if trains[name])
    summary = speczoo.summary(spec)
    for training in (True, False):
        model.train(training)
        out = tensors(model(*inputs(graph)))
        expected = [
            None if port.training_only and not training else (2, *summary.outputs[port.name])
            for port in graph.root.outputs
        ]
        if not training and len(out) < len(expected):  # one output alone comes without a tuple
            expected = [shape for shape in expected if shape is not None]
        assert [None if x is None else tuple(x.shape) for x in out] == expected


@given(networks())
def test_the_module_computes_what_the_graph_says(spec: Data) -> None:
    """Against a walk over the graph that applies each layer's own module in turn."""
    graph = speczoo.graph(spec)
    model = speczoo.build(spec, seed=1).eval()
    reference_interpreter.made_alone(graph.root, model)
    x = inputs(graph)
    values = zip(graph.root.outputs, reference_interpreter.applied(graph.root, model, x, by_hand), strict=True)
    lasting = [value for port, value in values if not port.training_only]
    got = [value for value in tensors(model(*x)) if value is not None]
    assert same(got, lasting)


def named(module: nn.Module, name: str) -> Any:
    """A child by its state_dict name, or None: functions may have none."""
    owner, _, last = name.rpartition(".")
    held = reference_interpreter.child(module, owner) if owner else module
    own = dict(held.named_parameters(recurse=False)) if held is not None else {}
    return reference_interpreter.child(module, name) or own.get(last)


def by_hand(node: Node, name: str, owner: nn.Module, x: list[Any]) -> list[Any]:
    """What a layer gives by its definition, or its module."""
    body, module = node.body, named(owner, name)
    assert isinstance(body, Layer)
    if body.op == "Parameter":
        return [module]
    if body.op == "add":
        return [sum(x[1:], x[0])]
    if body.op == "mul":
        return [x[0] * x[1]]
    if body.op == "sub":
        return [x[0] - x[1]]
    if body.op == "concat":
        return [torch.cat(x, 1)]
    if body.op == "chunk":
        return list(x[0].chunk(2, 1))
    if body.op == "Flatten":
        return [x[0].flatten(1)]
    return [module(*x)]


@given(networks(), st.integers(4, 9), st.integers(4, 9))
def test_one_module_takes_every_size_that_is_predicted(spec: Data, height: int, width: int) -> None:
    graph = speczoo.graph(spec)
    sizes = {name: (value.shape[0], height, width) for name, value in graph.settings.inputs}
    model = speczoo.build(spec).eval()
    assert speczoo.graph(spec, input=sizes).state == graph.state
    outputs = speczoo.summary(spec, input=sizes).outputs
    lasting = [(2, *outputs[port.name]) for port in graph.root.outputs if not port.training_only]
    out = tensors(model(*(torch.randn(2, *shape) for shape in sizes.values())))
    assert [tuple(value.shape) for value in out if value is not None] == lasting


@given(networks(), st.integers(1, 4))
def test_a_parameter_from_outside_is_as_if_the_spec_had_it(spec: Data, width: int) -> None:
    outside = speczoo.graph(spec, width=width)
    inside = speczoo.graph({**spec, "params": {**spec["params"], "width": width}})
    assert (outside.state, outside.macs) == (inside.state, inside.macs)
    assert speczoo.source(spec, width=width) == speczoo.source({**spec, "params": {**spec["params"], "width": width}})


@given(networks(), st.data())
def test_taps_are_what_hooks_see(spec: Data, data: st.DataObject) -> None:
    whole = speczoo.build(spec).eval()
    visited: dict[str, list[Any]] = {}
    for name, module in whole.named_modules():
        module.register_forward_hook(
            lambda m, a, out, name=name: visited.setdefault(name, []).append(
                out.clone() if isinstance(out, Tensor) else out
            )
        )
    x = inputs(speczoo.graph(spec))
    whole(*x)
    single = [name for name, values in visited.items() if name and len(values) == 1 and isinstance(values[0], Tensor)]
    taps = data.draw(st.lists(st.sampled_from(single), min_size=1, max_size=3, unique=True))
    tapped = speczoo.build(spec, whole.state_dict(), taps=taps).eval()
    assert same(tapped(*x), [visited[name][0] for name in taps])
    needed = set(tapped.state_dict())
    assert needed <= set(whole.state_dict())
    assert needed or not any(whole.get_submodule(name).state_dict() for name in taps)


# -- one network, however it is written -------------------------------------------------------------------------------


def test_a_parameter_as_a_tap() -> None:
    spec = {**NET, "layers": NUMBERED}
    assert speczoo.build(spec, taps=["scales.0"])(torch.zeros(2, 4, 5, 5)).shape == (4, 1, 1)


@given(networks())
def test_yaml_and_json_are_one_language(spec: Data) -> None:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(spec, stream)
    from_yaml, from_json = (loaded(text) for text in (stream.getvalue(), json.dumps(spec)))
    assert from_yaml == from_json
    again = loaded(json.dumps(from_yaml.to_data()))
    assert again == from_yaml
    assert again.to_data() == from_yaml.to_data() == json.loads(json.dumps(spec))


def loaded(text: str) -> Spec:
    report = Report()
    document = parse(Source("<text>", text), report)
    assert document is not None
    spec = load(document, report)
    raise_if_wrong(report)
    assert spec is not None
    return spec


@given(networks())
def test_the_source_is_the_module(spec: Data) -> None:
    text = speczoo.source(spec)
    tree = verify(text)
    assert text == speczoo.source(spec)
    assert max(map(len, text.splitlines())) <= 120
    forgotten = {d.code for d in speczoo.check(spec)} == {"unused-layer"}
    shared = re.findall(r'"share": "([\w.]+)"', json.dumps(spec))
    only_shared = {id.replace(".", "_") for id in shared}  # a module for others to apply
    assert forgotten or not [name for name in unused(tree) if name.partition(": ")[2] not in only_shared]
    namespace: dict[str, Any] = {}
    exec(compile(tree, "<source>", "exec"), namespace)
    live = speczoo.build(spec, seed=7)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        stands_alone = namespace[type(live).__name__]()
    state = live.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in stands_alone.state_dict().items())
    x = inputs(speczoo.graph(spec))
    for training in (False, True):
        outs = []
        for model in (live.train(training), stands_alone.train(training)):
            torch.manual_seed(11)
            outs.append(model(*x))
        assert same(*outs)


def unused(tree: ast.Module) -> Iterator[str]:
    """Imports and locals that nothing reads."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (a.asname or a.name for a in node.names if (a.asname or a.name).partition(".")[0] not in read)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            loads = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, (ast.Load, ast.Del))}
            yield from (f"{node.name}: {name}" for name in stored - loads - {"_"} if not ports(name, node))


def ports(name: str, node: ast.FunctionDef) -> bool:
    """One of several targets of an assignment: a part that nobody reads has to stand somewhere."""
    targets = [t for n in ast.walk(node) if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Tuple)]
    return any(isinstance(e, ast.Name) and e.id == name for t in targets for e in t.elts)


# -- what people do with modules --------------------------------------------------------------------------------------


@FEW
@given(networks())
def test_copies_and_pickles(spec: Data) -> None:
    model = speczoo.build(spec).eval()
    x = inputs(speczoo.graph(spec))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert same(other(*x), model(*x))
        assert str(other) == str(model)
        assert not {p.data_ptr() for p in other.parameters()} & {p.data_ptr() for p in model.parameters()}


def test_pickles_load_in_a_fresh_process(tmp_path: Path) -> None:
    saved: list[tuple[Any, ...]] = []

    @settings(max_examples=10, database=None)
    @given(networks())
    def collect(spec: Data) -> None:
        model = speczoo.build(spec).eval()
        x = inputs(speczoo.graph(spec))
        saved.append((model, x, tensors(model(*x))))

    collect()
    torch.save(saved, tmp_path / "saved.pt")
    code = (
        "import sys, torch\n"
        "for model, x, y in torch.load(sys.argv[1], weights_only=False):\n"
        "    out = model(*x)\n"
        "    out = [out] if isinstance(out, torch.Tensor) else list(out)\n"
        "    assert all(a is b or torch.equal(a, b) for a, b in zip(out, y, strict=True))\n"
        "print('same')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "saved.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "same\n", done.stderr


@FEW
@given(networks())
def test_tracing(spec: Data) -> None:
    model = speczoo.build(spec).eval()
    x = inputs(speczoo.graph(spec))
    assert same(torch.fx.symbolic_trace(model)(*x), model(*x))


def scripts(spec: Data) -> None:
    """TorchScript takes the network, and gives what eager does, in training and outside it."""
    model = speczoo.build(spec)
    scripted = torch.jit.script(model)
    x = inputs(speczoo.graph(spec))
    for training in (True, False):
        outs = []
        for module in (model.train(training), scripted.train(training)):
            torch.manual_seed(1)
            outs.append(module(*x))
        ours, theirs = outs
        assert getattr(ours, "_fields", None) == getattr(theirs, "_fields", None)
        assert same(ours, theirs)


@FEW
@given(networks())
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripting(spec: Data) -> None:
    scripts(spec)


@st.composite
def heads(draw: st.DrawFn) -> Data:
    """A network most of whose entries only training computes, in any order among the others. Some are called as the
    variables of a forward are."""
    names = draw(st.permutations(["x", "out", "y", "z", "aux", "_x", "x_", "a", "b", "c"]))
    layers: list[Data] = []
    values = ["input"]
    for name in names[: draw(st.integers(2, 9))]:
        source = st.sampled_from(values)
        kind = draw(st.sampled_from(["Linear", "Dropout", "Tanh", "add", "chunk"]))
        match kind:
            case "Linear":
                layers.append({"id": name, "op": kind, "out_features": 4, "from": draw(source)})
            case "add":
                layers.append({"id": name, "op": kind, "from": [draw(source), draw(source)]})
            case "chunk":
                layers.append({"id": name, "op": kind, "chunks": 2, "from": draw(source)})
                layers.append({"id": f"{name}_all", "op": "concat", "from": [f"{name}.1", f"{name}.0"]})
            case _:
                layers.append({"id": name, "op": kind, "from": draw(source)})
        values.append(f"{name}_all" if kind == "chunk" else name)
    outputs = draw(st.lists(st.sampled_from(values[1:]), min_size=2, max_size=4))
    lasting = draw(st.integers(1, len(outputs) - 1))
    ports = [{"id": f"o{i}", "from": v, "training_only": i >= lasting} for i, v in enumerate(outputs)]
    return {"spec": 1, "name": "heads", "input": [4], "layers": layers, "outputs": draw(st.permutations(ports))}


@example(
    {
        "spec": 1, "name": "heads", "input": [4],
        "layers": [
            {"id": "a", "op": "Linear", "out_features": 4},
            {"id": "out", "op": "Linear", "out_features": 3, "from": "a"},
            {"id": "b", "op": "Tanh", "from": "a"},
            {"id": "c", "op": "chunk", "chunks": 3, "from": "out"},
            {"id": "d", "op": "Linear", "out_features": 2, "from": "b"},
        ],
        "outputs": [{"id": "aux", "from": "c.1", "training_only": True}, {"id": "main", "from": "d"}],
    }
)  # fmt: skip
@given(heads())
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripting_with_values_of_training_alone(spec: Data) -> None:
    scripts(spec)


@pytest.mark.slow
@FEW
@given(networks())
def test_exporting(spec: Data) -> None:
    model = speczoo.build(spec).eval()
    x = inputs(speczoo.graph(spec))
    exported = torch.export.export(model, tuple(x)).module()
    pairs = zip(tensors(exported(*x)), tensors(model(*x)), strict=False)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs if a is not None and b is not None)


@given(networks())
def test_the_meta_device(spec: Data) -> None:
    with torch.device("meta"):
        model = speczoo.build(spec)
    expected: Mapping[str, Any] = speczoo.graph(spec).state
    assert {k: tuple(v.shape) for k, v in model.state_dict().items()} == expected
    assert {v.device.type for v in model.state_dict().values()} == {"meta"}
