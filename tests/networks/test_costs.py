"""Predicted costs of the zoo's networks, against torch: its flop counter, the storages that are alive, those that
autograd keeps."""

from __future__ import annotations

import math
import weakref
from typing import Any

import pytest
import torch
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import speczoo
from speczoo.compiler.analysis.cost import cost
from speczoo.compiler.analysis.memory import OPTIMIZER_STATES, memory
from speczoo.testing import networks
from speczoo.verify import random_input
from tests.families import graph_of

FEW = [
    "lenet5", "mnist_resnet", "mnist_densenet", "alexnet_2012", "resnet18", "squeezenet1_1", "shufflenet_v2_x0_5",
    "mobilenet_v3_small", "autoencoder", "cifar_preact_resnet110", "cifar_resnet110_dropout_shortcut",
]  # fmt: skip
HUGE = (
    "vit_h_14", "vit_l", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l",
    "gpt2_medium", "gpt2_large", "gpt2_xl",
)  # fmt: skip
OTHERS = [name for name in speczoo.list_models() if name not in FEW and not name.startswith(HUGE)]
ZOO = [*FEW, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]


class Alive(TorchDispatchMode):
    """The bytes of storages that are alive, and the most that were at once; those that are known are left out."""

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()
        self.known = {x.untyped_storage()._cdata for x in known}
        self.sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            if isinstance(x, Tensor) and (key := x.untyped_storage()._cdata) not in self.known | self.sizes.keys():
                self.sizes[key] = x.untyped_storage().nbytes()
                self.now += self.sizes[key]
                weakref.finalize(x.untyped_storage(), self.free, key)
        self.peak = max(self.peak, self.now)
        return out

    def free(self, key: int) -> None:
        self.now -= self.sizes.pop(key)


def alive(model: nn.Module, given: list[Tensor]) -> int:
    """The most bytes that are alive at inference, inputs and weights left out."""
    mode = Alive([*model.parameters(), *model.buffers(), *given])
    with torch.no_grad(), mode:
        model.eval()(*given)
    return mode.peak


def kept(model: nn.Module, given: list[Tensor]) -> int:
    """The bytes that autograd keeps, parameters and buffers left out."""
    own = {x.untyped_storage().data_ptr() for x in (*model.parameters(), *model.buffers())}
    found = {}

    def note(x: Tensor) -> Tensor:
        if x.untyped_storage().data_ptr() not in own:
            found[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x.detach()  # an output that holds itself is never let go of

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        model.train()(*given)
    return sum(storage.nbytes() for storage in found.values())


def assert_exact(spec: dict[str, Any], batch: int) -> None:
    """Assert that what a network is predicted to take, at inference and in training, is what torch holds."""
    graph, model = speczoo.graph(spec), speczoo.build(spec)
    worded, given = memory(graph, batch=batch), random_input(graph, batch)
    assert worded.inference == alive(model, given)
    assert worded.training == kept(model, given)


def bytes_of(tensors: Any) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)


@pytest.mark.parametrize("name", ZOO)
def test_memory(name: str) -> None:
    """Within a twentieth, as promised; a batch of two, since norms of some want more than one number in training."""
    graph, model, batch = graph_of(name), speczoo.build(name), 2
    worded, given = memory(graph, batch=batch), random_input(graph, batch)
    assert worded.inference == pytest.approx(alive(model, given), rel=0.05)
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    with torch.backends.mkldnn.flags(enabled=not recurrent):  # oneDNN keeps a workspace of its own for the way back
        assert worded.training == pytest.approx(kept(model, given), rel=0.05)
    assert (worded.weights, worded.buffers) == (bytes_of(model.parameters()), bytes_of(model.buffers()))
    assert worded.gradients == worded.weights


@pytest.mark.filterwarnings("ignore")
@given(networks())
def test_memory_of_any_network(spec: dict[str, Any]) -> None:
    graph, model, batch = speczoo.graph(spec), speczoo.build(spec), 3
    worded, given = memory(graph, batch=batch), random_input(graph, batch)
    assert worded.inference == pytest.approx(alive(model, given), rel=0.05)
    assert worded.training == pytest.approx(kept(model, given), rel=0.05)
    assert worded.gradients == bytes_of(p for p in model.parameters() if p.requires_grad)


