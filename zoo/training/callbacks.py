"""What happens beside the training: the table of epochs, the progress bar, the watch for NaN, weights on Ctrl-C."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from .errors import Diverged
from .learner import Learner
from .lightning import Tqdm, callbacks, pl
from .loader import Batches, mix
from .run import Run

Say = Callable[[str], None]


class Epochs(callbacks.Callback):
    """Keeps the history (in checkpoints too), prints a row per epoch, and gives every epoch its own random numbers."""

    def __init__(self, run: Run, seed: int, metrics: list[str], say: Say, stop_after: int | None = None) -> None:
        self.run, self.seed, self.metrics, self.say, self.stop_after = run, seed, metrics, say, stop_after
        self.history: list[dict[str, float]] = []
        self._began = 0.0
        self._done = 0

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = list(state_dict["history"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.say("".join(f"{name:<12}" for name in ("epoch", "train_loss", "valid_loss", *self.metrics, "time")))
        for row in self.history:
            self._print(row)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.perf_counter()
        loader = trainer.train_dataloader
        assert isinstance(loader, Batches)
        loader.epoch = trainer.current_epoch
        torch.manual_seed(mix(self.seed, trainer.current_epoch, trainer.global_rank))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        train_loss = pl_module.train_loss()
        row = {"epoch": trainer.current_epoch, "train_loss": train_loss, **pl_module.measured}
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        row["seconds"] = time.perf_counter() - self._began
        self.history.append(row)
        if trainer.is_global_zero:
            self._print(row)
            self.run.write("history.json", json.dumps(self.history, indent=1))
        self._done += 1
        if self.stop_after is not None and self._done >= self.stop_after:
            trainer.should_stop = True

    def _print(self, row: dict[str, float]) -> None:
        numbers = "".join(f"{row[name]:<12.6f}" for name in ("train_loss", "valid_loss", *self.metrics))
        minutes, seconds = divmod(round(row["seconds"]), 60)
        self.say(f"{int(row['epoch']):<12}{numbers}{minutes:02d}:{seconds:02d}")


class Watch(callbacks.Callback):
    """Stops when the loss is NaN or infinite; keeps the weights of the moment when somebody presses Ctrl-C."""

    EVERY = 25  # steps between two looks: a look waits for the device

    def __init__(self, run: Run, name: str) -> None:
        self.run, self.name = run, name
        self.interrupted = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % self.EVERY == self.EVERY - 1 or trainer.is_last_batch:
            assert isinstance(pl_module, Learner)
            assert pl_module.last is not None
            if not math.isfinite(float(pl_module.last[0])):
                lr = trainer.optimizers[0].param_groups[0]["lr"]
                raise Diverged(
                    f"the loss is not a number after step {trainer.global_step} (epoch {trainer.current_epoch}, "
                    f"learning rate {lr:.2g}); epochs before are kept in {self.run.path}",
                    f"--set optimizer.lr={lr / 10:.2g}; `zoo lr-find {self.name}` shows where it begins to diverge",
                )

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.interrupted = isinstance(exception, KeyboardInterrupt)
        if self.interrupted and trainer.is_global_zero:
            assert isinstance(pl_module, Learner)
            self.run.save_weights(pl_module.model)


class Bar(callbacks.TQDMProgressBar):
    """Loss, accuracy and time left, read only when the bar is redrawn."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=20)

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        if not isinstance(pl_module, Learner) or pl_module.last is None:
            return {}
        loss, output, y = pl_module.last
        accuracy = (output.argmax(1) == y).float().mean()
        return {"loss": f"{float(loss):.4f}", "accuracy": f"{float(accuracy):.4f}"}

    def init_train_tqdm(self) -> Tqdm:
        return self._bar("")

    def init_validation_tqdm(self) -> Tqdm:
        return self._bar(self.validation_description, position=1)

    def _bar(self, description: str, position: int = 0) -> Tqdm:
        """On stderr, where messages go, and gone when it is done: the table stays."""
        return Tqdm(
            desc=description,
            position=position,
            disable=self.is_disabled,
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
            smoothing=0,
            bar_format=self.BAR_FORMAT,
        )
