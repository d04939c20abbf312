"""Sweeps: each setting is what checking it alone says, whatever it shares with others, in however many processes."""

from __future__ import annotations

import csv
import io
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import speczoo
from speczoo.checking import graph_into
from speczoo.conditions import Condition, ConditionError
from speczoo.exploration import MEASURES, Candidate, SpaceError, sweep
from speczoo.exploration.picture import scatter
from speczoo.specs.diagnostics import Report
from speczoo.specs.limits import Limits
from tests.commands.zoo_command import data, fresh, zoo
from tests.steps import counted

NET = """\
spec: 1
name: net
input: [3, 16, 16]
params:
  width: {type: int, default: 8, min: 1, max: 64}
  depths: [1, 2]
  groups: 1
  act: {type: op, default: ReLU}
  pool: false
blocks:
  Stage:
    params: {channels: int}
    layers:
      - {op: Conv2d, out_channels: $channels, kernel_size: 3, padding: 1, groups: $groups}
      - {op: $act}
layers:
  - {op: Conv2d, out_channels: $width, kernel_size: 1}
  - {for: {depth: $depths}, layers: [{for: {i: 1..$depth}, op: Stage, channels: $width}]}
  - {op: MaxPool2d, kernel_size: 32, when: $pool}
  - {op: AdaptiveAvgPool2d, output_size: 1}
  - {op: Flatten}
  - {op: Linear, out_features: 10}
"""

AXES: dict[str, st.SearchStrategy[list[Any]]] = {
    "width": st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    "depths": st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=3),
    "groups": st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3, unique=True),
    "act": st.lists(st.sampled_from(["ReLU", "GELU", "Nothing"]), min_size=1, max_size=3, unique=True),
    "pool": st.lists(st.booleans(), min_size=1, max_size=2, unique=True),
    "input": st.lists(st.sampled_from([[3, 16, 16], [3, 32, 40], [1, 16, 16], [3, 4]]), min_size=1, max_size=3),
}
SPACES = st.lists(st.sampled_from(sorted(AXES)), min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: AXES[name] for name in names})
)


def alone(setting: dict[str, Any]) -> dict[str, int] | str:
    """What checking one setting by itself gives: its measures, or the code of its first error."""
    try:
        graph = speczoo.graph(NET, **setting)
    except speczoo.SpecError as error:
        return error.diagnostics[0].code
    return {name: measure(graph) for name, measure in MEASURES.items()}


def outcome(candidate: Candidate) -> dict[str, int] | str:
    return candidate.error.code if candidate.error is not None else candidate.measures


