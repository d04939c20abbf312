"""What autograd keeps of each layer is what the layer declares, and what is accepted has a backward pass."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import speczoo
import speczoo.compiler.layers
from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Case
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import prepared, tensor

OUTPUT = "output"


def applied(layer: Layer, case: Case, training: bool = True) -> tuple[list[Any], list[torch.Tensor]]:
    """What flows in, each behind a leaf that wants its gradient, and what comes out."""
    given = [tensor(value, case) for value in case.inputs]
    wanting = [isinstance(x, torch.Tensor) and x.is_floating_point() for x in given]
    given = [x.requires_grad_().clone() if wants else x for x, wants in zip(given, wanting, strict=True)]
    scope, expression = prepared(layer.call(*case.inputs), given, training=training)
    made = eval(expression, scope)
    return given, list(made) if isinstance(made, tuple | list) else [made]


def fails_after_writing(layer: Layer, case: Case, target: int | str) -> bool:
    """Whether the backward pass fails once an input, by its number, or the output is written over."""
    given, made = applied(layer, case)
    ends = [out.clone() for out in made if out.requires_grad]
    written = made[0] if target == OUTPUT else given[int(target)]
    if not ends or not isinstance(written, torch.Tensor) or not written.is_floating_point():
        return False
    with torch.no_grad():
        written.mul_(1.0)
    try:
        torch.stack([end.sum() for end in ends]).sum().backward()
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
        return True
    return False


def declared(layer: Layer, count: int) -> set[int | str]:
    """What may be kept, where gradients are wanted of all inputs."""
    match layer.saved:
        case "output":
            return {OUTPUT, *((0,) if layer.inplace_ else ())}
        case "input":
            return {*range(count), *((OUTPUT,) if layer.inplace_ else ())}
        case "factors":
            return set(range(count)) if count > 1 else set()
    return set()


def ran(case: Case, training: bool) -> tuple[Layer, list[torch.Tensor]] | None:
    """An accepted layer, and what comes out of it; None where it does not run, which is the conformance tests' to say,
    or has no backward pass."""
    layer = case.accepted()
    if layer is None or layer.no_backward() is not None:
        return None
    try:
        return layer, applied(layer, case, training)[1]
    except (RuntimeError, ValueError, AttributeError):
        return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(Layer.registry))
def test_nothing_is_kept_but_what_is_declared(op: str) -> None:
    @given(layer_cases(op))
    def holds(case: Case) -> None:
        if (found := ran(case, True)) is None:
            return
        layer, _ = found
        may = declared(layer, len(case.inputs))
        for target in {*range(len(case.inputs)), OUTPUT} - may:
            views = layer.views and target == OUTPUT
            assert views or not fails_after_writing(layer, case, target), (target, case)

    holds()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(Layer.registry))
@pytest.mark.parametrize("training", [True, False])
def test_what_goes_forward_goes_backward(op: str, training: bool) -> None:
    """Each layer, in place or not, wherever it is accepted and something of it wants a gradient."""

    @given(layer_cases(op))
    def holds(case: Case) -> None:
        if (found := ran(case, training)) is None:
            return
        ends = [out.sum() for out in found[1] if out.requires_grad]
        if ends:
            torch.stack(ends).sum().backward()

    holds()


@pytest.mark.parametrize(
    ("op", "arguments", "target"),
    [
        ("ReLU", {}, OUTPUT), ("ReLU", {"inplace": True}, OUTPUT), ("Sigmoid", {}, OUTPUT), ("Tanh", {}, OUTPUT),
        ("Softmax", {"dim": 1}, OUTPUT), ("LogSoftmax", {"dim": 1}, OUTPUT), ("Softmin", {"dim": 1}, OUTPUT),
        ("ELU", {}, 0), ("ELU", {"inplace": True}, OUTPUT), ("SELU", {}, 0), ("SELU", {"inplace": True}, OUTPUT),
        ("CELU", {}, 0), ("CELU", {"inplace": True}, OUTPUT), ("LeakyReLU", {}, 0), ("RReLU", {}, 0),
        ("LeakyReLU", {"inplace": True}, OUTPUT), ("RReLU", {"inplace": True}, OUTPUT), ("GELU", {}, 0),
        ("Mish", {}, 0), ("SiLU", {}, 0), ("Hardswish", {}, 0), ("Hardsigmoid", {}, 0), ("ReLU6", {}, 0),
        ("Softplus", {}, 0),
        ("Linear", {"out_features": 3}, 0), ("LayerNorm", {}, 0), ("PReLU", {}, 0), ("Softsign", {}, 0),
    ],
)  # fmt: skip
def test_what_is_declared_is_kept(op: str, arguments: dict[str, Any], target: int | str) -> None:
    layer = Layer.registry[op](**arguments)
    case = Case(op, arguments, (Value((4, 6)),))
    assert target in declared(layer, 1)
    assert fails_after_writing(layer, case, target)


# -- whole networks ---------------------------------------------------------------------------------------------------

ACTIVATIONS = ["ReLU", "ELU", "SiLU", "Hardswish", "LeakyReLU", "Dropout", "SELU", "Mish"]
BACKWARD = re.compile("keeps for the backward pass|autograd has no way back")
KEEPING = ["Sigmoid", "Tanh", "GELU", "Identity", "LayerNorm"]


SINGLE = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(ACTIVATIONS), "inplace": st.booleans()}),
    st.fixed_dictionaries({"op": st.sampled_from(KEEPING)}),
    st.just({"op": "Linear", "out_features": 4}),
)


@st.composite
def cut(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries of a group that cut what flows in, do something to the first part, and join the parts or give it back."""
    count = draw(st.integers(1, 2))
    act = {"op": draw(st.sampled_from(ACTIVATIONS)), "inplace": draw(st.booleans())}
    cut = {"id": "cut", "op": "chunk", "chunks": count}
    parts = [f"cut.{j}" for j in range(count)]
    if count == 1:
        return [
            cut,
            draw(st.sampled_from([{"id": "a", "from": "cut.0"} | act, {"id": "a", "op": "Identity", "from": "cut.0"}])),
        ]
    return [cut, {"id": "a", "from": "cut.0"} | act, {"id": "j", "op": "concat", "from": ["a", *parts[1:]]}]


