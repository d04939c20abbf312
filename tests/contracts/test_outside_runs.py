"""A recipe and a run take their network from their own folder, and write into no other: none is left by a link."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.sandboxes import CANARY, draw, recipe, resume, snapshot, spec, zoo

PICTURES = [
    "predictions.png", "predictions.svg", "confusion_matrix.png", "loss_and_accuracy.svg", "report.html", "curves.png",
    "landscape.svg",
]  # fmt: skip
#: What a run's folder holds, and what is resumed writes anew.
STATE = [
    "run.json", "history.json", "model.pt", "result.json", "checkpoints", "checkpoints/last.ckpt", "network",
    "network/net.yaml", "network/parts", "logs", ".lock",
]  # fmt: skip
#: What an earlier session ended with: gone, be it a link, as soon as the run goes on.
ENDED = ("model.pt", "result.json")


@pytest.mark.parametrize("network", ["../private/secret.yaml", "link.yaml", "sub/up/secret.yaml", "{home}/secret.yaml"])
def test_a_recipe_takes_its_network_from_its_own_folder(network: str, sandbox: Path) -> None:
    spec(sandbox / "home" / "dl", "./nothing.yaml", 1, "unused")
    path = recipe(sandbox / "home" / "dl", sandbox, network.format(home=sandbox / "home"))
    before = snapshot(sandbox / "home")
    for arguments in (["check", path], ["recipes", path], ["train", path], ["data", path], ["lr-find", path]):
        result = zoo(*arguments)
        assert result.exit_code == 1, result.output
        assert "leads out of the folder of this recipe" in result.output
        assert CANARY not in result.output
    assert snapshot(sandbox / "home") == before


def link(run: Path, name: str, target: Path) -> None:
    path = run / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("dangling", [False, True])
def test_no_picture_is_drawn_through_a_link(dangling: bool, run: Path, sandbox: Path) -> None:
    for name in PICTURES:
        link(run, name, sandbox / "home" / ("not-there-yet" if dangling else ".bashrc"))
    outside = _outside(sandbox)
    for arguments in draw(run):
        result = zoo(*arguments)
        assert result.exit_code == 2, f"{arguments}\n{result.output}"
        assert "symbolic link" in result.output
        assert _outside(sandbox) == outside, arguments


@pytest.mark.parametrize("name", STATE)
def test_no_run_goes_on_through_a_link(name: str, run: Path, sandbox: Path) -> None:
    home = sandbox / "home"
    for target in (home / ("private" if "." not in name else ".bashrc"), home / "not-there-yet"):
        link(run, name, target)
        outside = _outside(sandbox)
        result = zoo(*resume(run))
        assert name in ENDED or result.exit_code in (1, 2), f"{name}\n{result.output}"
        assert CANARY not in result.output
        assert _outside(sandbox) == outside


def _outside(sandbox: Path) -> dict[str, tuple[Any, ...]]:
    """The sandbox but for the run's own folder."""
    return {k: v for k, v in snapshot(sandbox).items() if not k.startswith("home/dl/run")}


@pytest.mark.parametrize("dangling", [False, True])
def test_no_search_goes_on_through_a_link(dangling: bool, trained: Path, sandbox: Path) -> None:
    folder = sandbox / "home" / "dl" / "run"
    folder.mkdir()
    (folder / "study.jsonl").symlink_to(sandbox / "home" / ("not-there-yet" if dangling else ".bashrc"))
    outside = _outside(sandbox)
    for more in ([], ["--resume"]):
        result = zoo("search", trained / "recipe.json", "--set", "optimizer.lr=0.1,0.2", "-o", folder, *more)
        assert result.exit_code == 2, result.output
        assert _outside(sandbox) == outside


@pytest.mark.parametrize("network", ["../../secret.yaml", "{home}/secret.yaml", "network/link.yaml"])
def test_a_run_takes_its_network_from_its_own_folder(network: str, run: Path, sandbox: Path) -> None:
    (run / "network" / "link.yaml").symlink_to(sandbox / "home" / "secret.yaml")
    facts = json.loads((run / "run.json").read_text())
    facts["recipe"]["network"]["name"] = network.format(home=sandbox / "home")
    (run / "run.json").write_text(json.dumps(facts))
    before = _outside(sandbox)
    for arguments in [*draw(run), resume(run)]:
        result = zoo(*arguments)
        assert result.exit_code in (1, 2), result.output
        assert "leads out of the folder" in result.output
        assert CANARY not in result.output
    assert _outside(sandbox) == before