def test_what_was_cut_is_let_go_of_with_its_last_part() -> None:
    """Whatever the variable is called that it lived in."""
    layers: list[dict[str, Any]] = [
        {"id": "whole", "op": "Linear", "out_features": 512},
        {"id": "each", "op": "chunk", "chunks": 2, "dim": -1},
        {"id": "first", "op": "Linear", "from": "each.0", "out_features": 4},
        {"id": "second", "op": "Linear", "from": "each.1", "out_features": 4},
        {"op": "add", "from": ["first", "second"]},
        {"id": "last", "op": "Linear", "out_features": 256},
    ]
    spec = {"spec": 1, "name": "net", "input": [16, 8], "layers": layers}
    assert_exact(spec, 1)
    assert alive(speczoo.build(spec), [torch.randn(1, 16, 8)]) < 4 * 16 * (512 + 256)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_memory_of_what_is_shared_inside_what_is_shared(depth: int) -> None:
    """Applied again to a value twice as large: values live there as where the module was made."""
    layers: list[dict[str, Any]] = [
        {"id": "skip", "op": "Conv2d", "out_channels": 4, "kernel_size": 1},
        {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 1},
        {"id": "other", "op": "Conv2d", "out_channels": 4, "kernel_size": 1},
        {"id": "sum", "op": "add", "from": ["skip", "other"]},
    ]
    blocks = {"Block0": {"layers": layers}}
    for level in range(depth):
        larger = {"id": "larger", "op": "interpolate", "scale_factor": 2}
        entries = [{"id": "made", "op": f"Block{level}"}, larger, {"id": "again", "share": "made"}]
        blocks[f"Block{level + 1}"] = {"layers": entries}
    spec = {"spec": 1, "name": "net", "input": [4, 4, 4], "blocks": blocks, "layers": [{"op": f"Block{depth}"}]}
    graph = speczoo.graph(spec)
    assert memory(graph).inference == alive(speczoo.build(spec), random_input(graph, 1))


