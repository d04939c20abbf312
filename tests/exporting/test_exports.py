"""What is exported is the network: run beside the module, with the spec's names, open axes and spec inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import speczoo
from speczoo import catalogue, embedded
from speczoo.compiler.emit import module as emitted
from speczoo.exporting import NotExported, proof, write
from speczoo.exporting.exported import BATCH, Exported
from speczoo.exporting.tracing import at, inputs
from speczoo.verify import draw_anew
from tests.families import graph_of, skip_too_large

onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
CLOSE = 1e-4

#: Two inputs, one of them tokens; outputs that are an input, one value twice and a value named as torch names others.
SEVERAL: dict[str, Any] = {
    "spec": 1,
    "name": "several",
    "inputs": [{"id": "x", "shape": [3, 8, 8]}, {"id": "tokens", "shape": [5], "dtype": "int64"}],
    "layers": [
        {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "from": "x"},
        {"id": "relu_1", "op": "ReLU"},
        {"id": "table", "op": "Embedding", "num_embeddings": 7, "embedding_dim": 4, "from": "tokens"},
        {"id": "mean", "op": "mean", "dim": 1},
    ],
    "outputs": [
        {"id": "conv2d", "from": "relu_1"},
        {"id": "same", "from": "relu_1"},
        {"id": "val_0", "from": "mean"},
        {"id": "given", "from": "x"},
    ],
}


def run(path: Path, *inputs: Tensor) -> list[Tensor]:
    """What comes out of a file, read by who knows nothing of us."""
    if path.suffix == ".pt2":
        came = torch.export.load(path).module()(*inputs)
        return [came] if isinstance(came, Tensor) else list(came.values())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    named = {into.name: x.numpy() for into, x in zip(session.get_inputs(), inputs, strict=True)}
    return [torch.from_numpy(value) for value in session.run(None, named)]


def assert_close(wanted: Sequence[Tensor], came: Sequence[Tensor]) -> None:
    for want, got in zip(wanted, came, strict=True):
        assert want.shape == got.shape
        assert (want - got).abs().max() <= CLOSE * want.abs().max()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def exported(what: Any, path: Path, **settings: Any) -> tuple[Exported, torch.nn.Module]:
    """A file of a network with weights drawn anew, and the module beside it."""
    graph = speczoo.graph(what, **settings)
    module = emitted.build(graph, seed=0).eval()
    draw_anew(module)
    return write(graph, module, path), module


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_a_network_of_the_documents_is_the_same_in_a_file(suffix: str, folder: Path) -> None:
    """With other weights than those it was tried with, at a batch and a size that it was not tried at; it gives its
    spec back, and its inputs and outputs have the spec's names."""
    path = folder / f"cnn{suffix}"
    made, module = exported("mnist_cnn", path)
    assert made.inputs == {"input": ("batch", 1, "height", "width")}
    x = torch.randn(3, 1, 31, 29)
    with torch.no_grad():
        assert_close([module(x)], run(path, x))
    assert speczoo.fingerprint(path) == speczoo.fingerprint("mnist_cnn") == made.fingerprint
    reported = embedded.read(path)
    assert reported.settings["inputs"] == {"input": [1, 28, 28]}
    assert reported.versions["torch"].startswith(torch.__version__.partition("+")[0])
    if suffix == ".onnx":
        found = onnx.load(path)
        names = [value.name for value in (*found.graph.input, *found.graph.output)]
        assert names == ["input", "output"]
        assert {p.name for p in found.graph.initializer} >= {key for key, _ in module.named_parameters()}
        assert not any(node.metadata_props for node in found.graph.node)


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_names_of_values_are_the_specs(suffix: str, folder: Path) -> None:
    """Whatever an exporter calls its own: inputs that are outputs, a value twice, names that it would give others."""
    path = folder / f"several{suffix}"
    made, module = exported(SEVERAL, path)
    assert list(made.outputs) == ["conv2d", "same", "val_0", "given"]
    given = (torch.randn(1, 3, 12, 10), torch.randint(7, (1, 6)))
    with torch.no_grad():
        assert_close(list(module(*given)), run(path, *given))
    if suffix == ".onnx":
        session = onnxruntime.InferenceSession(path)
        assert [value.name for value in session.get_inputs()] == ["x", "tokens"]
        assert [value.name for value in session.get_outputs()] == ["conv2d", "same", "val_0", "given"]


