"""What a training starts with: arguments that go together, the network with its weights, what run.json says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from speczoo.training import data as datasets
from speczoo.training import recipe as r
from speczoo.training.dataset import Dataset
from speczoo.training.errors import OptionError
from speczoo.training.lightning import VERSION
from speczoo.training.run import Run, build, graph_of
from speczoo.verify import hold
from speczoo.weights import build_with, params_with, report_of


def refuse_contradictions(
    *, recipe: Any, resume: str | Path | None, out: str | Path | None, weights: Any, model: nn.Module | None
) -> None:
    """Raise OptionError for arguments of which one makes no sense beside another."""
    if (recipe is None) == (resume is None):
        raise OptionError("wanted is a recipe, or a run to resume")
    if resume is not None and out is not None:
        raise OptionError(
            f"a resumed run stays where it is, in {resume}: it cannot go to {out}", "leave out the latter"
        )
    if weights is not None and resume is not None:
        raise OptionError("a resumed run goes on with its own weights", "leave out the others")
    if weights is not None and model is not None:
        raise OptionError("`weights` are the recipe's network's, and `model` has its own", "leave out one of them")


def network_of(
    recipe: r.Recipe,
    shape: Sequence[int],
    weights: Any = None,
    *,
    rename: Mapping[str, str] | None = None,
    keys: Mapping[str, str | None] | None = None,
) -> tuple[r.Recipe, nn.Module]:
    """Return the recipe's network to begin a training with, with `weights` as `speczoo.weights.build_with` takes them,
    and the recipe, with parameters that published weights bring along.

    Raises WeightsError, and what `build` does.
    """
    if weights is None:
        return recipe, build(recipe, [*shape])
    brought = {k: v for k, v in params_with(graph_of(recipe, shape), weights).items() if k not in recipe.network.params}
    if brought:
        network = recipe.network.model_copy(update={"params": {**recipe.network.params, **brought}})
        recipe = recipe.model_copy(update={"network": network})
    graph = graph_of(recipe, shape)
    return recipe, hold(graph, build_with(graph, weights, rename=rename, keys=keys, seed=recipe.seed))


def facts(
    recipe: r.Recipe, dataset: Dataset, shape: Sequence[int], root: str | Path | None, model: nn.Module | None
) -> dict[str, Any]:
    """Return what run.json says of a training; of the `model` that came from Python in place of the recipe's network
    its class.
    """
    found = {
        "recipe": recipe.model_dump(mode="json", exclude_unset=True),
        "classes": list(dataset.classes),
        "mean": list(dataset.mean),
        "std": list(dataset.std),
        "image": list(dataset.shape),
        "input": list(shape),
        "data": str(datasets.root_of(recipe.data, root)),
        "torch": torch.__version__,
        "lightning": VERSION,
    }
    return found if model is None else {**found, "module": f"{type(model).__module__}.{type(model).__qualname__}"}


def weights_facts(network: nn.Module, before: Run | None) -> dict[str, Any]:
    """Return what run.json says of the weights that a network began with, now or before the run was resumed; nothing of
    fresh ones.
    """
    if before is not None:
        return {"weights": before.facts["weights"]} if "weights" in before.facts else {}
    if not hasattr(network, "load_report"):
        return {}
    report = report_of(network)
    return {"weights": {**report.to_json(), "loaded": len(report.loaded)}}
