"""What people do with an nn.Module works on the zoo's: other heads, features, hooks, copies, other processes."""

from __future__ import annotations

import copy
import inspect
import io
import linecache
import pickle
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import speczoo
from speczoo.specs.reserved_names import MODULE_NAMES, bad_id
from speczoo.torchvision import torchvision


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    return speczoo.build("resnet18", seed=0).eval()


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_ids_are_none_of_the_names_that_every_module_has() -> None:
    taken = {*dir(nn.Module()), *dir(nn.Sequential()), *vars(nn.Module())}
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} <= MODULE_NAMES
    assert not [name for name in sorted(taken) if not bad_id(name, module=True)]


@pytest.mark.parametrize("name", ["_modules", "train", "pop", "T_destination"])
def test_such_an_id_is_refused(name: str) -> None:
    layers = [{"id": name, "layers": [{"op": "Linear", "out_features": 2}]}]
    with pytest.raises(speczoo.SpecError):
        speczoo.check({"spec": 1, "name": "n", "input": [4], "layers": layers})


def test_a_new_head_and_a_fresh_process(image: Tensor, tmp_path: Path) -> None:
    model = speczoo.build("resnet18").eval()
    model.fc = nn.Linear(512, 2)
    torch.save((model, image, model(image)), tmp_path / "model.pt")
    code = (
        "import sys, torch\n"
        "model, x, y = torch.load(sys.argv[1], weights_only=False)\n"
        "assert torch.equal(model(x), y) and y.shape == (2, 2)\n"
        "assert not model.training\n"
        "import copy, pickle\n"
        "again = pickle.loads(pickle.dumps(copy.deepcopy(model)))\n"
        "assert torch.equal(again(x), y)\n"
        "print(type(model).__name__)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"{type(model).__name__}\n", done.stderr


def test_a_pickle_is_read_before_it_runs() -> None:
    """A text that no emitter wrote does not run, wherever it came from."""
    from speczoo.compiler.emit.bindings import UnsafeSource
    from speczoo.compiler.emit.module import _blank

    for text in (
        "import os\nclass A: pass",
        "class A:\n    def f(self):\n        return open('x')",
        "class A:\n    x = ().__class__",
        "from torch import nn\nclass A(nn.Module):\n    x = nn.Module.forward.__globals__",
        "import torch\nclass A:\n    x = torch.load('x')",
    ):
        with pytest.raises((UnsafeSource, SyntaxError)):
            _blank(text, "A", ())


def test_one_class_for_equal_networks(resnet: nn.Module) -> None:
    assert type(speczoo.build("resnet18", device="meta")) is type(resnet)
    assert type(copy.deepcopy(resnet)) is type(resnet)


def test_the_text_is_known_to_inspect_and_to_tracebacks(resnet: nn.Module) -> None:
    assert inspect.getsource(type(resnet)) in speczoo.source("resnet18")
    try:
        resnet(torch.zeros(1, 4, 64, 64))
    except RuntimeError as error:
        frames = traceback.extract_tb(error.__traceback__)
        (own,) = [f for f in frames if f.filename.startswith("<zoo_network")][:1]
        assert own.line
        assert own.line in speczoo.source("resnet18")
        assert linecache.getline(own.filename, 1)
    else:
        pytest.fail("a convolution over 3 channels took 4")


def test_features_by_torchvision_s_extractor(resnet: nn.Module, image: Tensor) -> None:
    torchvision()
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    extractor = create_feature_extractor(resnet, {"layer2": "two", "layer4.1.bn2": "four", "avgpool": "pool"})
    features = extractor(image)
    assert {k: tuple(v.shape[1:]) for k, v in features.items()} == {
        "two": (128, 8, 8),
        "four": (512, 2, 2),
        "pool": (512, 1, 1),
    }
    with torch.no_grad():
        x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(image))))
        assert torch.equal(features["two"], resnet.layer2(resnet.layer1(x)))
    theirs = torchvision().models.resnet18()
    for mode in (0, 1):
        ours, reference = get_graph_node_names(resnet)[mode], get_graph_node_names(theirs)[mode]
        assert {n for n in ours if "add" not in n} >= {n for n in reference if "add" not in n and "flatten" not in n}


def test_features_by_taps(resnet: nn.Module, image: Tensor) -> None:
    model = speczoo.build("resnet18", resnet.state_dict(), taps=["layer2", "layer4"]).eval()
    features = model(image)
    visited: dict[str, Tensor] = {}
    handles = [
        resnet.get_submodule(name).register_forward_hook(lambda m, a, out, name=name: visited.__setitem__(name, out))
        for name in ("layer2", "layer4")
    ]
    resnet(image)
    for handle in handles:
        handle.remove()
    assert [torch.equal(a, b) for a, b in zip(features, (visited["layer2"], visited["layer4"]), strict=True)] == [
        True,
        True,
    ]
    assert features._fields == ("layer2", "layer4")
    assert not hasattr(model, "fc")


