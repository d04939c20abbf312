"""A run's folder: the recipe as it was run, its history, its checkpoints, its weights, its result, its pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, TypeAdapter, ValidationError
from torch import Tensor, nn

from speczoo import api, catalogue, specialize
from speczoo.compiler.graph import Graph
from speczoo.limits import LimitExceeded, current
from speczoo.specs import files
from speczoo.training import data as datasets
from speczoo.training import recipe as r
from speczoo.training import recipe_loader
from speczoo.training.dataset import Dataset
from speczoo.training.errors import DataError, RunError, one_line
from speczoo.training.files import read_tensors, replacing
from speczoo.training.memory import must_fit
from speczoo.weights import odd

WEIGHTS, RESULT, HISTORY, FACTS = "model.pt", "result.json", "history.json", "run.json"
LOCK = ".lock"  # held by the process that writes
DIGITS = 64  # of a whole number in one of them
NETWORK = Path("network")  # the folder in a run's folder


StoredShape = Annotated[list[PositiveInt], Field(min_length=3, max_length=3)]


class RunFacts(BaseModel):
    """What run.json has to say before anything is done with it."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    recipe: dict[str, Any]
    classes: Annotated[list[str], Field(min_length=1)]
    mean: list[float]
    std: list[float]
    image: StoredShape | None = None  # as prepared, before augmentation
    input: StoredShape
    data: str | None = None
    module: str | None = None  # the class of a network that came from Python, in place of the recipe's


