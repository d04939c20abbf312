"""Where things lie: a network beside its recipe, a copy of it in the run, and nothing that is overwritten unasked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import speczoo as zoo_face
from speczoo import specialize
from speczoo.__main__ import cli
from tests.training.toys import recipe

BLOCK = {"spec": 1, "name": "Block", "input": [4, 6, 6], "layers": [{"op": "ReLU"}]}
SPEC = {
    "spec": 1,
    "name": "tiny",
    "input": [1, 12, 12],
    "params": {"num_classes": 4},
    "use": {"Block": "parts/block.json"},
    "layers": [
        {"op": "Conv2d", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
        {"op": "Block"},
        {"op": "Flatten"},
        {"op": "Linear", "out_features": "$num_classes"},
    ],
    "variants": {"three": {"params": {"num_classes": 3}}, "four": {"params": {"num_classes": 4}}},
}


def zoo(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture
def home(corners: Path, tmp_path: Path) -> Path:
    """A folder with a recipe, its network beside it, and a part of that below."""
    root = tmp_path / "home"
    (root / "parts").mkdir(parents=True)
    (root / "parts" / "block.json").write_text(json.dumps(BLOCK))
    (root / "tiny.json").write_text(json.dumps(SPEC))
    (root / "mine.json").write_text(json.dumps(recipe(corners, network="tiny.json:four", epochs=2)))
    return root


def test_a_run_carries_its_network(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made from elsewhere, moved, and the network edited: it can be gone on with and measured all the same."""
    monkeypatch.chdir(tmp_path)
    done = zoo("train", "home/mine.json", "--stop-after", 1, "--no-report", "-q", "-o", "run", "--accelerator", "cpu")
    assert done.exit_code == 0, done.output
    assert json.loads(Path("run/run.json").read_text())["recipe"]["network"]["name"] == "network/tiny.json:four"
    shutil.move("run", "moved")
    shutil.rmtree("home")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = zoo("train", "--resume", "../moved", "--no-report", "-q", "--json", "--accelerator", "cpu")
    assert done.exit_code == 0, done.output
    accuracy = json.loads(done.stdout.splitlines()[-1])["accuracy"]
    measured = zoo("evaluate", tmp_path / "moved", "--json")
    assert json.loads(measured.stdout)["accuracy"] == accuracy


def test_the_files_of_a_network(home: Path) -> None:
    graph = zoo_face.graph(f"{home}/tiny.json:four", input=[1, 12, 12])
    assert specialize.companions(graph) == {Path("parts/block.json"): (home / "parts" / "block.json").read_bytes()}
    assert zoo("recipes", home / "mine.json").exit_code == 0
