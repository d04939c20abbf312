"""A checkpoint may come from a stranger: what it says about places is nobody's order to touch them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from speczoo.training.engine import train
from tests.training.toys import network, recipe


def stated(value: Any, place: str, key: object = None, kept: tuple[str, ...] = ()) -> Any:
    """Plain data with `place` for every text in it, but for those under the keys that are kept."""
    if isinstance(value, dict):
        return {inner: stated(held, place, inner, kept) for inner, held in value.items()}
    if isinstance(value, list):
        return [stated(held, place, key, kept) for held in value]
    return place if isinstance(value, str) and key not in kept else value


@pytest.mark.parametrize("kept", [(), ("dirpath",)], ids=["moved", "where it was"])
@pytest.mark.parametrize("spelling", ["{victim}", "{run}/checkpoints/../../victim", "local://{victim}"])
def test_a_checkpoint_has_nothing_removed(spelling: str, kept: tuple[str, ...], corners: Path, tmp_path: Path) -> None:
    run, victim = tmp_path / "run", tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("mine")
    options: dict[str, Any] = {"accelerator": "cpu", "report": False, "quiet": True}
    train(recipe(corners, epochs=2), model=network(), out=run, stop_after=1, **options)
    path = run / "checkpoints" / "last.ckpt"
    state = torch.load(path, weights_only=True)
    place = spelling.format(victim=victim, run=run)
    hostile = stated(state["callbacks"], place, kept=kept)
    assert any(place in callback.values() for callback in hostile.values()), "no callback keeps a path"
    torch.save({**state, "callbacks": hostile}, path)
    train(resume=run, model=network(), **options)
    assert (victim / "precious").read_text() == "mine"
    assert os.listdir(run / "checkpoints") == ["last.ckpt"]
