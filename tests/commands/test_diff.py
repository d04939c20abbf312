"""`zoo diff`: what it takes, what it prints, what git makes of it, and maps of keys that weights load by."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
import torch
from click.testing import CliRunner

import speczoo
from speczoo.__main__ import cli
from speczoo.key_map import by_order
from speczoo.weights import build_with
from tests.commands.zoo_command import data, zoo

NET = """\
spec: 1
name: net
input: [3, 8, 8]
layers:
  - {id: conv, op: Conv2d, out_channels: 8, kernel_size: 3}
  - {id: act, op: ReLU}
  - {op: Flatten}
  - {op: Linear, out_features: 2}
"""
GELU = NET.replace("ReLU", "GELU")
FAMILY = NET.replace("out_channels: 8", "out_channels: $width") + "params: {width: int}\n"
VARIANTS = "variants: {small: {params: {width: 2}}, large: {params: {width: 4}}}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)


# -- what is printed --------------------------------------------------------------------------------------------------


def test_resnet18_against_resnet34_is_four_rows() -> None:
    title, _, _, _, *rows, _, _, _, _ = zoo("diff", "resnet18", "resnet34").stdout.splitlines()
    assert title == "resnet18 -> resnet34  3x224x224 -> 1000"
    assert [row.split("  ")[:2] for row in rows] == [
        [f"layer{n}", f"2 -> {d} x BasicBlock"] for n, d in enumerate((3, 4, 6, 3), 1)
    ]


def test_another_activation_and_another_norm_are_changes(here: Path) -> None:
    norm = NET.replace("{op: Flatten}", "{id: norm, op: BatchNorm2d}\n  - {op: Flatten}")
    written(here, old=norm, new=norm.replace("ReLU", "GELU").replace("BatchNorm2d}", "GroupNorm, num_groups: 2}"))
    found = zoo("diff", "old.yaml", "new.yaml").stdout
    assert "ReLU -> GELU" in found
    assert "BatchNorm2d -> GroupNorm" in found


def test_exit_code(here: Path) -> None:
    written(here, old=NET, new=GELU, same=f"# a remark\n{NET}")
    zoo("diff", "old.yaml", "new.yaml")
    zoo("diff", "old.yaml", "new.yaml", "--exit-code", code=1)
    assert zoo("diff", "old.yaml", "same.yaml", "--exit-code").stdout.endswith("no difference\n")


def test_json_has_every_change_and_the_numbers(here: Path) -> None:
    found = data("diff", "resnet18", "resnet34")
    assert (found["first"]["params"], found["second"]["params"]) == (11689512, 21797672)
    assert {change["change"] for change in found["changes"]} == {"added"}
    assert sum(change["after"]["params"] for change in found["changes"]) == 21797672 - 11689512
    assert (
        sum(change["after"]["macs"] for change in found["changes"]) == found["second"]["macs"] - found["first"]["macs"]
    )
    assert len(found["keys"]) == 122
    assert {*found["keys"].values(), *found["fresh"]} == {*speczoo.graph("resnet34").state}


def test_parameters_and_inputs_of_each_side(here: Path) -> None:
    both = data("diff", "resnet18", "resnet18", "--set", "num_classes=5")
    assert both["changes"] == []
    one = data("diff", "resnet18", "resnet18", "--set", "num_classes=5", "--set-new", "num_classes=2")
    assert one["changes"][0]["details"] == [{"what": "out_features", "before": 5, "after": 2}]
    sized = data("diff", "resnet18", "resnet18", "--input-old", "3x64x64", "--input", "3x32x32")
    assert (sized["first"]["inputs"], sized["second"]["inputs"]) == ({"input": [3, 64, 64]}, {"input": [3, 32, 32]})
    assert sized["same"] is False


def test_variants_of_two_files_are_compared_one_by_one(here: Path) -> None:
    more = VARIANTS.replace("width: 4", "width: 6").replace("}}}", "}}, huge: {params: {width: 9}}}")
    written(here, old=FAMILY + VARIANTS, new=FAMILY + more)
    found = zoo("diff", "old.yaml", "new.yaml").stdout
    assert "old.yaml:large -> new.yaml:large" in found
    assert "new.yaml:huge: added" in found
    assert ":small" not in found
    assert data("diff", "old.yaml:small", "new.yaml:large")["second"]["name"] == "large"


def test_markdown_is_a_table_of_github_and_nothing_more(here: Path) -> None:
    hostile = NET.replace("name: net", 'name: net\ntitle: "<b>|x|</b>"').replace("id: act", "id: act_1")
    written(here, old=NET, new=hostile)
    text = zoo("diff", "old.yaml", "new.yaml", "--markdown").stdout
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == "| Layer | Change | Output | Parameters | MACs |"
    assert rows[1] == "| --- | --- | ---: | ---: | ---: |"
    assert rows[2].startswith("| `act → act_1` | renamed ReLU |")
    assert all(line.count("|") == 6 for line in rows)
    assert "<" not in text


def test_what_computes_the_same_says_so(here: Path) -> None:
    written(here, old=NET, new=NET.replace("id: act", "id: relu"))
    assert "Computes    the same" in zoo("diff", "old.yaml", "new.yaml").stdout


@pytest.mark.parametrize("names", [("a", "b", "c"), ("-", "-"), ("resnet18", "-", "x", "y")])
def test_what_makes_no_sense_is_refused(names: tuple[str, ...]) -> None:
    assert "two networks are compared" in zoo("diff", *names, code=2).stderr


# -- git --------------------------------------------------------------------------------------------------------------

Git: TypeAlias = Callable[..., str]
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


@pytest.fixture
def git(here: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository in which `sub/net.yaml` was committed, and changed since; what git prints of a command."""
    bin = Path(sys.executable).parent
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{bin}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def run(*words: str, **environment: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e", *words]
        done = subprocess.run(
            command, cwd=here, capture_output=True, text=True, env={**os.environ, **environment}, check=True
        )
        return done.stdout

    run("init", "-q")
    (here / "sub").mkdir()
    written(here / "sub", net=NET)
    run("add", "-A")
    run("commit", "-q", "-m", "one")
    written(here / "sub", net=GELU)
    return run


@needs_git
def test_a_revision_is_read_from_git(git: Git, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, old, new in [
        (here, "HEAD:sub/net.yaml", "sub/net.yaml"),
        (here / "sub", "HEAD:sub/net.yaml", "net.yaml"),  # from the top of the repository, as git has it
        (here / "sub", "HEAD:net.yaml", "net.yaml"),  # from here, as paths are
        (here / "sub", "HEAD:./net.yaml", "../sub/net.yaml"),
    ]:
        monkeypatch.chdir(folder)
        assert "ReLU -> GELU" in zoo("diff", old, new).stdout
    monkeypatch.chdir(here / "sub")
    assert zoo("diff", "net.yaml").stdout.startswith("HEAD:net.yaml -> net.yaml")
    piped = CliRunner().invoke(cli, ["diff", "HEAD:net.yaml", "-", "--exit-code"], input=GELU)
    assert piped.exit_code == 1
    assert piped.stdout.startswith("HEAD:net.yaml -> <stdin>")


@needs_git
def test_a_file_of_a_revision_uses_the_files_of_that_revision(git: Git, here: Path) -> None:
    using = "spec: 1\nname: top\ninput: [3, 8, 8]\nuse: {Net: ./sub/net.yaml}\nlayers: [{id: net, op: Net}]\n"
    (here / "top.yaml").write_text(using)
    git("add", "top.yaml")
    git("commit", "-q", "-m", "two")
    found = data("diff", "HEAD:top.yaml", "top.yaml")
    assert [change["details"][0]["after"] for change in found["changes"]] == ["GELU"]
    (here / "top.yaml").write_text(using.replace("./sub/net.yaml", "../secret.yaml"))
    git("commit", "-qam", "three")
    assert "leads out of the folder" in zoo("diff", "HEAD:top.yaml", "resnet18", code=1).stderr


@needs_git
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("nowhere:sub/net.yaml", "git knows no revision `nowhere`"),
        ("HEAD~9:sub/net.yaml", "git knows no revision `HEAD~9`"),
        ("HEAD:gone.yaml", "there is no file gone.yaml in HEAD"),
        ("HEAD:../../etc/net.yaml", "there is no file ../../etc/net.yaml in HEAD"),
        ("HEAD:/etc/net.yaml", "there is no file"),
        ("--output=pwned:net.yaml", "`--output=pwned` is no revision"),
        ("HEAD --help:net.yaml", "git knows no revision"),
        ("$(touch pwned):net.yaml", "git knows no revision"),
        ("HEAD^{tree}:sub/net.yaml", "git knows no revision"),
    ],
)
def test_what_git_does_not_have_is_reported(git: Git, here: Path, asked: str, words: str) -> None:
    done = CliRunner().invoke(cli, ["diff", "--", asked, "sub/net.yaml"])
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (here / "pwned").exists()