def test_convolutions_without_a_bias_have_none(folder: Path) -> None:
    """Whose bias starts as zeros has it, and whose is none has no zeros in its place."""
    ops = ["Conv2d", "Conv3d", "ConvTranspose3d"]
    inputs = [{"id": f"in{rank}", "shape": [3, *[6] * rank]} for rank in (2, 3)]
    layers = [
        {"id": f"{op}{bias}", "op": op, "from": f"in{op[-2]}", "out_channels": 4, "kernel_size": 3, "bias": bias}
        for op in ops
        for bias in (True, False)
    ]
    outputs = [{"id": layer["id"], "from": layer["id"]} for layer in layers]
    graph = speczoo.graph({"spec": 1, "name": "net", "inputs": inputs, "layers": layers, "outputs": outputs})
    module = emitted.build(graph, seed=0).eval()
    for op in ops:
        torch.nn.init.zeros_(module.get_parameter(f"{op}True.bias"))
    path = folder / "convolutions.onnx"
    write(graph, module, path, over=True)
    nodes = [node for node in onnx.load(path).graph.node if node.op_type.startswith("Conv")]
    assert [len(node.input) for node in nodes] == [3, 2] * len(ops)
    given = (torch.randn(2, 3, 6, 6), torch.randn(2, 3, 6, 6, 6))
    with torch.no_grad():
        assert_close([*module(*given)], run(path, *given))


def test_attention_of_one_head_has_no_axis_of_heads(folder: Path) -> None:
    """With a mask of each sample, of all, and without; the exporter wants an axis, and says so."""
    inputs = [{"id": id, "shape": shape} for id, shape in (("x", [5, 8]), ("y", [7, 8]), ("each", [5, 7]))]
    attend = {"op": "scaled_dot_product_attention"}
    layers = [
        {"id": "all", "op": "Parameter", "shape": [5, 7]},
        {"id": "free", **attend, "from": ["x", "y", "y"], "scale": 0.5},
        {"id": "of_each", **attend, "from": ["x", "y", "y"], "mask": "each"},
        {"id": "of_all", **attend, "from": ["x", "y", "y"], "mask": "all"},
        {"id": "causal", **attend, "from": ["x", "x", "x"], "is_causal": True},
    ]
    outputs = [{"id": f"{layer['id']}_out", "from": layer["id"]} for layer in layers[1:]]
    path = folder / "attention.onnx"
    made, module = exported({"spec": 1, "name": "n", "inputs": inputs, "layers": layers, "outputs": outputs}, path)
    given = (torch.randn(2, 5, 8), torch.randn(2, 7, 8), torch.randn(2, 5, 7))
    with torch.no_grad():
        assert_close([*module(*given)], run(path, *given))
    assert made.inputs["x"][0] == "batch"


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_what_makes_a_map_of_a_vector_is_exported(suffix: str, folder: Path) -> None:
    """No size of it is free, though it is cut: the batch alone is open, as of the generator of a GAN."""
    fc, cut = {"op": "Linear", "out_features": 16}, {"op": "Unflatten", "dim": 1, "unflattened_size": [4, 2, 2]}
    larger = {"op": "ConvTranspose2d", "out_channels": 3, "kernel_size": 2, "stride": 2}
    path = folder / f"generator{suffix}"
    made, module = exported({"spec": 1, "name": "n", "input": [5], "layers": [fc, cut, larger]}, path)
    assert made.inputs == {"input": ("batch", 5)}
    x = torch.randn(3, 5)
    with torch.no_grad():
        assert_close([module(x)], run(path, x))