class EpochRow(BaseModel):
    """An epoch in history.json; the recipe's metrics stand beside."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, FiniteFloat]

    epoch: int
    train_loss: float
    valid_loss: float
    accuracy: float
    seconds: float


def rows(value: Any) -> list[dict[str, float]]:
    """Return a history out of a file that somebody may have edited. Raises ValidationError."""
    return [row.model_dump() for row in TypeAdapter(list[EpochRow]).validate_python(value)]


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
        """Raise RunError when the folder is not one of a run."""
        run = cls(Path(path))
        if run.file(FACTS) is None:
            raise RunError(f"{path} is not a run: it has no {FACTS}", "`zoo train RECIPE -o DIR` makes one")
        facts = run.read_json(FACTS)
        try:
            checked = RunFacts.model_validate(facts)
        except ValidationError as error:
            raise RunError(f"{run.path / FACTS} is not what `zoo train` writes: {_first(error)}") from error
        if not checked.input[0] == len(checked.mean) == len(checked.std):
            raise RunError(f"{run.path / FACTS} has statistics of another number of channels than its input")
        return replace(run, facts=facts)

    def begin(self) -> None:
        """Make the folder what it is while the run goes on: what an earlier session ended with is there no more.

        So there is one state of a run: its last checkpoint, until `model.pt` is written at the end.
        """
        try:
            files.make_folder(self.path)
            for name in (WEIGHTS, RESULT):
                files.remove(self.path / name)
        except OSError as error:
            raise RunError(f"cannot make the run's folder {self.path}: {error.strerror}") from error
        network = self.facts["recipe"]["network"]
        name = self.keep_network(r.Network.model_validate(network))
        self.facts["recipe"]["network"] = {**network, "name": name}
        self.write_json(FACTS, self.facts)

    def refuse_taken(self) -> None:
        """Raise RunError where the folder holds any of the files that a run writes."""
        names = (FACTS, HISTORY, WEIGHTS, RESULT, "checkpoints", "report.html")
        taken = [name for name in names if os.path.lexists(self.path / name)]
        if FACTS in taken:
            raise RunError(f"{self.path} holds a run already", f"zoo train --resume {self.path}, or another -o")
        if taken:
            raise RunError(f"{self.path} holds a {taken[0]} already, which a run would overwrite", "another -o")

    def file(self, name: str) -> Path | None:
        """Return the path of one of its files; None where there is none. Raises RunError for a link that leads
        elsewhere.
        """
        try:
            path = files.inside(self.path, name)
        except OSError as error:
            raise RunError(f"cannot read {self.path / name}: {error.strerror}") from error
        return path if path.is_file() else None

    def refuse_links(self) -> None:
        """Raise RunError where a folder that Lightning makes and fills is a link, which it would follow."""
        for name in ("checkpoints", "logs"):
            if (self.path / name).is_symlink():
                raise RunError(f"{self.path / name} is a symbolic link, and nothing is written through one")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into this folder meanwhile. Raise RunError where one does."""
        with ExitStack() as stack:
            try:
                stack.enter_context(files.locked(self.path / LOCK, below=self.path))
            except BlockingIOError as error:
                raise RunError(f"another process writes into {self.path}", "wait until it is done") from error
            except OSError as error:
                raise RunError(f"cannot lock {self.path}: {error.strerror}") from error
            yield

    @property
    def recipe(self) -> r.Recipe:
        return recipe_loader.load(self.facts["recipe"], home=self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.facts["classes"])

    @property
    def history(self) -> list[dict[str, float]]:
        """A row for each finished epoch. Raises RunError where it is damaged."""
        path = self.path / HISTORY
        try:
            found = rows(self.read_json(HISTORY)) if self.file(HISTORY) else []
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
        return self.file("checkpoints/last.ckpt")

    def read_json(self, name: str) -> Any:
        path = self.path / name
        try:
            current().hold("json", files.inside(self.path, name).stat().st_size, f"{path} has", "bytes")
            return json.loads(files.read_inside(self.path, name, current().json), parse_int=_whole)
        except LimitExceeded as error:
            raise RunError(error.message, error.help) from error
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise RunError(f"cannot read {path}: {error}") from error

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, json.dumps(value, indent=1, allow_nan=False))

    def replacing(self, target: Path) -> AbstractContextManager[BinaryIO]:
        """Return a file of this run to write to, which takes the place of `target` when it is whole.

        Raises RunError.
        """
        return replacing(target, self.path)

    def write(self, name: str, text: str) -> None:
        """Write all or nothing: a full disk or a killed process leaves the file as it was."""
        with self.replacing(self.path / name) as file:
            file.write(text.encode("utf-8", "surrogateescape"))  # names of files are bytes, which go back as they came

    def keep_network(self, network: r.Network) -> str:
        """Copy a network that is named by a path into the run, with the files that it uses; returns its path there.

        So a run can be read wherever it lies, and stays what it was when somebody edits the network. Raises RunError.
        """
        if not catalogue.is_path(network.name):
            return network.name
        first, variant = catalogue.split(network.name)
        copies: dict[Path, bytes] = {}
        if "module" not in self.facts:  # else the recipe's network has no part in the run
            graph = api.graph(network.name, input=network.input or self.facts["input"], **network.params)
            try:
                copies = {NETWORK / path: text for path, text in specialize.companions(graph).items()}
            except ValueError as error:
                raise RunError(f"cannot copy {first} into the run: {error}") from error
            copies[NETWORK / first.name] = graph.unit.document.source.text.encode()
        for path, text in copies.items():
            with self.replacing(self.path / path) as file:
                file.write(text)
        return f"{(NETWORK / first.name).as_posix()}{f':{variant}' if variant else ''}"

    def save_weights(self, model: nn.Module) -> None:
        with self.replacing(self.path / WEIGHTS) as file:
            torch.save({key: value.detach().cpu() for key, value in model.state_dict().items()}, file)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that the last session ended with; while a run goes on, or was killed, its last
        checkpoint's.
        """
        path = self.file(WEIGHTS)
        if path is not None:
            found = read_tensors(path)
        elif (path := self.checkpoint) is not None:
            state = read_tensors(path).get("state_dict")
            items = state.items() if isinstance(state, dict) else ()
            found = {str(key).removeprefix("model."): value for key, value in items}
        else:
            raise RunError(f"{self.path} has no weights yet", f"zoo train --resume {self.path}")
        if not found or not all(isinstance(key, str) for key in found):
            raise RunError(f"cannot read {path}: it does not hold a network's weights")
        for key, value in found.items():
            if (kind := odd(value)) is not None:
                raise RunError(f"cannot read {path}: `{key}` is {kind}")
        return found

    def model(self, model: nn.Module | None = None) -> nn.Module:
        """Return the trained network in evaluation mode; `model` is filled in place of a newly built one."""
        self.check_module(model)
        weights = self.weights()
        network = model if model is not None else build(self.recipe, self.facts["input"])
        _refuse_kinds(weights, network.state_dict(), self.path)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise RunError(f"the weights in {self.path} are not of this network: {one_line(error)}") from error
        return network.eval()

    def check_module(self, model: nn.Module | None) -> None:
        """Raise RunError where a network that came from Python, and is nowhere on the disk, has to be given again."""
        module = self.facts.get("module")
        if model is None and module is not None:
            raise RunError(
                f"{self.path} trained a module from Python, {module}, not the recipe's network",
                "give it again, from Python: speczoo.train(resume=..., model=...), or Run.open(...).model(...)",
            )

    def dataset(self, root: str | Path | None = None) -> Dataset:
        """Return the run's data, or that in another folder, with the statistics it was trained by. Raises DataError."""
        found = datasets.load(self.recipe, root or self.facts.get("data"))
        if found.classes != self.classes:
            raise DataError(
                f"{self.path} was trained on the classes {', '.join(self.classes)}; "
                f"this data has {', '.join(found.classes)}"
            )
        return replace(found, mean=tuple(self.facts["mean"]), std=tuple(self.facts["std"]))


def _refuse_kinds(weights: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> None:
    """Raise RunError for whole or complex numbers where the network has others: torch would make the best of them."""

    def kind(tensor: Tensor) -> tuple[bool, bool]:
        return tensor.is_floating_point(), tensor.is_complex()

    for key, value in wanted.items():
        if kind(weights.get(key, value)) != kind(value):
            kinds = f"`{key}` is a tensor of {weights[key].dtype}, for one of {value.dtype}"
            raise RunError(f"the weights in {path} are not of this network: {kinds}")


def build(recipe: r.Recipe, shape: list[int] | None = None) -> nn.Module:
    """Return the recipe's network, with freshly drawn weights that its seed determines.

    Raises SpecError for a wrong network, TrainingError for one that this machine cannot hold.
    """
    network = recipe.network
    graph_of(recipe, shape)
    built: nn.Module = api.build(network.name, input=network.input or shape, seed=recipe.seed, **network.params)
    return built


def graph_of(recipe: r.Recipe, shape: Sequence[int] | None) -> Graph:
    """Return the checked graph of the recipe's network, whose weights fit into memory. Raises as `build` does."""
    network = recipe.network
    graph = api.graph(network.name, input=network.input or shape, **network.params)
    must_fit(4 * graph.params, f"the weights of `{network.name}`", "see `network` in the recipe")
    return graph