KEEPING = [
    {"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1},
    {"op": "ReLU"},
    {"op": "ReLU", "inplace": True},
    {"op": "Identity"},
    {"layers": [{"op": "BatchNorm2d"}, {"op": "Tanh"}]},
]


@st.composite
def exclusive(draw: DrawFn) -> dict[str, Any]:
    """A block, called under several settings, whose ids stand for two entries each: of which a condition keeps one."""
    layers: list[dict[str, Any]] = [{"id": "first", **KEEPING[0]}]
    known = ["input", "first"]
    for i in range(draw(st.integers(1, 5))):
        name = f"entry{i}"
        mates = [draw(st.sampled_from(known)) for _ in range(2)]
        entries = [draw(st.sampled_from([*KEEPING[:2], *KEEPING[3:], {"op": "add", "from": mates}])) for _ in range(2)]
        if (flag := draw(st.sampled_from([None, "a", "b"]))) is None:
            layers.append({"id": name, **entries[0]})
        else:
            tests = (f"$({flag})", f"$(not {flag})")
            layers += [{"id": name, "when": test, **entry} for test, entry in zip(tests, entries, strict=True)]
        known.append(name)
    layers.append({"id": "last", "op": "add", "from": [draw(st.sampled_from(known)), known[-1]]})
    settings = st.fixed_dictionaries({"op": st.just("Block"), "a": st.booleans(), "b": st.booleans()})
    calls = draw(st.lists(settings, min_size=2, max_size=4))
    block = {"params": {"a": "bool", "b": "bool"}, "layers": layers}
    return {"spec": 1, "name": "random", "input": [2, 4, 4], "blocks": {"Block": block}, "layers": calls}


@pytest.mark.filterwarnings("ignore")
@given(exclusive())
def test_memory_of_ids_that_stand_for_two_entries(spec: dict[str, Any]) -> None:
    """Blocks written in one place are then several classes, each with a forward of its own."""
    try:
        graph = speczoo.graph(spec)
    except speczoo.SpecError:  # whose message is not the question here
        reject()
    worded, given = memory(graph), random_input(graph, 1)
    assert worded.inference == pytest.approx(alive(speczoo.build(spec), given), rel=0.05)


@pytest.mark.filterwarnings("ignore")  # masks of two kinds
@given(
    st.integers(2, 40),
    st.integers(2, 40),
    st.sampled_from([(1, 3), (2, 8), (4, 8)]),
    st.sampled_from(["q", "qqq", "qkk", "qkv", "qkq", "qqv"]),
    st.sampled_from([{}, {"bias": False}, {"add_zero_attn": True}, {"add_bias_kv": True}, {"dropout": 0.25}]),
    st.sampled_from(
        [
            {},
            {"mask": "m"},
            {"key_padding_mask": "p"},
            {"is_causal": True},
            {"mask": "m", "key_padding_mask": "p"},
            {"is_causal": True, "key_padding_mask": "p"},
        ]
    ),
    st.sampled_from(["bool", "float32"]),
    st.booleans(),
    st.integers(1, 4),
)
def test_memory_of_attention(
    queries: int,
    keys: int,
    heads: tuple[int, int],
    values: str,
    options: dict[str, Any],
    masked: dict[str, Any],
    kind: str,
    other: bool,
    batch: int,
) -> None:
    """To itself, to one other value, to two, one of which may be itself, with masks of numbers and of truths."""
    assume(not masked or options in ({}, {"bias": False}))
    number, features = heads
    keys = queries if values in ("qkq", "qqv") else keys
    sides = {"q": [queries, features], "k": [keys, 6 if other else features], "v": [keys, 6 if other else features]}
    inputs = [{"id": name, "shape": shape} for name, shape in sides.items() if name in values]
    looked_at = queries if values in ("q", "qqq") else keys
    inputs += [{"id": "m", "shape": [number, queries, looked_at], "dtype": kind}] if "mask" in masked else []
    inputs += [{"id": "p", "shape": [looked_at], "dtype": "bool"}] if "key_padding_mask" in masked else []
    options = options | masked
    layer = {"id": "a", "op": "MultiheadAttention", "num_heads": number, "from": list(values), **options}
    graph = speczoo.graph({"spec": 1, "name": "attention", "inputs": inputs, "layers": [layer]})
    model, stated, given = speczoo.build(graph.spec), memory(graph, batch=batch), random_input(graph, batch)
    assert stated.inference == pytest.approx(alive(model, given), rel=0.05)
    assert stated.training == pytest.approx(kept(model, given), rel=0.05)


@st.composite
def heads_of_attention(draw: DrawFn) -> dict[str, Any]:
    """Attention of projections, heads before tokens as they are, or turned; with keys for each head, or for several."""
    (heads, own), turned = draw(st.sampled_from([(4, 4), (4, 2), (3, 3), (1, 1)])), draw(st.booleans())
    queries, keys, width = draw(st.integers(1, 30)), draw(st.integers(2, 30)), draw(st.sampled_from([4, 32]))
    sides = {"q": (heads, queries, width), "k": (own, keys, width), "v": (own, keys, draw(st.sampled_from([width, 6])))}
    inputs, layers = list[dict[str, Any]](), list[dict[str, Any]]()
    for name, (count, tokens, features) in sides.items():
        inputs.append({"id": name, "shape": [tokens, count, features] if turned else [count, tokens, features]})
        layers.append({"id": f"p{name}", "op": "Linear", "out_features": features, "from": name})
        layers += [{"id": f"t{name}", "op": "transpose", "dim0": 1, "dim1": 2}] * turned
    options = {"dropout_p": draw(st.sampled_from([0, 0.25])), "enable_gqa": heads != own}
    match draw(st.sampled_from(["", "causal", "bool", "float32"])):
        case "causal":
            options["is_causal"] = True
        case "bool" | "float32" as kind:
            shape = draw(st.sampled_from([[heads, queries, keys], [1, queries, keys], [1, 1, keys]]))
            inputs.append({"id": "m", "shape": shape, "dtype": kind})
            options["mask"] = "m"
    mates = [f"{'t' if turned else 'p'}{name}" for name in sides]
    layers.append({"id": "a", "op": "scaled_dot_product_attention", "from": mates, **options})
    return {"spec": 1, "name": "heads", "inputs": inputs, "layers": layers}


@given(heads_of_attention(), st.integers(1, 3))
def test_memory_of_heads(spec: dict[str, Any], batch: int) -> None:
    """By one kernel, or as products, step by step: dropout lays out the attentions of training alone."""
    assert_exact(spec, batch)


@pytest.mark.filterwarnings("ignore")
@given(
    st.sampled_from([("RNN", {}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 3})]),
    st.integers(20, 40),
    st.integers(1, 12),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
)
def test_memory_of_recurrent_layers(
    kind: tuple[str, dict[str, Any]], tokens: int, inputs: int, layers: int, bidirectional: bool, bias: bool, batch: int
) -> None:
    """At inference an LSTM is oneDNN's, whose own copies for the backward pass are none of what is kept."""
    op, options = kind
    arguments = {"hidden_size": 8, "num_layers": layers, "bidirectional": bidirectional, "bias": bias, **options}
    layer = {"id": "a", "op": op, **arguments}
    graph = speczoo.graph({"spec": 1, "name": "recurrent", "input": [tokens, inputs], "layers": [layer]})
    model, stated, given = speczoo.build(graph.spec), memory(graph, batch=batch), random_input(graph, batch)
    held = alive(model, given)
    assert stated.inference == (held if kind == ("LSTM", {}) else pytest.approx(held, rel=0.05))
    with torch.backends.mkldnn.flags(enabled=False):
        assert stated.training == kept(model, given)


