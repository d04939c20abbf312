"""Damaged files of a run are reported by name, and nothing is lost by looking at them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from speczoo.training.errors import RunError
from speczoo.training.run import Run
from tests.training.toys import files, network, run


def _without(*keys: str) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        state = torch.load(path, weights_only=True)
        for key in keys:
            del state[key]
        torch.save(state, path)

    return harm


def _with(**values: Any) -> Callable[[Path], None]:
    return lambda path: torch.save({**torch.load(path, weights_only=True), **values}, path)


HARMS: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("text"),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-500]),
    "flipped": lambda path: path.write_bytes(path.read_bytes()[:64] + b"\0" * 64 + path.read_bytes()[128:]),
    "pickle": lambda path: torch.save({"state_dict": Path("anything")}, path),
    "a list": lambda path: torch.save([1], path),
    "no version": _without("pytorch-lightning_version"),
    "no weights": _without("state_dict"),
    "weights of nothing": _with(state_dict={}),
    "weights of text": _with(state_dict={"model.0.weight": "text"}),
    "a list of weights": _with(state_dict=[1]),
    "no callbacks": _without("callbacks", "optimizer_states"),
    "optimizer": _with(optimizer_states=[{"state": {}, "param_groups": []}]),
    "no history": _without("callbacks"),
    "history": _with(callbacks={"Epochs": {"history": "x"}}),
    "loops": _with(loops={"fit_loop": 3}),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_checkpoint_is_reported(stopped: Path, harm: str) -> None:
    (stopped / "model.pt").unlink()
    before = Run.open(stopped).checkpoint
    assert before is not None
    HARMS[harm](before)
    kept = files(stopped)
    with pytest.raises(RunError) as caught:
        run(None, resume=stopped)
    assert caught.value.exit_code == 2
    assert str(before) in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert files(stopped) == kept


@pytest.mark.parametrize("harm", [harm for harm in HARMS if "weights" in harm or harm in ("text", "empty", "pickle")])
def test_a_damaged_checkpoint_gives_no_weights(stopped: Path, harm: str) -> None:
    (stopped / "model.pt").unlink()
    HARMS[harm](stopped / "checkpoints" / "last.ckpt")
    with pytest.raises(RunError, match=f"{stopped}/checkpoints/last.ckpt: (?!.*weights_only)"):
        Run.open(stopped).model(network())


@pytest.mark.parametrize("text", ["x", "[{}]", "{}", '[{"epoch": 0}]', "[" * 100_000, '[{"epoch": "a"}]', "NaN"])
def test_a_damaged_history_is_reported_and_mended(stopped: Path, text: str) -> None:
    (stopped / "history.json").write_text(text)
    with pytest.raises(RunError, match=r"history\.json"):
        _ = Run.open(stopped).history
    assert run(None, resume=stopped).epochs == len(Run.open(stopped).history) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"mean": ["text"]},
        {"mean": [float("nan")]},
        {"mean": []},
        {"std": 3},
        {"classes": []},
        {"classes": [1]},
        {"input": [1, 12]},
        {"input": [1, -12, 12]},
        {"recipe": "corners"},
        {"data": 7},
    ],
)
def test_damaged_facts_are_reported(stopped: Path, change: dict[str, Any]) -> None:
    facts = json.loads((stopped / "run.json").read_text())
    (stopped / "run.json").write_text(json.dumps({**facts, **change}))
    with pytest.raises(RunError, match=r"run\.json"):
        Run.open(stopped)


def test_a_run_without_weights_is_reported_plainly(stopped: Path) -> None:
    (stopped / "model.pt").unlink()
    (stopped / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(RunError, match=f"^{stopped} has no weights yet"):
        Run.open(stopped).model(network())
