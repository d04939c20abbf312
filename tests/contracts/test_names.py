"""Every name that a spec can give, and every name that is awkward in Python or torch: refused at its line in words, or
built, run and pickled, with that very name where it can be seen.

All names stand in one spec together, so that they meet each other too; what is refused is taken out, and the rest has
to be a network.
"""

from __future__ import annotations

import builtins
import json
import keyword
import pickle
import re
from collections import namedtuple
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo
from speczoo.checking import check_into, graph_into
from speczoo.compiler.emit.module import build
from speczoo.compiler.emit.python import source
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report
from speczoo.specs.limits import DEFAULT
from speczoo.verify import verify_module

Data = dict[str, Any]
LIMITS = replace(DEFAULT, mistakes=10_000, values=10**6, work=10**7, entries=10**5)

ODD = """
    self cls x out y z m name i layers parameter module kept size axes axis p mode annotations main input output
    in_channels in_features nn torch F Tensor NamedTuple OrderedDict Sequential center_crop StochasticDepth LayerNorm2d
    Net NetOutput InnerOutput true null yes no on off index_ count_ filter_ map_ id_ id__ _ __ _0 _x __x __x1 _Net__x
    a_b aB AB A_B Ab ab a__b a_B conv1 conv_1 Conv1 conv2 Conv2 conv conv_ conv__ Net2 NetOutput2 Net2Output Inner2
    Add Linear linear sequential Module module _fields _asdict _replace _make 0 1 1a -1 1e3 a-b a_b a.b a:b a/b ..
    a=1 ñame 名 字 \ufb01 \u00aa µ
""".split()  # noqa: SIM905
ODD += ["", " ", "a b", "a\n", "a" * 99, "a" * 100, "a" * 101, "a" * 3000, "if x", "$a", "$$a", '"', "'", "\\", "{0}"]
NAMES = sorted(
    {
        *keyword.kwlist, *keyword.softkwlist, *dir(builtins), *dir(nn.Module()), *dir(nn.Sequential()), *ODD,
        *dir(namedtuple("Pair", "a b")), *dir(torch.Tensor)[::9], *dir(nn)[::9], *dir(torch)[::99],
    }
)  # fmt: skip
WIDTH = 2


def linear(width: Any = WIDTH, **more: Any) -> Data:
    return {"op": "Linear", "out_features": width, **more}


def net(**parts: Any) -> Data:
    return {"spec": 1, "name": "net", "input": [WIDTH], **parts}


def added(layers: list[Data], sources: Iterable[str]) -> list[Data]:
    """The layers, and the sum of some: a list that is no chain, so that `forward` has a variable for each."""
    return [*layers, {"id": "sum_of_all", "op": "add", "from": ["input", *sources]}]


def called(block: Data, **more: Any) -> Data:
    """A network that applies a block twice, so that what differs is an argument of its class."""
    given, other = more.pop("given", {}), more.pop("other", {})
    layers = [{"id": "first", "op": "Inner", **given}, {"id": "then", "op": "Inner", "from": "first", **other}]
    return net(blocks={"Inner": block}, layers=more.pop("layers", layers), **more)


def outputs(names: list[str]) -> Data:
    return net(layers=[linear(id="only")], outputs=[{"id": n, "from": "only"} for n in names])


def inputs(names: list[str]) -> Data:
    return {
        "spec": 1,
        "name": "net",
        "inputs": [{"id": n, "shape": [WIDTH]} for n in names],
        "layers": [{"id": "both", "op": "stack", "from": names, "dim": 1}],
    }


def modules(names: list[str]) -> Data:
    return net(layers=added([linear(id=n) for n in names], names))


def functions(names: list[str]) -> Data:
    return net(layers=added([{"id": n, "op": "mul", "from": ["input", 2]} for n in names], names))


def parts(names: list[str]) -> Data:
    each = [{"id": n, "op": "chunk", "chunks": 2, "from": "input"} for n in names]
    halves = [{"op": "concat", "from": [f"{n}.0", f"{n}.1"], "id": f"whole{i}"} for i, n in enumerate(names)]
    return net(layers=added([*each, *halves], (h["id"] for h in halves)))