@given(
    st.booleans(),
    st.sampled_from([8, 32]),
    st.integers(10, 40),
    st.fixed_dictionaries(
        {
            "nhead": st.integers(1, 2),
            "norm_first": st.booleans(),
            "bias": st.booleans(),
            "dropout": st.sampled_from([0, 0.1]),
        }
    ),
    st.booleans(),
    st.sets(st.sampled_from(["tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask"])),
    st.booleans(),
    st.integers(1, 3),
)
def test_memory_of_transformers(
    decodes: bool,
    features: int,
    memories: int,
    options: dict[str, Any],
    causal: bool,
    masks: set[str],
    of_each_head: bool,
    batch: int,
) -> None:
    """Each way with masks of truths, an encoder's its own two."""
    kind, flag = ("TransformerDecoderLayer", "tgt_is_causal") if decodes else ("TransformerEncoderLayer", "is_causal")
    inputs = [{"id": "x", "shape": [20, 8]}, *([{"id": "m", "shape": [memories, 8]}] if decodes else [])]
    layer = {"id": "a", "op": kind, "dim_feedforward": features, **options, flag: causal}
    layer["from"] = [entry["id"] for entry in inputs]
    heads = [options["nhead"]] if of_each_head else []
    for name in sorted(masks if decodes else masks - {"memory_mask", "memory_key_padding_mask"}):
        if causal and name == "tgt_mask":
            continue
        keys = memories if name.startswith("memory") else 20
        inputs.append({"id": name, "shape": [keys] if "padding" in name else [*heads, 20, keys], "dtype": "bool"})
        layer[name if decodes else name.replace("tgt", "src")] = name
    graph = speczoo.graph({"spec": 1, "name": "transformer", "inputs": inputs, "layers": [layer]})
    model, stated, given = speczoo.build(graph.spec), memory(graph, batch=batch), random_input(graph, batch)
    assert stated.inference == pytest.approx(alive(model, given), rel=0.05)
    assert stated.training == pytest.approx(kept(model, given), rel=0.05)


