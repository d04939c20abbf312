"""A search on one machine: one trial after the other, as Optuna proposes and prunes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from speczoo.exploration.study import Proposal, Study
from speczoo.training.errors import Interrupted, TrainingError


def search(study: Study, trials: int, folder: Path, say: Callable[[str], None]) -> None:
    """Train until so many trials are done, those of earlier searches in this study among them."""
    while len(study.trained) < trials:
        proposal = study.propose()
        if proposal is None:
            say("no other setting fits")
            return
        value, pruned = _trained(study, proposal, folder, say)
        study.record(proposal, value, pruned=pruned)


def _trained(study: Study, proposal: Proposal, folder: Path, say: Callable[[str], None]) -> tuple[float | None, bool]:
    """Return the metric of a proposal and whether it was pruned; None where its training failed."""
    trial, setting = proposal
    pruned = False

    def on_epoch(row: dict[str, float]) -> bool:
        nonlocal pruned
        trial.report(row[study.task.metric], int(row["epoch"]))
        pruned = trial.should_prune()
        return pruned

    shown = " ".join(f"{name}={value}" for name, value in setting.items())
    try:
        value = study.task.train(setting, folder / f"{trial.number:04d}", on_epoch)
    except Interrupted:
        study.record(proposal, None)
        raise
    except TrainingError as error:
        say(f"{len(study.trained) + 1:>4}  {shown}  failed: {error.message}")
        return None, False
    say(f"{len(study.trained) + 1:>4}  {study.task.metric} {value:.4f}{' (pruned)' if pruned else ''}  {shown}")
    return value, pruned
