"""Translation validation: a program that is another network than its graph is found out, whatever went wrong."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.compiler.emit import module
from speczoo.compiler.emit.module import load
from speczoo.compiler.emit.python import render
from speczoo.compiler.graph import Graph
from speczoo.compiler.lower.lowering import program_of
from speczoo.compiler.lower.validate import Mistranslation, validate
from speczoo.compiler.program import Program
from speczoo.testing import networks
from speczoo.verify import Unpredicted
from tests.commands.zoo_command import fresh, zoo
from tests.families import graph_of, of_the_zoo
from tests.properties.broken_programs import BROKEN

Data = dict[str, Any]

#: A network that has all that a program can have.
EVERYTHING: Data = {
    "spec": 1,
    "name": "everything",
    "input": [3, 8, 8],
    "blocks": {
        "Unit": {
            "params": {"channels": "int", "act": {"type": "op", "default": "ReLU"}, "drop": 0.0, "stride": 1},
            "layers": [
                {"id": "conv", "op": "Conv2d", "out_channels": "$channels", "kernel_size": 3, "padding": 1,
                 "stride": "$stride"},
                {"id": "norm", "op": "BatchNorm2d"},
                {"id": "act", "op": "$act"},
                {"id": "drop", "op": "Dropout", "p": "$drop", "when": "$(drop > 0)"},
                {"id": "down", "from": "input", "when": "$(stride > 1 or in_channels != channels)", "layers": [
                    {"op": "Conv2d", "out_channels": "$channels", "kernel_size": 1, "stride": "$stride"}]},
                {"id": "out", "op": "sub", "from": ["drop", "down"]},
            ],
        },
        "Chain": {
            "params": {"drop": 0.0},
            "layers": [{"op": "Conv2d", "out_channels": 6, "kernel_size": 1},
                       {"op": "Dropout", "p": "$drop", "when": "$(drop > 0)"}, {"op": "Sigmoid"}],
        },
        "Two": {
            "layers": [{"id": "a", "op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1},
                       {"id": "b", "op": "Tanh"}],
            "outputs": [{"id": "first", "from": "a"}, {"id": "second", "from": "b"}],
        },
    },
    "layers": [
        {"id": "stem", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False},
        {"id": "relu", "op": "ReLU", "inplace": True},
        {"id": "one", "op": "Unit", "channels": 5},
        {"id": "two", "op": "Unit", "channels": 6, "act": "GELU", "drop": 0.1},
        {"id": "three", "op": "Unit", "channels": 6, "stride": 2, "drop": 0.2},
        {"id": "chain", "op": "Chain"},
        {"id": "other_chain", "op": "Chain", "drop": 0.3},
        {"id": "mix", "op": "Conv2d", "out_channels": 6, "kernel_size": 1},
        {"id": "mixed", "share": "mix"},
        {"id": "split", "op": "Two"},
        {"id": "scale", "op": "Parameter", "shape": [6, 1, 1], "init": 0.5},
        {"id": "scaled", "op": "mul", "from": ["scale", "split.first"], "broadcast": True},
        {"id": "joined", "op": "concat", "from": ["scaled", "split.second"]},
        {"id": "flat", "op": "Flatten"},
        {"id": "side", "op": "Linear", "out_features": 5},
        {"id": "wide", "from": "flat", "layers": [{"op": "Linear", "out_features": 7},
                                                  {"op": "permute", "dims": [0, 1]},
                                                  {"op": "Linear", "out_features": 8}]},
        {"id": "parts.0", "op": "Linear", "out_features": 6},
        {"id": "named.first.0", "op": "Linear", "out_features": 6},
        {"id": "parts.1", "op": "Linear", "out_features": 7},
        {"id": "named.second", "op": "Linear", "out_features": 7},
        {"id": "held.shift", "op": "Parameter", "shape": [7]},
        {"id": "shifted", "op": "add", "from": ["named.second", "held.shift"]},
        {"id": "held.0", "op": "Linear", "out_features": 6},
        {"id": "side_head", "op": "Linear", "out_features": 6, "from": "side"},
        {"id": "head", "op": "Linear", "out_features": 5, "from": "held.0"},
    ],
    "outputs": [{"id": "logits", "from": "head"}, {"id": "aux", "from": "joined", "training_only": True},
                {"id": "side", "from": "side_head", "training_only": True}],
    "init": [{"match": "Conv2d", "weight": {"kaiming_normal": {"mode": "fan_out"}}, "bias": 0.1},
             {"match": "head", "weight": {"normal": {"std": 0.01}}}],
    "freeze": ["stem.**"],
}  # fmt: skip


def lowered(spec: Data) -> tuple[Graph, Program]:
    graph = speczoo.graph(spec)
    return graph, program_of(graph)


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_program_is_found_out(way: str) -> None:
    graph, program = lowered(EVERYTHING)
    validate(graph, program)
    broken = [p for p in BROKEN[way](program) if p != program]
    assert broken
    for other in broken:
        with pytest.raises(Mistranslation):
            validate(graph, other)


@given(networks(), st.sampled_from(sorted(BROKEN)), st.data())
def test_what_is_let_through_is_the_network(spec: Data, way: str, data: st.DataObject) -> None:
    """Any network, broken anywhere: what is not found out is no other module."""
    graph, program = lowered(spec)
    broken = [p for p in BROKEN[way](program) if p != program]
    if not broken:
        return
    other = data.draw(st.sampled_from(broken))
    try:
        validate(graph, other)
    except Mistranslation:
        return
    right, left = built(program), built(other)
    assert str(left) == str(right)
    assert list(left.state_dict()) == list(right.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True))
    x = [torch.randn(2, *value.shape) for _, value in graph.settings.inputs]
    for training in (True, False):
        outs = []
        for model in (left.train(training), right.train(training)):
            torch.manual_seed(1)
            out = model(*x)
            outs.append([out] if isinstance(out, torch.Tensor) else [v for v in out if v is not None])
        assert all(torch.equal(a, b) for a, b in zip(*outs, strict=True))


def built(program: Program) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: torch.nn.Module = getattr(load(render(program)), program.entry)()
    return made


# -- the whole way ----------------------------------------------------------------------------------------------------


def test_a_difference_is_a_bug_of_zoo_and_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are shown, by the command and from Python."""

    def wrong(graph: Graph) -> Program:
        return next(BROKEN["another number"](program_of(graph)))

    monkeypatch.setattr("speczoo.compiler.lower.program_of", wrong)
    reported = zoo("source", "lenet5", code=3)
    assert "a bug of zoo" in reported.stderr
    assert "conv1: the spec has out_channels=" in reported.stderr or "in_channels=" in reported.stderr
    assert not reported.stdout
    for face in (speczoo.source, speczoo.build):
        with pytest.raises(Mistranslation):
            face({**EVERYTHING, "name": "not_yet_built"})


