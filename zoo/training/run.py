"""A run's folder: the recipe as it was run, its history, its checkpoints, its weights, its result, its pictures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import zoo

from . import cookbook
from . import recipe as r
from .errors import RunError

WEIGHTS = "model.pt"


@dataclass(frozen=True)
class Run:
    """`facts` is run.json: recipe, classes, statistics, shape of an input, and where the data was."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path, facts: dict[str, Any]) -> Run:
        run = cls(path, facts)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the run's folder {path}: {error.strerror}") from error
        run.write("run.json", json.dumps(facts, indent=1))
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Raises RunError when the folder is not one of a run."""
        path = Path(path)
        try:
            facts = json.loads((path / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{path} is not a run: it has no run.json", "`zoo train RECIPE -o DIR` makes one") from error
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {path / 'run.json'}: {error}") from error
        if not isinstance(facts, dict) or not {"recipe", "classes", "mean", "std", "input"} <= facts.keys():
            raise RunError(f"{path / 'run.json'} is not what `zoo train` writes")
        return cls(path, facts)

    @property
    def recipe(self) -> r.Recipe:
        return cookbook.load(self.facts["recipe"])

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.facts["classes"])

    @property
    def history(self) -> list[dict[str, float]]:
        path = self.path / "history.json"
        return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []

    @property
    def checkpoint(self) -> Path | None:
        path = self.path / "checkpoints" / "last.ckpt"
        return path if path.is_file() else None

    def write(self, name: str, text: str) -> None:
        """All or nothing: a full disk or a killed process leaves the file as it was."""
        target = self.path / name
        part = target.with_name(target.name + ".part")
        try:
            part.write_text(text, encoding="utf-8")
            os.replace(part, target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise RunError(f"cannot write {target}: {error.strerror}", "the run's last checkpoint is kept") from error

    def save_weights(self, model: nn.Module) -> None:
        target = self.path / WEIGHTS
        part = target.with_name(target.name + ".part")
        try:
            torch.save({key: value.detach().cpu() for key, value in model.state_dict().items()}, part)
            os.replace(part, target)
        except (OSError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            raise RunError(f"cannot write {target}: {error}", "the run's last checkpoint is kept") from error

    def weights(self) -> dict[str, Tensor]:
        """The finished weights, else those of the last checkpoint; nothing but tensors is ever unpickled."""
        path = self.path / WEIGHTS
        try:
            if path.is_file():
                return dict(torch.load(path, map_location="cpu", weights_only=True))
            if self.checkpoint is not None:
                state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)["state_dict"]
                return {key.removeprefix("model."): value for key, value in state.items()}
        except Exception as error:
            raise RunError(f"cannot read the weights in {self.path}: {error}") from error
        raise RunError(f"{self.path} has no weights yet", f"zoo train --resume {self.path}")

    def model(self, model: nn.Module | None = None) -> nn.Module:
        """The trained network in evaluation mode; `model` is filled in place of a newly built one."""
        network = model if model is not None else build(self.recipe, self.facts["input"])
        try:
            network.load_state_dict(self.weights())
        except RuntimeError as error:
            raise RunError(f"the weights in {self.path} are not of this network: {error}") from error
        return network.eval()


def build(recipe: r.Recipe, shape: list[int] | None = None) -> nn.Module:
    """The recipe's network, with freshly drawn weights that its seed determines."""
    network = recipe.network
    built: nn.Module = zoo.build(network.name, input=network.input or shape, seed=recipe.seed, **network.params)
    return built