def parameters(names: list[str]) -> Data:
    return net(layers=added([{"id": n, "op": "Parameter", "shape": [WIDTH]} for n in names], names))


def groups(names: list[str]) -> Data:
    inside = [linear(id="a"), {"id": "b", "op": "ReLU"}, {"id": "c", "op": "add", "from": ["a", "b"]}]
    return net(layers=added([{"id": n, "layers": inside} for n in names], names))


def lists(names: list[str]) -> Data:
    return net(layers=[linear(id=n) for n in names])


def optional(names: list[str]) -> Data:
    block = {
        "params": {"there": "bool"},
        "layers": added([linear(id=n, when="$there") for n in names], names),
    }
    return called(block, given={"there": True}, other={"there": False})


def blocks(names: list[str]) -> Data:
    inside = {
        "params": {"w": "int"},
        "layers": [linear("$w", id="a"), linear(id="b"), {"id": "c", "op": "add", "from": ["b", "input"]}],
    }
    return net(
        blocks=dict.fromkeys(names, inside), layers=[{"op": n, "w": w} for n in names for w in (1, 3)] or [linear()]
    )


def block_parameters(names: list[str]) -> Data:
    layers = [linear(f"${n}", id=f"a{i}", **{"from": "input"}) for i, n in enumerate(names)]
    back = [{"id": "cat", "op": "concat", "from": ["input", *(layer["id"] for layer in layers)]}, linear(id="back")]
    block = {"params": dict.fromkeys(names, "int"), "layers": [*layers, *back]}
    return called(block, given={n: i + 1 for i, n in enumerate(names)}, other={n: i + 2 for i, n in enumerate(names)})


def ops(names: list[str]) -> Data:
    layers = added([{"id": f"a{i}", "op": f"${n}"} for i, n in enumerate(names)], ["a0"])
    given, other = (dict.fromkeys(names, activation) for activation in ("ReLU", "SiLU"))
    return called({"params": dict.fromkeys(names, "op"), "layers": layers}, given=given, other=other)


def block_inputs(names: list[str]) -> Data:
    block = {"inputs": names, "layers": [{"id": "all", "op": "stack", "from": names, "dim": 1}]}
    return called(block, layers=[{"id": "first", "op": "Inner", "from": ["input"] * len(names)}])


def block_outputs(names: list[str]) -> Data:
    block = {"layers": [linear(id="only")], "outputs": [{"id": n, "from": "only"} for n in names]}
    first = {"id": "first", "op": "Inner"}
    return called(block, layers=added([first], (f"first.{n}" for n in names)))


def spec_parameters(names: list[str]) -> Data:
    return net(params=dict.fromkeys(names, 3), layers=[linear(f"${n}") for n in names] or [linear()])


def variants(names: list[str]) -> Data:
    return net(layers=[linear()], variants={n: {} for n in names})


def loops(names: list[str]) -> Data:
    return net(layers=[{"for": {n: [1, 2]}, **linear(f"${n}")} for n in names] or [linear()])


def taps(names: list[str]) -> Data:
    group = {"id": "g", "layers": [linear(id="a"), {"op": "ReLU"}], "taps": dict.fromkeys(names, "a")}
    return net(layers=added([group], (f"g.{n}" for n in names)))


def crossing(names: list[str]) -> Data:
    """A block by each name, and a block with a parameter by each name that applies all of them."""
    inside = {
        "params": {"w": "int"},
        "layers": [linear("$w", id="a"), linear(id="b"), {"id": "c", "op": "add", "from": ["b", "input"]}],
    }
    outer = [{"id": f"c{i}", "op": n, "w": f"${n}"} for i, n in enumerate(names)]
    end = [{"id": "depth", "op": "StochasticDepth", "p": 0.1}, {"id": "all", "op": "add", "from": ["depth", "input"]}]
    made = called(
        {"params": dict.fromkeys(names, "int"), "layers": [*outer, *end]},
        given={n: 1 + i for i, n in enumerate(names)},
        other={n: 2 + i for i, n in enumerate(names)},
    )
    made["blocks"] |= dict.fromkeys(names, inside)
    return made


