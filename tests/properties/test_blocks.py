"""Blocks of every form, used with different arguments: one class or several, what is built is what was predicted."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.checking import check_into
from speczoo.compiler.lower.lowering import program_of
from speczoo.specs.diagnostics import Report
from speczoo.specs.errors import SpecError
from tests.properties.test_mutations import runs_as_predicted

CHANNELS = 6
CONDITIONS = ["$deep", "$twice", "$(not deep)", "$(deep and not twice)", "$(width > in_channels)", "$(width != 6)"]

#: What keeps its channels, so that it can be left out, named and nested at will.
KEEPING: list[list[dict[str, Any]]] = [
    [{"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1}],
    [{"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 3, "padding": 1, "groups": "$in_channels"}],
    [{"op": "BatchNorm2d"}],
    [{"op": "ReLU"}],
    [{"op": "subsample", "stride": 1}],
    [{"op": "Flatten", "start_dim": 3}],
    [
        {"op": "Conv2d", "out_channels": "$width", "kernel_size": 1, "when": "$(width != in_channels)"},
        {"op": "BatchNorm2d"},
        {"op": "Conv2d", "out_channels": CHANNELS, "kernel_size": 1},
    ],
]
USES = st.fixed_dictionaries(
    {"op": st.just("Part"), "width": st.sampled_from([3, 6, 12]), "deep": st.booleans(), "twice": st.booleans()}
)


@st.composite
def entry(draw: st.DrawFn, name: Callable[[], str], depth: int) -> dict[str, Any]:
    kept = draw(st.sampled_from(KEEPING))
    if depth and draw(st.booleans()):
        inside = draw(st.lists(entry(name, depth - 1), min_size=1, max_size=3))
        if draw(st.booleans()):  # without the sum it is a chain
            inside[-1]["id"] = inside[-1].get("id") or name()
            inside = [{**each, "id": each.get("id") or name()} for each in inside]
            inside.append({"op": "add", "from": [inside[-1]["id"], "input"], "when": draw(st.sampled_from(CONDITIONS))})
        made = {"layers": inside}
    else:
        made = dict(kept[0]) if len(kept) == 1 else {"layers": list(kept)}
    if draw(st.booleans()):
        made["id"] = name()
    if draw(st.booleans()):
        made["when"] = draw(st.sampled_from(CONDITIONS))
    return made


@st.composite
def wired(draw: st.DrawFn, name: Callable[[], str]) -> list[dict[str, Any]]:
    """Entries that take from anywhere before, some of them left out, some of them for nothing."""
    layers: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(2, 6))):
        before = st.sampled_from(["input", *(str(made["id"]) for made in layers)])
        there = [
            str(made["id"]) for made in layers if "when" not in made and made.get("op") not in ("add", "subsample")
        ]
        if there and draw(st.integers(0, 3)) == 0:
            made = {"share": draw(st.sampled_from(there)), "from": draw(before)}
        elif draw(st.booleans()):
            made = draw(entry(name, 1)) | {"from": draw(before)}
        else:
            made = {"op": "add", "from": draw(st.lists(before, min_size=2, max_size=3))}
            if draw(st.booleans()):
                made["when"] = draw(st.sampled_from(CONDITIONS))
        layers.append(made | {"id": name()})
    return layers


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    count = iter(range(1000))

    def name() -> str:
        return f"e{next(count)}"

    chain = draw(st.booleans())
    layers = draw(st.lists(entry(name, 2), min_size=1, max_size=4) if chain else wired(name))
    if draw(st.booleans()):
        last = "body" if chain else str(layers[-1]["id"])
        layers = [{"id": "body", "layers": layers}] if chain else layers
        layers.append({"id": "sum", "op": "add", "from": [last, "input"]})
    return {
        "spec": 1,
        "name": "blocks",
        "input": [CHANNELS, 4, 4],
        "blocks": {"Part": {"params": {"width": "int", "deep": "bool", "twice": "bool"}, "layers": layers}},
        "layers": draw(st.lists(USES, min_size=1, max_size=5)),
    }


@given(networks())
def test_any_block_is_built_as_predicted(spec: dict[str, Any]) -> None:
    runs_as_predicted(speczoo.graph(spec))


PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.5]) | st.text("ab$", max_size=2)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
)


@given(VALUES, VALUES, VALUES)
def test_a_parameter_of_any_value_is_reported_or_written(default: Any, first: Any, second: Any) -> None:
    """What a block is given becomes an argument of its class where the uses differ."""
    layers = [
        {"op": "GroupNorm", "num_groups": 1, "affine": "$(v == v or (v == 1) == (v != null))"},
        {"op": "GroupNorm", "num_groups": 1, "affine": "$([v] != [2])"},
        {"op": "ReLU", "when": "$(v != null)"},
    ]
    spec = {
        "spec": 1,
        "name": "t",
        "input": [4, 8, 8],
        "blocks": {"B": {"params": {"v": {"default": default}}, "layers": layers}},
        "layers": [{"op": "B", "v": first}, {"op": "B", "v": second}, {"op": "B"}],
    }
    try:
        speczoo.build(spec)
    except SpecError:
        return


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4, unique=True), st.data())
def test_what_only_some_instances_have_is_read_by_the_name_that_has_the_same(
    widths: list[int], data: st.DataObject
) -> None:
    """And not by the number that those which have it agree on: where the others lack it, no number is known."""
    one = data.draw(st.sampled_from(widths))
    layers = [
        {"id": "a", "op": "Linear", "out_features": "$w"},
        {"id": "b", "op": "Linear", "out_features": "$w", "when": "$there"},
    ]
    spec = {
        "spec": 1,
        "name": "t",
        "input": [4],
        "blocks": {"B": {"params": {"w": "int", "there": "bool"}, "layers": layers}},
        "layers": [{"op": "B", "w": width, "there": width == one} for width in widths],
    }
    written = "nn.Linear(w, w)" if one > 1 else "nn.Linear("  # 1 is as good as a name
    assert written in speczoo.source(spec)


WIDTHS = st.lists(st.integers(2, 9), min_size=4, max_size=4, unique=True)


@given(st.lists(st.booleans(), min_size=2, max_size=4), WIDTHS)
def test_what_an_expression_says_of_some_instances_is_known_of_all(there: list[bool], widths: list[int]) -> None:
    """No class takes an argument for a number that its own names say."""
    wide = {"op": "Linear", "out_features": "$(w * w + 3)", "from": "input"}
    layers = [{"id": "a", "when": "$there", **wide}, {"id": "b", **wide}, {"id": "c", "op": "BatchNorm1d"}]
    spec = {
        "spec": 1,
        "name": "t",
        "input": [4],
        "blocks": {"B": {"params": {"w": "int", "there": "bool"}, "layers": layers}},
        "layers": [{"op": "B", "w": w, "there": here} for w, here in zip(widths, there, strict=False)],
    }
    graph = speczoo.graph(spec)
    runs_as_predicted(graph)
    written = {p.name for c in program_of(graph).classes for p in c.parameters}
    assert written <= {"in_features", "w", "there"}


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, "weight", "spectral"])), min_size=1, max_size=5))
def test_layers_of_one_form_with_norms_of_their_own(uses: list[tuple[bool, str | None]]) -> None:
    """The op may be what a class is given; what its module is passed through is not."""
    params = {"kind": "op", "norm": {"type": "str", "default": None}}
    layers = [{"op": "$kind", "out_channels": 3, "kernel_size": 1, "norm": "$norm"}, {"op": "Flatten"}]
    block = {"params": params, "layers": layers}
    calls = [
        {"op": "B", "kind": "Conv1d" if flat else "Conv2d", "from": "flat" if flat else "input", "norm": norm}
        for flat, norm in uses
    ]
    flat = {"id": "flat", "op": "Flatten", "start_dim": 2}
    named = [{"id": f"b{i}", **call} for i, call in enumerate(calls)]
    joined = {"op": "concat", "from": [f"b{i}" for i in range(len(calls))] * 2}
    spec = {"spec": 1, "name": "t", "input": [3, 4, 4], "blocks": {"B": block}, "layers": [flat, *named, joined]}
    state = speczoo.build(spec).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == speczoo.graph(spec).state


#: What is made for the number of features that arrives, mostly to keep it.
SIZED: list[dict[str, Any]] = [
    {"op": "BatchNorm1d"},
    {"op": "Linear", "out_features": "$in_features"},
    {"op": "LayerNorm", "normalized_shape": "$in_features"},
    {"op": "Linear", "out_features": "$n"},
]


@st.composite
def sized(draw: st.DrawFn) -> dict[str, Any]:
    """A block of sizes that follow from what flows in, some of which only some of its instances have."""
    conditions = st.sampled_from(["$a", "$(not a)", True])
    entries = draw(st.lists(st.tuples(st.sampled_from(SIZED), conditions), min_size=3, max_size=5))
    layers = [{"id": "flat", "op": "Flatten"}, *({**e, "id": f"e{i}", "when": w} for i, (e, w) in enumerate(entries))]
    uses = []
    for side in draw(st.lists(st.integers(2, 6), min_size=4, max_size=5, unique=True)):
        given = {"n": draw(st.sampled_from([side, side * side, 7])), "a": draw(st.booleans())}
        uses.append({"id": f"pool{side}", "op": "AdaptiveAvgPool2d", "output_size": side, "from": "input"})
        uses.append({"id": f"use{side}", "op": "B", **given})
    joined = {"op": "concat", "from": [use["id"] for use in uses if use["op"] == "B"]}
    blocks = {"B": {"params": {"n": "int", "a": "bool"}, "layers": layers}}
    return {"spec": 1, "name": "sized", "input": [1, 6, 6], "blocks": blocks, "layers": [*uses, joined]}


@given(sized())
def test_a_size_that_only_some_instances_have_is_read_by_no_other(spec: dict[str, Any]) -> None:
    """It is an argument of its own, None where what needs it is left out; another that is the same or its double, where
    both are there, is stated by it only where it is there."""
    runs_as_predicted(speczoo.graph(spec))


NAMES = "ABCDE"
#: Which block uses which, whether `when` keeps the use, and whether the op is named by a parameter.
LINKS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.booleans(), st.booleans()), max_size=9)


@given(LINKS)
def test_a_block_contains_itself_where_its_expansion_does(links: list[tuple[str, str, bool, bool]]) -> None:
    """Uses that `when` leaves out lead nowhere, and those that a parameter names do."""
    blocks = {name: {"params": {}, "layers": [{"op": "ReLU"}]} for name in NAMES}
    for i, (user, used, kept, named) in enumerate(links):
        if named:
            blocks[user]["params"][f"op{i}"] = {"type": "op", "default": used}
        blocks[user]["layers"].append({"op": f"$op{i}" if named else used, "when": "$(1 + 1 == 2)" if kept else False})
    spec = {"spec": 1, "name": "t", "input": [8], "blocks": blocks, "layers": [{"op": name} for name in NAMES]}
    check_into(report := Report(), spec)
    found = {(d.code, d.message) for d in report.errors}
    uses = nx.DiGraph([(user, used) for user, used, kept, _ in links if kept])
    assert bool(found) == (not nx.is_directed_acyclic_graph(uses))
    for code, message in found:
        assert code == "cycle"
        loop = message.split(": ")[1].split(" -> ")
        assert loop[0] == loop[-1]
        assert all(edge in uses.edges for edge in zip(loop, loop[1:], strict=False))


@given(st.lists(st.booleans(), min_size=2, max_size=4))
def test_instances_of_other_outputs_are_classes_of_their_own(flags: list[bool]) -> None:
    outputs = [{"id": "main", "from": "act"}, {"id": "aux", "from": "fc", "when": "$aux"}]
    layers = [{"id": "fc", "op": "Linear", "out_features": 4}, {"id": "act", "op": "Tanh"}]
    block = {"params": {"aux": "bool"}, "layers": layers, "outputs": outputs}
    entries: list[dict[str, Any]] = []
    for i, aux in enumerate(flags):
        entries.append({"id": f"b{i}", "op": "B", "aux": aux})
        taken = [f"b{i}.main", f"b{i}.aux"] if aux else [f"b{i}", "input"]
        entries.append({"id": f"s{i}", "op": "add", "from": taken})
    runs_as_predicted(speczoo.graph({"spec": 1, "name": "t", "input": [4], "blocks": {"B": block}, "layers": entries}))


TITLES = st.none() | st.sampled_from(["Small", "A large one", "In\ntwo lines"])


@given(TITLES, st.lists(TITLES, min_size=1, max_size=3))
def test_a_class_is_called_what_its_variant_is_called(title: str | None, titles: list[str | None]) -> None:
    variants = {f"v{i}": {"params": {"width": i + 1}, **({"title": t} if t else {})} for i, t in enumerate(titles)}
    layers = [{"op": "Linear", "out_features": "$width"}]
    spec = {"spec": 1, "name": "net", "input": [4], "params": {"width": 1}, "layers": layers, "variants": variants}
    with TemporaryDirectory() as folder:
        path = Path(folder, "net.json")
        path.write_text(json.dumps({**spec, **({"title": title} if title else {})}), encoding="utf-8")
        for name, own in zip(variants, titles, strict=True):
            module = ast.parse(speczoo.source(f"{path}:{name}"))
            stated = " ".join((own or title or "").split())
            assert ast.get_docstring(module.body[-1]) == (stated or None)  # type: ignore[arg-type]
            assert (ast.get_docstring(module) or "").partition(": ")[2] == stated


@given(
    st.integers(1, 9),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sampled_from(["$width", "$(width + 1)", "$(2 * width)"]),
)
def test_a_default_reads_the_parameters_of_the_spec(width: int, widths: list[int], default: str) -> None:
    """Whatever the block where it holds calls its own, and however often the block was met before."""
    block = {
        "params": {"width": "int"},
        "layers": [
            {"id": "of_spec", "op": "Linear"},
            {"id": "of_block", "op": "Linear", "out_features": default},
            {"id": "again", "op": "Linear"},
        ],
    }
    spec = {
        "spec": 1,
        "name": "defaults",
        "input": [4],
        "params": {"width": width},
        "defaults": {"Linear": {"out_features": default}},
        "blocks": {"Part": block},
        "layers": [{"op": "Part", "width": each} for each in widths],
    }
    of = {"$width": lambda n: n, "$(width + 1)": lambda n: n + 1, "$(2 * width)": lambda n: 2 * n}[default]
    assert [row.output for row in speczoo.graph(spec).rows] == [
        (size,) for each in widths for size in (of(width), of(each), of(width))
    ]
