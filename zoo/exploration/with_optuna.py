"""A search on one machine: one trial after the other, as Optuna proposes and prunes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from speczoo.exploration.study import Proposal, Study
from speczoo.training.errors import Interrupted, TrainingError


def search(study: Study, trials: int, folder: Path, say: Callable[[str], None]) -> None:
    """Train until so many trials are done, those that failed and those of earlier searches in this study among them."""
    while study.done < trials:
        proposal = study.propose()
        if proposal is None:
            say("no other setting fits")
            return
        _train(study, proposal, folder, say)


def _train(study: Study, proposal: Proposal, folder: Path, say: Callable[[str], None]) -> None:
    """Train a proposal, and record what came out: its metric, whether it was pruned, why it failed."""
    trial, setting = proposal
    pruned = False

    def on_epoch(row: dict[str, float]) -> bool:
        nonlocal pruned
        trial.report(row[study.task.metric], int(row["epoch"]))
        pruned = trial.should_prune()
        return pruned

    number, shown = study.done + 1, " ".join(f"{name}={value}" for name, value in setting.items())
    try:
        value = study.task.train(setting, folder / f"{trial.number:04d}", on_epoch)
    except Interrupted:
        study.abandon(proposal)
        raise
    except TrainingError as error:
        study.fail(proposal, error.message)
        say(f"{number:>4}  {shown}  failed: {error.message}")
        return
    study.record(proposal, value, pruned=pruned)
    say(f"{number:>4}  {study.task.metric} {value:.4f}{' (pruned)' if pruned else ''}  {shown}")
