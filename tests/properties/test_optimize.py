"""A network for evaluation gives what the one gives that it was made of, and nothing that is read is written over."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

import speczoo
from speczoo import folding
from speczoo.compiler.analysis.inference_memory import inference
from speczoo.compiler.analysis.residence import Unit
from speczoo.compiler.checks.aliasing import overwritten
from speczoo.compiler.emit import module as emitted
from speczoo.compiler.graph import Graph
from speczoo.compiler.optimize import optimize
from speczoo.exporting.proof import difference, drawn_weights, tensors
from speczoo.folding import optimized
from speczoo.module_mode import in_mode
from speczoo.testing import networks
from speczoo.verify import draw_anew, random_input, verify_module
from tests.commands.zoo_command import zoo
from tests.families import graph_of, skip_too_large
from tests.networks.test_costs import alive

CLOSE = 1e-4
SMALL = ["mnist_cnn", "cifar_resnet20", "cifar_preact_resnet110", "shufflenet_v2_x0_5", "mobilenet_v3_small", "lenet5"]


def run(module: nn.Module, given: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        return tensors(module.eval()(*given))


def assert_same(graph: Graph) -> tuple[Graph, nn.Module]:
    """The network for evaluation is predicted, gives the same outputs each time, and leaves its inputs as they are."""
    module = emitted.build(graph, seed=0)
    for _, parameter in module.named_parameters():
        parameter.requires_grad_(True)
    given = random_input(graph, 2)
    kept = [x.clone() for x in given]
    with torch.no_grad(), in_mode(module, training=False), drawn_weights(graph, module):
        made, quick = optimized(graph, deepcopy(module.state_dict()))
        wanted = run(module, given)
    assert verify_module(made, quick).ok
    for _ in range(2):
        came = run(quick, given)
        assert all(torch.equal(x, y) for x, y in zip(given, kept, strict=True))
        finite = [(want, got) for want, got in zip(wanted, came, strict=True) if want.isfinite().all()]
        assert all(difference(want, got) <= CLOSE for want, got in finite if want.is_floating_point())
    assert not overwritten(made.root.wiring)
    return made, quick


@given(networks())
def test_any_network_gives_the_same(net: Any) -> None:
    assert_same(speczoo.graph(net))


@pytest.mark.parametrize("name", SMALL)
def test_a_network_of_the_zoo_gives_the_same(name: str) -> None:
    assert_same(graph_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", speczoo.list_models())
def test_every_network_of_the_zoo_gives_the_same(name: str) -> None:
    graph = graph_of(name)
    skip_too_large(graph)
    assert_same(graph)


def net(*layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spec": 1, "name": "net", "input": [4, 8, 8], "layers": list(layers), **more}


CONV: dict[str, Any] = {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False}
NORM: dict[str, Any] = {"id": "norm", "op": "BatchNorm2d"}


def test_a_norm_is_part_of_the_layer_before_it() -> None:
    for layer in (CONV, {**CONV, "groups": 2}, {**CONV, "op": "ConvTranspose2d", "groups": 2}, {**CONV, "bias": True}):
        made, _ = assert_same(speczoo.graph(net(layer, NORM, {"op": "ReLU"})))
        assert list(made.state) == ["conv.weight", "conv.bias"]


AGAIN = ({"id": "again", "share": "conv"}, {"op": "add", "from": ["norm", "again"]})


@pytest.mark.parametrize(
    "layers",
    [
        (CONV, NORM, {"op": "add", "from": ["norm", "conv"]}),  # another reads what the norm does
        (CONV, {**NORM, "track_running_stats": False}),  # its statistics are the batch's
        (CONV, NORM, *AGAIN),  # the layer is applied again
        ({**CONV, "norm": "weight"}, NORM),
        ({"id": "first", "op": "BatchNorm2d"}, {"op": "ReLU"}, CONV),  # nothing is before it
    ],
)
def test_a_norm_that_is_of_no_layer_stays(layers: tuple[dict[str, Any], ...]) -> None:
    made, _ = assert_same(speczoo.graph(net(*layers)))
    assert any(row.op == "BatchNorm2d" for row in made.rows)


def test_what_something_reads_is_not_written_over() -> None:
    """A value that is read again, an input, an output; of a sum the other one is taken where the first cannot be."""
    summed = {"id": "sum", "op": "add", "from": ["conv", "act"]}
    skip = net(CONV, {"id": "act", "op": "ReLU"}, summed)
    given = net(CONV, {"id": "sum", "op": "add", "from": ["input", "conv"]})
    first = net({"id": "act", "op": "ReLU"}, CONV)
    both = {**skip, "outputs": [{"id": "a", "from": "sum"}, {"id": "b", "from": "act"}]}
    for network, over in ((skip, {"sum"}), (both, set()), (given, {"sum"}), (first, set())):
        made, _ = assert_same(speczoo.graph(network))
        assert {row.path for row in made.rows if row.node.body.inplace_} == over  # type: ignore[union-attr]


def test_the_text_shows_it_and_says_it() -> None:
    text = speczoo.source("resnet18", optimize=True)
    assert "BatchNorm2d(" not in text
    assert "nn.ReLU(inplace=True)" in text
    assert ".add_(" in text
    assert "self.to(memory_format=torch.channels_last)" in text
    assert zoo("source", "resnet18", "--optimize").output == text
    shown = zoo("build", "mnist_resnet", "--optimize").output
    assert "as without --optimize  as without --optimize  equal" in " ".join(shown.split()).replace(
        " as", "  as"
    ).replace(" equal", "  equal")
    model = speczoo.build("mnist_resnet", optimize=True)
    assert not model.training
    assert next(model.parameters()).is_contiguous(memory_format=torch.channels_last)


def test_docstrings_say_what_there_is_now() -> None:
    """A title may say that a block has a batch norm: of the ones that have none any more, and of no others."""
    folded = "batch norms are part of the layers before them"
    text = speczoo.source("inception_v3", optimize=True)
    block = '"""The Inception networks\' convolution without bias, batch norm, ReLU'
    assert f"{block}\n\n    For evaluation: {folded}.\n" in text
    assert f"\n\nFor evaluation alone: {folded}, and no parameter trains.\n\nhttps://" in text
    assert text.count(folded) == 3  # the module's, the network's, and the one block's that has a title and norms
    assert "For evaluation alone: no parameter trains." in speczoo.source("vit_b_32", optimize=True)
    assert "evaluation" not in speczoo.source("inception_v3")


