"""Looking at data before training on it: numbers, a labelled batch, one image and eight augmentations of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speczoo import figures
from speczoo.console import Line
from speczoo.specs import files
from speczoo.table import Column, Table
from speczoo.training import plots
from speczoo.training import recipe as r
from speczoo.training.data import image_size
from speczoo.training.dataset import Dataset, LabelledImages
from speczoo.training.engine import loaders
from speczoo.training.errors import RunError
from speczoo.training.loader import Batches
from speczoo.training.transforms import augmentation


def describe(recipe: r.Recipe, dataset: Dataset) -> dict[str, Any]:
    """Return sizes of splits, images per class, shapes before and after transforms, statistics."""
    splits = {"train": dataset.train, "valid": dataset.valid, **({"test": dataset.test} if dataset.test else {})}
    batch = next(iter(loaders(recipe, dataset)[0]))
    return {
        "recipe": recipe.name,
        "dataset": recipe.data.dataset,
        "classes": list(dataset.classes),
        "splits": {name: _facts(split, len(dataset.classes)) for name, split in splits.items()},
        "image": list(dataset.shape),
        "input": list(image_size(recipe, dataset)),
        "batch": {"images": list(batch[0].shape), "labels": list(batch[1].shape)},
        "mean": [round(value, 4) for value in dataset.mean],
        "std": [round(value, 4) for value in dataset.std],
    }


def _facts(split: LabelledImages, classes: int) -> dict[str, Any]:
    labels = split.labels[split.labels >= 0]
    return {"images": len(split), "labels": torch.bincount(labels.flatten(), minlength=classes).tolist()}


def shown(facts: dict[str, Any]) -> list[Line | Table]:
    """Return the same for people."""
    splits = facts["splits"]
    counted = "Pixels" if len(facts["batch"]["labels"]) > 1 else "Images"
    classes = [Column("Class", facts["classes"], left=True)]
    classes += [Column(f"{counted} in {name}", [f"{n:,}" for n in split["labels"]]) for name, split in splits.items()]
    return [
        f"{facts['recipe']}: {facts['dataset']}, images {' x '.join(map(str, facts['image']))}",
        "  " + ", ".join(f"{split['images']:,} images in {name}" for name, split in splits.items()),
        f"  batch {facts['batch']['images']}, labels {facts['batch']['labels']}",
        f"  mean {facts['mean']}  std {facts['std']}",
        "",
        Table(classes),
    ]


BATCH, AUGMENTED = "batch", "augmented"


def pictures(folder: Path) -> list[Path]:
    """Return what `draw` writes."""
    return [path for name in (BATCH, AUGMENTED) for path in figures.paths(folder / name)]


def draw(recipe: r.Recipe, dataset: Dataset, folder: Path, *, over: bool = False) -> list[Path]:
    """Return a labelled batch, and one image beside eight augmentations of it, as PNG and SVG."""
    try:
        files.make_folder(folder)
    except OSError as error:
        raise RunError(f"cannot make {folder}: {error.strerror}") from error
    train = dataset.train
    shown = train.take(torch.randperm(len(train), generator=torch.Generator().manual_seed(recipe.seed))[:9])
    if train.labels.ndim > 1:
        batch = plots.masks(shown.images[:6], shown.labels[:6], len(dataset.classes))
    else:
        titles = [f"Ground Truth: {figures.shown(dataset.classes[i])}" for i in shown.labels.tolist()]
        batch = plots.grid(shown.images, titles, columns=3)
    replacing = partial(files.replacing, over=over)
    paths = figures.save(batch, folder / BATCH, replacing=replacing)
    eight = LabelledImages(train.images[:1].repeat(8, 1, 1, 1), torch.zeros(8, dtype=torch.long))
    images = [train.images[0], *_augmented(recipe, eight)]
    augmented = plots.grid(images, ["as it is", *["augmented"] * 8], columns=3)
    return paths + figures.save(augmented, folder / AUGMENTED, replacing=replacing)


def _augmented(recipe: r.Recipe, split: LabelledImages) -> Tensor:
    channels = split.images.shape[1]
    batches = Batches(split, len(split), [0.0] * channels, [1 / 255] * channels,
                      augmentation(recipe.transforms.augment), seed=recipe.seed)  # fmt: skip
    return next(iter(batches))[0]
