"""Bars for people at a terminal, nothing in pipes, and messages of several processes told apart."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from speczoo.__main__ import cli
from speczoo.training import recipe_loader
from speczoo.training.data import load
from speczoo.training.engine import train
from speczoo.training.evaluate import evaluate
from speczoo.training.landscape import landscape
from speczoo.training.lr_find import lr_find
from tests.training.toys import network, recipe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("watched", [True, False])
def test_what_takes_long_has_a_bar_on_a_terminal(watched: bool, corners: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = recipe_loader.load(recipe(corners))
    dataset, model = load(chosen), network()
    monkeypatch.setattr(sys, "stderr", screen := Terminal() if watched else io.StringIO())
    landscape(model, chosen, dataset, points=3, images=20)
    evaluate(model, dataset, chosen)
    lr_find(model, chosen, dataset, 1e-4, 1e-2, 20)
    for what in ("loss surface", "measuring valid", "learning rates"):
        assert (what in screen.getvalue()) == watched


@pytest.mark.parametrize("limit", [16, 120])
def test_the_bar_shows_loss_and_accuracy_in_short_epochs_too(
    limit: int, corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    plain = recipe(corners, batch_size=8, epochs=1) | {"data": recipe(corners)["data"] | {"limit_train": limit}}
    train(plain, model=network(), out=tmp_path / "run", report=False)
    shown = screen.getvalue().split("\r")
    half = [text for text in shown if f"{limit // 16}/{limit // 8}" in text]
    assert any("loss=" in text and "accuracy=" in text for text in half)


@pytest.mark.parametrize(("name", "value"), [("RANK", "1"), ("LOCAL_RANK", "3"), ("SLURM_PROCID", "12")])
def test_a_process_beside_the_first_says_which_it_is_and_leaves_stdout_alone(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", str(tmp_path / "none"), "--json"]
    first = CliRunner().invoke(cli, words)
    assert json.loads(first.stdout)["ok"] is False
    monkeypatch.setenv(name, value)
    other = CliRunner().invoke(cli, words)
    assert other.exit_code == first.exit_code == 2
    assert other.stdout == ""
    assert other.stderr == first.stderr.replace("error:", f"error in process {value}:")