@pytest.mark.parametrize("name", of_the_zoo())
def test_the_catalogue_is_interpreted_whole(name: str) -> None:
    graph = graph_of(name)
    validate(graph, program_of(graph))


# -- its cost ---------------------------------------------------------------------------------------------------------


def steps_of(function: Callable[[], object]) -> int:
    """How many functions of this project are entered."""
    count = 0

    def entered(frame: Any, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call" and "speczoo" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(entered)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def long(layers: int) -> Data:
    unlike = [{"op": "Linear", "out_features": 8 + i % 7} for i in range(layers)]
    return {"spec": 1, "name": "long", "input": [8], "layers": unlike}


def stacked(blocks: int) -> Data:
    """A block whose instances all differ."""
    block = {"params": {"c": "int"}, "layers": [{"id": "fc", "op": "Linear", "out_features": "$c"}, {"op": "ReLU"}]}
    calls = [{"op": "B", "c": 8 + i} for i in range(blocks)]
    return {"spec": 1, "name": "stacked", "input": [8], "blocks": {"B": block}, "layers": calls}


@pytest.mark.parametrize("make", [long, stacked])
def test_its_cost_is_linear(make: Callable[[int], Data]) -> None:
    costs = []
    for size in (100, 200, 400):
        graph, program = lowered(make(size))
        costs.append(steps_of(lambda g=graph, p=program: validate(g, p)))  # type: ignore[misc]
    assert costs[2] - costs[1] <= 2.05 * (costs[1] - costs[0])


COUNTED = """
import sys
entered, inside, depth = 0, 0, 0
def count(frame, event, arg):
    global entered, inside, depth
    code = frame.f_code
    top = code.co_name == "validate" and code.co_filename.endswith("instances.py")
    depth += top and event == "call"
    entered += event in ("call", "c_call")
    inside += event in ("call", "c_call") and depth > 0
    depth -= top and event == "return"
sys.setprofile(count)
try:
    from speczoo.__main__ import main
    sys.argv = ["zoo", "source", sys.argv[1], "-o", sys.argv[2]]
    main()
except SystemExit as ended:
    sys.setprofile(None)
    print(ended.code or 0, inside, entered)
"""


@pytest.mark.parametrize(
    "name", ["densenet201", *(pytest.param(name, marks=pytest.mark.alike) for name in ("lenet5", "vit_b_16"))]
)
def test_its_cost_is_a_small_part_of_the_whole(name: str, tmp_path: Path) -> None:
    """Of all calls that `zoo source` makes in a process of its own."""
    done = fresh(COUNTED, name, str(tmp_path / "net.py"))
    code, inside, entered = map(int, done.stdout.split()[-3:])
    assert code == 0, done.stderr
    assert 0 < 10 * inside < entered


# -- what is emitted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["regnet_x_400mf", "regnet_y_400mf"])
def test_children_with_hyphens_are_reached_where_taps_break_their_chain(name: str) -> None:
    whole = speczoo.build(name, seed=1).eval()
    hyphened = [path for path, _ in whole.named_modules() if path.count(".") == 2 and "-" in path]
    visited: dict[str, torch.Tensor] = {}
    for path in hyphened:
        whole.get_submodule(path).register_forward_hook(
            lambda m, given, out, path=path: visited.__setitem__(path, out)  # type: ignore[misc]
        )
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        whole(x)
        taps = [hyphened[1], hyphened[2], hyphened[-1]]
        tapped = speczoo.build(name, whole.state_dict(), taps=taps).eval()
        came = tapped(x)
    assert all(torch.equal(value, visited[path]) for value, path in zip(came, taps, strict=True))
    assert torch.equal(pickle.loads(pickle.dumps(tapped))(x)[0], came[0])


@pytest.mark.parametrize("aux", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_an_output_keeps_its_name_where_the_others_are_left_out(aux: bool, again: bool) -> None:
    """The one output of a block that names it can be taken by its name, or without it."""
    block = {
        "params": {"aux": "bool"},
        "layers": [{"id": "m", "op": "Linear", "out_features": 4}, {"id": "a", "op": "ReLU"}],
        "outputs": [{"id": "main", "from": "m"}, {"id": "aux", "from": "a", "when": "$aux"}],
    }
    layers = [{"id": "b", "op": "B", "aux": aux}, *([{"id": "c", "share": "b", "from": "input"}] if again else [])]
    last = {"op": "Tanh", "from": "c.main" if again else "b.main"}
    spec = {"spec": 1, "name": "named", "input": [4], "blocks": {"B": block}, "layers": [*layers, last]}
    x = torch.randn(2, 4)
    model = speczoo.build(spec)
    assert torch.equal(model(x), torch.tanh(model.get_submodule("b").m(x)))
    with pytest.raises(speczoo.SpecError):
        speczoo.graph({**spec, "layers": [*layers, {"op": "Tanh", "from": "b.other"}]})


def test_outputs_of_like_names_are_values_of_their_own() -> None:
    """`map` would hide what Python has, and is called `map_`, which is another output's name."""
    outputs = [{"id": name, "from": name} for name in ("map", "map_", "map__")]
    entries = [{"id": o["id"], "op": "Linear", "out_features": n} for n, o in enumerate(outputs, 2)]
    last = [{"id": f"t{n}", "op": "Tanh", "from": f"b.{o['id']}"} for n, o in enumerate(outputs)]
    ends = [{"id": entry["id"], "from": entry["id"]} for entry in last]
    spec = {"spec": 1, "name": "like", "input": [4], "blocks": {"B": {"layers": entries, "outputs": outputs}},
            "layers": [{"id": "b", "op": "B"}, *last], "outputs": ends}  # fmt: skip
    came = speczoo.build(spec)(torch.randn(2, 4))
    assert [value.shape[1] for value in came] == [2, 3, 4]


# -- what is built -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", ["frozen", "thawed", "shape", "weight"])
def test_what_python_builds_is_held_to_what_was_predicted(spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.build

    def spoilt(graph: Graph, **choices: Any) -> torch.nn.Module:
        made = original(graph, **choices)
        if spoil in ("frozen", "thawed"):
            made.get_submodule("head" if spoil == "frozen" else "stem").requires_grad_(spoil == "thawed")
        elif spoil == "shape":
            made.register_forward_hook(lambda m, given, out: out[0][:, 1:] if isinstance(out, tuple) else out[:, 1:])
        else:
            made.register_parameter("more", torch.nn.Parameter(torch.zeros(1)))
        return made

    monkeypatch.setattr(module, "build", spoilt)
    with pytest.raises(Unpredicted):
        speczoo.build({**EVERYTHING, "outputs": [{"id": "logits", "from": "head"}], "title": spoil})


@pytest.mark.parametrize("choices", [{}, {"dtype": torch.float16}, {"device": "meta"}, {"dtype": torch.float64}])
def test_holding_changes_nothing(choices: Data) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = speczoo.build({**EVERYTHING, "title": str(choices)}, **choices)
        after = torch.rand(3)
        torch.manual_seed(3)
        expected = module.build(speczoo.graph(EVERYTHING), **choices)
        assert torch.equal(after, torch.rand(3))
    assert made.training
    assert all(m.training for m in made.modules())
    if choices.get("device") != "meta":
        pairs = zip(made.state_dict().values(), expected.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_module_has_types_for_annotations_as_its_source_does() -> None:
    """Not texts, which torch.jit cannot read in a NamedTuple."""
    made = type(speczoo.build({**EVERYTHING, "name": "annotated"}))
    namespace: dict[str, Any] = {}
    exec(speczoo.source({**EVERYTHING, "name": "annotated"}), namespace)
    alone = namespace[made.__name__]
    for function in ("__init__", "forward"):
        live, printed = getattr(made, function).__annotations__, getattr(alone, function).__annotations__
        assert live.keys() == printed.keys()
        assert not any(isinstance(kind, str) for kind in live.values())