def test_a_size_that_torch_closes_is_a_number(folder: Path) -> None:
    """As the length of what flows into a GRU: no axis of that name is open."""
    layers = [{"id": "gru", "op": "GRU", "hidden_size": 4}, {"id": "last", "op": "select", "dim": 1, "index": -1}]
    path = folder / "closed.onnx"
    made, _ = exported({"spec": 1, "name": "n", "input": [6, 3], "layers": layers}, path)
    assert made.inputs == {"input": ("batch", 6, 3)}
    (value,) = onnx.load(path).graph.input
    assert [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] == ["batch", 6, 3]


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_what_works_in_place_over_its_input_is_exported(suffix: str, folder: Path) -> None:
    """The file is run on what the module was given, and not on what the module made of it."""
    net = {"spec": 1, "name": "n", "input": [9], "layers": [{"op": "CELU", "inplace": True}]}
    path = folder / f"inplace{suffix}"
    _, module = exported(net, path)
    x = torch.randn(3, 9)
    assert_close([module(x.clone())], run(path, x))


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_what_takes_inputs_above_0_alone_is_exported(suffix: str, folder: Path) -> None:
    layers = [{"op": "log"}, {"op": "Conv1d", "out_channels": 3, "kernel_size": 3}, {"op": "exp"}, {"op": "sqrt"}]
    path = folder / f"spectrum{suffix}"
    _, module = exported({"spec": 1, "name": "n", "input": [2, 9], "layers": layers}, path)
    x = torch.rand(2, 2, 9) + 0.1
    with torch.no_grad():
        assert_close([module(x)], run(path, x))


def test_heads_of_queries_share_those_of_keys(folder: Path) -> None:
    """As many of them as there are: fewer, as many, and of keys others than of values."""
    inputs = [{"id": f"of{heads}", "shape": [heads, 5, 8]} for heads in (1, 2, 4)]
    attend = {"op": "scaled_dot_product_attention", "enable_gqa": True}
    taken = {"fewer": ["of4", "of2", "of2"], "alike": ["of4", "of4", "of4"], "others": ["of4", "of2", "of1"]}
    layers = [{"id": id, **attend, "from": sources} for id, sources in taken.items()]
    outputs = [{"id": f"{id}_out", "from": id} for id in taken]
    path = folder / "shared.onnx"
    _, module = exported({"spec": 1, "name": "n", "inputs": inputs, "layers": layers, "outputs": outputs}, path)
    given = [torch.randn(2, heads, 5, 8) for heads in (1, 2, 4)]
    with torch.no_grad():
        assert_close([*module(*given)], run(path, *given))


def test_what_an_exporter_cannot_say_is_reported_by_its_reason(folder: Path) -> None:
    layers = [{"op": "AdaptiveMaxPool2d", "output_size": 3}]
    with pytest.raises(NotExported) as refused:
        exported({"spec": 1, "name": "n", "input": [2, 7, 5], "layers": layers}, folder / "refused.onnx")
    assert "adaptive_max_pool2d" in str(refused.value)
    assert not any(word in str(refused.value) for word in ("\x1b", "Next steps", "\n"))


def test_weights_carry_their_spec(folder: Path) -> None:
    """A file of weights builds itself: `zoo build net.safetensors --weights net.safetensors`. Taps are settings: the
    spec in the file has the outputs of its own."""
    path = folder / "net.safetensors"
    model = speczoo.build("mnist_resnet", seed=1, num_classes=7)
    speczoo.export("mnist_resnet", path, model.state_dict(), num_classes=7)
    again = speczoo.build(path, path)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())
    speczoo.export("mnist_resnet", path, num_classes=7, taps={"mid": "0"}, over=True)
    assert speczoo.graph(path).outputs == {"output": (7,)}
    assert embedded.read(path).settings["taps"] == {"mid": "0"}


def test_a_spec_that_uses_others_stands_alone(folder: Path) -> None:
    path = folder / "used.safetensors"
    speczoo.export("unet_resnet34", path, input=[3, 32, 32])
    assert not speczoo.graph(path).spec.use
    assert speczoo.fingerprint(path) == speczoo.fingerprint("unet_resnet34", input=[3, 32, 32])


