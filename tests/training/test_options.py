"""What training takes beside a recipe: devices, loggers, processes, seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from speczoo.specs.errors import SpecError
from speczoo.training.engine import Result, train
from speczoo.training.errors import OptionError
from speczoo.training.process_rank import leads
from tests.training.toys import network, recipe


def options(corners: Path, tmp_path: Path, changes: dict[str, Any] | None = None, **given: Any) -> Result:
    return train(
        recipe(corners, epochs=1, **(changes or {})),
        model=network(), out=tmp_path / "run", report=False, quiet=True, **given,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"devices": 0}, "a number from 1 on, or `auto`"),
        ({"devices": "-3"}, "a number from 1 on, or `auto`"),
        ({"devices": "abc"}, "a number from 1 on, or `auto`"),
        ({"devices": 9999, "strategy": "ddp"}, "9999 processes are too many"),
        ({"strategy": "nonsense"}, "nonsense"),
        ({"strategy": "fsdp"}, "fsdp"),
        ({"accelerator": "nonsense"}, "nonsense"),
        ({"num_nodes": 3, "strategy": "ddp"}, "where the other 2 machines are"),
        ({"num_nodes": 0}, "num_nodes"),
        ({"logger": "wandb"}, "no logger 'wandb'"),
    ],
)
def test_options_that_cannot_be_taken(corners: Path, tmp_path: Path, given: dict[str, Any], reported: str) -> None:
    with pytest.raises(OptionError, match=reported) as caught:
        options(corners, tmp_path, **{"accelerator": "cpu", **given})
    assert caught.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_a_logger_that_is_not_installed(corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speczoo.training.trainer.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="pip install tensorboard"):
        options(corners, tmp_path, logger="tensorboard")
    options(corners, tmp_path, logger="csv")
    assert list((tmp_path / "run" / "logs").rglob("metrics.csv"))


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_one_process_leads(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert leads()
    monkeypatch.setenv(name, "0")
    assert leads()
    monkeypatch.setenv(name, "1")
    assert not leads()


@pytest.mark.parametrize("seed", [-4, 2**70])
def test_seeds_are_those_of_a_recipe(corners: Path, tmp_path: Path, seed: int) -> None:
    with pytest.raises(SpecError, match="seed"):
        options(corners, tmp_path, seed=seed)