def test_hooks_see_every_module(resnet: nn.Module, image: Tensor) -> None:
    calls: list[str] = []
    handles = [
        m.register_forward_hook(lambda m, a, out, name=name: calls.append(name)) for name, m in resnet.named_modules()
    ]
    resnet(image)
    for handle in handles:
        handle.remove()
    assert set(calls) == {name for name, _ in resnet.named_modules()}
    assert calls.count("layer1.0.relu") == 2


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripts_traces_and_state(resnet: nn.Module, image: Tensor) -> None:
    scripted = torch.jit.script(resnet)
    assert torch.equal(scripted(image), resnet(image))
    assert torch.equal(torch.fx.symbolic_trace(resnet)(image), resnet(image))
    buffer = io.BytesIO()
    torch.save(resnet.state_dict(), buffer)
    buffer.seek(0)
    other = speczoo.build("resnet18").eval()
    other.load_state_dict(torch.load(buffer, weights_only=True), strict=True)
    assert torch.equal(other(image), resnet(image))


SEQUENCES: dict[str, list[dict[str, Any]]] = {
    "recurrent": [
        {"id": "start", "op": "Parameter", "shape": [2, 8], "init": 0.5},
        {"id": "starts", "op": "expand", "size": [-1, -1], "like": "input"},
        {
            "id": "lstm",
            "op": "LSTM",
            "hidden_size": 8,
            "num_layers": 2,
            "return_state": True,
            "from": ["input", "starts", "starts"],
        },
        {"id": "gru", "op": "GRU", "hidden_size": 4, "bidirectional": True, "from": "lstm.0"},
        {"id": "cell", "op": "select", "dim": 1, "index": -1, "from": "lstm.2"},
        {"id": "last", "op": "select", "dim": 1, "index": -1, "from": "gru"},
        {"id": "sum", "op": "add", "from": ["last", "cell"]},
    ],
    "transformer": [
        {"id": "layers.0", "op": "TransformerEncoderLayer", "nhead": 2, "dim_feedforward": 16, "is_causal": True},
        {"id": "after", "op": "Buffer", "shape": [5, 5], "value": "$(j > i + 1)", "at": ["i", "j"]},
        {"id": "large", "op": "ge", "from": "input", "other": 0},
        {"id": "padding", "op": "select", "dim": 2, "index": 0, "from": "large"},
        {
            "id": "layers.1",
            "op": "TransformerDecoderLayer",
            "nhead": 2,
            "from": ["input", "layers.0"],
            "tgt_mask": "after",
            "memory_key_padding_mask": "padding",
        },
        {"id": "near", "op": "einsum", "equation": "btc,bsc->bts", "from": ["layers.0", "layers.1"]},
        {"id": "first", "op": "slice", "dim": 1, "stop": -1},
        {"id": "peak", "op": "amax", "dim": -1},
        {"op": "normalize"},
    ],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence_models_script_export_and_copy(name: str) -> None:
    spec = {"spec": 1, "name": name, "input": [5, 8], "layers": SEQUENCES[name]}
    model, x = speczoo.build(spec, seed=0).eval(), torch.randn(3, 5, 8)
    scripted = torch.jit.script(model)  # as it was built, before anything runs
    came = model(x)
    assert torch.equal(scripted(x), came)
    assert torch.equal(copy.deepcopy(model)(x), came)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), came)
    assert torch.allclose(torch.export.export(model, (x,)).module()(x), came, atol=1e-6)


def test_a_group_of_which_nothing_is_left_takes_no_lines() -> None:
    off = {"layers": [{"op": "ReLU", "when": False}]}
    entries = [{"id": "a", **off}, {"id": "parts.0", **off}, {"id": "b", "op": "add", "from": ["a", "parts.0"]}]
    spec = {"spec": 1, "name": "net", "input": [4]}
    text = speczoo.source({**spec, "layers": entries})
    assert "self.a = nn.Sequential()\n" in text
    assert "nn.ModuleList([nn.Sequential()])" in text
    assert not re.search(r"[(\[]\n\s*[)\]]", speczoo.source({**spec, "layers": [{"op": "Tanh"}, off]}) + text)


@pytest.mark.slow
def test_exports(resnet: nn.Module, image: Tensor) -> None:
    exported = torch.export.export(resnet, (image,)).module()
    assert torch.allclose(exported(image), resnet(image), atol=1e-5)


@pytest.mark.slow
def test_compiles(resnet: nn.Module, image: Tensor) -> None:
    compiled: Any = torch.compile(resnet, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(image), resnet(image), atol=1e-5)


def test_seeds_and_dtypes() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, second = (speczoo.build("mnist_cnn", seed=5).state_dict() for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not torch.equal(first["0.weight"], speczoo.build("mnist_cnn", seed=6).state_dict()["0.weight"])
    assert {p.dtype for p in speczoo.build("mnist_cnn", dtype=torch.bfloat16).parameters()} == {torch.bfloat16}
    assert speczoo.build("mnist_cnn").training


def test_pickles_of_named_outputs() -> None:
    spec = {
        "spec": 1, "name": "pair", "input": [4],
        "layers": [{"id": "a", "op": "Linear", "out_features": 3}, {"id": "b", "op": "Linear", "out_features": 2}],
        "outputs": [{"id": "first", "from": "a"}, {"id": "second", "from": "b"}],
    }  # fmt: skip
    out = speczoo.build(spec)(torch.zeros(1, 4))
    again = pickle.loads(pickle.dumps(out))
    assert type(again) is type(out)
    assert torch.equal(again.second, out.second)