@pytest.mark.parametrize("norm", ["weight", "spectral"])
@pytest.mark.parametrize("op", ["Linear", "Conv1d", "ConvTranspose1d"])
def test_memory_of_computed_weights(op: str, norm: str) -> None:
    sizes = {"out_features": 24} if op == "Linear" else {"out_channels": 24, "kernel_size": 3}
    layer = {"id": "a", "op": op, **sizes, "norm": norm}
    graph = speczoo.graph({"spec": 1, "name": "computed", "input": [16, 12], "layers": [layer]})
    model, stated, given = speczoo.build(graph.spec), memory(graph, batch=2), random_input(graph, 2)
    assert stated.inference == pytest.approx(alive(model, given), rel=0.05)
    assert stated.training == pytest.approx(kept(model, given), rel=0.05)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_memory_of_another_type(dtype: str) -> None:
    graph, model = speczoo.graph("mnist_resnet"), speczoo.build("mnist_resnet", dtype=dtype)
    worded, given = memory(graph, dtype, 2), [x.to(getattr(torch, dtype)) for x in random_input(graph, 2)]
    assert (worded.weights, worded.buffers) == (bytes_of(model.parameters()), bytes_of(model.buffers()))
    assert worded.inference == alive(model, given)
    assert worded.training == pytest.approx(kept(model, given), rel=0.05)


def test_a_type_that_weights_are_not_of() -> None:
    with pytest.raises(ValueError, match="not 'int8'"):
        memory(speczoo.graph("lenet5"), "int8")


@pytest.mark.parametrize("name", ZOO)
def test_macs_are_half_of_what_the_flop_counter_counts(name: str) -> None:
    """Where attention is computed as products: the counter does not see those inside of the CPU's fused kernel."""
    graph = graph_of(name)
    model = speczoo.build(name, device="meta").eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*(x.to("meta") for x in random_input(graph, 1)))
    assert cost(graph.root).flops == counter.get_total_flops()
    assert cost(graph.root).macs == graph.macs


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "unet_resnet34", "cifar_resnet110"])
def test_costs_add_up(name: str) -> None:
    """Of lists from their layers, and of the network from its state_dict."""
    graph = graph_of(name)
    whole = cost(graph.root)
    assert whole.params == sum(row.params for row in graph.rows)
    assert whole.params + whole.buffers == sum(map(math.prod, graph.state.values()))
    leaves = [cost(node) for _, node, _ in graph.walk()]
    assert whole.macs == sum(leaf.macs for leaf in leaves) - sum(
        row.macs for row in graph.rows if row.path.startswith("aux")
    )
    assert whole.counters == sum(name.endswith("num_batches_tracked") for name in graph.state)


def test_activations_of_alexnet() -> None:
    """Documents 003 and 004: AlexNet's neurons, which the paper calls 650,000, layer by layer as its table has them."""
    graph = speczoo.graph("alexnet_2012")
    neurons = [cost(row.node).activations for row in graph.rows if row.op in ("Conv2d", "Linear")]
    assert neurons == [55 * 55 * 96, 27 * 27 * 256, 13 * 13 * 384, 13 * 13 * 384, 13 * 13 * 256, 4096, 4096, 1000]
    assert sum(neurons) == pytest.approx(650_000, rel=0.02)


@pytest.mark.parametrize(
    ("optimizer", "made"),
    [
        ("sgd", torch.optim.SGD),
        ("sgd+momentum", lambda parameters: torch.optim.SGD(parameters, momentum=0.9)),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("nadam", torch.optim.NAdam),
        ("radam", torch.optim.RAdam),
        ("adamax", torch.optim.Adamax),
        ("adagrad", torch.optim.Adagrad),
        ("adadelta", torch.optim.Adadelta),
        ("rmsprop", torch.optim.RMSprop),
    ],
)
def test_states_of_optimizers(optimizer: str, made: Any) -> None:
    """As many numbers for each weight as torch keeps after a step."""
    graph, model = speczoo.graph("lenet5"), speczoo.build("lenet5")
    stepping = made(model.parameters())
    model(*random_input(graph, 1)).sum().backward()
    stepping.step()
    states = [x for state in stepping.state.values() for x in state.values() if isinstance(x, Tensor) and x.dim() > 0]
    assert sum(x.numel() for x in states) == OPTIMIZER_STATES[optimizer] * graph.params
    worded = memory(graph)
    expected = 2 * worded.weights + worded.buffers + worded.training + bytes_of(states)
    assert worded.training_step(optimizer) == expected
