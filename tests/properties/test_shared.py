"""Modules applied again: what is shared onto another input is the very module that the first input made.

The oracle is that module, emitted for the first input alone and given the second by torch. Sharing is right where it
runs and computes what the same entries would, written for the second input with the numbers of the first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

import speczoo
from speczoo.checking import check_into
from speczoo.compiler import application
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.specs.diagnostics import Report
from speczoo.specs.errors import SpecError
from speczoo.specs.limits import Limits
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from tests.properties.sharing import (
    EACH,
    Data,
    Entries,
    Form,
    agrees,
    as_predicted,
    drawn,
    given_out,
    network,
    same,
)
from tests.properties.test_mutations import computes_what_its_entries_do, runs_as_predicted

# -- every layer ------------------------------------------------------------------------------------------------------


@st.composite
def neighbours(draw: st.DrawFn, values: Sequence[Value]) -> list[Value]:
    """What is like these values, but for a size, an axis, a dtype or a batch axis."""
    kind = draw(st.sampled_from(["same", "size", "size", "size", "apart", "more", "fewer", "dtype", "batch"]))
    at, by = draw(st.integers(0, 3)), draw(st.sampled_from([-2, -1, 1, 2, 4]))
    found = []
    for value in values:
        shape = list(value.shape)
        where = at % len(shape) if shape else 0
        if kind == "apart":
            where, by = draw(st.integers(0, max(0, len(shape) - 1))), draw(st.integers(-2, 3))
        if kind in ("size", "apart") and shape:
            shape[where] = max(1, shape[where] + by)
        elif kind == "more":
            shape.insert(where, draw(st.integers(1, 3)))
        elif kind == "fewer" and shape:
            del shape[where]
        dtype = {"float32": "int64"}.get(value.dtype, "float32") if kind == "dtype" else value.dtype
        found.append(Value(tuple(shape), dtype, value.batched and kind != "batch"))
    return found


def form_of(case: Case) -> tuple[Form, list[Value]]:
    """A layer's case as a list of its own; numbers stand in the list."""
    names = [f"x{i}" for i in range(len(case.inputs))]
    taken: list[Any] = [2 if not v.batched and not v.shape else n for n, v in zip(names, case.inputs, strict=True)]
    entry: Data = {"id": "layer", "op": case.op, **case.arguments}
    layer = case.accepted()
    for name in reversed(layer.referred(len(taken)) if layer is not None else ()):
        entry[name] = taken.pop()
    entry["from"] = taken
    flowing = [n for n, v in zip(names, case.inputs, strict=True) if v.batched or v.shape]
    return Form(tuple(flowing), [entry]), [v for v in case.inputs if v.batched or v.shape]


def fits(case: Case) -> bool:
    try:
        Layer.registry[case.op](**case.arguments).apply(*case.inputs)
    except (ValidationError, ShapeError):
        return False
    if case.op.startswith("Circular") and "-" in str(case.arguments["padding"]):
        return False  # torch leaves some of what comes out unwritten
    return any(value.batched or value.shape for value in case.inputs)


@pytest.mark.parametrize("op", sorted(set(Layer.registry) - {"Parameter", "Buffer"}))
def test_any_layer_is_shared_where_its_module_does_it(op: str) -> None:
    @EACH
    @given(st.data())
    def shared(data: st.DataObject) -> None:
        form, first = form_of(data.draw(layer_cases(op).filter(fits)))
        second = data.draw(neighbours(first))
        accepted = agrees(form, first, second)
        if op[0].isupper():
            assert accepted == shared_alone(form.layers[0], first, second)

    shared()


def shared_alone(entry: Data, first: Sequence[Value], second: Sequence[Value]) -> bool:
    """Whether the layer itself is shared, in no list; it runs as predicted then."""
    spec = network(Form((), []), first, second)
    del spec["blocks"]
    for layer in spec["layers"]:
        if layer.get("op") == "Form":
            taken = [*layer["from"]] if isinstance(layer["from"], list) else [layer["from"]]
            references = [name for name in Layer.registry[entry["op"]].references if name in entry]
            referred = {name: taken.pop() for name in reversed(references)}
            layer.update({**entry, **referred, "id": layer["id"], "from": taken})
    try:
        graph = speczoo.graph(spec)
    except SpecError:
        return False
    as_predicted(graph, speczoo.build(spec).eval(), first, second)
    return True