@pytest.mark.parametrize("alone", ["resnet18", "HEAD:net.yaml", "-"])
def test_what_is_no_file_of_its_own_is_not_compared_with_git(alone: str) -> None:
    assert "two networks are compared" in zoo("diff", alone, code=2).stderr


def test_without_a_repository_and_without_git(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(here, net=NET)
    if shutil.which("git"):
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(here.parent))
        assert "in no git repository" in zoo("diff", "net.yaml", code=2).stderr
    monkeypatch.setenv("PATH", str(here))
    assert "git is not installed" in zoo("diff", "net.yaml", code=2).stderr


@needs_git
def test_git_shows_resolved_networks_as_text(git: Git, here: Path) -> None:
    """As zoo/README.md sets it up; a spec that is wrong is shown as it is."""
    (here / ".gitattributes").write_text("*.yaml diff=zoo\n")
    git("config", "diff.zoo.textconv", 'sh -c \'zoo show --resolved "$0" 2>/dev/null || cat "$0"\'')
    shown = git("diff", "sub/net.yaml")
    assert "-  - {id: act, op: ReLU}\n+  - {id: act, op: GELU}\n" in shown
    assert "expect: {params: 802" in shown
    written(here / "sub", net=NET.replace("ReLU", "Nothing"))
    assert "+  - {id: act, op: Nothing}" in git("diff", "sub/net.yaml")


