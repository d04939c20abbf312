"""A search on many machines: Ray Tune trains, prunes and keeps its own storage; the study proposes what fits."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher

from speczoo import plugins
from speczoo.exploration.study import Proposal, Study
from speczoo.exploration.task import Task


class Fitting(Searcher):
    """Gives Ray the settings that a study proposes, and the study what comes out."""

    def __init__(self, study: Study) -> None:
        super().__init__(metric=study.task.metric, mode="min" if study.task.minimise else "max")
        self.study = study
        self.open: dict[str, Proposal] = {}

    def suggest(self, trial_id: str) -> Any:
        proposal = self.study.propose()
        if proposal is None:
            return Searcher.FINISHED
        self.open[trial_id] = proposal
        return {"setting": proposal.setting, "number": proposal.trial.number}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        self.open[trial_id].trial.report(result[self.study.task.metric], int(result["epoch"]))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        proposal = self.open[trial_id]
        if error or result is None:
            self.study.fail(proposal, "Ray has the reason in the trial's folder")
        else:
            self.on_trial_result(trial_id, result)
            self.study.record(proposal, result[self.study.task.metric], pruned=not result["whole"])
        del self.open[trial_id]

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study is in its own file."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study is in its own file."""


def search(
    study: Study, trials: int, folder: Path, *, address: str | None, resources: Mapping[str, float], prune: bool
) -> None:
    """Train until so many trials are done, those that failed and those of earlier searches in this study among them.

    `address` is that of a cluster; without one, Ray starts on this machine. A trial takes `resources` (`CPU`, `GPU`).
    """
    left = trials - study.done
    if left <= 0:
        return
    ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    task = study.task
    epochs = task.loaded({}).epochs
    scheduler = ASHAScheduler(time_attr="epochs_done", max_t=epochs, grace_period=1) if prune and epochs > 1 else None
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(_trial, task=task), dict(resources)),
        tune_config=tune.TuneConfig(
            metric=task.metric,
            mode="min" if task.minimise else "max",
            num_samples=left,
            search_alg=Fitting(study),
            scheduler=scheduler,
        ),
        run_config=tune.RunConfig(name=f"ray-{study.done}", storage_path=str(folder.absolute()), verbose=0),
    )
    with redirect_stdout(sys.stderr):  # where Ray says how far it is
        tuner.fit()


def _trial(config: dict[str, Any], task: Task) -> None:
    """Train one setting, wherever Ray has put it: the run's folder lies in the trial's."""

    def on_epoch(row: dict[str, float]) -> None:
        done = int(row["epoch"]) + 1
        tune.report({**row, "epochs_done": done, "whole": done == epochs})

    epochs = task.loaded(config["setting"]).epochs
    for name, folders in task.plugins:
        plugins.load(name, folders)
    task.train(config["setting"], Path.cwd() / "run", on_epoch)