@st.composite
def lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries over vectors of four numbers, in-place ones among them, with skips."""
    entries: list[dict[str, Any]] = []
    for i in range(draw(st.integers(2, 7))):
        kind = draw(st.sampled_from(["single", "single", "single", "add", "mul", "group", "cut"]))
        entry: dict[str, Any] = {"id": f"e{i}"}
        before = [f"e{j}" for j in range(i)] or ["input"]
        if kind == "single":
            entry |= draw(SINGLE)
        elif kind == "group":
            inner = draw(st.lists(SINGLE, min_size=1, max_size=2))
            entry["layers"] = [{"id": f"i{j}"} | each for j, each in enumerate(inner)]
        elif kind == "cut":
            entry["layers"] = draw(cut())
        else:
            entry |= {"op": kind, "from": [before[-1], draw(st.sampled_from(before))]}
        entries.append(entry)
    return entries


def runs_backward(entries: list[dict[str, Any]]) -> bool:
    """Whether torch goes forward and backward through the entries, applied one by one."""
    torch.manual_seed(0)
    try:
        last = run(entries, torch.randn(2, 4))
        if last.requires_grad:
            last.sum().backward()
    except RuntimeError:
        return False
    return True


def run(entries: list[dict[str, Any]], x: torch.Tensor) -> torch.Tensor:
    """What comes out of a list's last entry."""
    values, last = {"input": x}, x
    for entry in entries:
        given = entry.get("from", [])
        taken = [values[name] for name in ([given] if isinstance(given, str) else given)] or [last]
        match entry.get("op"):
            case None:
                last = run(entry["layers"], last)
            case "add":
                last = taken[0] + taken[1]
            case "mul":
                last = taken[0] * taken[1]
            case "concat":
                last = torch.cat(taken, 1)
            case "chunk":
                values |= {f"{entry['id']}.{i}": part for i, part in enumerate(last.chunk(entry["chunks"], 1))}
            case op:
                arguments = {"Linear": (4, 4), "LayerNorm": (4,)}.get(op, ())
                options = {"inplace": True} if entry.get("inplace") else {}
                last = getattr(nn, op)(*arguments, **options)(taken[0])
        values[entry["id"]] = last
    return last