@needs_git
def test_git_takes_it_for_its_external_diff(git: Git, here: Path) -> None:
    assert "ReLU -> GELU" in git("diff", GIT_EXTERNAL_DIFF="zoo diff")
    written(here / "sub", net=f"# a remark\n{NET}")
    assert git("diff", GIT_EXTERNAL_DIFF="zoo diff") == "sub/net.yaml: the same network\n"
    written(here / "sub", net=NET.replace("ReLU", "Nothing"))
    assert "+  - {id: act, op: Nothing}" in git("diff", GIT_EXTERNAL_DIFF="zoo diff")
    (here / "new.yaml").write_text(NET)
    git("add", "-N", "new.yaml")
    assert "new.yaml: added\n" in git("diff", GIT_EXTERNAL_DIFF="zoo diff")
    git("mv", "-f", "sub/net.yaml", "moved.yaml")
    assert "moved.yaml" in git("diff", "HEAD", "-M", "--ext-diff", GIT_EXTERNAL_DIFF="zoo diff")


def test_a_file_that_git_moved_is_called_by_both_its_names(here: Path) -> None:
    """Of a file with another name git passes nine arguments."""
    written(here, old=NET, new=NET.replace("ReLU", "GELU"))
    sides = [word for name in ("old", "new") for word in (f"{name}.yaml", "0" * 40, "100644")]
    moved = zoo("diff", "net.yaml", *sides, "moved.yaml", "similarity index 90%").stdout
    assert moved.startswith("a/net.yaml -> b/moved.yaml")
    assert zoo("diff", "net.yaml", *sides).stdout.startswith("a/net.yaml -> b/net.yaml")


@pytest.mark.parametrize("option", [["--markdown"], ["--set-old", "a=1"], ["--input-old", "3x8x8"]])
def test_what_is_of_a_network_is_refused_where_a_file_of_weights_is_compared(here: Path, option: list[str]) -> None:
    assert f"{option[0]} is of a network" in zoo("diff", "old.pt", "lenet5", *option, code=2).stderr


def test_a_file_of_weights_has_changed_where_not_all_fits_by_name(here: Path) -> None:
    written(here, net="spec: 1\nname: net\ninput: [3]\nlayers: [{id: x, op: Linear, out_features: 2}]\n")
    right = {"x.weight": torch.zeros(2, 3), "x.bias": torch.zeros(2)}
    others = [
        {f"y{key}": value for key, value in right.items()},
        {**right, "z": torch.zeros(1)},
        {"x.bias": right["x.bias"]},
    ]
    for code, state in [(0, right), *((1, other) for other in others)]:
        torch.save(state, "model.pt")
        for form in ([], ["--json"], ["--map", "-"]):
            zoo("diff", "model.pt", "net.yaml", "--exit-code", *form, code=code)
        zoo("diff", "model.pt", "net.yaml")


# -- maps of keys -----------------------------------------------------------------------------------------------------


def test_weights_of_a_network_load_into_one_with_another_block(here: Path) -> None:
    old = speczoo.build("cifar_resnet20", seed=0)
    torch.save(old.state_dict(), "old.pt")
    zoo("diff", "cifar_resnet20", "cifar_resnet32", "--map", "keys.json")
    zoo("build", "cifar_resnet32", "--weights", "old.pt", "--map", "keys.json", "-o", "new.pt")
    names, new = json.loads(Path("keys.json").read_text()), torch.load("new.pt")
    assert {*names} == {*old.state_dict()}
    assert all(torch.equal(new[names[key]], value) for key, value in old.state_dict().items())


