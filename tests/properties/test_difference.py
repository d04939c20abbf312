"""Two networks differ where the code that is emitted for them does: no change is missed, no layout is seen."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.compiler.analysis.diff import diff
from speczoo.compiler.analysis.difference import difference
from speczoo.compiler.analysis.fingerprint import fingerprint
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer
from speczoo.specs.errors import SpecError
from speczoo.specs.format import formatted
from speczoo.specs.source import Source
from speczoo.testing import networks
from tests.fuzz import refactorings

Data = dict[str, Any]


def entries(spec: Data) -> Iterator[Data]:
    """Every entry, near and far."""
    pending = [entry for owner in (spec, *spec.get("blocks", {}).values()) for entry in owner["layers"]]
    while pending:
        entry = pending.pop()
        yield entry
        pending += [inner for key in ("layers", "do") for inner in entry.get(key, ())]


def changed(spec: Data, random: Random) -> Data:
    """A copy with another op of one entry, another argument, or another wiring; it need not be right."""
    made = copy.deepcopy(spec)
    entry = random.choice([*entries(made)])
    change = random.choice(("op", "argument", "wiring"))
    if change == "op" and entry.get("op") in refactorings.KEEPING:
        entry["op"] = random.choice([op for op in refactorings.KEEPING if op != entry["op"]])
    elif change == "wiring" and isinstance(entry.get("from"), list):
        entry["from"].reverse()
    elif change == "wiring":
        entry["from"] = random.choice(["input", *(e["id"] for e in entries(made) if isinstance(e.get("id"), str))])
    elif entry.get("op") in Layer.registry:
        fields = Layer.registry[entry["op"]].model_fields
        known = [key for key, field in fields.items() if type(field.default) in (int, float, bool)]
        if known:
            value = entry.get(key := random.choice(known), fields[key].default)
            number = type(value) in (int, float)
            entry[key] = (not value) if type(value) is bool else random.choice((value + 1, value / 2)) if number else 1
    return made


def graph_of(spec: Data) -> Graph | None:
    try:
        return speczoo.graph(copy.deepcopy(spec))
    except SpecError:
        return None


def unused(spec: Data) -> bool:
    """Whether it has layers whose output nothing takes."""
    return any(found.code == "unused-layer" for found in speczoo.check(copy.deepcopy(spec)))


@given(networks(), st.randoms(use_true_random=False))
def test_what_changes_the_emitted_code_is_noticed(spec: Data, random: Random) -> None:
    before = speczoo.graph(spec)
    for _ in range(8):
        other = changed(spec, random)
        after = graph_of(other)
        if after is None:
            continue
        assert (fingerprint(before) == fingerprint(after)) == (difference(before, after) is None)
        assert difference(before, after) is None or diff(before, after)  # what differs is always reported
        if speczoo.source(spec) == speczoo.source(other):
            continue
        if not unused(spec) and not unused(other):  # what no output needs computes nothing
            assert difference(before, after) is not None, json.dumps(other)
            assert difference(after, before) is not None


def written_out(spec: Data) -> Data:
    """A copy in which defaults are written, its keys in another order."""
    made = copy.deepcopy(spec)
    for entry in entries(made):
        kind = Layer.registry.get(entry.get("op", ""))
        for key, field in kind.model_fields.items() if kind else ():
            if type(field.default) in (int, float, bool) and key not in made.get("defaults", {}).get(entry["op"], {}):
                entry.setdefault(key, field.default)
    return dict(reversed(made.items()))


@given(networks())
def test_layout_and_defaults_are_not(spec: Data) -> None:
    graph = speczoo.graph(spec)
    text = formatted(Source.of(json.dumps(written_out(spec))))
    assert text is not None
    assert difference(graph, speczoo.graph(written_out(spec))) is None
    assert difference(graph, speczoo.graph(f"# a remark\n{text}")) is None
    assert {fingerprint(graph), speczoo.fingerprint(written_out(spec)), speczoo.fingerprint(text)} == {
        fingerprint(graph)
    }


def chain(*layers: Data, **more: Any) -> Graph:
    return speczoo.graph({"spec": 1, "name": "t", "input": [4, 6, 6], "layers": [*layers], **more})


CONV = {"id": "c", "op": "Conv2d", "out_channels": 4, "kernel_size": 1}


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ([{"op": "ReLU", "id": "r"}], [{"op": "GELU", "id": "r"}], "r"),
        ([{"op": "BatchNorm2d", "id": "n"}], [{"op": "GroupNorm", "num_groups": 2, "id": "n"}], "n"),
        ([{"op": "BatchNorm2d", "id": "n"}], [{"op": "BatchNorm2d", "id": "n", "eps": 0.001}], "n"),
        ([CONV], [{**CONV, "id": "d"}], "c / d"),
        ([CONV, {**CONV, "id": "d"}], [CONV, {"id": "d", "share": "c"}], "d"),
        ([CONV], [CONV, {"id": "r", "op": "Identity"}], "r"),
        ([{"op": "mean", "id": "m", "dim": 2}], [{"op": "mean", "id": "m", "dim": 2, "keepdim": True}], "m"),
        ([{"op": "add", "id": "s", "from": ["input", 1]}], [{"op": "add", "id": "s", "from": ["input", 2]}], "s"),
    ],
)
def test_it_says_where(one: list[Data], other: list[Data], what: str) -> None:
    found = difference(chain(*one), chain(*other))
    assert found is not None
    assert found.what == what
    assert found.first != found.second


def test_what_is_stated_of_parameters_counts() -> None:
    plain = chain(CONV)
    for more in ({"freeze": ["c.weight"]}, {"init": [{"match": "c", "weight": 0}]}):
        found = difference(plain, chain(CONV, **more))
        assert found is not None
        assert found.what == "c.weight"


def test_order_blocks_and_ids_of_functions_do_not_count() -> None:
    left = {"id": "a", "op": "Conv2d", "out_channels": 4, "kernel_size": 1, "from": "input"}
    right = {**left, "id": "b"}
    end = {"id": "s", "op": "add", "from": ["a", "b"]}
    assert difference(chain(left, right, end), chain(right, left, {**end, "id": "t"})) is None
    inside = chain({"op": "B", "id": "b"}, blocks={"B": {"layers": [CONV]}})
    assert difference(inside, chain({"id": "b", "layers": [CONV]})) is None


def test_a_fingerprint_is_the_hash_of_a_text_that_can_be_written_by_hand() -> None:
    steps = (
        '{"arguments":{"in_channels":4,"kernel_size":1,"out_channels":4},"module":"c","op":"Conv2d","sources":[[-1,0]]}',
        '{"arguments":{"p":{"float":"0x1.0000000000000p-2"}},"module":null,"op":"Dropout","sources":[[0,0]]}',
        '{"arguments":{},"module":null,"op":"add","sources":[[1,0],"2"]}',
    )
    text = (
        '{"frozen":["c.bias"],"initial":{"c.weight":["constant",{"val":1}]},"inputs":[["input",[4,6,6],"float32"]],'
        f'"outputs":[["output",[2,0],false]],"steps":[{",".join(steps)}]}}'
    )
    layers = [CONV, {"id": "d", "op": "Dropout", "p": 0.25}, {"op": "add", "from": ["d", 2]}]
    graph = chain(*layers, init=[{"match": "Conv2d", "weight": 1.0}], freeze=["c.bias"])
    assert fingerprint(graph) == f"v1:{hashlib.sha256(text.encode()).hexdigest()}"


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = "import speczoo; print(speczoo.fingerprint('mnist_resnet'))"
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout == f"{speczoo.fingerprint('mnist_resnet')}\n"


def test_the_order_of_an_initialisers_arguments_does_not_count() -> None:
    stated = {"mean": 0.5, "std": 2}, {"std": 2, "mean": 0.5}
    one, other = (chain(CONV, init=[{"match": "c", "weight": {"normal": arguments}}]) for arguments in stated)
    assert difference(one, other) is None
    assert fingerprint(one) == fingerprint(other)


def test_every_network_is_itself() -> None:
    for name in ("resnet18", "densenet121", "googlenet", "unet", "vit_b_16"):
        assert difference(speczoo.graph(name), speczoo.graph(name)) is None


@given(networks(), st.randoms(use_true_random=False))
def test_what_is_always_left_out_is_as_if_it_were_not_written(spec: Data, random: Random) -> None:
    """Counts and paths included, whatever it is, wherever it stands, the end of a list too."""
    made = copy.deepcopy(spec)
    for turn in range(3):
        owner = random.choice([made, *made.get("blocks", {}).values()])
        entry = random.choice(
            [{**CONV, "id": f"out{turn}"}, {"op": "ReLU"}, {"id": f"out{turn}", "layers": [{"op": "BatchNorm2d"}]}]
        )
        single = ("Conv2d", "Linear", "add", *refactorings.KEEPING)  # what has several outputs must be asked for one
        after = [i for i, e in enumerate(owner["layers"], 1) if e.get("op") in single]
        if after:
            owner["layers"].insert(random.choice(after), {**entry, "when": False})
    plain, more = speczoo.graph(spec), speczoo.graph(made)
    assert difference(plain, more) is None
    assert list(more.state) == list(plain.state)
    assert (more.params, more.trainable_params, more.macs) == (plain.params, plain.trainable_params, plain.macs)
    assert (more.root.leaves, more.root.weighted) == (plain.root.leaves, plain.root.weighted)
    assert [row[:7] for row in more.rows] == [row[:7] for row in plain.rows]