def test_training_alone_is_left_out() -> None:
    graph = speczoo.graph("googlenet", input=[3, 64, 64])
    made = optimize(graph).graph
    assert [port.name for port in made.root.outputs] == ["logits"]
    assert not [row.path for row in made.rows if row.path.startswith("aux")]
    assert not [row.op for row in made.rows if row.op == "Dropout"]


def test_a_padding_by_nothing_is_left_out() -> None:
    pads = [{"op": "pad", "pad": sides} for sides in ([0, 0, 0, 0], [0, 1, 0, 0])]
    made, _ = assert_same(speczoo.graph(net(*pads, CONV)))
    assert [row.node.body.pad for row in made.rows if row.op == "pad"] == [(0, 1, 0, 0)]  # type: ignore[union-attr]


@given(networks())
def test_weights_stay_in_the_memory_that_they_were_made_in(net: Any) -> None:
    """None is in memory twice while a network is optimized: only a bias that a norm leaves is new."""
    graph = speczoo.graph(net)
    state = emitted.build(graph, seed=0).state_dict()
    there = {value.untyped_storage()._cdata for value in state.values()}
    _, quick = optimized(graph, state)
    new = {key for key, value in quick.state_dict().items() if value.untyped_storage()._cdata not in there}
    assert new <= {f"{path}.bias" for path in optimize(graph).folds}