# -- lists that read what flows in ------------------------------------------------------------------------------------


def op(name: str, **arguments: Any) -> Data:
    return {"op": name, **arguments}


CONV = op("Conv2d", out_channels=3, kernel_size=1)
HEIGHT, WIDTH, CHANNELS = "$(input.height)", "$(input.width)", "$in_channels"

#: Lists over channels x height x width, each of which reads its input in one more way.
READING: list[Entries] = [
    [op("AdaptiveAvgPool2d", output_size=CHANNELS)],
    [op("AdaptiveMaxPool2d", output_size=[HEIGHT, None])],
    [op("MaxPool2d", kernel_size=HEIGHT)],
    [op("AvgPool2d", kernel_size="$(max(1, input.width // 2))")],
    [op("LPPool2d", norm_type=2, kernel_size="$(max(1, input.height // 2))")],
    [op("Conv2d", out_channels=CHANNELS, kernel_size=1)],
    [op("Conv2d", out_channels=CHANNELS, kernel_size=1, groups=CHANNELS, bias="$(in_channels > 2)")],
    [op("Conv2d", out_channels=2, kernel_size="$(1 if input.height < 4 else 3)", padding="$(input.width % 2)")],
    [op("ConvTranspose2d", out_channels=2, kernel_size=2, stride="$(1 + in_channels % 2)")],
    [op("BatchNorm2d")],
    [op("BatchNorm2d", affine=False)],
    [op("BatchNorm2d", affine=False, track_running_stats=False)],
    [op("InstanceNorm2d", affine="$(in_channels > 2)")],
    [op("GroupNorm", num_groups=CHANNELS)],
    [op("GroupNorm", num_groups=1, affine=False)],
    [op("LayerNorm", elementwise_affine=False)],
    [op("LayerNorm", normalized_shape="$(input.shape)", elementwise_affine=False)],
    [op("LayerNorm", normalized_shape=[HEIGHT, WIDTH])],
    [op("LayerNorm2d", elementwise_affine=False)],
    [op("RMSNorm", elementwise_affine=False)],
    [op("LocalResponseNorm", size=CHANNELS)],
    [op("PReLU", num_parameters=CHANNELS)],
    [op("PReLU")],
    [op("Softmax", dim="$(1 + in_channels % 3)")],
    [op("Softmax")],
    [op("LogSoftmax", dim=-1)],
    [op("GLU", dim="$(1 if in_channels % 2 == 0 else -1)")],
    [op("Linear", out_features="$in_features")],
    [op("Linear", out_features=3)],
    [op("Flatten"), op("Linear", out_features=2)],
    [op("Flatten", start_dim="$(1 + in_channels % 2)")],
    [op("Flatten"), op("reshape", shape=[-1, CHANNELS])],
    [op("reshape", shape=[CHANNELS, -1])],
    [op("reshape", shape=[-1, HEIGHT])],
    [op("reshape", shape=["$(input.height * input.width)", CHANNELS])],
    [op("Unflatten", dim=1, unflattened_size=[1, CHANNELS])],
    [op("Unflatten", dim=-1, unflattened_size=[-1, 1])],
    [op("permute", dims="$([0, 2, 3, 1] if in_channels > 2 else [0, 1, 3, 2])")],
    [op("transpose", dim0=1, dim1="$(2 + in_channels % 2)")],
    [op("transpose", dim0=1, dim1=-1)],
    [op("mean", dim="$(1 + in_channels % 3)")],
    [op("mean", dim=[-2, -1], keepdim="$(in_channels > 2)")],
    [op("select", dim=1, index="$(in_channels - 1)")],
    [op("select", dim=-1, index="$(input.width // 2)")],
    [op("select", dim="$(1 + in_channels % 3)", index=0)],
    [op("unsqueeze", dim="$(1 + in_channels % 3)")],
    [op("mean", dim=1, keepdim=True), op("squeeze", dim=1)],
    [op("squeeze", dim=1)],
    [op("ChannelShuffle", groups=CHANNELS)],
    [op("PixelShuffle", upscale_factor="$(2 if in_channels % 4 == 0 else 1)")],
    [op("PixelUnshuffle", downscale_factor=HEIGHT)],
    [op("Unfold", kernel_size="$(min(2, input.height))")],
    [op("Unfold", kernel_size=1), op("Fold", output_size=[HEIGHT, WIDTH], kernel_size=1)],
    [op("Upsample", size=[CHANNELS, WIDTH])],
    [op("Upsample", scale_factor="$(in_channels % 2 + 1)")],
    [op("interpolate", size="$(2 * input.height)")],
    [op("interpolate", size=[HEIGHT, "$(3 * input.width)"], mode="bilinear")],
    [op("interpolate", scale_factor=CHANNELS)],
    [op("crop", size="$(min(input.height, input.width))")],
    [op("subsample", stride="$(1 + in_channels % 2)")],
    [op("pad_channels", to="$(in_channels + 2)")],
    [op("pad_channels", to=6)],
    [op("ZeroPad2d", padding="$(input.height % 3)")],
    [op("ReflectionPad2d", padding="$(input.width - 1)")],
    [op("ConstantPad2d", padding=[0, CHANNELS, 0, 1], value=1)],
    [op("Dropout", p="$(in_channels / 10)")],
    [op("Threshold", threshold="$(1 / in_channels)", value=CHANNELS)],
    [op("LeakyReLU", negative_slope="$(1 / input.height)")],
    [op("$('ReLU' if in_channels > 2 else 'Tanh')")],
    [op("Conv2d", out_channels=3, kernel_size=1, when="$(in_channels != 3)")],
    [op("ReLU", when="$(input.height > 4)"), op("Tanh", when="$(input.height <= 4)")],
    [{"when": "$(in_channels > 2)", "do": [op("ReLU"), op("AvgPool2d", kernel_size=1)]}, op("Tanh")],
    [{"for": {"i": "1..$(input.channels)"}, **op("Upsample", scale_factor=1), "id": "n$i"}],
    [{"for": {"i": "1..$(input.height)"}, **op("ZeroPad2d", padding=1)}],
    [{"for": {"n": "$(input.shape)"}, **op("ConstantPad2d", padding=[0, "$n", 0, 0], value=0)}],
    [{"for": {"i": "1..$(input.width % 3)"}, "do": [CONV, op("ReLU")]}],
    [{**op("split", split_size="$(max(1, in_channels // 2))"), "id": "s"}, op("Identity", **{"from": "s.0"})],
    [{**op("split", split_size=["$(in_channels - 1)", 1]), "id": "s"}, op("Identity", **{"from": "s.1"})],
    [{**op("chunk", chunks="$(min(2, in_channels))"), "id": "s"}, op("mul", **{"from": ["s.0", 2]})],
    [{**op("chunk", chunks=2, dim=-1), "id": "s"}, op("add", **{"from": ["s.0", "s.1"]}, broadcast=True)],
    [{**op("split", split_size=2), "id": "s"}, op("concat", **{"from": ["s.0", "s.1"]})],
    [{**op("split", split_size=8), "id": "s"}, op("ReLU", **{"from": "s"})],
    [{**op("Parameter", shape="$(input.shape)"), "id": "p"}, op("add", **{"from": ["input", "p"]})],
    [{**op("Parameter", shape=["$(input.channels)", 1, 1]), "id": "p"},
     op("mul", **{"from": ["input", "p"]}, broadcast=True)],
    [{**op("Parameter", shape=[1, HEIGHT, WIDTH]), "id": "p"}, op("concat", **{"from": ["input", "p"]})],
    [{**op("Parameter", shape="$(input.shape)"), "id": "p"}, op("stack", **{"from": ["p", "input"]})],
    [op("mul", **{"from": ["input", "$(input.channels)"]})],
    [{**op("subsample", stride=2), "id": "half"}, op("interpolate", like="input")],
    [{**op("ZeroPad2d", padding=1), "id": "large"}, op("crop", like="input")],
    [{**op("interpolate", size=6), "id": "six"}, op("crop", size="$(min(6, input.height))")],
    [{**op("transpose", dim0=-1, dim1=-2), "id": "t"}, op("matmul", **{"from": ["input", "t"]})],
    [op("Flatten", start_dim=2), op("transpose", dim0=1, dim1=2), op("MultiheadAttention", num_heads=1)],
    [op("Flatten", start_dim=2), op("MultiheadAttention", num_heads=CHANNELS)],
    [op("Flatten", start_dim=2), op("LayerNorm", elementwise_affine=False), op("Softmax", dim=1)],
    [op("Flatten", start_dim=2), op("Conv1d", out_channels=2, kernel_size=CHANNELS)],
    [op("Flatten"), op("BatchNorm1d", affine=False, track_running_stats=False)],
    [op("unsqueeze", dim=1), op("AdaptiveAvgPool3d", output_size=[CHANNELS, 1, None])],
    [op("Inner", size="$(input.height)", turns=CHANNELS)],
    [{"id": "group", "layers": [op("AdaptiveAvgPool2d", output_size="$(input.channels)")]}],
    [{"id": "x", "layers": [op("ReLU"), op("pad_channels", to=4)], "when": "$(in_channels < 4)"}],
    [{"id": "x", "layers": [op("AdaptiveAvgPool2d", output_size=CHANNELS)]}, {"id": "y", "share": "x"}],
    [{"id": "x", "layers": [op("MaxPool2d", kernel_size="$(min(2, input.height))")]},
     {"for": {"i": "1..$(input.channels % 3)"}, "id": "y$i", "share": "x"}],
    [{"id": "x", **op("MaxPool2d", kernel_size="$(min(2, input.height))")},
     {"share": "x", "when": "$(in_channels > 2)"}],
    [{"id": "x", "layers": [{"id": "a", **CONV}, op("ReLU")], "taps": ["a"]}, op("Tanh", **{"from": "x.a"})],
]  # fmt: skip
INNER = {
    "params": {"size": "int", "turns": "int"},
    "layers": [
        op("AdaptiveAvgPool2d", output_size="$size"),
        {"for": {"i": "1..$turns"}, **op("ZeroPad2d", padding="$(input.width % 2)")},
        op("ReLU", when="$(in_channels > 2)"),
    ],
}
MAPS = st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 8)).map(Value)