@given(SPACES)
@settings(max_examples=40)
def test_each_setting_is_what_it_is_alone(space: dict[str, list[Any]]) -> None:
    expected = [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    found = list(sweep(NET, space, measures=tuple(MEASURES)))
    assert [candidate.setting for candidate in found] == expected
    assert [outcome(candidate) for candidate in found] == [alone(setting) for setting in expected]


@given(st.integers(0, 4_000), st.integers(1, 7), st.sampled_from(["<", ">="]))
@settings(max_examples=20)
def test_where_filters_as_python_would(bound: int, width: int, sign: str) -> None:
    space = {"width": range(1, 9), "groups": [1, 2]}
    wanted = list(sweep(NET, space, where=f"params {sign} {bound} and width != {width}"))
    expected = [
        candidate
        for candidate in sweep(NET, space)
        if candidate.error is not None
        or ((candidate.measures["params"] < bound) == (sign == "<") and candidate.setting["width"] != width)
    ]
    assert wanted == expected


def test_other_processes_give_the_same() -> None:
    space = {"width": range(1, 20), "depths": [[1, 1], [3, 1], [2, 2]], "groups": [1, 3]}
    assert list(sweep(NET, space, jobs=2)) == list(sweep(NET, space))


def test_settings_share_what_they_have_in_common() -> None:
    space: dict[str, Any] = {"num_classes": range(1, 33)}
    list(sweep("resnet18", space))
    _, one = counted(lambda: list(sweep("resnet18", {"num_classes": [5]})))
    _, all = counted(lambda: list(sweep("resnet18", space)))
    assert (all - one) / 31 < one / 3


def test_each_setting_has_the_limits_of_one_network() -> None:
    """Many settings together are more entries than one file may have: each is held to the limits alone."""
    limits = Limits(entries=60, file_entries=60)
    found = list(sweep(NET, {"width": range(1, 65)}, limits=limits))
    assert [candidate.error for candidate in found] == [None] * 64
    deep = list(sweep(NET, {"depths": [[1], [200]]}, limits=Limits(nodes=100)))
    assert [candidate.error and candidate.error.code for candidate in deep] == [None, "limit-exceeded"]


def test_a_sample_is_of_the_space() -> None:
    every = list(sweep(NET, width="1..64", depths="[1..4,1..4]"))
    some = list(sweep(NET, width="1..64", depths="[1..4,1..4]", sample=50, seed=3))
    assert len(some) == 50
    assert all(candidate in every for candidate in some)
    assert some == list(sweep(NET, width="1..64", depths="[1..4,1..4]", sample=50, seed=3))
    assert some != list(sweep(NET, width="1..64", depths="[1..4,1..4]", sample=50, seed=4))


def test_what_cannot_be_swept_is_refused() -> None:
    with pytest.raises(SpaceError, match="more than 1,000,000"):
        sweep(NET, width=range(10**7))
    with pytest.raises(SpaceError, match="`width`"):
        sweep(NET, widht=[1])
    with pytest.raises(SpaceError, match="params"):
        sweep(NET, width=[1], measures=["param"])
    for sample in (0, -1):
        with pytest.raises(SpaceError, match="at least 1"):
            sweep(NET, width=[1], sample=sample)
    with pytest.raises(ConditionError, match="`params`"):
        sweep(NET, width=[1], where="parms < 3")
    with pytest.raises(ConditionError, match="true or false"):
        list(sweep(NET, width=[1], where="params + 3"))
    with pytest.raises(speczoo.SpecError):
        sweep("no_such_network", width=[1])
    assert len(list(sweep(NET, width=range(10**7), sample=3))) == 3


@given(st.text())
def test_a_condition_is_an_expression_or_refused(text: str) -> None:
    try:
        held = Condition(text, ["params", "name"]).holds({"params": 3, "name": "x"})
    except ConditionError:
        return
    assert type(held) is bool


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET, encoding="utf-8")
    return path


def test_json_and_csv_say_the_same(net: Path) -> None:
    words = (
        "sweep",
        net,
        "--set",
        "width=4,8",
        "--set",
        "groups=1..3",
        "--columns",
        "params,layers",
        "--sort",
        "-params",
    )
    found = data(*words)
    assert [row["params"] for row in found if not row["error"]] == sorted(
        (row["params"] for row in found if not row["error"]), reverse=True
    )
    rows = list(csv.DictReader(io.StringIO(zoo(*words, "--csv").stdout)))
    assert [(row["width"], row["groups"], row["params"], row["layers"]) for row in rows] == [
        (
            str(row["setting"]["width"]),
            str(row["setting"]["groups"]),
            *(str(row.get(k, "")) for k in ("params", "layers")),
        )
        for row in found
    ]
    assert [bool(row["error"]) for row in rows] == [bool(row["error"]) for row in found]
    assert any(row["error"] for row in found)
    assert {row["error"]["line"] for row in found if row["error"]} == {14}


def test_the_table_says_what_is_no_network_and_why(net: Path) -> None:
    shown = zoo("sweep", net, "--set", "width=4,8", "--set", "groups=1..3").stdout
    assert "4 of 6 settings" in shown
    assert "2 are no network" in shown
    assert "width=4 groups=3" in shown
    assert "line 14" in shown


def test_a_parameter_alone_is_all_that_is_declared(net: Path) -> None:
    assert len(data("sweep", net, "--set", "width")) == 64
    assert {row["setting"]["pool"] for row in data("sweep", net, "--set", "pool")} == {False, True}
    assert "min and max" in zoo("sweep", net, "--set", "groups", code=2).stderr
    assert "`width`" in zoo("sweep", net, "--set", "widht", code=2).stderr
    assert "--set takes KEY=VALUES" in zoo("sweep", net, "--set", "=3", code=2).stderr


