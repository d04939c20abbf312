"""What a trained network says about images: predictions, the confusion matrix, the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speczoo.limits import LimitExceeded, current
from speczoo.module_mode import in_mode
from speczoo.training import recipe as r
from speczoo.training import recipe_transforms
from speczoo.training.dataset import Dataset, LabelledImages
from speczoo.training.errors import DataError, RunError
from speczoo.training.images import read_images
from speczoo.training.loader import Batches
from speczoo.training.metrics import Counts, device_of, outputs, reporting_refusals
from speczoo.training.progress import tracked
from speczoo.training.run import Run
from speczoo.training.transforms import CenterCrop, Transform, centring, pair

BATCH = 64  # images that go through the network at a time, at most
ELEMENTS = 1 << 24  # numbers in them, at most


@dataclass(frozen=True)
class Evaluation:
    """Over one split: `predicted` and `confidence` and `losses` per image (empty where pixels have classes)."""

    results: dict[str, float]
    confusion: Tensor  # [true, predicted], counts
    predicted: Tensor
    confidence: Tensor
    losses: Tensor


def evaluate(model: nn.Module, dataset: Dataset, recipe: r.Recipe, split: str = "valid") -> Evaluation:
    """Run the model over a split, in evaluation mode; leave the mode as it was."""
    chosen = dataset.train if split == "train" else dataset.valid
    device = device_of(model)
    batches = Batches(chosen, max(recipe.batch_size, 250) if chosen.labels.ndim == 1 else recipe.batch_size,
                      dataset.mean, dataset.std, centring(recipe.transforms.augment)).to(device)  # fmt: skip
    counts = Counts(len(dataset.classes), device)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    with in_mode(model, training=False), torch.inference_mode():
        for x, y in tracked(batches, f"measuring {split}"):
            output = main_output(model, x).float()
            wanted = (len(y), len(dataset.classes), *y.shape[1:])
            if output.shape != wanted:
                raise DataError(
                    f"the network's output is {list(output.shape[1:])}, and the labels want {list(wanted[1:])}"
                )
            with reporting_refusals(x):
                counts.add(output, y)
            if y.ndim == 1:
                best = output.softmax(1).max(1)
                loss = nn.functional.cross_entropy(output, y, reduction="none")
                rows.append((best.indices.cpu(), best.values.cpu(), loss.cpu()))
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


def main_output(network: nn.Module, x: Tensor) -> Tensor:
    """Return the network's main output for a batch. Raises DataError where it does not take it."""
    with reporting_refusals(x):
        return outputs(network(x))[0]


def predict(run: str | Path | Run, images: Sequence[str | Path], model: nn.Module | None = None) -> list[Prediction]:
    """Classify image files by a run's network. Images are converted, resized and normalised as in training.

    Raises DataError for a file that is no image, RunError for a folder that is no run.
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    network = opened.model(model)
    paths = [Path(image) for image in images]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"there is no image {missing[0]}")
    channels, height, width = opened.facts["input"]
    if channels not in (1, 3):
        raise DataError(f"this network takes images of {channels} channels, and files have one, or three")
    recipe = opened.recipe
    _, *prepared = opened.facts.get("image") or opened.facts["input"]
    steps, centre = _steps(recipe, *prepared), [*centring(recipe.transforms.augment), CenterCrop((height, width))]
    count = max(1, min(BATCH, ELEMENTS // (channels * height * width)))
    found: list[Prediction] = []
    with torch.inference_mode():
        for start in range(0, len(paths), count):
            found += _predicted(opened, network, paths[start : start + count], steps, centre)
    return found


def _steps(recipe: r.Recipe, height: int, width: int) -> list[Any]:
    """Return what makes of an image file what flows into the network."""
    steps: list[Any] = [step for step in recipe.transforms.prepare if not isinstance(step, recipe_transforms.Grayscale)]
    if any(isinstance(step, recipe_transforms.Resize) for step in steps):
        return steps
    return [recipe_transforms.Resize.model_construct(op="Resize", size=_stored(recipe, height, width)), *steps]


def _predicted(
    run: Run, network: nn.Module, paths: list[Path], steps: list[Any], centre: list[Transform]
) -> list[Prediction]:
    """Return predictions for so many images as are in memory at a time."""
    channels, height, width = run.facts["input"]
    pixels = read_images(paths, "L" if channels == 1 else "RGB", steps)
    try:  # prepared as the recipe says, they are padded to what run.json says
        current().hold("pixels", height * width, f"{run.path} takes images of", f"pixels, {width} x {height}")
    except LimitExceeded as error:
        raise RunError(error.message, error.help) from error
    split = LabelledImages(pixels, torch.zeros(len(pixels), dtype=torch.long))
    ((x, _),) = Batches(split, len(pixels), run.facts["mean"], run.facts["std"], centre)
    output = main_output(network, x)
    if output.ndim != 2:
        raise DataError("this network labels pixels; `zoo evaluate` draws its predictions")
    if output.shape[1] != len(run.classes):
        raise RunError(f"{run.path} names {len(run.classes)} classes, and its network tells {output.shape[1]} apart")
    best = output.softmax(1).sort(1, descending=True)
    return [
        Prediction(str(path), tuple(run.classes[i] for i in index), tuple(values))
        for path, values, index in zip(paths, best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def _stored(recipe: r.Recipe, height: int, width: int) -> list[int]:
    """Return the size images had in the data set: that of prepared ones, before cropping and padding changed it."""
    for step in reversed(recipe.transforms.prepare):
        if isinstance(step, recipe_transforms.Pad):
            height, width = height - 2 * step.padding, width - 2 * step.padding
        if isinstance(step, recipe_transforms.CenterCrop):
            height, width = pair(step.size)
    return [min(max(side, 1), recipe_transforms.SIDE) for side in (height, width)]
