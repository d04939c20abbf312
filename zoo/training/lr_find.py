"""The learning-rate finder: the rate grows exponentially, a batch a step, until the loss runs away (Smith 2015)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speczoo.training import recipe as r
from speczoo.training.dataset import Dataset
from speczoo.training.engine import check_smallest, loaders
from speczoo.training.errors import TrainingError
from speczoo.training.learner import make_optimizer, training_loss
from speczoo.training.lightning import Fabric
from speczoo.training.loader import Batches
from speczoo.training.metrics import outputs, reporting_refusals
from speczoo.training.progress import tracked

GRADIENT, TENTH = "Min numerical gradient", "Min loss divided by 10"


@dataclass(frozen=True)
class Rates:
    """Rates with their smoothed losses, and both of the usual suggestions."""

    lrs: list[float]
    losses: list[float]
    suggestions: dict[str, float]


def lr_find(
    model: nn.Module, recipe: r.Recipe, dataset: Dataset, start: float = 1e-7, end: float = 10.0, steps: int = 100
) -> Rates:
    """Train a copy of the model from `start` to `end`; stops when the loss is four times its least.

    A step is the recipe's own: its precision, its auxiliary losses, its clipping, and as many batches as it
    accumulates in an epoch.

    The loss is smoothed with 0.98, bias corrected. Suggested are the rate where the loss falls fastest and a tenth of
    the rate where it is least; the first ten steps and the last five do not count. Raises TrainingError when no step is
    left.
    """
    ordered = loaders(recipe, dataset)[0]
    check_smallest(model, ordered)
    fabric = Fabric(devices=1, precision=recipe.precision)
    model = copy.deepcopy(model).to(fabric.device).train()
    model, optimizer = fabric.setup(model, make_optimizer(recipe, model))
    batches = _endless(ordered.to(fabric.device))
    count = min(recipe.accumulate, len(ordered))  # an epoch ends with a step
    lrs: list[float] = []
    losses: list[float] = []
    mean, best = 0.0, math.inf
    for step in tracked(range(steps), "learning rates"):
        lr = start * (end / start) ** (step / max(steps - 1, 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        value = 0.0
        for _ in range(count):
            x, y = next(batches)
            with reporting_refusals(x):
                loss = training_loss(recipe, outputs(model(x)), y)
                fabric.backward(loss / recipe.accumulate)
            value += float(loss.detach()) / count
        mean = 0.98 * mean + 0.02 * value
        smooth = mean / (1 - 0.98 ** (step + 1))
        if not math.isfinite(value) or (step > 0 and smooth > 4 * best):
            break
        best = min(best, smooth)
        lrs.append(lr)
        losses.append(smooth)
        if recipe.gradient_clip is not None:
            fabric.clip_gradients(model, optimizer, max_norm=recipe.gradient_clip)
        optimizer.step()
    return Rates(lrs, losses, suggest(lrs, losses))


def suggest(lrs: list[float], losses: list[float], skip_start: int = 10, skip_end: int = 5) -> dict[str, float]:
    """Return both suggestions out of a curve."""
    kept = slice(skip_start, len(losses) - skip_end)
    curve: Tensor = torch.tensor(losses[kept], dtype=torch.float64)
    rates = lrs[kept]
    if len(curve) < 3:
        raise TrainingError(
            "the loss ran away at once: too few steps to judge by", "a smaller --start, or more --steps"
        )
    slope = torch.gradient(curve)[0]
    return {GRADIENT: rates[int(slope.argmin())], TENTH: rates[int(curve.argmin())] / 10}


def _endless(batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from batches
        batches.epoch += 1