#: What makes a spec of names, and whether they are keys of a mapping there.
PLACES: list[tuple[Callable[[list[str]], Data], bool]] = [
    (outputs, False), (inputs, False), (modules, False), (functions, False), (parts, False), (parameters, False),
    (groups, False), (lists, False), (optional, False), (blocks, True), (block_parameters, True), (ops, True),
    (block_inputs, False), (block_outputs, False), (spec_parameters, True), (variants, True), (loops, True),
    (taps, True), (crossing, True),
]  # fmt: skip

#: Of how many names one is tried, where each is several classes.
EVERY: dict[Callable[[list[str]], Data], int] = {blocks: 3, crossing: 4, block_parameters: 2, groups: 3}
#: Of how many names one is tried in the places where a name is one of many of a layer or a variable, with few examples.
FEWER = {loops: 5, optional: 5, ops: 5, parts: 5, blocks: 9, crossing: 9, block_parameters: 5, groups: 7}


def every(make: Callable[[list[str]], Data]) -> int:
    few = FEWER if settings().max_examples < 50 else {}
    return few.get(make, EVERY.get(make, 1))


def accepted(make: Callable[[list[str]], Data], key: bool, path: Path) -> list[str]:
    """The names that are left when those are gone that a check tells of, each at a line where it stands."""
    names = NAMES[:: every(make)]
    while True:
        text = json.dumps(make(names), indent=0, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
        report = Report()
        check_into(report, path, limits=LIMITS)
        if not report.errors:
            return names
        lines = text.split("\n")
        wrong = set()
        for diagnostic in report.errors:
            assert diagnostic.span is not None, diagnostic
            line = lines[diagnostic.span.line - 1]
            found = [json.loads(word) for word in re.findall(r'"(?:[^"\\]|\\.)*"', line)]
            read = key and len(found) == 2 and found[1].startswith("$")
            wrong.add(found[1][1:] if read else found[0] if key else found[-1])
        assert wrong & {*names}, report.errors[0]
        names = [name for name in names if name not in wrong]


@pytest.mark.parametrize(("make", "key"), PLACES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_is_refused_at_its_line_or_works(make: Callable[[list[str]], Data], key: bool, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    names = accepted(make, key, tmp_path / "net.json")
    assert len(names) > len(NAMES) // (2 * every(make))
    data = make(names)
    report = Report()
    graph = graph_into(report, data, limits=LIMITS)
    assert graph is not None, report.errors
    came = works(graph)
    if make is outputs:
        assert came._fields == tuple(names)


def works(graph: Graph) -> Any:
    """What the network gives: it is emitted as Python that is let through, built, run, pickled."""
    verify(source(graph))
    module = build(graph)
    held = verify_module(graph, module)
    assert held.ok, [finding for finding in held.findings if not finding.ok]
    x = {name: torch.randn(2, *value.shape) for name, value in graph.settings.inputs}
    again = pickle.loads(pickle.dumps(module.eval()))
    expected = module(*x.values())
    given_by_name = again(**x) if graph.spec.inputs else expected
    for came in (again(*x.values()), given_by_name):
        assert all(torch.equal(a, b) for a, b in zip(values(expected), values(came), strict=True))
        assert values(pickle.loads(pickle.dumps(came)))
    return expected


def values(came: Any) -> list[Tensor]:
    return [came] if isinstance(came, Tensor) else list(came)


def test_an_output_has_any_name_that_a_tuple_can_have(tmp_path: Path) -> None:
    """What a namedtuple takes, but for letters beyond ASCII and lengths beyond a hundred."""
    possible = []
    for name in NAMES:
        try:
            namedtuple("Probe", [name])
        except ValueError:
            continue
        possible.append(name)
    assert accepted(outputs, False, tmp_path / "net.json") == [n for n in possible if n.isascii() and len(n) <= 100]


def test_a_network_has_any_name() -> None:
    """Its class is called after it."""
    data = net(layers=[linear(id="a"), {"id": "b", "op": "ReLU"}, {"id": "c", "op": "add", "from": ["a", "b"]}])
    refused, names = set(), NAMES[:: 1 if settings().max_examples > 20 else 3]
    for name in names:
        report = Report()
        graph = graph_into(report, data | {"name": name})
        if report.ok:
            assert graph is not None
            verify(source(graph))
            assert type(build(graph)).__name__.isidentifier()
        else:
            assert report.errors[0].message.startswith("`name` is a name such as `my_network`") or len(name) > 100
            refused.add(name)
    assert refused == {name for name in names if not re.fullmatch(r"[A-Za-z_][\w.-]{,99}", name, re.ASCII)}


#: Names that every place takes, many of which are one as classes or as variables.
ORDINARY = sorted(
    {name for name in NAMES if re.fullmatch(r"[A-Za-z]\w{,20}", name, re.ASCII)}
    - {*keyword.kwlist, *dir(nn.Module()), *dir(nn.Sequential()), "input", "self"}
)
ANY = st.from_regex(r"[aAb][aAb_12]{0,3}", fullmatch=True) | st.sampled_from(ORDINARY)


@st.composite
def named(draw: st.DrawFn) -> Data:
    """A network whose every name is drawn: its own, of blocks, their parameters and outputs, of entries and outputs."""
    made, other = draw(st.lists(ANY, min_size=2, max_size=2, unique=True))
    width, act, switch = draw(st.lists(ANY, min_size=3, max_size=3, unique=True))
    first, second, third = draw(st.lists(ANY, min_size=3, max_size=3, unique=True))
    some, rest = draw(st.lists(ANY, min_size=2, max_size=2, unique=True))
    block = {
        "params": {width: "int", act: {"type": "op", "default": "ReLU"}, switch: False},
        "layers": [
            linear(f"${width}", id=first),
            {"id": second, "op": f"${act}", "when": f"$(not {switch})"},
            linear(id=third),
        ],
        "outputs": [{"id": some, "from": third}, {"id": rest, "from": first}],
    }
    ids = draw(st.lists(ANY, min_size=5, max_size=5, unique=True))
    a, b, c, d, e = ids
    layers = [
        {"id": a, "op": made, width: 2},
        {"id": b, "op": made, width: 3, act: "SiLU", "from": f"{a}.{some}"},
        {"id": c, "op": other, width: 4, switch: True, "from": f"{b}.{some}"},
        {"id": d, "op": "add", "from": [f"{a}.{rest}", f"{c}.{some}"]},
        {"id": e, "layers": [linear(id=first), {"id": second, "op": "add", "from": [first, "input"]}]},
    ]
    ports = draw(st.lists(ANY, min_size=2, max_size=2, unique=True))
    outputs = [{"id": ports[0], "from": e}, {"id": ports[1], "from": d}]
    return net(blocks={made: block, other: block}, layers=layers, outputs=outputs) | {"name": draw(ANY)}


@given(named())
def test_names_meet_each_other_anywhere(data: Data) -> None:
    report = Report()
    graph = graph_into(report, data)
    event("built" if graph is not None else report.errors[0].code)
    if graph is not None:
        works(graph)


@pytest.mark.parametrize(
    ("name", "works"), [("index", True), ("filter", True), ("class", False), ("a-b", False), ("_x", False), ("", False)]
)
def test_taps_of_a_network_are_names_of_outputs(name: str, works: bool) -> None:
    data = net(layers=[linear(id="a"), linear(id="b"), {"id": "c", "op": "ReLU"}])
    wanted = {name: "a", "other": "b"}
    if works:
        assert speczoo.build(data, taps=wanted)(torch.zeros(1, WIDTH))._fields == (name, "other")
        return
    with pytest.raises(speczoo.SpecError, match="cannot be the name of an output"):
        speczoo.graph(data, taps=wanted)


def test_what_an_interactive_session_shows_changes_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """It puts what it showed last into the builtins, as `_`."""
    data = modules(["_", "a"])
    before = speczoo.source(data)
    monkeypatch.setattr(builtins, "_", 1, raising=False)
    assert speczoo.source(data) == before