def test_nothing_is_written_where_numbers_differ(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speczoo.exporting import pt2_file

    path = folder / "wrong.pt2"
    whole = pt2_file.tensors
    monkeypatch.setattr(pt2_file, "tensors", lambda came: [value * (1 + 1e-3) for value in whole(came)])
    with pytest.raises(NotExported, match=r"other numbers: 1.0e-03 of the largest apart"):
        exported("linear_classifier", path)
    assert not path.exists()


#: What is between -1 and 1 becomes ten times as large, again and again: rounding does what it wants.
WILD: dict[str, Any] = {
    "spec": 1,
    "name": "wild",
    "input": [4, 6, 6],
    "blocks": {
        "Block": {
            "layers": [
                {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
                {"id": "norm", "op": "BatchNorm2d"},
                {"id": "act", "op": "Tanh"},
                {"id": "large", "op": "mul", "from": ["act", 10.0]},
            ]
        }
    },
    "layers": [{"for": {"i": "1..24"}, "op": "Block"}],
}


def test_what_rounding_alone_moves_is_exported(folder: Path) -> None:
    """With weights that calm it down it is close, and with its own as close as it is to itself."""
    made, module = exported(WILD, folder / "wild.onnx")
    drawn, other, own = made.runs
    assert max(drawn.difference, other.difference) <= CLOSE < own.difference <= proof.SPREAD * own.rounding < 10
    assert "rounding" in dict(made.lines)
    assert not any(each._forward_pre_hooks for each in module.modules())


#: As it starts, all that comes out is nan: only norms with the statistics of what flows hold it back.
GROWING: dict[str, Any] = {
    "spec": 1,
    "name": "growing",
    "input": [4],
    "blocks": {
        "Block": {
            "layers": [
                {"id": "fc", "op": "Linear", "out_features": 4},
                {"id": "large", "op": "mul", "from": ["fc", 1e15]},
                {"id": "norm", "op": "BatchNorm1d"},
            ]
        }
    },
    "layers": [{"for": {"i": "1..3"}, "op": "Block"}],
}


def test_what_overflows_as_it_starts_is_exported(folder: Path) -> None:
    made, module = exported(GROWING, folder / "growing.onnx")
    with torch.no_grad():
        assert not module(torch.ones(2, 4)).isfinite().any()
    assert {run.weights for run in made.runs} == {proof.DRAWN, proof.OWN}
    assert all(run.difference <= CLOSE for run in made.runs)


#: 720 convolutions behind norms, in residual branches: as they are drawn all that comes out is nan, and with norms
#: settled alone rounding does whatever it wants.
DEEP: dict[str, Any] = {
    "spec": 1,
    "name": "deep",
    "input": [3, 8, 8],
    "defaults": {"Conv2d": {"kernel_size": 1, "out_channels": 16}},
    "blocks": {
        "Active": {"layers": [{"op": "BatchNorm2d"}, {"op": "ReLU"}]},
        "Block": {
            "params": {"channels": "int"},
            "layers": [
                {"id": "first", "op": "Active"},
                {"id": "conv1", "op": "Conv2d"},
                {"id": "second", "op": "Active"},
                {"id": "conv2", "op": "Conv2d", "kernel_size": 3, "padding": 1},
                {"id": "third", "op": "Active"},
                {"id": "conv3", "op": "Conv2d", "out_channels": "$channels"},
                {
                    "id": "skip",
                    "op": "Conv2d",
                    "from": "first",
                    "out_channels": "$channels",
                    "when": "$(in_channels != channels)",
                },
                {"id": "sum", "op": "add", "from": ["conv3", "skip"]},
            ],
        },
    },
    "layers": [
        {"op": "Conv2d"},
        {
            "for": {"n": "1..3", "channels": [32, 48, 64]},
            "id": "stage$n",
            "layers": [{"for": {"i": "1..80"}, "op": "Block", "channels": "$channels"}],
        },
        {"op": "Active"},
        {"op": "AdaptiveAvgPool2d", "output_size": 1},
        {"op": "Flatten"},
        {"op": "Linear", "out_features": 3},
    ],
    "init": [{"match": "Conv2d", "weight": {"kaiming_normal": {"mode": "fan_out", "nonlinearity": "relu"}}}],
}


def test_what_is_wrong_deep_inside_shows_where_rounding_does_not() -> None:
    """In hundreds of layers drawn weights leave both to be told from each other: two rows of a weight changed places,
    or a border padded with what is there, in one convolution alone."""
    graph = speczoo.graph(DEEP)
    module = emitted.build(graph, seed=0).eval()
    shapes = at(graph, {})
    with proof.drawn_weights(graph, module), torch.no_grad():
        assert proof.rounded(module, inputs(graph, BATCH, shapes)) <= CLOSE / proof.SPREAD
        wrong = deepcopy(module)

        def beside() -> float:
            return proof.beside(graph, module, lambda given: [wrong(*given)], BATCH, shapes, proof.DRAWN).difference

        assert beside() <= CLOSE
        convolutions = [each for each in wrong.modules() if isinstance(each, torch.nn.Conv2d)]
        for conv in convolutions[::60]:
            rows = conv.weight[:2].clone()
            conv.weight[:2] = rows.flip(0)
            with pytest.raises(NotExported, match="other numbers"):
                beside()
            conv.weight[:2] = rows
        for conv in [each for each in convolutions if each.kernel_size == (3, 3)][::30]:
            conv.padding_mode = "replicate"
            with pytest.raises(NotExported, match="other numbers"):
                beside()
            conv.padding_mode = "zeros"


def test_weights_and_random_numbers_are_left_as_they_were(folder: Path) -> None:
    model = speczoo.build("linear_classifier", seed=3)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    write(speczoo.graph("linear_classifier"), model, folder / "same.pt2")
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training


#: Those of the documents that are exported each time: those that take less than a few seconds.
SOON = ("linear_classifier", "lenet5", "mnist_densenet")


def of_documents() -> set[str]:
    """The networks that the table of the documents names."""
    text = (Path(__file__).parents[2] / "zoo" / "documents.md").read_text()
    rows = [line.split("|")[-2] for line in text.splitlines() if line.startswith("| document ")]
    return {*catalogue.expand(re.findall(r"`([\w*]+)`", " ".join(rows)))}


def test_the_documents_are_read() -> None:
    assert {*SOON, "vgg16", "cifar_resnet110_identity"} <= of_documents() <= {*catalogue.names()}


def every() -> list[Any]:
    return [pytest.param(name, marks=() if name in SOON else pytest.mark.slow) for name in catalogue.names()]


@pytest.mark.parametrize("name", every())
def test_every_network_is_the_same_in_a_file(name: str, folder: Path) -> None:
    """`write` itself runs each beside the module, at two sizes, with weights drawn anew: here it is held to do so.

    Those of the documents are exported however many weights they have.
    """
    if name not in of_documents():
        skip_too_large(graph_of(name))
    path = folder / "net.onnx"
    made, _ = exported(name, path)
    path.unlink()
    assert len({tuple(run.shapes.items()) for run in made.runs}) >= 2
    assert all(run.difference <= max(CLOSE, proof.SPREAD * run.rounding) for run in made.runs)
    assert all(shape[0] == "batch" for shape in made.inputs.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_every_network_is_the_same_as_a_program_and_as_weights(name: str, folder: Path) -> None:
    skip_too_large(graph_of(name))
    path = folder / "net.pt2"
    made, module = exported(name, path)
    assert len({tuple(run.shapes.items()) for run in made.runs}) >= 2
    assert all(run.difference <= max(CLOSE, proof.SPREAD * run.rounding) for run in made.runs)
    assert speczoo.fingerprint(path) == speczoo.fingerprint(name)
    path.unlink()
    path = folder / "net.safetensors"
    write(graph_of(name), module, path)
    again = speczoo.build(path, path)
    path.unlink()
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in again.state_dict().items())


def test_sizes_that_windows_pin_are_not_followed(folder: Path) -> None:
    """Torch would follow each size through all that is cut, in terms that grow with every cut."""
    layers: list[dict[str, Any]] = [
        {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
        {"op": "reshape", "shape": [4, 2, 4, 2, 4]},
        {"op": "reshape", "shape": [4, 8, 8]},
    ]
    pinned: dict[str, Any] = {"spec": 1, "name": "pinned", "input": [3, 16, 16], "layers": layers}
    made, _ = exported(pinned, folder / "pinned.pt2")
    assert made.inputs == {"input": ("batch", 3, 16, 16)}
    assert dict(made.lines)["closed"] == "height and width, as declared: few other sizes are taken"
    made, _ = exported({**pinned, "layers": layers[:1]}, folder / "free.pt2")
    assert made.inputs == {"input": ("batch", 3, "height", "width")}
