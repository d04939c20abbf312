"""What a trained network says about images: predictions, the confusion matrix, the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import data as datasets
from . import recipe as r
from .dataset import Dataset, Split
from .errors import DataError
from .loader import Batches
from .metrics import Counts, device_of, outputs
from .progress import tracked
from .run import Run
from .transforms import CenterCrop, centring, pair


@dataclass(frozen=True)
class Evaluation:
    """Over one split: `predicted` and `confidence` and `losses` per image (empty where pixels have classes)."""

    results: dict[str, float]
    confusion: Tensor  # [true, predicted], counts
    predicted: Tensor
    confidence: Tensor
    losses: Tensor


def evaluate(model: nn.Module, dataset: Dataset, recipe: r.Recipe, split: str = "valid") -> Evaluation:
    """Runs the model over a split, in evaluation mode; leaves the mode as it was."""
    chosen = dataset.train if split == "train" else dataset.valid
    device = device_of(model)
    batches = Batches(chosen, max(recipe.batch_size, 250) if chosen.labels.ndim == 1 else recipe.batch_size,
                      dataset.mean, dataset.std, centring(recipe.transforms.augment)).to(device)  # fmt: skip
    counts = Counts(len(dataset.classes), device)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    training = model.training
    model.eval()
    with torch.inference_mode():
        for x, y in tracked(batches, f"measuring {split}"):
            output = outputs(model(x))[0].float()
            counts.add(output, y)
            if y.ndim == 1:
                best = output.softmax(1).max(1)
                loss = nn.functional.cross_entropy(output, y, reduction="none")
                rows.append((best.indices.cpu(), best.values.cpu(), loss.cpu()))
    model.train(training)
    columns = [torch.cat(column) for column in zip(*rows, strict=True)] or [torch.empty(0)] * 3
    return Evaluation(counts.results(), counts.confusion.cpu().long(), *columns)


@dataclass(frozen=True)
class Prediction:
    """What a network says about one image: classes with their probabilities, the likeliest first."""

    image: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def label(self) -> str:
        return self.classes[0]


def predict(run: str | Path | Run, images: Sequence[str | Path], model: nn.Module | None = None) -> list[Prediction]:
    """Classifies image files by a run's network. Images are converted, resized and normalised as in training.

    Raises DataError for a file that is no image, RunError for a folder that is no run.
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    recipe, classes = opened.recipe, opened.classes
    network = opened.model(model)
    channels, height, width = opened.facts["input"]
    paths = [Path(image) for image in images]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"there is no image {missing[0]}")
    steps: list[Any] = [s for s in recipe.transforms.prepare if not isinstance(s, r.Grayscale)]
    if not any(isinstance(s, r.Resize) for s in steps):
        _, *prepared = opened.facts.get("image") or opened.facts["input"]
        steps = [r.Resize(op="Resize", size=_stored(recipe, *prepared)), *steps]
    mode = "L" if channels == 1 else "RGB"
    pixels = datasets.read_images(paths, mode, steps)
    split = Split(pixels, torch.zeros(len(pixels), dtype=torch.long))
    centre = [*centring(recipe.transforms.augment), CenterCrop((height, width))]
    batches = Batches(split, 64, opened.facts["mean"], opened.facts["std"], centre)
    found: list[Prediction] = []
    with torch.inference_mode():
        for x, _ in batches:
            output = outputs(network(x))[0]
            if output.ndim != 2:
                raise DataError("this network labels pixels; `zoo evaluate` draws its predictions")
            best = output.softmax(1).sort(1, descending=True)
            for values, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                name = str(paths[len(found)])
                found.append(Prediction(name, tuple(classes[i] for i in index), tuple(values)))
    return found


def _stored(recipe: r.Recipe, height: int, width: int) -> list[int]:
    """The size images had in the data set: that of prepared ones, before cropping and padding changed it."""
    for step in reversed(recipe.transforms.prepare):
        if isinstance(step, r.Pad):
            height, width = height - 2 * step.padding, width - 2 * step.padding
        if isinstance(step, r.CenterCrop):
            height, width = pair(step.size)
    return [min(max(side, 1), r.SIDE) for side in (height, width)]