@pytest.mark.parametrize("layers", READING, ids=lambda layers: str(layers)[:60])
def test_what_reads_its_input_is_shared_as_it_came_out(layers: Entries) -> None:
    """In every list: the numbers, conditions and turns are those of the first input, the shapes those of the second."""

    @EACH
    @given(MAPS, st.data())
    def shared(first: Value, data: st.DataObject) -> None:
        form = Form(("input",), layers, {"Inner": INNER})
        agrees(form, [first], data.draw(neighbours([first])))

    shared()


# -- where a module is shared -----------------------------------------------------------------------------------------

SIZES = st.tuples(st.just(3), st.integers(4, 8), st.integers(4, 8)).map(list)
TWO = [[3, 8, 8], [3, 5, 6]]
TAPPED = [
    {"id": "a", "op": "Conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1},
    {"id": "b", "op": "ReLU"},
    {"id": "c", "layers": [{"id": "d", **op("Tanh")}, {"id": "e", **op("AdaptiveMaxPool2d", output_size=HEIGHT)}]},
]


def towers(sizes: Sequence[Any], layers: Entries, **more: Any) -> Data:
    """One tower, shared by as many inputs as there are sizes."""
    uses = [{"id": f"t{k}", "from": f"i{k}", "share": "t0"} for k in range(len(sizes))]
    uses[0] = {"id": "t0", "from": "i0", "layers": layers}
    inputs = [{"id": f"i{k}", "shape": size} for k, size in enumerate(sizes)]
    return {"spec": 1, "name": "towers", "inputs": inputs, "layers": [*uses, *more.pop("after", [])], **more}


def hooked(model: nn.Module, x: Sequence[Tensor]) -> dict[str, list[Tensor]]:
    """What every module gives, each time that it is applied."""
    visited: dict[str, list[Tensor]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda _, __, out, name=name: visited.setdefault(name, []).append(out.clone())  # type: ignore[misc]
        )
    with torch.no_grad():
        model(*x)
    return visited


@given(st.lists(SIZES, min_size=2, max_size=3), st.data())
def test_taps_of_shared_modules_are_what_hooks_see(sizes: list[list[int]], data: st.DataObject) -> None:
    total = {"id": "total", "op": "concat", "from": [f"f{k}" for k in range(len(sizes))]}
    flat = [{"id": f"f{k}", "from": f"t{k}", "op": "Flatten"} for k in range(len(sizes))]
    spec = towers(sizes, TAPPED, after=[*flat, total])
    whole = speczoo.build(spec).eval()
    x = drawn([Value(tuple(size)) for size in sizes])
    visited = hooked(whole, x)
    paths = st.sampled_from(["", ".a", ".b", ".c", ".c.d", ".c.e"])
    places = st.tuples(st.integers(0, len(sizes) - 1), paths)
    taps = data.draw(st.lists(places, min_size=1, max_size=4, unique=True))
    names = [f"t{k}{path}" for k, path in taps]
    tapped = speczoo.build(spec, whole.state_dict(), taps=names).eval()
    found = given_out(tapped, x)
    assert found is not None
    assert same(found, [visited[f"t0{path}"][k] for k, path in taps])
    assert [tuple(out.shape[1:]) for out in found] == list(speczoo.summary(spec, taps=names).outputs.values())


@example([[3, 4, 4]] * 3, [op("$('ReLU' if in_channels > 2 else 'Tanh')")], [op("ReLU")], False)
@given(st.lists(SIZES, min_size=2, max_size=4), st.sampled_from(READING), st.sampled_from(READING), st.booleans())
def test_a_block_of_several_classes_shares_inside(
    sizes: list[list[int]], layers: Entries, other: Entries, flag: bool
) -> None:
    """Blocks that share inside them, used with inputs and arguments that differ, some shared once more."""
    inside = [
        {"id": "first", "layers": layers, "when": "$flag"},
        {"id": "again", "share": "first", "from": "input", "when": "$flag"},
        {"id": "second", "layers": other, "from": "input"},
    ]
    block = {"params": {"flag": flag}, "inputs": ["input"], "layers": inside}
    uses = [{"id": f"u{k}", "op": "Part", "from": f"i{k}", "flag": k % 2 == 0} for k in range(len(sizes) - 1)]
    uses.append({"id": "last", "share": "u0", "from": f"i{len(sizes) - 1}"})
    inputs = [{"id": f"i{k}", "shape": size} for k, size in enumerate(sizes)]
    outputs = [{"id": f"o{k}", "from": use["id"]} for k, use in enumerate(uses)]
    spec = {"spec": 1, "name": "net", "inputs": inputs, "blocks": {"Part": block, "Inner": INNER}, "layers": uses}
    try:
        graph = speczoo.graph({**spec, "outputs": outputs})
    except SpecError:
        return
    runs_as_predicted(graph)
    computes_what_its_entries_do(graph)


@given(SIZES, SIZES, st.sampled_from(READING))
def test_sharing_what_is_shared_is_sharing_the_first(first: list[int], second: list[int], layers: Entries) -> None:
    verdicts = []
    for wanted in ("t0", "t1"):
        spec = towers([first, first, second], layers, blocks={"Inner": INNER})
        spec["layers"][2]["share"] = wanted
        try:
            verdicts.append((speczoo.source(spec), str(speczoo.summary(spec))))
        except SpecError as error:
            verdicts.append((str(error).replace("`t1`", "`t0`"),))
    assert verdicts[0] == verdicts[1]


def test_a_spec_in_use_is_shared_as_it_came_out(tmp_path: Path) -> None:
    used = {"spec": 1, "name": "used", "input": [1, 4, 4], "params": {"n": 2}, "init": [{"match": "Conv2d", "bias": 0}]}
    used["layers"] = [
        {"op": "AdaptiveAvgPool2d", "output_size": HEIGHT},
        {"for": {"i": "1..$n"}, "op": "Conv2d", "out_channels": CHANNELS, "kernel_size": 1},
    ]
    (tmp_path / "used.yaml").write_text(json.dumps(used), encoding="utf-8")
    spec = towers(TWO, [{"op": "Used", "n": 3}], use={"Used": "./used.yaml"})
    (tmp_path / "net.yaml").write_text(json.dumps(spec), encoding="utf-8")
    graph = speczoo.graph(str(tmp_path / "net.yaml"))
    assert graph.root.nodes[-1].outputs == (Value((3, 8, 8)),)
    assert sum("conv" in key.lower() or "weight" in key for key in graph.state) == 3
    runs_as_predicted(graph)
    computes_what_its_entries_do(graph)


def test_what_was_left_out_or_comes_later_or_stands_elsewhere_is_not_shared() -> None:
    left_out = {"id": "a", "op": "Conv2d", "out_channels": 3, "kernel_size": 1, "when": False}
    later = {"id": "a", "op": "Conv2d", "out_channels": 3, "kernel_size": 1}
    inner = {"id": "g", "layers": [{"id": "a", "op": "ReLU"}]}
    share = {"id": "b", "share": "a"}
    for layers, stated in (
        ([left_out, share], "left out"),
        ([share, later], "comes later"),
        ([inner, share], "no `a` in this list"),
    ):
        with pytest.raises(SpecError, match=stated):
            speczoo.graph({"spec": 1, "name": "t", "input": [3, 8, 8], "layers": layers})


# -- what sharing costs -----------------------------------------------------------------------------------------------


def applications(spec: Data, monkeypatch: pytest.MonkeyPatch) -> tuple[int, bool]:
    """How many layers are asked what comes out of them, and whether that is within the limits."""
    counted = []
    apply = Layer.apply
    monkeypatch.setattr(application, "INTERNED", {})  # nothing that others have applied
    monkeypatch.setattr(Layer, "apply", lambda self, *x: counted.append(self) or apply(self, *x))  # type: ignore[func-returns-value]
    report = Report()
    check_into(report, spec)
    monkeypatch.undo()
    assert {d.code for d in report.errors} <= {"limit-exceeded"}
    return len(counted), report.ok


def test_sharing_costs_a_layer_for_each_size_that_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [op("LeakyReLU", negative_slope=1 / i) for i in range(1, 51)]
    once, _ = applications(towers([[3, 4, 4]], layers), monkeypatch)
    equal, _ = applications(towers([[3, 4, 4]] * 20, layers), monkeypatch)
    other, _ = applications(towers([[3, 4, 4 + k] for k in range(20)], layers), monkeypatch)
    assert once == equal == 50
    assert other == 20 * 50


def test_sharing_inside_what_is_shared_stays_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group holds the one before it twice, the second time on another size."""
    blocks: Data = {"B0": {"layers": [op("ZeroPad1d", padding=1)]}}
    for i in range(1, 25):
        blocks[f"B{i}"] = {"layers": [{"id": "a", "op": f"B{i - 1}"}, {"id": "b", "share": "a"}]}
    spec = {"spec": 1, "name": "t", "input": [3, 8], "blocks": blocks, "layers": [op("B24"), op("ReLU")]}
    found, right = applications(spec, monkeypatch)
    assert not right
    assert found <= Limits().entries


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_argument_that_would_be_another_is_named_however_deep_its_layer_stands(depth: int) -> None:
    """Of a layer without weights too, whose argument follows from what flows in."""
    made: dict[str, Any] = {"op": "InstanceNorm2d"}
    for _ in range(depth):
        made = {"layers": [{"id": "inner", **made}]}
    layers = [{"id": "norm", **made}, {"op": "Conv2d", "out_channels": 5, "kernel_size": 1}, {"share": "norm"}]
    check_into(report := Report(), {"spec": 1, "name": "t", "input": [3, 8, 8], "layers": layers})
    reported = [problem.message for problem in report.errors]
    assert len(reported) == 1
    assert "num_features` is 3 there and 5 here" in reported[0]
