"""What a search tries: a recipe under a setting, refused before a module is built where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from speczoo import api, catalogue
from speczoo.compiler.graph import Graph
from speczoo.conditions import Condition
from speczoo.exploration.candidates import MEASURES
from speczoo.exploration.distributions import Choice, Distribution, declared, read
from speczoo.exploration.space import SpaceError
from speczoo.specs.errors import SpecError
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.training import recipe_loader
from speczoo.training.callbacks import OnEpoch
from speczoo.training.recipe import Recipe

LOSSES = ("valid_loss", "train_loss")  # of which less is better


@dataclass(frozen=True)
class StartWeights:
    """The weights that every trial begins with, a file by its whole path, and what their keys are called there."""

    weights: str
    rename: Mapping[str, str]
    keys: Mapping[str, str | None] | None = None

    def at_home(self) -> StartWeights:
        """Return the same for processes that run in other folders."""
        path = Path(self.weights)
        return replace(self, weights=str(path.absolute())) if path.suffix or path.exists() else self


@dataclass(frozen=True)
class Task:
    """A recipe and what is searched of it, as plain data: it goes to other processes and machines as it is.

    A setting has parameters of the network by their names, and values of the recipe by their paths (`optimizer.lr`).
    `fixed` are such values that all trials have. `shape` is what flows into the network.
    """

    recipe: str  # its name, or its file's whole path
    params: frozenset[str]  # of the network
    distributions: Mapping[str, Distribution]
    fixed: Mapping[str, Any]
    metric: str
    shape: tuple[int, ...] = ()
    where: str | None = None
    data: Path | None = None
    accelerator: str = "auto"
    start: StartWeights | None = None
    plugins: tuple[tuple[str, tuple[Path, ...]], ...] = ()  # modules of layers, and the folders where they may lie

    @property
    def minimise(self) -> bool:
        return self.metric in LOSSES

    @property
    def searched(self) -> str:
        """What makes a search another one, in words."""
        began = (self.start,) if self.start is not None else ()
        return repr((self.recipe, dict(self.distributions), dict(self.fixed), self.metric, self.where, *began))

    @property
    def condition(self) -> Condition | None:
        """The budget. Raises ConditionError."""
        known = (*MEASURES, *(name for name in self.distributions if name in self.params))
        return _condition(self.where, known) if self.where is not None else None

    def overrides(self, setting: Mapping[str, Any]) -> dict[str, Any]:
        """Return a setting as values that lie over the recipe."""
        return {
            f"network.params.{name}" if name in self.params else name: value
            for name, value in {**self.fixed, **setting}.items()
        }

    def on_its_data(self) -> Task:
        """Return the task with the shape of what flows into the network. Raises TrainingError where data is missing."""
        from speczoo.training import data

        recipe = self.loaded({})
        return replace(self, shape=data.image_size(recipe, data.load(recipe, self.data)))

    def variant(self, setting: Mapping[str, Any]) -> tuple[LoadedSpec, dict[str, Any]]:
        """Return the spec of the network, and the variant of it that a trial trained."""
        recipe = self.loaded(setting)
        graph = self._graph_of(recipe)
        unit, chosen = unit_of(recipe)
        own = unit.spec.variants[chosen].params if chosen in unit.spec.variants else {}
        made: dict[str, Any] = {"params": {**own, **recipe.network.params}}
        if graph.settings.changed and unit.spec.input is not None:
            made["input"] = list(recipe.network.input or self.shape)
        return unit, {**made, "expect": {"params": graph.params, "macs": graph.macs}}

    def loaded(self, setting: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a trial. Raises SpecError where it is wrong; its network is not looked at."""
        return recipe_loader.load(self.recipe, self.overrides(setting))

    def graph(self, setting: Mapping[str, Any]) -> Graph:
        """Return the network of a trial. Raises SpecError where it is none, or the recipe is wrong."""
        return self._graph_of(self.loaded(setting))

    def _graph_of(self, recipe: Recipe) -> Graph:
        network = recipe.network
        return api.graph(network.name, input=network.input or list(self.shape), **network.params)

    def refusal(self, setting: Mapping[str, Any]) -> str:
        """Return why a setting is not trained: it is no network, or beyond the budget; empty where it is trained.

        No module is built for that.
        """
        try:
            graph = self.graph(setting)
        except SpecError as error:
            return f"{error.diagnostics[0].message} [{error.diagnostics[0].code}]"
        condition = self.condition
        if condition is None:
            return ""
        row = {**setting, **{name: MEASURES[name](graph) for name in MEASURES if name in condition.names}}
        if condition.holds(row):
            return ""
        read_here = ", ".join(f"{name} {row[name]:,}" for name in MEASURES if name in condition.names)
        return f"beyond the budget: {read_here}" if read_here else "beyond the budget"

    def train(self, setting: Mapping[str, Any], out: Path, on_epoch: OnEpoch) -> float:
        """Train the recipe under a setting, and return its metric after the last epoch.

        Raises TrainingError where that fails, or where the weights that it is to begin with do not fit.
        """
        from speczoo.training.engine import train
        from speczoo.training.errors import TrainingError
        from speczoo.weights import WeightsError

        last: dict[str, float] = {}

        def after(row: dict[str, float]) -> bool | None:
            last.update(row)
            return on_epoch(row)

        overrides = self.overrides(setting)
        options: dict[str, Any] = {"quiet": True, "report": False, "accelerator": self.accelerator}
        if self.start is not None:
            options |= asdict(self.start)
        try:
            train(self.recipe, set=overrides, data=self.data, out=out, on_epoch=after, **options)
        except WeightsError as error:
            first, *more = error.lines
            raise TrainingError(first, "; ".join(line.strip() for line in more)) from error
        return last[self.metric]


@lru_cache(maxsize=16)
def _condition(text: str, known: tuple[str, ...]) -> Condition:
    """Return a condition, parsed once for all settings. It stays in its process: a task is plain data."""
    return Condition(text, known)


def first_setting(distributions: Mapping[str, Distribution]) -> dict[str, Any]:
    """Return a setting with a value of each distribution."""
    return {name: own.values[0] if isinstance(own, Choice) else own.low for name, own in distributions.items()}


def unit_of(recipe: Recipe) -> tuple[LoadedSpec, str | None]:
    """Return the spec of a recipe's network, and its variant. Raises SpecError."""
    return catalogue.found(recipe.network.name)


def drawn_from(recipe: Recipe, given: Mapping[str, str]) -> tuple[dict[str, Distribution], dict[str, Any]]:
    """Return what is searched, and what all trials have: several values and one that are written for a name; where
    nothing is searched so, all parameters of the network that have a range or choices. Raises SpaceError and SpecError.
    """
    params = unit_of(recipe)[0].spec.params
    read_as = {name: read(name, text, params.get(name)) for name, text in given.items()}
    fixed = {name: own.values[0] for name, own in read_as.items() if isinstance(own, Choice) and len(own.values) == 1}
    searched = {name: own for name, own in read_as.items() if name not in fixed}
    if not searched:
        wide = ((name, declared(param)) for name, param in params.items() if name not in fixed)
        searched = {name: own for name, own in wide if own is not None}
    if not searched:
        message = f"no parameter of `{recipe.network.name}` has `choices`, or `min` and `max`"
        raise SpaceError(f"{message}: say what is searched, as --set width=16..64")
    return searched, fixed
