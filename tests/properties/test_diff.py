"""One edit of a spec is one change of the network, and takes no weights from it but its own."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import speczoo
from speczoo import checking, resolved
from speczoo.commands import diff_report
from speczoo.compiler.analysis.diff import Change, Diff, diff
from speczoo.compiler.analysis.sequence_alignment import CELLS, aligned
from speczoo.compiler.containers import divided
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report
from speczoo.testing import networks
from tests.properties.test_difference import entries

Data = dict[str, Any]
ACTIVATIONS = ["ReLU", "GELU", "SiLU", "Sigmoid", "Hardswish", "Tanh"]
DENSE = [
    "features.denseblock3 | 24 -> 32 x DenseLayer",
    "features.transition3.conv | Conv2d: out_channels 512 -> 640",
    "features.denseblock4 | 16 -> 32 x DenseLayer",
]
#: Arguments that leave shapes and weights as they are.
ARGUMENTS = {
    "Conv2d": ("padding_mode", "zeros", "circular"),
    "BatchNorm2d": ("momentum", 0.1, 0.25),
    "AvgPool2d": ("count_include_pad", True, False),
}


class Edit(NamedTuple):
    """A spec that was edited: what has to be reported, as kind, paths before and after, and details; and the keys that
    have other names now, by the start that they had.
    """

    spec: Data
    wanted: list[tuple[Any, ...]]
    renamed: dict[str, str] = {}


def alive(graph: Graph) -> set[str]:
    """The paths of the entries of the network's own list."""
    return {node.name for node in graph.root.nodes if node.body is not None}


def again(spec: Data, names: dict[str, str]) -> None:
    """Let what reads entries of the network's own list read them by other names."""

    def new(text: Any) -> Any:
        return named(text, names) if isinstance(text, str) else text

    for entry in spec["layers"]:
        for key in ("from", "share"):
            if key in entry:
                entry[key] = [new(e) for e in entry[key]] if isinstance(entry[key], list) else new(entry[key])
    for output in spec.get("outputs", ()):
        output["from"] = new(output["from"])
    spec |= {"freeze": [new(pattern) for pattern in spec["freeze"]]} if "freeze" in spec else {}


def fixed(spec: Data) -> list[Data]:
    """Entries of the network's own list that have an id of their own, once."""
    ids = [entry.get("id", "$") for entry in spec["layers"]]
    return [e for e in spec["layers"] if "$" not in e.get("id", "$") and ids.count(e["id"]) == 1]


def rename(spec: Data, random: Random) -> Edit:
    made = copy.deepcopy(spec)
    entry = random.choice(fixed(made))
    old, entry["id"] = entry["id"], "other_name"
    again(made, {old: "other_name"})
    there = old in alive(speczoo.graph(spec))
    return Edit(made, [("renamed", old, "other_name", ())] if there else [], {old: "other_name"})


