"""What is reported of a recipe and its data that can be trained, and is hardly intended so."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from speczoo.training import recipe as r
from speczoo.training.dataset import Dataset

SOFTMAX = "the network's outputs are probabilities, and cross-entropy takes logits: leave out the Softmax at its end"


def notes(recipe: r.Recipe) -> Iterator[str]:
    """Yield what there is to say of the recipe alone."""
    warmup = getattr(recipe.schedule, "warmup", 0)
    if warmup and warmup >= recipe.epochs:
        yield (
            f"`schedule.warmup` is {warmup:g} epochs and the training has {recipe.epochs}: the learning rate never "
            f"gets to {recipe.optimizer.lr:g}"
        )


def dataset_notes(dataset: Dataset) -> Iterator[str]:
    """Yield what there is to say of the data: classes that a split has no image of, one class alone."""
    if len(dataset.classes) == 1:
        yield f"the data has one class, `{dataset.classes[0]}`: there is nothing to tell apart"
    for name, split in (("train", dataset.train), ("valid", dataset.valid)):
        if split.labels.ndim > 1:
            continue
        counts = torch.bincount(split.labels[split.labels >= 0], minlength=len(dataset.classes)).tolist()
        absent = [f"`{each}`" for each, count in zip(dataset.classes, counts, strict=False) if not count]
        if absent:
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            yield f"the {name} split has no image of {', '.join(absent[:5])}{more}"


def probabilities(output: Tensor) -> bool:
    """Return whether a network's output for one image, [1, classes, ...], went through a softmax."""
    if output.ndim < 2 or output.shape[1] < 2 or not output.is_floating_point():
        return False
    total = output.float().sum(1)
    return bool((output >= 0).all() and torch.allclose(total, torch.ones_like(total), atol=1e-3))
