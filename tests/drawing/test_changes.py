"""Pictures of what changed: those of `zoo diff`, each at its place, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given

import speczoo
from speczoo.__main__ import cli
from speczoo.compiler.analysis.diff import diff
from speczoo.compiler.graph import Graph
from speczoo.drawing.changes import DRAWN, changes
from speczoo.drawing.diagram import READABLE, Box, depth_of
from speczoo.drawing.files import Drawing
from speczoo.drawing.network import diagram
from speczoo.drawing.palette import CHANGES, SIGNS
from speczoo.drawing.picture import rectangles
from speczoo.testing import networks
from tests.drawing.geometry import faults

PAIRS = [
    ("resnet18", "resnet34"),
    ("vgg11", "vgg11_bn"),
    ("mnist_resnet", "mnist_densenet"),
    ("cifar_resnet20", "cifar_preact_resnet110"),
    ("unet", "unet_2015"),
    ("lenet5", "lenet5_c5"),
    ("bert", "gpt2_124m"),
]
NET: dict[str, Any] = {
    "spec": 1,
    "name": "net",
    "input": [3, 8, 8],
    "layers": [
        {"id": "conv", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
        {"id": "bn", "op": "BatchNorm2d"},
        {"id": "act", "op": "ReLU"},
        {"id": "pool", "op": "AdaptiveAvgPool2d", "output_size": 1},
    ],
}


def marked(old: Graph, new: Graph) -> dict[str, list[Box]]:
    """The boxes of all that changed, all blocks unfolded, by what became of them."""
    found: dict[str, list[Box]] = {}
    for box in changes(old, new, diff(old, new)).walk():
        found.setdefault(box.kind, []).append(box)
    return found


@pytest.mark.parametrize("both", [*PAIRS, *(pair[::-1] for pair in PAIRS)], ids=" ".join)
def test_every_change_is_drawn_at_its_place(both: tuple[str, str]) -> None:
    """What the diff found, and only that: repeats stand for those that changed alike."""
    old, new = map(speczoo.graph, both)
    found, drawn = diff(old, new), marked(old, new)
    paths = {kind: {box.path for box in drawn.get(kind, ())} for kind in SIGNS}
    for change in found.changes:
        if change.kind in ("changed", "renamed") and change.after:
            assert change.after.path in paths[DRAWN[change.kind]] or any(
                box.count > 1 for box in changes(old, new, found).walk()
            )
    known = {kind: set() for kind in SIGNS}  # type: dict[str, set[str]]
    for change in found.changes:
        entry = change.before if change.kind == "removed" else change.after
        if change.kind in DRAWN and entry:
            known[DRAWN[change.kind]].add(entry.path)
    for kind in ("removed", "changed", "renamed"):
        assert paths[kind] <= known[kind]
    assert all(any(p == k or p.startswith(f"{k}.") for k in known["added"]) for p in paths["added"])
    assert bool(paths["removed"]) == bool(known["removed"])
    assert bool(paths["added"]) == bool(known["added"])


@pytest.mark.parametrize("both", PAIRS, ids=" ".join)
@pytest.mark.parametrize("horizontal", [False, True], ids=["down", "right"])
def test_nothing_stands_over_anything_else(both: tuple[str, str], horizontal: bool) -> None:
    old, new = map(speczoo.graph, both)
    made = Drawing(new, against=old, horizontal=horizontal)
    assert list(faults(made.picture)) == []
    assert made.diagram.size <= READABLE or depth_of(made.diagram) <= 2
    assert {r.kind for r in rectangles(made.picture.shapes)} <= {*CHANGES, "block", "function", "terminal"}


@given(networks(), networks())
def test_any_two_networks_are_drawn(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = speczoo.graph(one), speczoo.graph(other)
    made = Drawing(new, 9, against=old)
    assert list(faults(made.picture)) == []
    kept = Counter(box.path for box in made.whole.walk() if box.kind not in ("removed", "terminal"))
    assert set(kept) == {
        box.path for box in diagram(new, apart=lambda path: path).walk() if box.kind != "terminal"
    } or any(box.count > 1 for box in made.whole.walk())
    assert all(link.source < link.target for link in made.whole.links)


@given(networks())
def test_a_network_is_itself(spec: dict[str, Any]) -> None:
    graph = speczoo.graph(spec)
    made = Drawing(graph, 9, against=speczoo.graph(dict(spec)))
    assert not {box.kind for box in made.whole.walk()} & SIGNS.keys()
    assert made.difference is not None
    assert not made.difference


def without(*ids: str, **arguments: Any) -> Graph:
    layers = [{**layer, **arguments.get(layer["id"], {})} for layer in NET["layers"] if layer["id"] not in ids]
    return speczoo.graph({**NET, "layers": layers})


def test_what_was_removed_stands_where_it_stood() -> None:
    drawn = changes(without(), without("bn"), diff(without(), without("bn")))
    assert [(box.name, box.kind) for box in drawn.boxes[1:-1]] == [
        ("conv", "same"),
        ("\u2212 bn", "removed"),
        ("act", "same"),
        ("pool", "same"),
    ]
    assert {(0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (4, 5)} == {(link.source, link.target) for link in drawn.links}
    back = changes(without("bn"), without(), diff(without("bn"), without()))
    assert [(box.name, box.kind) for box in back.boxes[1:-1]][1] == ("+ bn", "added")


def test_of_a_part_the_ends_are_its_own() -> None:
    made = Drawing(without("bn"), first="conv", last="act", against=without()).diagram
    assert [box.line for box in made.boxes] == [
        "input 3x8x8",
        "conv Conv2d 4, 3\u00d73",
        "\u2212 bn BatchNorm2d",
        "act ReLU",
        "output 4x8x8",
    ]


def test_what_changed_says_from_what_to_what() -> None:
    new = without(conv={"out_channels": 8}, act={"op": "GELU"})
    made = Drawing(new, against=without())
    assert [box.line for box in made.diagram.boxes[1:4]] == [
        "~ conv Conv2d 4, 3\u00d73 \u2192 8, 3\u00d73",
        "bn BatchNorm2d",
        "~ act ReLU \u2192 GELU",
    ]
    assert "out_channels: 4 \u2192 8" in made.diagram.boxes[1].facts
    assert made.subtitle.startswith("against net \u00b7 +")


def test_what_nothing_takes_is_drawn_where_it_changed() -> None:
    old, same = ({"id": name, "op": "Parameter", "shape": [4], "unused": True} for name in ("old", "same"))
    both = (old, same), ({**old, "shape": [5]}, same)
    graphs = [
        speczoo.graph({**NET, "layers": [NET["layers"][0], *each, {**NET["layers"][1], "from": "conv"}]})
        for each in both
    ]
    assert [box.name for box in marked(*graphs)["changed"]] == ["~ old"]
    assert not {"old", "same"} & {box.name for box in diagram(graphs[0]).walk()}
    assert "same" not in {box.name.split()[-1] for boxes in marked(*graphs).values() for box in boxes}


def test_blocks_are_unfolded_where_something_changed() -> None:
    made = speczoo.draw("resnet34", against="resnet18").diagram
    layer1, layer2 = (box for box in made.boxes if box.name in ("layer1", "layer2"))
    assert layer1.inside is not None
    assert [(box.count, box.kind) for box in layer1.inside.boxes[1:-1]] == [(2, "same"), (1, "added")]
    assert layer2.inside is not None
    assert all(box.inside is None for box in layer2.inside.boxes)
    assert [(box.count, box.kind) for box in layer2.inside.boxes[1:-1]] == [(1, "same"), (1, "same"), (2, "added")]


@pytest.mark.parametrize("form", ["svg", "html", "mermaid", "dot", "tikz", "png", "pdf"])
def test_it_is_in_every_format(form: str) -> None:
    if form in ("png", "pdf"):
        pytest.importorskip("matplotlib")
    made = Drawing(without("act", conv={"out_channels": 8}), against=without())
    text = made.file(form)
    assert text == Drawing(without("act", conv={"out_channels": 8}), against=without()).file(form)
    if form not in ("png", "pdf"):
        kinds = [b"changed", b"removed"] if form != "dot" else [CHANGES["changed"].light.fill.encode()]
        assert all(kind in text for kind in kinds)


def test_of_a_file_and_what_git_has_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layers = "  - {id: fc, op: Linear, out_features: $w}\n  - {id: act, op: ReLU}\n"
    text = f"spec: 1\nname: net\ninput: [4]\nparams: {{w: 8}}\nlayers:\n{layers}"
    who = {f"GIT_{role}_{key}": "a@b" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    Path("net.yaml").write_text(text)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run(["git", *arguments], check=True, env={**os.environ, **who})
    Path("net.yaml").write_text(text.replace("ReLU", "GELU"))

    def zoo(*arguments: str, given: str | None = None) -> Any:
        return CliRunner().invoke(cli, ["draw", *arguments, "--format", "mermaid"], input=given)

    assert "ReLU #8594; GELU" in zoo("net.yaml", "--against", "HEAD:net.yaml").stdout
    assert "GELU #8594; ReLU" in zoo("HEAD:net.yaml", "--against", "net.yaml").stdout
    assert "ReLU #8594; GELU" in zoo("-", "--against", "HEAD:net.yaml", given=Path("net.yaml").read_text()).stdout
    assert "Linear 4 #8594; 8" in zoo("net.yaml", "--against", "net.yaml", "--set-against", "w=4").stdout
    same = zoo("net.yaml", "--against", "net.yaml", "--set", "w=4")
    assert same.stderr == "no difference\n"
    assert ":::changed" not in same.stdout
    for wrong, message in (
        (["net.yaml", "--against", "HEAD~7:net.yaml"], "git knows no revision"),
        (["net.yaml", "--set-against", "w=4"], "are of the network that --against names"),
        (["-", "--against", "-"], "standard input is one network"),
        (["net.yaml", "--against", "net.yaml", "--style", "paper"], "boxes that nest"),
    ):
        found = zoo(*wrong, given=text)
        assert found.exit_code == 2
        assert message in found.stderr
