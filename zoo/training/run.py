"""A run's folder: the recipe as it was run, its history, its checkpoints, its weights, its result, its pictures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, TypeAdapter, ValidationError
from torch import Tensor, nn

import zoo
from zoo import catalogue
from zoo.limits import LimitExceeded, current

from . import cookbook
from . import data as datasets
from . import recipe as r
from .dataset import Dataset
from .errors import DataError, RunError
from .files import read_tensors, replacing
from .memory import must_fit

WEIGHTS, RESULT, HISTORY, FACTS = "model.pt", "result.json", "history.json", "run.json"
DIGITS = 64  # of a whole number in one of them
NETWORK = Path("network")  # the folder in a run's folder


class Facts(BaseModel):
    """What run.json has to say before anything is done with it."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    recipe: dict[str, Any]
    classes: Annotated[list[str], Field(min_length=1)]
    mean: list[float]
    std: list[float]
    input: Annotated[list[PositiveInt], Field(min_length=3, max_length=3)]
    data: str | None = None
    module: str | None = None  # the class of a network that came from Python, in place of the recipe's


class Row(BaseModel):
    """An epoch in history.json; the recipe's metrics stand beside."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, FiniteFloat]

    epoch: int
    train_loss: float
    valid_loss: float
    accuracy: float
    seconds: float


def rows(value: Any) -> list[dict[str, float]]:
    """A history out of a file that somebody may have edited. Raises ValidationError."""
    return [row.model_dump() for row in TypeAdapter(list[Row]).validate_python(value)]


def _first(error: ValidationError) -> str:
    mistake = error.errors()[0]
    return ".".join(map(str, mistake["loc"])) + f": {mistake['msg'][:1].lower()}{mistake['msg'][1:]}"


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number in it has {len(digits):,} digits, and {DIGITS} are the most")
    return int(digits)


@dataclass(frozen=True)
class Run:
    """`facts` is run.json: recipe, classes, statistics, shape of an input, and where the data was."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Raises RunError when the folder is not one of a run."""
        run = cls(Path(path))
        if not (run.path / FACTS).exists():
            raise RunError(f"{path} is not a run: it has no {FACTS}", "`zoo train RECIPE -o DIR` makes one")
        facts = run.read_json(FACTS)
        try:
            said = Facts.model_validate(facts)
        except ValidationError as error:
            raise RunError(f"{run.path / FACTS} is not what `zoo train` writes: {_first(error)}") from error
        if not said.input[0] == len(said.mean) == len(said.std):
            raise RunError(f"{run.path / FACTS} has statistics of another number of channels than its input")
        return replace(run, facts=facts)

    def begin(self) -> None:
        """Makes the folder what it is while the run goes on: what an earlier session ended with is there no more.

        So there is one state of a run: its last checkpoint, until `model.pt` is written at the end.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name in (WEIGHTS, RESULT):
                (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the run's folder {self.path}: {error.strerror}") from error
        network = self.facts["recipe"]["network"]
        self.facts["recipe"]["network"] = {**network, "name": self.keep_network(network["name"])}
        self.write_json(FACTS, self.facts)

    def taken(self) -> list[str]:
        """Which of the files that a run writes the folder holds."""
        names = (FACTS, HISTORY, WEIGHTS, RESULT, "checkpoints", "report.html")
        return [name for name in names if (self.path / name).exists()]

    @property
    def recipe(self) -> r.Recipe:
        return cookbook.load(self.facts["recipe"], home=self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.facts["classes"])

    @property
    def history(self) -> list[dict[str, float]]:
        """A row for each finished epoch. Raises RunError where it is damaged."""
        path = self.path / HISTORY
        try:
            found = rows(self.read_json(HISTORY)) if path.is_file() else []
        except ValidationError as error:
            raise RunError(
                f"{path} is not what `zoo train` writes: {_first(error)}",
                f"`zoo train --resume {self.path}` writes it anew",
            ) from error
        wanted = set(self.recipe.metrics)
        if not all(wanted <= row.keys() for row in found):
            raise RunError(f"{path} lacks metrics of the recipe", f"`zoo train --resume {self.path}` writes it anew")
        return found

    @property
    def checkpoint(self) -> Path | None:
        path = self.path / "checkpoints" / "last.ckpt"
        return path if path.is_file() else None

    def read_json(self, name: str) -> Any:
        path = self.path / name
        try:
            with path.open("rb") as file:
                current().hold("json", os.fstat(file.fileno()).st_size, f"{path} has", "bytes")
                return json.loads(file.read(current().json), parse_int=_whole)
        except LimitExceeded as error:
            raise RunError(error.message, error.help) from error
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise RunError(f"cannot read {path}: {error}") from error

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, json.dumps(value, indent=1, allow_nan=False))

    def write(self, name: str, text: str) -> None:
        """All or nothing: a full disk or a killed process leaves the file as it was."""
        with replacing(self.path / name) as file:
            file.write(text.encode())

    def keep_network(self, name: str) -> str:
        """Copies a network that is named by a path into the run, with the files that it uses; returns its path there.

        So a run can be read wherever it lies, and stays what it was when somebody edits the network.
        """
        if not catalogue.is_path(name) or not catalogue.split(name)[0].is_file():
            return name
        first, variant = catalogue.split(name)
        for file in cookbook.network_files(name):
            with replacing(self.path / NETWORK / file.relative_to(first.parent.resolve())) as copy:
                copy.write(file.read_bytes())
        return f"{(NETWORK / first.name).as_posix()}{f':{variant}' if variant else ''}"

    def save_weights(self, model: nn.Module) -> None:
        with replacing(self.path / WEIGHTS) as file:
            torch.save({key: value.detach().cpu() for key, value in model.state_dict().items()}, file)

    def weights(self) -> dict[str, Tensor]:
        """The weights that the last session ended with; while a run goes on, or was killed, its last checkpoint's."""
        path = self.path / WEIGHTS
        if path.is_file():
            found = read_tensors(path)
        elif self.checkpoint is not None:
            path = self.checkpoint
            state = read_tensors(path).get("state_dict")
            items = state.items() if isinstance(state, dict) else ()
            found = {str(key).removeprefix("model."): value for key, value in items}
        else:
            raise RunError(f"{self.path} has no weights yet", f"zoo train --resume {self.path}")
        if not found or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
            raise RunError(f"cannot read {path}: it does not hold a network's weights")
        return found

    def model(self, model: nn.Module | None = None) -> nn.Module:
        """The trained network in evaluation mode; `model` is filled in place of a newly built one."""
        self.check_module(model)
        weights = self.weights()
        network = model if model is not None else build(self.recipe, self.facts["input"])
        _refuse_kinds(weights, network.state_dict(), self.path)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise RunError(f"the weights in {self.path} are not of this network: {error}") from error
        return network.eval()

    def check_module(self, model: nn.Module | None) -> None:
        """A network that came from Python is nowhere on the disk: raises RunError where it has to be given again."""
        module = self.facts.get("module")
        if model is None and module is not None:
            raise RunError(
                f"{self.path} trained a module from Python, {module}, not the recipe's network",
                "give it again, from Python: zoo.train(resume=..., model=...), or Run.open(...).model(...)",
            )

    def dataset(self, root: str | Path | None = None) -> Dataset:
        """The run's data, or that in another folder, with the statistics it was trained by. Raises DataError."""
        found = datasets.load(self.recipe, root or self.facts.get("data"))
        if found.classes != self.classes:
            raise DataError(
                f"{self.path} was trained on the classes {', '.join(self.classes)}; "
                f"this data has {', '.join(found.classes)}"
            )
        return replace(found, mean=tuple(self.facts["mean"]), std=tuple(self.facts["std"]))


def _refuse_kinds(weights: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> None:
    """Raises RunError for whole or complex numbers where the network has others: torch would make the best of them."""

    def kind(tensor: Tensor) -> tuple[bool, bool]:
        return tensor.is_floating_point(), tensor.is_complex()

    for key, value in wanted.items():
        if kind(weights.get(key, value)) != kind(value):
            kinds = f"`{key}` is a tensor of {weights[key].dtype}, for one of {value.dtype}"
            raise RunError(f"the weights in {path} are not of this network: {kinds}")


def build(recipe: r.Recipe, shape: list[int] | None = None) -> nn.Module:
    """The recipe's network, with freshly drawn weights that its seed determines.

    Raises SpecError for a wrong network, TrainingError for one that this machine cannot hold.
    """
    network = recipe.network
    graph = zoo.graph(network.name, input=network.input or shape, **network.params)
    must_fit(4 * graph.params, f"the weights of `{network.name}`", "see `network` in the recipe")
    built: nn.Module = zoo.build(network.name, input=network.input or shape, seed=recipe.seed, **network.params)
    return built
