"""The record of a search: an Optuna study in a file, which proposes settings that fit and takes what came out.

Optuna's samplers propose, whoever trains. What does not fit is refused before it is a trial, and another setting is
drawn; one that was tried already is not tried again.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from speczoo.exploration.distributions import Choice, Distribution, Real, Whole
from speczoo.exploration.task import Task
from speczoo.training.errors import OptionError, one_line

STUBBORN = 1_000  # draws in a row that do not fit, until there is taken to be none
ADAPTIVE = 30  # of these, as the sampler proposes them
PLAIN = (str, int, float, bool, type(None))  # what Optuna keeps of a choice as it is
TASK, REFUSED, SETTING, FAILURE = "task", "refused", "setting", "failure"  # what is kept beside


class Proposal(NamedTuple):
    """A setting to train, and the trial that it was proposed in."""

    trial: Trial
    setting: dict[str, Any]


class Study:
    """An Optuna study of a task."""

    def __init__(self, task: Task, storage: str | Path, *, seed: int, prune: bool = True, resume: bool = False) -> None:
        """Begin a study in `storage`, a file, or a database by its address for SQLAlchemy, or go on with the one there.

        Raises OptionError for a study of something else, and where one is there that is not to be resumed.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.task = task
        self.distributions = {name: optuna_distribution(own) for name, own in task.distributions.items()}
        self.study = optuna.create_study(
            study_name=Path(task.recipe).stem,
            storage=_in_file(storage) if isinstance(storage, Path) else _in_database(storage),
            load_if_exists=True,
            direction="minimize" if task.minimise else "maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4) if prune else optuna.pruners.NopPruner(),
        )
        before = self.study.get_trials(deepcopy=False)
        if before and not resume:
            raise OptionError(f"{storage} holds a search of {self.study.study_name}", "--resume goes on with it")
        if self.study.user_attrs.get(TASK, task.searched) != task.searched:
            raise OptionError(
                "the search that is there is of other values or weights, or has another budget", "begin another"
            )
        self.study.set_user_attr(TASK, task.searched)
        for trial in before:  # whoever trained these is gone
            if trial.state == TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.FAIL)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed + len(before))
        self._random = optuna.samplers.RandomSampler(seed=seed + len(before))
        self._refusals: dict[str, str] = {}  # of settings, empty for those that fit
        #: How many settings were refused, by reason.
        self.refused: dict[str, int] = dict(self.study.user_attrs.get(REFUSED, {}))

    @property
    def trained(self) -> list[FrozenTrial]:
        """The trials that were trained, to the end or until they were pruned."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))

    @property
    def failures(self) -> Counter[str]:
        """How many trainings failed, by reason."""
        found = self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        return Counter(trial.user_attrs[FAILURE] for trial in found if FAILURE in trial.user_attrs)

    @property
    def done(self) -> int:
        """How many trials are over: trained, or failed. One that was stopped from outside is none."""
        return len(self.trained) + self.failures.total()

    @property
    def ranked(self) -> list[FrozenTrial]:
        """The trials that were trained, the best first, and those behind them that were pruned."""
        sign = 1 if self.task.minimise else -1
        return sorted(self.trained, key=lambda t: (t.state == TrialState.PRUNED, sign * (t.value or 0.0), t.number))

    @property
    def best(self) -> FrozenTrial | None:
        """The best trial that was trained to the end."""
        return next((trial for trial in self.ranked if trial.state == TrialState.COMPLETE), None)

    def propose(self) -> Proposal | None:
        """Return a setting to train; None where none is found that fits and was not proposed before.

        Only what fits becomes a trial of the study. What the sampler keeps proposing in vain is drawn at random then.
        """
        known = self.study.get_trials(deepcopy=False)
        proposed = {trial.user_attrs.get(SETTING) for trial in known}
        imagined = _imagined(len(known))
        for attempt in range(STUBBORN):
            sampler = self.study.sampler if attempt < ADAPTIVE else self._random
            params = {
                name: sampler.sample_independent(self.study, imagined, name, own)
                for name, own in self.distributions.items()
            }
            setting = decoded(self.task.distributions, params)
            written = json.dumps(setting)
            if written in proposed or self._refusal(written, setting):
                continue
            self.study.enqueue_trial(params, user_attrs={SETTING: written})
            self.study.set_user_attr(REFUSED, self.refused)
            return Proposal(self.study.ask(self.distributions), setting)
        self.study.set_user_attr(REFUSED, self.refused)
        return None

    def _refusal(self, written: str, setting: dict[str, Any]) -> str:
        if written not in self._refusals:
            self._refusals[written] = reason = self.task.refusal(setting)
            if reason:
                self.refused[reason] = self.refused.get(reason, 0) + 1
        return self._refusals[written]

    def record(self, proposal: Proposal, value: float, *, pruned: bool = False) -> None:
        """Record what came out of a proposal: its metric. One that is no number is a failure."""
        if not math.isfinite(value):
            self.fail(proposal, f"{self.task.metric} is {value}")
        elif pruned:
            self.study.tell(proposal.trial, state=TrialState.PRUNED)
        else:
            self.study.tell(proposal.trial, value)

    def fail(self, proposal: Proposal, reason: str) -> None:
        """Record that training failed, and why."""
        proposal.trial.set_user_attr(FAILURE, reason)
        self.abandon(proposal)

    def abandon(self, proposal: Proposal) -> None:
        """Record that a trial was stopped from outside: what would have come out of it is not known."""
        self.study.tell(proposal.trial, state=TrialState.FAIL)


def _in_database(address: str) -> BaseStorage:
    """Raise OptionError for an address that SQLAlchemy does not know, or where no database answers."""
    try:
        return optuna.storages.get_storage(address)
    except Exception as error:  # of SQLAlchemy, of a driver that is not installed, of the database
        message = f"no study can be kept in {address}: {one_line(error)}"
        raise OptionError(message, "an address of SQLAlchemy's, as sqlite:///study.db") from error


def _in_file(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def _imagined(number: int) -> FrozenTrial:
    """Return a trial that is not in the study, for which a sampler may draw."""
    now = datetime.now()
    return FrozenTrial(number, TrialState.RUNNING, None, now, None, {}, {}, {}, {}, {}, -1)


def setting_of(trial: FrozenTrial) -> dict[str, Any]:
    setting: dict[str, Any] = json.loads(trial.user_attrs[SETTING])
    return setting


def optuna_distribution(own: Distribution) -> BaseDistribution:
    """Return the distribution as Optuna has it."""
    match own:
        case Whole():
            return IntDistribution(own.low, own.high, step=own.step)
        case Real():
            return FloatDistribution(own.low, own.high, log=own.log)
        case Choice():
            return CategoricalDistribution([_encoded(value) for value in own.values])


def decoded(distributions: Mapping[str, Distribution], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Optuna chose as values of the parameters."""
    return {name: _decoded(distributions[name], value) for name, value in params.items()}


def _encoded(value: Any) -> Any:
    return value if isinstance(value, PLAIN) else json.dumps(value)


def _decoded(own: Distribution, value: Any) -> Any:
    if not isinstance(own, Choice):
        return value
    return next(each for each in own.values if type(_encoded(each)) is type(value) and _encoded(each) == value)