def insert(spec: Data, random: Random) -> Edit:
    made = copy.deepcopy(spec)
    fresh = random.choice([{"op": "Tanh"}, {"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1}])
    # after what has one output, and that a map
    places = [i for i, e in enumerate(made["layers"], 1) if e.get("op") in ("Conv2d", "BatchNorm2d", "ReLU", "add")]
    made["layers"].insert(random.choice(places), {"id": "inserted", **fresh}) if places else None
    return Edit(made, [("added", None, "inserted", ())] if places else [])


def argument(spec: Data, random: Random) -> Edit:
    made = copy.deepcopy(spec)
    defaults = made.get("defaults", {})
    known = [e for e in entries(made) if e.get("op") in ARGUMENTS and ARGUMENTS[e["op"]][0] not in defaults]
    if not known:
        return Edit(made, [])
    entry = random.choice(known)
    name, old, new = ARGUMENTS[entry["op"]]
    entry[name] = new
    return Edit(made, [("changed", ..., ..., ((name, old, new),))])


def activation(spec: Data, random: Random) -> Edit:
    made = copy.deepcopy(spec)
    known = [e for e in fixed(made) if e.get("op") in ACTIVATIONS and "inplace" not in e]
    if not known:
        return Edit(made, [])
    entry = random.choice(known)
    old, entry["op"] = entry["op"], random.choice([op for op in ACTIVATIONS if op != entry["op"]])
    there = entry["id"] in alive(speczoo.graph(spec))
    return Edit(made, [("changed", entry["id"], entry["id"], (("op", old, entry["op"]),))] if there else [])


def taken(entry: Data, ids: set[str]) -> Iterator[str]:
    """The entries that an entry or an output names in its `from`."""
    written = entry.get("from", [])
    for source in written if isinstance(written, list) else [written]:
        yield divided(str(source), ids)[0]


def wrap(spec: Data, random: Random) -> Edit:
    """Put a group around entries that follow each other, of which the last one alone is read by others."""
    made = copy.deepcopy(spec)
    layers = made["layers"]
    ids = {entry["id"] for entry in layers if "id" in entry}
    outputs = {head for output in made.get("outputs", ()) for head in taken(output, ids)}
    read = [{*taken(entry, ids)} for entry in layers]
    shared = {entry["share"] for entry in layers if "share" in entry}
    blocks = [name for name, block in made.get("blocks", {}).items() if not {"inputs", "outputs"} & block.keys()]
    plain = {
        id(entry)
        for entry in fixed(made)
        if ("layers" in entry or entry.get("op") in ("Conv2d", "BatchNorm2d", *ACTIVATIONS, *blocks))
        and "taps" not in entry
        and entry["id"] not in shared
        and entry.get("when", True) is True
    }
    several = "inputs" in made
    runs = []
    for start in range(len(layers)):
        for end in range(start + 1, min(start + 3, len(layers)) + 1):
            run = layers[start:end]
            inside = {e["id"] for e in run[:-1] if "id" in e}
            elsewhere = outputs.union(*(read[i] for i in range(len(layers)) if not start <= i < end))
            chained = all("from" not in e for e in run[1:]) and all(id(e) in plain for e in run)
            if chained and not inside & elsewhere and not (several and start == 0):
                runs.append((start, end))
    if not runs:
        return Edit(made, [])
    start, end = random.choice(runs)
    run = layers[start:end]
    first = {"from": run[0].pop("from")} if "from" in run[0] else {}
    after = layers[end:]
    layers[start:end] = [{"id": "wrapper", **first, "layers": run}]
    again({"layers": after, "outputs": made.get("outputs", [])}, {run[-1]["id"]: "wrapper"})
    names = {entry["id"]: f"wrapper.{entry['id']}" for entry in run}
    made |= {"freeze": [named(pattern, names) for pattern in made["freeze"]]} if "freeze" in made else {}
    return Edit(made, [("wrapped", None, "wrapper", tuple(("holds", name, None) for name in names))], names)


EDITS: list[Callable[[Data, Random], Edit]] = [rename, insert, argument, activation, wrap]


def reported(found: Diff) -> list[tuple[Any, ...]]:
    """What changed, but for what only has other shapes flowing in."""
    return [
        (
            change.kind,
            change.before and change.before.path,
            change.after and change.after.path,
            tuple(tuple(detail) for detail in change.details),
        )
        for change in found.changes
        if change.kind != "resized"
    ]


def named(key: str, renamed: dict[str, str]) -> str:
    head, _ = divided(key, renamed)
    return f"{renamed[head]}{key[len(head) :]}" if head in renamed else key


def graph_of(spec: Data) -> Graph:
    """The network of a spec, where no op in place is in the way of what was put before it."""
    report = Report()
    made = checking.graph_into(report, spec)
    if made is None:
        assert {diagnostic.code for diagnostic in report.errors} == {"unsafe-inplace"}
        reject()
    return made


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_edit_is_one_change(edit: Callable[[Data, Random], Edit]) -> None:
    @given(networks(), st.randoms(use_true_random=False))
    def holds(spec: Data, random: Random) -> None:
        made = edit(spec, random)
        before, after = speczoo.graph(spec), graph_of(made.spec)
        found = diff(before, after)
        if edit is argument:  # in every place where the entry stands
            assert {change[3] for change in reported(found)} <= {change[3] for change in made.wanted}
            assert all(change[0] == "changed" and change[1] == change[2] for change in reported(found))
        else:
            assert reported(found) == made.wanted
        touched = {key for key in after.state if key.startswith("inserted.")}
        assert dict(found.keys) == {key: named(key, made.renamed) for key in before.state}
        assert {*found.fresh} == touched
        assert found.left == ()
        assert_swapped(found, diff(after, before))

    holds()


SWAPPED = {"added": "removed", "removed": "added", "wrapped": "unwrapped", "unwrapped": "wrapped"}


def assert_swapped(found: Diff, other: Diff) -> None:
    def key(change: Change) -> tuple[Any, ...]:
        return change.kind, repr(change.before), repr(change.after), sorted(map(repr, change.details))

    swapped = [
        Change(
            SWAPPED.get(change.kind, change.kind),  # type: ignore[arg-type]
            change.after,
            change.before,
            tuple(detail._replace(before=detail.after, after=detail.before) for detail in change.details),
        )
        for change in other.changes
    ]
    assert sorted(map(key, found.changes)) == sorted(map(key, swapped))
    assert dict(found.keys) == {old: new for new, old in other.keys.items()}
    assert (found.left, found.fresh, found.same) == (other.fresh, other.left, other.same)


@given(networks())
def test_a_network_has_not_changed_from_itself(spec: Data) -> None:
    found = diff(speczoo.graph(spec), speczoo.graph(copy.deepcopy(spec)))
    assert not found
    assert found.rows == ()
    assert found.same
    assert all(old == new for old, new in found.keys.items())
    assert (found.left, found.fresh) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        ("resnet18", "resnet34", [f"layer{n} | 2 -> {d} x BasicBlock" for n, d in enumerate((3, 4, 6, 3), 1)]),
        ("vgg16", "vgg16_bn", ["features.* | added 13 x BatchNorm2d"]),
        ("densenet121", "densenet169", DENSE),
    ],
)  # fmt: skip
def test_what_repeats_is_one_row(old: str, new: str, rows: list[str]) -> None:
    found = speczoo.diff(old, new)
    assert [f"{row.path} | {row.what}" for row in found.rows if not row.path.endswith("layers")] == rows
    assert len(speczoo.diff(new, old).rows) == len(found.rows)


@given(st.integers(1, 4), st.lists(st.sampled_from(["extra", "odd", "wide"]), min_size=1, max_size=3, unique=True))
def test_what_is_inserted_by_name_is_named(repeats: int, names: list[str]) -> None:
    """Among blocks that are called by number, in a row that counts them; those of the next numbers are not."""
    block = {"params": {"c": "int"}, "layers": [{"id": "conv", "op": "Conv2d", "out_channels": "$c", "kernel_size": 1}]}

    def spec(ids: list[str]) -> Data:
        layers = [{"id": name, "op": "B", "c": 3} for name in ids]
        return {"spec": 1, "name": "n", "input": [3, 4, 4], "blocks": {"B": block}, "layers": layers}

    stages = [f"stage{i}" for i in range(repeats)]
    count = f"{repeats} -> {repeats + len(names)} x B"
    (row,) = speczoo.diff(spec(stages), spec([*stages[:1], *names, *stages[1:]])).rows
    assert row.what == f"{count}, added {', '.join(names)}"
    (row,) = speczoo.diff(spec([*stages[:1], *names, *stages[1:]]), spec(stages)).rows
    assert row.what == f"{repeats + len(names)} -> {repeats} x B, removed {', '.join(names)}"
    (row,) = speczoo.diff(spec(stages), spec([*stages, f"stage{repeats}"])).rows
    assert row.what == f"{repeats} -> {repeats + 1} x B"


def test_an_inserted_block_takes_no_weights_from_the_others() -> None:
    """Those of all later blocks of its list have other names then."""
    before = resolved.data(speczoo.graph("resnet50"))
    after = copy.deepcopy(before)
    (stage,) = (entry for entry in after["layers"] if entry.get("id") == "layer3")
    another = next(name for name in before["blocks"] if name == stage["layers"][2]["op"])
    after["blocks"]["Narrow"] = copy.deepcopy(after["blocks"][another])
    after["blocks"]["Narrow"]["layers"][3]["groups"] = 4  # its 3x3 convolution
    stage["layers"].insert(2, {"op": "Narrow"})
    found = diff(speczoo.graph(before), speczoo.graph(after))
    assert reported(found) == [("added", None, "layer3.2", ())]
    assert (len(found.keys), found.left) == (320, ())
    shifted = {f"layer3.{i}": f"layer3.{i + (i > 1)}" for i in range(6)}
    assert dict(found.keys) == {
        key: key.replace(key[:8], shifted.get(key[:8], key[:8]), 1) for key in speczoo.graph(before).state
    }


@given(networks(), networks())
def test_of_any_two_networks(spec: Data, other: Data) -> None:
    first, second = speczoo.graph(spec), speczoo.graph(other)
    found = diff(first, second)
    assert all(first.state[old] == second.state[new] for old, new in found.keys.items())
    assert len({*found.keys.values()}) == len(found.keys)
    assert sorted([*found.keys, *found.left]) == sorted(first.state)
    assert sorted([*found.keys.values(), *found.fresh]) == sorted(second.state)
    assert bool(found.rows) == bool(found.changes)
    assert len(found.rows) <= sum(1 if change.path else len(change.details) for change in found.changes)
    assert_swapped(found, diff(second, first))
    json.dumps(diff_report.as_json(found))
    assert diff_report.markdown(found, ("one", "other")).count("\n| ") == (len(found.rows) + 2 if found else 0)


def test_long_lists_are_aligned_in_bounded_time() -> None:
    calls = 0

    def score(one: int, other: int) -> int:
        nonlocal calls
        calls += 1
        return one == other

    first, second = [i % 7 for i in range(4_000)], [i % 11 for i in range(3_000)]
    aligned(first, second, score, lambda one, other: one == other)
    assert calls < 5 * CELLS < len(first) * len(second) // 5


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12), st.integers(1, 200))
def test_an_alignment_has_everything_once_in_order(first: list[int], second: list[int], cells: int) -> None:
    pairs = aligned(first, second, lambda a, b: a == b, lambda a, b: a == b, cells)
    assert [i for i, _ in pairs if i is not None] == [*range(len(first))]
    assert [j for _, j in pairs if j is not None] == [*range(len(second))]
    both = [(i, j) for i, j in pairs if i is not None and j is not None]
    assert all(first[i] == second[j] for i, j in both)
    if cells > 150:
        longest = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
        for i, a in enumerate(first, 1):
            for j, b in enumerate(second, 1):
                longest[i][j] = max(longest[i - 1][j], longest[i][j - 1], longest[i - 1][j - 1] + (a == b))
        assert len(both) == longest[-1][-1]
