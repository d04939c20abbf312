"""What happens beside the training: the table of epochs, the progress bar, the watch for NaN, weights on Ctrl-C."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from pydantic import ValidationError

from speczoo.training import recipe as r
from speczoo.training.errors import Diverged, RunError
from speczoo.training.learner import Learner, finite
from speczoo.training.lightning import SIGTERMException, Tqdm, callbacks, pl
from speczoo.training.loader import Batches, mix
from speczoo.training.progress import bar
from speczoo.training.run import HISTORY, Run, rows

Say = Callable[[str], None]
#: Called with the numbers of each epoch when it is over: whether that was enough.
OnEpoch = Callable[[dict[str, float]], bool | None]


class Epochs(callbacks.Callback):
    """Keeps the history (in checkpoints too), prints a row per epoch, and gives every epoch its own random numbers.

    An epoch that ends in weights or losses that are not numbers has no row, and nothing of it gets into a checkpoint.
    """

    def __init__(
        self,
        run: Run,
        recipe: r.Recipe,
        say: Say,
        held: ExitStack,
        stop_after: int | None = None,
        on_epoch: OnEpoch | None = None,
        *,
        fresh: bool,
    ) -> None:
        self.run, self.recipe, self.say, self.stop_after, self.fresh = run, recipe, say, stop_after, fresh
        self.on_epoch = on_epoch or (lambda row: None)
        self.held = held  # what the process keeps to itself until it is done with the run
        self.history: list[dict[str, float]] = []
        self.began = False  # False while a checkpoint is being read
        self._began = 0.0
        self._done = 0

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        try:
            self.history = rows(state_dict["history"])
        except (KeyError, ValidationError) as error:
            raise self.damaged() from error
        if len(self.history) > self.recipe.epochs:
            raise RunError(
                f"{self.run.path} has {len(self.history)} epochs already, more than the {self.recipe.epochs} asked for",
                "start another run with -o",
            )

    def damaged(self) -> RunError:
        return RunError(f"cannot go on from {self.run.checkpoint}: its history is damaged")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if len(self.history) != trainer.current_epoch:
            raise self.damaged()
        self.began = True
        if trainer.is_global_zero:
            self.held.enter_context(self.run.locked())
            if self.fresh:  # another process may have trained here since the folder was chosen
                self.run.refuse_taken()
            self.run.begin()
        self.say("".join(f"{name:<12}" for name in ("epoch", "train_loss", "valid_loss", *self.recipe.metrics, "time")))
        for row in self.history:
            self._print(row)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.perf_counter()
        loader = trainer.train_dataloader
        assert isinstance(loader, Batches)
        loader.epoch = trainer.current_epoch
        torch.manual_seed(mix(self.recipe.seed, trainer.current_epoch, trainer.global_rank))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        row = {"epoch": trainer.current_epoch, "train_loss": pl_module.train_loss(), **pl_module.measured}
        if not trainer.strategy.reduce_boolean_decision(finite(pl_module.model)):
            raise diverged("the weights are not a number", trainer, self.run, self.recipe)
        wrong = [name for name, value in row.items() if not math.isfinite(value)]
        if wrong:
            raise diverged(f"{wrong[0]} is not a number", trainer, self.run, self.recipe)
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        row["seconds"] = time.perf_counter() - self._began
        self.history.append(row)
        if trainer.is_global_zero:
            self._print(row)
            self.run.write_json(HISTORY, self.history)
        self._done += 1
        enough = self.on_epoch(row)
        if enough or (self.stop_after is not None and self._done >= self.stop_after):
            trainer.should_stop = True

    def _print(self, row: dict[str, float]) -> None:
        numbers = "".join(f"{row[name]:<12.6f}" for name in ("train_loss", "valid_loss", *self.recipe.metrics))
        minutes, seconds = divmod(round(row["seconds"]), 60)
        self.say(f"{int(row['epoch']):<12}{numbers}{minutes:02d}:{seconds:02d}")


class Watch(callbacks.Callback):
    """Stops when the loss is NaN or infinite, or a schedule has led the learning rate to where float32 ends; keeps the
    weights of the moment on Ctrl-C and SIGTERM."""

    STEEPEST = 1e16  # Adam divides it by 1 - beta, which is 1e-16 at least
    EVERY = 25  # steps between two looks: a look waits for the device

    def __init__(self, run: Run, recipe: r.Recipe) -> None:
        self.run, self.recipe = run, recipe
        self.stopped: signal.Signals | None = None

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if not abs(optimizer.param_groups[0]["lr"]) <= self.STEEPEST:
            raise diverged("the learning rate is beyond what float32 multiplies by", trainer, self.run, self.recipe)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % self.EVERY == self.EVERY - 1 or trainer.is_last_batch:
            assert isinstance(pl_module, Learner)
            assert pl_module.last is not None
            if not math.isfinite(float(pl_module.last[0])):
                raise diverged("the loss is not a number", trainer, self.run, self.recipe)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            self.stopped = signal.SIGINT
        elif isinstance(exception, SIGTERMException) or trainer.received_sigterm:
            self.stopped = signal.SIGTERM  # of several processes, one may end first and break the others off
        if self.stopped and trainer.is_global_zero:
            assert isinstance(pl_module, Learner)
            if finite(pl_module.model):
                self.run.save_weights(pl_module.model)


def diverged(what: str, trainer: pl.Trainer, run: Run, recipe: r.Recipe) -> Diverged:
    """Return the error of a training whose numbers are none any more, with where that was and a rate to try."""
    lr = trainer.optimizers[0].param_groups[0]["lr"]
    kept = f"epochs before are kept in {run.path}" if run.checkpoint else "no epoch before it to be kept"
    return Diverged(
        f"{what} after step {trainer.global_step} (epoch {trainer.current_epoch}, learning rate {lr:.2g}); {kept}",
        f"--set optimizer.lr={recipe.optimizer.lr / 10:.2g}; "
        f"`zoo lr-find {recipe.name}` shows where it begins to diverge",
    )


class Bar(callbacks.TQDMProgressBar):
    """Loss, accuracy and time left, read only when the bar is redrawn: ten times an epoch, or every 20 steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(refresh_rate=max(1, min(20, steps // 10)))

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        if not isinstance(pl_module, Learner) or pl_module.last is None:
            return {}
        loss, output, y = pl_module.last
        accuracy = (output.argmax(1) == y).float().mean()
        return {"loss": f"{float(loss):.4f}", "accuracy": f"{float(accuracy):.4f}"}

    def init_train_tqdm(self) -> Tqdm:
        return self._bar("", 0)

    def init_validation_tqdm(self) -> Tqdm:
        return self._bar(self.validation_description, 1)

    def _bar(self, what: str, position: int) -> Tqdm:
        return bar(what=what, position=position, disable=self.is_disabled, bar_format=self.BAR_FORMAT)
