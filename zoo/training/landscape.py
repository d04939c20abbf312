"""The loss around a minimum, along two random directions whose filters are as long as the network's own.

Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the Loss Landscape of Neural Nets": normalising filter by filter
makes surfaces of different networks comparable. Biases and batch norm's parameters stay where they are.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from speczoo.training import recipe as r
from speczoo.training.dataset import Dataset
from speczoo.training.errors import OptionError
from speczoo.training.loader import IGNORED, Batches
from speczoo.training.metrics import device_of, outputs, reporting_refusals
from speczoo.training.progress import tracked
from speczoo.training.transforms import centring


def direction(model: nn.Module, generator: Generator) -> dict[str, Tensor]:
    """Return a Gaussian direction; every filter (a row of a weight) has the length of the network's own.

    Others are zero.
    """
    found = {}
    for name, value in model.named_parameters():
        if value.ndim < 2:
            found[name] = torch.zeros_like(value)
            continue
        drawn = torch.randn(value.shape, generator=generator).to(value)
        own = value.detach().flatten(1).norm(dim=1)
        scale = own / drawn.flatten(1).norm(dim=1).clamp(min=1e-10)
        found[name] = drawn * scale.reshape(-1, *[1] * (value.ndim - 1))
    return found


def landscape(
    model: nn.Module,
    recipe: r.Recipe,
    dataset: Dataset,
    points: int = 21,
    reach: float = 1.0,
    images: int = 1000,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return steps [points] from -reach to reach, and the mean loss [points, points] over that many training images.

    Rows are steps along the second direction, columns along the first. The model's weights are as before afterwards.
    Raises OptionError where the network gives no numbers that far out.
    """
    generator = Generator().manual_seed(seed)
    first, second = direction(model, generator), direction(model, generator)
    steps = torch.linspace(-reach, reach, points)
    split = dataset.train.take(torch.arange(min(images, len(dataset.train))))
    device = device_of(model)
    centre = centring(recipe.transforms.augment)
    batches = list(Batches(split, 500, dataset.mean, dataset.std, centre).to(device))
    own = {name: value.detach().clone() for name, value in model.named_parameters()}
    losses = torch.empty(points, points)
    model.eval()
    try:
        with torch.inference_mode():
            for row, column in tracked(list(itertools.product(range(points), repeat=2)), "loss surface"):
                a, b = float(steps[column]), float(steps[row])
                for name, value in model.named_parameters():
                    value.copy_(own[name] + a * first[name] + b * second[name])
                losses[row, column] = _loss(model, batches)
                if not losses[row, column].isfinite():
                    far = math.hypot(a, b)
                    raise OptionError(f"the loss is not a number {far:.3g} away from the minimum", "a smaller reach")
    finally:
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(own[name])
    return steps, losses


def _loss(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    total, count = 0.0, 0
    for x, y in batches:
        with reporting_refusals(x):
            loss = F.cross_entropy(outputs(model(x))[0], y, ignore_index=IGNORED, reduction="sum")
        total += float(loss)
        count += int((y != IGNORED).sum())
    return total / count