def renamed_as_by_hand(state: dict[str, Any]) -> dict[str, Any]:
    """As somebody else's code calls the same modules, one after the other."""
    modules = list(dict.fromkeys(key.rpartition(".")[0] for key in state))
    return {f"m{modules.index(k.rpartition('.')[0])}.{k.rpartition('.')[2]}": v for k, v in state.items()}


def test_a_checkpoint_with_names_of_its_own_loads_after_a_look_at_the_map(here: Path) -> None:
    state = speczoo.build("cifar_resnet20", seed=1).state_dict()
    torch.save(renamed_as_by_hand(state), "model.pt")
    assert "does not fit" in zoo("build", "cifar_resnet20", "--weights", "model.pt", code=2).stderr
    shown = zoo("diff", "model.pt", "cifar_resnet20", "--map", "keys.json").stdout
    assert f"{len(state)} of {len(state)} tensors fit, of {len(state)} that cifar_resnet20 has" in shown
    assert "as likely" not in shown
    zoo("build", "cifar_resnet20", "--weights", "model.pt", "--map", "keys.json", "-o", "new.pt")
    new = torch.load("new.pt")
    assert all(torch.equal(new[key], value) for key, value in state.items())


@pytest.mark.parametrize("seed", range(3))
def test_permuted_names_find_each_other(seed: int) -> None:
    wanted = speczoo.graph("resnet18").state
    shuffled = [*wanted.items()]
    Random(seed).shuffle(shuffled)
    found = by_order(dict(shuffled), wanted)
    assert found.keys == {key: key for key in wanted}
    assert not found.unsure


def test_what_another_tensor_is_as_likely_for_is_reported(here: Path) -> None:
    came = {"a.weight": (4, 4), "b.weight": (4, 4), "c.weight": (4, 2)}
    found = by_order(came, {"x.weight": (4, 4), "y.weight": (4, 2)})
    assert found.keys["c.weight"] == "y.weight"
    assert {*found.keys} - {"c.weight"} == {*found.unsure}
    torch.save({key: torch.zeros(shape) for key, shape in came.items()}, "model.pt")
    layers = (
        "layers: [{id: x, op: Linear, bias: false, out_features: 4}, {id: y, op: Linear, bias: false, out_features: 4}]"
    )
    written(here, net=f"spec: 1\nname: net\ninput: [4]\n{layers}\n")
    assert "has no place" in zoo("diff", "model.pt", "net.yaml").stdout
    assert data("diff", "model.pt", "net.yaml")["left"] == ["c.weight"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "no map of keys"),
        ('{"a": 1}', "no map of keys"),
        ("{", "no JSON"),
        ('{"0.weight": "x", "0.bias": "x"}', "more than one key"),
        ('{"gone": "0.weight"}', "has not all that the map names"),
    ],
)
def test_a_map_that_is_none_is_refused(here: Path, text: str, words: str) -> None:
    written(here, net="spec: 1\nname: net\ninput: [3]\nlayers: [{op: Linear, out_features: 2}]\n")
    torch.save({"0.weight": torch.zeros(2, 3), "0.bias": torch.zeros(2)}, "model.pt")
    Path("keys.json").write_text(text)
    assert words in zoo("build", "net.yaml", "--weights", "model.pt", "--map", "keys.json", code=2).stderr


def test_what_a_map_leaves_out_is_reported(here: Path) -> None:
    graph = speczoo.graph({"spec": 1, "name": "net", "input": [3], "layers": [{"op": "Linear", "out_features": 2}]})
    state = {"w": torch.ones(2, 3), "old": torch.zeros(9)}
    report: Any = build_with(graph, state, keys={"w": "0.weight", "old": None}).load_report
    assert (report.loaded, report.missing, report.unexpected) == (("0.weight",), ("0.bias",), ("old",))


def test_a_map_is_not_written_over_another_file(here: Path) -> None:
    Path("keys.json").write_text("mine")
    assert "--force" in zoo("diff", "lenet5", "lenet5_c5", "--map", "keys.json", code=2).stderr
    assert Path("keys.json").read_text() == "mine"
    zoo("diff", "lenet5", "lenet5_c5", "--map", "keys.json", "--force")
    assert json.loads(Path("keys.json").read_text())


def test_maps_are_of_two_networks_and_of_weights(here: Path) -> None:
    written(here, old=FAMILY + VARIANTS)
    assert "name a variant" in zoo("diff", "old.yaml", "old.yaml", "--map", "keys.json", code=2).stderr
    assert "--map is of the keys" in zoo("build", "lenet5", "--map", "keys.json", code=2).stderr