def test_several_networks_and_inputs() -> None:
    networks, sizes = ("lenet5", "mnist_cnn"), (28, 32)
    shapes = [word for size in sizes for word in ("--input", f"1x{size}x{size}")]
    found = {(row["network"], row["setting"]["input"][1]): row for row in data("sweep", *networks, *shapes)}
    assert found.keys() == set(itertools.product(networks, sizes))
    for (name, size), row in found.items():
        report = Report()
        graph = graph_into(report, name, input=[1, size, size])
        if graph is None:
            assert row["error"]["code"] == report.errors[0].code
        else:
            assert (row["params"], row["macs"]) == (graph.params, graph.macs)


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "width=2.."],
        ["--set", "width=1..10000000"],
        ["--set", "width=1", "--set", "width=2"],
        ["--set", "=3"],
        ["--where", "params <"],
        ["--where", "parms < 3"],
        ["--columns", "parms"],
        ["--sort", "parms"],
        ["--plot", "params"],
        ["--plot", "params,parms"],
        ["--plot", "params,act", "--set", "act=ReLU,GELU"],
        ["--plot", "params,macs", "--where", "params < 0"],
        ["--jobs", "0"],
        ["--sample", "0"],
        ["--csv", "--json"],
        ["--input", "3x"],
    ],
)
def test_what_makes_no_sense_is_reported(net: Path, words: list[str], tmp_path: Path) -> None:
    reported = zoo("sweep", net, *words, "-o", tmp_path / "x.png", code=2).stderr
    assert "bug" not in reported
    assert len(reported.splitlines()) < 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.yaml"]


def test_the_picture_has_every_setting_and_the_front(net: Path, tmp_path: Path) -> None:
    words = ("sweep", net, "--set", "width=2..9", "--set", "depths=[1..2,1..3]", "--plot", "params,-layers")
    shown = zoo(*words, "-o", tmp_path / "out" / "p.png").stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p.png", "p.svg"]
    assert str(tmp_path / "out" / "p.png") in shown
    assert "--force" in zoo(*words, "-o", tmp_path / "out" / "p.png", code=2).stderr
    candidates = list(sweep(NET, width="2..9", depths="[1..2,1..3]", measures=("params", "layers")))
    figure: Figure = scatter(candidates, "params", "-layers")
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("params", "layers")
    points = axes.collections[0].get_offsets()
    assert sorted(map(tuple, points.tolist())) == sorted((c.row["params"], c.row["layers"]) for c in candidates)
    xs, ys = axes.lines[0].get_data()
    best = {(c.row["params"], c.row["layers"]) for c in candidates}
    best = {p for p in best if not any(q[0] <= p[0] and q[1] >= p[1] and q != p for q in best)}
    assert set(zip(xs, ys, strict=True)) == best


def test_processes_know_the_layers_of_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "mine_sweep.py").write_text(
        "from speczoo.compiler.layer import Layer, Shape\n"
        "class Twice(Layer):\n"
        '    """Doubles."""\n'
        '    torch = "torch.nn.Identity"\n'
        "    def infer(self, x: Shape) -> Shape:\n"
        "        return x\n"
    )
    (tmp_path / "net.yaml").write_text(
        "spec: 1\nname: n\ninput: [3, 8, 8]\nparams: {width: 8}\n"
        "layers:\n  - {op: Conv2d, out_channels: $width, kernel_size: 1}\n  - {op: Twice}\n"
    )
    code = (
        "import sys; from speczoo.__main__ import main; from speczoo.commands import sweep\n"
        "if __name__ == '__main__':\n"
        "    sweep.FEW = 10\n"
        "    main()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    run = f"import runpy, sys; sys.argv[0] = {str(script)!r}; runpy.run_path({str(script)!r}, run_name='__main__')"
    words = ("--plugin", "mine_sweep", "sweep", str(tmp_path / "net.yaml"), "--set", "width=1..150", "--jobs", "2")
    done = fresh(run, *words, "--csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 151
    assert "torch" not in done.stderr
