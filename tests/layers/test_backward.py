"""What each layer declares is what autograd keeps, and networks that are accepted have a backward pass."""

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
from speczoo.api import check_into
from speczoo.compiler import wiring
from speczoo.compiler.checks import aliasing, inplace
from speczoo.compiler.layer import Layer, Value
from speczoo.specs.diagnostics import Report
from speczoo.testing.backward_checks import OUTPUT, declared, fails_after_writing
from speczoo.testing.cases import Case


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


@st.composite
def overwriting(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries of which one is written over as soon as it is made, and may be read or kept elsewhere."""
    writer = {"op": draw(st.sampled_from(ACTIVATIONS)), "inplace": True}
    linear = {"op": "Linear", "out_features": 4}
    made = draw(st.one_of(st.sampled_from([linear, {"op": "Identity"}, {"op": "Flatten"}]), SINGLE))
    names = st.sampled_from(["c", "b", "a", "input"])
    joined = {"op": draw(st.sampled_from(["add", "mul"])), "from": ["c", draw(names)]}
    entries = [linear, made, writer, joined, draw(SINGLE)]
    return [{"id": id} | entry for id, entry in zip("abcde", entries, strict=True)]


def codes(data: dict[str, Any]) -> list[tuple[str, str]]:
    report = Report()
    check_into(report, data)
    return [(diagnostic.code, diagnostic.message) for diagnostic in report]


@given(overwriting(), st.booleans())
def test_what_nobody_else_reads_is_no_exception(entries: list[dict[str, Any]], inside: bool) -> None:
    """That the writer alone reads a value is found at once, and is what the memories would say."""
    layers = [{"id": "g", "layers": entries}, {"id": "h", "op": "ReLU", "inplace": True}] if inside else entries
    data = {"spec": 1, "name": "net", "input": [4], "layers": layers}
    found = codes(data)
    with pytest.MonkeyPatch.context() as patch:
        for module in (aliasing, inplace):
            patch.setattr(module, "writers_alone_read", lambda _: False)
        patch.setattr(wiring, "INTERNED", {})  # what is known of a wiring stays with it
        assert codes(data) == found


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
