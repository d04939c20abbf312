"""What oneDNN computes, with weights that lie as it reads them, is what torch computes; and a network whose weights are
packed is a module like any other: it is saved, loaded, moved, copied and pickled with plain weights.
"""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

import speczoo
from speczoo.compiler.emit import module as emitted
from speczoo.compiler.emit.bindings import UnsafeSource
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.graph import Graph
from speczoo.compiler.optimize import optimize, packing
from speczoo.exporting.proof import difference, tensors
from speczoo.folding import optimized
from speczoo.testing import networks
from speczoo.verify import draw_anew, random_input, verify_module
from tests.families import graph_of
from tests.networks.test_costs import alive

CLOSE = 1e-4
ONEDNN = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
pytestmark = pytest.mark.skipif(not ONEDNN, reason="torch has no oneDNN here")

#: Every kind that oneDNN computes, and what stays torch's: a mirrored padding, a weight that two have.
SEVERAL: dict[str, Any] = {
    "spec": 1,
    "name": "several",
    "input": [32, 12, 10],
    "layers": [
        {"id": "conv", "op": "Conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1, "groups": 2},
        {
            "id": "wide",
            "op": "Conv2d",
            "out_channels": 32,
            "kernel_size": 3,
            "padding": 2,
            "dilation": 2,
            "bias": False,
        },
        {"id": "one", "op": "Conv2d", "out_channels": 32, "kernel_size": 1},
        {"id": "far", "op": "Conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1, "stride": 2},
        {
            "id": "mirrored",
            "op": "Conv2d",
            "out_channels": 32,
            "kernel_size": 3,
            "padding": 1,
            "padding_mode": "reflect",
        },
        {"id": "same", "op": "Conv2d", "out_channels": 32, "kernel_size": 3, "padding": "same"},
        {"id": "first", "op": "Conv2d", "out_channels": 32, "kernel_size": 1},
        {"id": "second", "op": "Conv2d", "out_channels": 32, "kernel_size": 1},
        {"op": "Unflatten", "dim": 1, "unflattened_size": [16, 2]},
        {"id": "volume", "op": "Conv3d", "out_channels": 16, "kernel_size": 3, "padding": 1},
        {"op": "mean", "dim": 2},
        {"op": "Flatten", "start_dim": 2},
        {"op": "transpose", "dim0": 1, "dim1": 2},
        {"id": "linear", "op": "Linear", "out_features": 16},
        {"id": "tied", "op": "Linear", "out_features": 16},
        {"id": "again", "op": "Linear", "out_features": 16},
    ],
    "tie": {"second.weight": "first.weight", "again.weight": "tied.weight"},
}
PACKED = {"conv", "wide", "one", "far", "volume"}
X = torch.randn(2, 32, 12, 10)


def eager(module: nn.Module) -> nn.Module:
    """The module, whose smallest layers are worth it."""
    for layer in module.modules():
        if hasattr(layer, "least"):
            layer.least = 1
    return module


def built(what: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Graph, nn.Module, nn.Module]:
    """The graph for evaluation, the module of the network, and that for evaluation, in which all is packed."""
    monkeypatch.setattr(packing, "LEAST", 1)
    monkeypatch.setattr(packing, "SHARE", 0)
    graph = speczoo.graph(what)
    plain = emitted.build(graph, seed=0).eval()
    draw_anew(plain)
    made, quick = optimized(graph, copy.deepcopy(plain.state_dict()))
    return made, plain, eager(quick)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, nn.Module]:
    made, plain, quick = built(SEVERAL, monkeypatch)
    assert verify_module(made, quick).ok
    with torch.no_grad():
        quick(X)
    assert packed(quick) == PACKED
    return plain, quick


def packed(module: nn.Module) -> set[str]:
    return {name for name, layer in module.named_modules() if getattr(layer, "packed", False)}


def apart(one: Callable[..., Any], other: Callable[..., Any], x: Tensor = X) -> float:
    with torch.no_grad():
        return max(map(difference, tensors(one(x)), tensors(other(x))))


@given(networks())
def test_any_network_gives_the_same(net: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        made, plain, quick = built(net, monkeypatch)
    for batch in (2, 3):
        given = random_input(made, batch)
        with torch.no_grad():
            wanted, came = tensors(plain(*given)), tensors(quick(*(x.clone() for x in given)))
        finite = [(want, got) for want, got in zip(wanted, came, strict=True) if want.isfinite().all()]
        assert all(difference(want, got) <= CLOSE for want, got in finite if want.is_floating_point())
    assert verify_module(made, quick).ok


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_gives_the_same_at_any_size(mode: Any, both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    quick.state_dict()  # which lays all out plainly
    for x in (X, torch.randn(1, 32, 33, 5), torch.randn(5, 32, 8, 8), X.contiguous(memory_format=torch.channels_last)):
        with mode():
            assert max(map(difference, tensors(plain(x)), tensors(quick(x)))) <= CLOSE
        assert packed(quick) == PACKED
    assert apart(plain, quick, X) <= CLOSE


def test_a_packed_weight_takes_hardly_more_than_the_plain_one() -> None:
    """Channels that oneDNN would fill up, here those of each group, stay as they are: and are not tried again. What
    grows by little is packed once those are that do not, each of which takes twice its memory meanwhile.
    """
    of_a_group = (1, 5, 15, 16, 24, 32)  # as many channels go in as come out
    layers = [
        {"id": f"conv{n}", "from": f"in{n}", "op": "Conv2d", "out_channels": 4 * n, "kernel_size": 3, "groups": 4}
        for n in of_a_group
    ]
    inputs = [{"id": f"in{n}", "shape": [4 * n, 28, 28]} for n in of_a_group]
    outputs = [{"id": f"conv{n}", "from": f"conv{n}"} for n in of_a_group]
    net = {"spec": 1, "name": "net", "inputs": inputs, "layers": layers, "outputs": outputs}
    model = eager(speczoo.build(net, seed=0, optimize=True))
    model.conv15.most = 1.25  # as if it were little: rows of a power of two would do, which no small layer has
    given = random_input(speczoo.graph(net), 1)
    with torch.no_grad():
        wanted, first = tensors(model(*given)), packed(model)
        again, kept = tensors(model(*given)), packed(model)
        model(*given)
    assert packed(model) == kept
    assert all(difference(want, got) <= CLOSE for want, got in zip(wanted, again, strict=True))
    for name, conv in model.named_children():
        plain = conv.plain()
        where = (conv.padding, conv.stride, conv.dilation, conv.groups)
        weight = torch.ops.mkldnn._reorder_convolution_weight(plain, *where, [1, plain.shape[1] * 4, 28, 28])
        size = torch.ops.mkldnn._nbytes(weight)
        assert (name in kept) == (size <= conv.most * plain.nbytes)
        assert (name in first) == (size <= plain.nbytes)
    assert first < kept < {name for name, _ in model.named_children()}


@pytest.mark.parametrize(
    ("shape", "more", "packs"),
    [
        ((1, 128, 8, 8), {}, False),
        ((2, 128, 8, 8), {}, True),
        ((1, 128, 32, 32), {}, True),
        ((1, 128, 8, 8), {"kernel_size": 5}, True),
        ((1, 128, 8, 8), {"groups": 2, "out_channels": 512}, True),
        ((1, 128, 8, 8), {"out_channels": 64}, True),
    ],
    ids=["small image", "two of them", "large image", "large kernel", "groups", "small weight"],
)
def test_a_large_weight_that_torch_computes_with_as_it_lies_stays_plain(
    shape: tuple[int, ...], more: dict[str, int], packs: bool
) -> None:
    """Torch takes no memory for it then, and packing it would."""
    conv = {"id": "conv", "op": "Conv2d", "out_channels": 256, "kernel_size": 3, "padding": 1, **more}
    net = {"spec": 1, "name": "net", "input": list(shape[1:]), "layers": [conv]}
    model = speczoo.build(net, optimize=True)
    assert (model.conv.weight.nbytes <= packing.SMALL) == (more.get("out_channels") == 64)
    with torch.no_grad():
        model(torch.randn(shape))
    assert packed(model) == ({"conv"} if packs else set())


def test_what_computes_little_stays_as_it_is() -> None:
    small = {**SEVERAL, "input": [32, 5, 5]}
    model = speczoo.build(small, optimize=True)
    with torch.no_grad():
        model(X[..., :5, :5])
    assert not packed(model)
    assert "oned" not in speczoo.source(small, optimize=True)
    normed = {**SEVERAL, "layers": [{**SEVERAL["layers"][0], "norm": "weight"}]}
    assert speczoo.source(normed | {"tie": {}}, optimize=True).count("nn.Conv2d(") == 1
    targets = {row.node.call.target for row in optimize(graph_of("vgg11")).graph.rows}
    assert targets >= {"PackedConv2d", "nn.Linear"}


def test_linear_layers_of_sizes_that_are_little_of_the_work_are_torchs() -> None:
    """Those of the same sizes count together: code is generated for them once."""
    sizes = {"much": 512, "little": 4, "less": 4, "last": 512}
    layers = [{"id": id, "op": "Linear", "out_features": n} for id, n in sizes.items()]
    for input, theirs in (([1024, 512], {"little", "less", "last"}), ([1024, 4], {"less"})):
        made = optimize(speczoo.graph({"spec": 1, "name": "net", "input": input, "layers": layers})).graph
        assert {row.path for row in made.rows if row.node.call.target == "nn.Linear"} == theirs
        for row in made.rows:
            together = [other.macs for other in made.rows if packing._kind(other.node) == packing._kind(row.node)]
            assert (row.path in theirs) == (sum(together) < packing.SHARE * made.macs)


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda module: pickle.loads(pickle.dumps(module)),
        lambda module: module.double().float(),
        lambda module: module.to(memory_format=torch.contiguous_format),
        lambda module: (module.load_state_dict(module.state_dict()), module)[1],
    ],
    ids=["copy", "pickle", "moved", "laid out", "loaded"],
)
def test_copies_and_what_is_moved_or_loaded_is_plain(
    copied: Callable[[nn.Module], nn.Module], both: tuple[nn.Module, nn.Module]
) -> None:
    plain, quick = both
    wanted = {key: value.clone() for key, value in quick.state_dict().items()}
    quick(X)
    other = copied(quick)
    assert not packed(other)
    assert all(torch.equal(wanted[key], value) for key, value in other.named_parameters(remove_duplicate=False))
    assert apart(plain, other) <= CLOSE
    assert packed(eager(other)) == PACKED


def test_the_state_is_that_of_a_plain_module(both: tuple[nn.Module, nn.Module], tmp_path: Path) -> None:
    """Its keys, shapes and numbers, before and after runs; what is loaded is what is computed with, then."""
    _, quick = both
    state = quick.state_dict()
    assert list(state) == list(dict(quick.named_parameters(remove_duplicate=False)))
    assert all(value.layout == torch.strided for value in state.values())
    kept = {key: value.clone() for key, value in state.items()}
    before = quick(X)
    torch.save(quick.state_dict(), tmp_path / "state.pt")
    quick.load_state_dict({key: 2 * value for key, value in kept.items()})
    assert difference(quick(X), before) > CLOSE
    quick.load_state_dict(torch.load(tmp_path / "state.pt"))
    assert difference(quick(X), before) <= CLOSE
    assert all(torch.equal(value, kept[key]) for key, value in quick.state_dict().items())


def test_gradients_of_inputs_and_other_numbers_are_torchs(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    one, other = (
        torch.autograd.grad(each(x)[..., 0].sum(), x)[0] for each in both for x in [X.clone().requires_grad_()]
    )
    assert difference(one, other) <= CLOSE
    plain.requires_grad_(False)
    assert packed(quick) == PACKED
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert difference(plain(X).float(), quick(X).float()) <= 0.1
    doubled = copy.deepcopy(quick).double()
    assert difference(doubled(X.double()), plain(X).double()) <= CLOSE
    assert not packed(doubled)
    mapped = torch.func.vmap(quick)(torch.stack([X, 2 * X]))
    assert difference(mapped[1], quick(2 * X)) <= CLOSE
    copied = eager(copy.deepcopy(quick))
    tangents = torch.func.jvp(plain, (X,), (X,))[1], torch.func.jvp(copied, (X,), (X,))[1]
    assert difference(*tangents) <= CLOSE
    assert not packed(copied)


def test_weights_train_where_they_are_asked_to(both: tuple[nn.Module, nn.Module]) -> None:
    """None does by itself. One that does is not packed, so that an optimizer has the weight that is computed with; one
    that is packed says what to do."""
    _, quick = both
    assert not any(parameter.requires_grad for parameter in quick.parameters())
    trained = eager(copy.deepcopy(quick)).requires_grad_(True)
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.01)
    with torch.no_grad():
        before = trained(X)
    trained(X).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        assert difference(trained(X), before) > 0
    assert not packed(trained)
    assert all(parameter.grad is not None for parameter in trained.parameters())
    quick(X)
    quick.requires_grad_(True)
    with pytest.raises(RuntimeError, match=r"a packed weight: train, compile or export a copy\.deepcopy"):
        quick(X)


@pytest.mark.filterwarnings("ignore")  # torch.jit says that it is old
def test_it_is_traced_scripted_compiled_and_exported(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    with torch.no_grad():
        assert apart(plain, torch.jit.trace(quick, (X,))) <= CLOSE  # type: ignore[no-untyped-call]
        with pytest.raises(RuntimeError, match="a packed weight"):
            torch.export.export(quick, (X,), strict=False)
        copied = copy.deepcopy(quick)
        assert apart(plain, torch.export.export(copied, (X,)).module()) <= CLOSE
        assert apart(plain, torch.jit.script(copied)) <= CLOSE
        assert apart(plain, torch.compile(copied, backend="eager")) <= CLOSE
        assert not packed(copied)


def test_threads_that_run_and_read_at_once_all_get_the_same(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    found: list[float] = []

    def use(reading: bool) -> None:
        for _ in range(20):
            if reading:
                assert all(value.layout == torch.strided for value in quick.state_dict().values())
            found.append(apart(plain, quick))

    threads = [threading.Thread(target=use, args=(reading,)) for reading in (True, False, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    assert max(found) <= CLOSE


def test_the_text_stands_alone(tmp_path: Path) -> None:
    """It needs torch alone, takes the weights that --optimize writes, and packs them in its first run."""
    text = speczoo.source("cifar_resnet20", optimize=True)
    assert text.count("class PackedConv2d(nn.Conv2d):") == text.count("def by_onednn(") == 1
    model = speczoo.build("cifar_resnet20", seed=1, optimize=True)
    x = torch.randn(2, 3, 32, 32)
    (tmp_path / "net.py").write_text(text)
    torch.save({"state": model.state_dict(), "x": x, "y": model(x)}, tmp_path / "net.pt")
    script = """
import sys
import torch
sys.modules["speczoo"] = None
import net
kept = torch.load("net.pt")
model = net.CIFARResNet20()
model.load_state_dict(kept["state"])
assert (model(kept["x"]) - kept["y"]).abs().max() <= 1e-4 * kept["y"].abs().max()
assert sum(getattr(layer, "packed", False) for layer in model.modules()) > 15
torch.save(model, "whole.pt")
again = torch.load("whole.pt", weights_only=False)
assert (again(kept["x"]) - kept["y"]).abs().max() <= 1e-4 * kept["y"].abs().max()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_other_text_may_do_what_these_do() -> None:
    text = speczoo.source("cifar_resnet20", optimize=True)
    verify(text)
    for word in ("_apply(fn, recurse)", "self.unpack()", '"none"', "self.__dict__", "torch.ops.mkldnn."):
        assert word in text
        with pytest.raises(UnsafeSource):
            verify(text.replace(word, f"max({word})" if word.endswith(")") else f"{word} "[:-2], 1))


GELUS: dict[str, Any] = {
    "spec": 1,
    "name": "gelus",
    "input": [32, 12, 10],
    "layers": [
        {"id": "conv", "op": "Conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1},
        {"id": "norm", "op": "BatchNorm2d"},
        {"id": "act", "op": "GELU"},
        {"id": "read", "op": "Conv2d", "out_channels": 32, "kernel_size": 1},
        {"id": "read_act", "op": "GELU"},
        {"id": "sum", "op": "add", "from": ["read", "read_act"]},
        {"op": "Unflatten", "dim": 1, "unflattened_size": [16, 2]},
        {"id": "volume", "op": "Conv3d", "out_channels": 16, "kernel_size": 3, "padding": 1},
        {"op": "GELU"},
        {"op": "mean", "dim": 2},
        {"op": "Flatten", "start_dim": 2},
        {"op": "transpose", "dim0": 1, "dim1": 2},
        {"id": "linear", "op": "Linear", "out_features": 8},
        {"op": "GELU"},
        {"id": "rough", "op": "Linear", "out_features": 8},
        {"op": "GELU", "approximate": "tanh"},
        {"id": "twice", "op": "Linear", "out_features": 8},
        {"id": "twice_act", "op": "GELU"},
        {"share": "twice"},
    ],
}


@pytest.mark.filterwarnings("ignore")  # torch.jit says that it is old
def test_a_gelu_is_part_of_the_layer_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else reads what is between them, and the layer is applied once; whoever computes."""
    made, plain, quick = built(GELUS, monkeypatch)
    fused = {row.path for row in made.rows if type(row.node.body) in packing.WITH_GELU.values()}
    assert fused == {"conv", "volume", "linear"}
    assert sum(row.op == "GELU" for row in made.rows) == 3
    for x in (X, torch.randn(1, 32, 12, 10)):
        assert apart(plain, quick, x) <= CLOSE
    assert packed(quick) == {"conv", "read", "volume"}
    copied = copy.deepcopy(quick)
    with torch.no_grad():
        assert apart(plain, torch.jit.script(copied)) <= CLOSE
        assert apart(plain, torch.export.export(copied, (X,)).module()) <= CLOSE
    given = X.clone().requires_grad_()
    assert difference(copied(given), plain(X)) <= CLOSE


def test_what_is_between_a_layer_and_its_gelu_is_not_in_memory() -> None:
    layers = [{"op": "Linear", "out_features": n} | more for n, more in ((256, {}), (8, {}))]
    net = {"spec": 1, "name": "net", "input": [512, 8], "layers": [layers[0], {"op": "GELU"}, layers[1]]}
    graph = speczoo.graph(net)
    assert alive(speczoo.build(net, optimize=True), random_input(graph, 1)) == 4 * 512 * (256 + 8)
    assert alive(speczoo.build(net).eval(), random_input(graph, 1)) == 4 * 512 * (256 + 256)