@given(lists())
def test_a_list_is_refused_where_it_has_no_backward_pass(entries: list[dict[str, Any]]) -> None:
    if any("layers" in entry for entry in entries):  # a group is judged as if gradients were wanted of what flows in
        entries = [{"op": "Linear", "out_features": 4, "id": "input_"}, *entries]
        entries = json.loads(json.dumps(entries).replace('"input"', '"input_"'))
    data = {"spec": 1, "name": "net", "input": [4], "layers": entries}
    try:
        speczoo.check(data)
    except speczoo.SpecError as error:
        keeps = [BACKWARD.search(d.message) is not None for d in error.diagnostics if d.severity == "error"]
        assert not all(keeps) or not runs_backward(entries)
    else:
        assert runs_backward(entries)


@given(lists())
def test_a_block_that_is_accepted_has_a_backward_pass(entries: list[dict[str, Any]]) -> None:
    layers = [{"op": "Linear", "out_features": 4}, {"op": "B"}, {"op": "ReLU", "inplace": True}, {"op": "B"}]
    data = {"spec": 1, "name": "net", "input": [4], "blocks": {"B": {"layers": entries}}, "layers": layers}
    try:
        model = speczoo.build(data)
    except speczoo.SpecError:
        return
    model(torch.randn(2, 4)).sum().backward()


def without_inplace(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: without_inplace(value) if key == "layers" else value for key, value in entry.items() if key != "inplace"}
        for entry in entries
    ]


@given(lists())
def test_what_is_written_in_place_comes_out_the_same(entries: list[dict[str, Any]]) -> None:
    """Of a list that is accepted: no entry sees what another has written over."""
    data = {"spec": 1, "name": "net", "input": [4], "layers": [{"op": "Linear", "out_features": 4}, *entries]}
    try:
        model = speczoo.build(data, seed=0).eval()
    except speczoo.SpecError:
        return
    plain = speczoo.build(data | {"layers": without_inplace(data["layers"])}, seed=0).eval()
    x = torch.randn(3, 4)
    torch.testing.assert_close(model(x), plain(x))


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"op": "LeakyReLU", "negative_slope": -0.1, "inplace": True}, "unsafe-inplace"),
        ({"op": "ELU", "alpha": -1.0, "inplace": True}, "unsafe-inplace"),
        ({"op": "CELU", "alpha": -1.0, "inplace": True}, "unsafe-inplace"),
        ({"op": "RReLU", "lower": -1.0, "upper": 0.5, "inplace": True}, "unsafe-inplace"),
        ({"op": "Embedding", "num_embeddings": 3, "embedding_dim": 2, "scale_grad_by_freq": True, "sparse": True},
         "bad-value"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["network", "group", "block"])
def test_a_layer_without_a_backward_pass_is_refused_where_gradients_flow(
    entry: dict[str, Any], code: str, place: str
) -> None:
    table = entry["op"] == "Embedding"
    inner = {"network": [entry], "group": [{"layers": [entry]}], "block": [{"op": "B"}]}[place]
    data: dict[str, Any] = {"spec": 1, "name": "net", "input": [4], "layers": inner}
    if table:
        data |= {"input": {"shape": [4], "dtype": "int64"}}
    else:
        data["layers"] = [{"op": "Linear", "out_features": 4}, *inner]
    if place == "block":
        data["blocks"] = {"B": {"layers": [entry]}}
    with pytest.raises(speczoo.SpecError, match=f"error.{code}"):
        speczoo.check(data)
    if place == "network" and not table:
        assert not speczoo.check(data | {"layers": inner})  # nothing that has weights stands before it
