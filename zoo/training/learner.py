"""The Lightning module: a network, its loss, its optimizer and what is counted while it learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from speczoo.training import recipe as r
from speczoo.training.lightning import pl
from speczoo.training.loader import IGNORED
from speczoo.training.metrics import Counts, outputs, reporting_refusals


class Learner(pl.LightningModule):
    """Trains `model` as the recipe says. What it counts is kept on the device and read once an epoch."""

    def __init__(self, model: nn.Module, recipe: r.Recipe, classes: int) -> None:
        super().__init__()
        self.model, self.recipe, self.classes = model, recipe, classes
        self.last: tuple[Tensor, Tensor, Tensor] | None = None  # loss, output and labels of the latest batch
        self._losses: list[Tensor] = []
        self.measured: dict[str, float] = {}  # by the latest validation
        self._valid: Counts | None = None

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        x, y = batch
        with reporting_refusals(x):
            found = outputs(self.model(x))
            loss = training_loss(self.recipe, found, y)
        value = loss.detach()
        self.last = (value, found[0].detach(), y)
        self._losses.append(value)
        return loss

    def train_loss(self) -> float:
        """Return mean over this epoch's batches of all processes, and start counting anew."""
        total = torch.stack(self._losses).double().mean() if self._losses else torch.tensor(math.nan)
        self._losses.clear()
        return float(self.trainer.strategy.reduce(total.float().to(self.device), reduce_op="mean"))

    def on_validation_epoch_start(self) -> None:
        self._valid = Counts(self.classes, self.device)

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        assert self._valid is not None
        x, y = batch
        with reporting_refusals(x):
            self._valid.add(outputs(self.model(x))[0].float(), y)

    def on_validation_epoch_end(self) -> None:
        assert self._valid is not None
        self._valid.reduce(lambda x: self.trainer.strategy.reduce(x, reduce_op="sum"))
        self.measured = self._valid.results()
        self.log_dict(self.measured, rank_zero_only=True)

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.recipe, self.model)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        schedule = make_schedule(self.recipe, optimizer, steps)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def training_loss(recipe: r.Recipe, found: Sequence[Tensor], y: Tensor) -> Tensor:
    """Return the loss of a network's outputs: the main one's, and those that exist in training only by `aux_weight`."""
    smoothing = recipe.label_smoothing
    first, *aux = (F.cross_entropy(o, y, ignore_index=IGNORED, label_smoothing=smoothing) for o in found)
    for loss in aux:
        first = first + recipe.aux_weight * loss
    return first


def finite(model: nn.Module) -> bool:
    """Return whether every weight is a number. Buffers may hold infinities, as the masks of attention do."""
    finite = [p.detach().isfinite().all() for p in model.parameters()]
    return not finite or bool(torch.stack(finite).all())


def _unscaled_between(recipe: r.Recipe) -> bool:
    """Return whether gradients are looked at between backward and step: a fused optimizer unscales them in its step
    only.
    """
    return recipe.precision == "16-mixed" or (recipe.precision == "bf16-mixed" and recipe.gradient_clip is not None)


def make_optimizer(recipe: r.Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimizer of the weights that train, fused where torch can."""
    o = recipe.optimizer
    parameters = [p for p in model.parameters() if p.requires_grad]
    fused = all(p.is_floating_point() for p in parameters) and not _unscaled_between(recipe)
    if isinstance(o, r.SGD):
        return torch.optim.SGD(
            parameters, o.lr, momentum=o.momentum, nesterov=o.nesterov, weight_decay=o.weight_decay, fused=fused
        )
    cls = torch.optim.AdamW if o.op == "AdamW" else torch.optim.Adam
    decay = o.weight_decay if o.weight_decay is not None else 0.01 if o.op == "AdamW" else 0.0
    return cls(parameters, o.lr, betas=(o.betas[0], o.betas[1]), eps=o.eps, weight_decay=decay, fused=fused)


def make_schedule(recipe: r.Recipe, optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler | None:
    """Return a schedule in steps: epochs of a recipe become shares of all the steps there are."""
    s, lr = recipe.schedule, recipe.optimizer.lr
    per_epoch = steps / recipe.epochs
    match s:
        case None:
            return None
        case r.OneCycle():
            momentum = not isinstance(recipe.optimizer, r.SGD) or recipe.optimizer.momentum > 0
            rise = s.pct_start * steps - 1  # torch divides by it, having taken the first step at nought
            return OneCycleLR(
                optimizer,
                lr,
                total_steps=steps,
                pct_start=s.pct_start if rise else s.pct_start * (1 - 1e-9),
                div_factor=s.div_factor,
                final_div_factor=s.final_div_factor,
                base_momentum=s.base_momentum,
                max_momentum=s.max_momentum,
                cycle_momentum=momentum,
            )

    warmup = s.warmup * per_epoch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if isinstance(s, r.MultiStep):
            return math.prod(s.gamma for m in s.milestones if step >= m * per_epoch)
        done = min(1.0, (step - warmup) / max(1.0, steps - warmup))
        return (s.eta_min + (lr - s.eta_min) * (1 + math.cos(math.pi * done)) / 2) / lr

    return LambdaLR(optimizer, factor)