def test_ties_follow_entries_that_are_counted_again() -> None:
    """One that is left out before them, in the list itself and in one in it."""
    conv = {"op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1}
    first = net(conv, {"op": "Dropout"}, {"op": "ReLU"}, conv, tie={"3.weight": "0.weight"})
    block = {"layers": [{"op": "Dropout"}, conv, conv]}
    inner = {"blocks": {"Block": block}, "tie": {"b.2.weight": "b.1.weight", "c.1.bias": "b.2.bias"}}
    second = net({"id": "b", "op": "Block"}, {"id": "c", "op": "Block"}, **inner)
    for network, ties in (
        (first, {"2.weight": "0.weight"}),
        (second, {"b.1.weight": "b.0.weight", "c.0.bias": "b.1.bias"}),
    ):
        made, quick = assert_same(speczoo.graph(network))
        assert made.ties == ties
        assert all(quick.get_parameter(key) is quick.get_parameter(source) for key, source in ties.items())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_weights_that_are_given_stay_as_they_are(memory_format: torch.memory_format) -> None:
    """However they lie: what is written over is the copy that a network is built with."""
    plain = speczoo.build("mnist_resnet", seed=0).to(memory_format=memory_format).eval()  # type: ignore[call-overload]
    draw_anew(plain)
    given = random_input(graph_of("mnist_resnet"), 2)
    kept = deepcopy(plain.state_dict())
    quick = speczoo.build("mnist_resnet", plain.state_dict(), optimize=True)
    assert all(torch.equal(value, kept[key]) for key, value in plain.state_dict().items())
    assert difference(*run(plain, given), *run(quick, given)) <= CLOSE
    again = speczoo.build("mnist_resnet", kept, optimize=True)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in quick.state_dict().items())


@given(networks())
def test_values_take_no_more_memory(net: Any) -> None:
    graph = speczoo.graph(net)
    assert inference(optimize(graph).graph.root, Unit()) <= inference(graph.root, Unit())


ATTENTION: list[dict[str, Any]] = [
    {"id": "qkv", "op": "Linear", "out_features": 48},
    {"op": "reshape", "shape": [6, 3, 4, 4]},
    {"op": "permute", "dims": [0, 2, 3, 1, 4]},
    {"id": "each", "op": "unbind", "dim": 1},
    {"id": "keys", "op": "transpose", "from": "each.1", "dim0": -1, "dim1": -2},
    {"op": "matmul", "from": ["each.0", "keys"]},
    {"id": "attention", "op": "Softmax", "dim": -1},
    {"op": "matmul", "from": ["attention", "each.2"]},
]


def test_parts_that_are_multiplied_are_copied_at_once_where_that_takes_less() -> None:
    """Those of several dimensions that lie in another order; not those that are read as they lie."""
    for windows, copied in ((3, True), (None, False)):
        input = [6, 16] if windows is None else [windows, 6, 16]
        cut, order = ([6, 3, 4, 4], [0, 2, 3, 1, 4]) if windows is None else ([3, 6, 3, 4, 4], [0, 3, 1, 4, 2, 5])
        layers = [{**layer} for layer in ATTENTION]
        layers[1]["shape"], layers[2]["dims"] = cut, order
        network = net(*layers, input=input)
        made, quick = assert_same(speczoo.graph(network))
        assert (".contiguous()" in speczoo.source(network, optimize=True)) == copied
        assert alive(quick, random_input(made, 1)) == inference(made.root, Unit())


def test_weights_are_laid_out_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of("cifar_resnet20")
    state = emitted.build(graph, seed=0).state_dict()
    _, whole = optimized(graph, deepcopy(state))
    monkeypatch.setattr(folding, "AT_A_TIME", 100)
    _, parts = optimized(graph, state)
    assert all(torch.equal(whole.state_dict()[key], value) for key, value in parts.state_dict().items())
    assert parts.conv1.weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[union-attr,operator]
