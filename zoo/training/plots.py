"""Pictures of data, of training and of what came out. Each function returns a matplotlib figure, with names as
`speczoo.figures` has them.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from speczoo.figures import BLUE, GREEN, ORANGE, QuietFigure, shown
from speczoo.training.evaluate import Evaluation

TITLE = 28  # characters in a line over an image


def curves(history: Sequence[Mapping[str, float]], metrics: Sequence[str]) -> Figure:
    """Return losses on the left, what is measured on the right, over epochs."""
    figure = QuietFigure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["train_loss"] for row in history], ".-", color=BLUE)
    left.plot(epochs, [row["valid_loss"] for row in history], ".-", color=ORANGE)
    for name, color in zip(metrics, (GREEN, BLUE, ORANGE), strict=False):
        right.plot(epochs, [row[name] for row in history], ".-", color=color)
    _over_epochs(left, ("training loss", "validation loss"))
    _over_epochs(right, metrics)
    return figure


def _over_epochs(axes: Axes, names: Sequence[str]) -> None:
    """Name the axis, and the curves in the order in which they were drawn."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    legend = axes.legend(axes.get_lines(), [""] * len(names), frameon=False)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=shown(name), parse_math=False)


def names(runs: Sequence[tuple[str, Path]]) -> list[str]:
    """Return what to call runs in one picture: each by its recipe, those of one recipe by their folders."""
    recipes = [recipe for recipe, _ in runs]
    found = [recipe if recipes.count(recipe) == 1 else path.resolve().name for recipe, path in runs]
    return [name if found.count(name) == 1 else str(path) for name, (_, path) in zip(found, runs, strict=True)]


def compare(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Return one curve per run: the training loss on the left, the validation error on the right."""
    figure = QuietFigure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for history in histories.values():
        epochs = [row["epoch"] for row in history]
        mark = "." if len(history) == 1 else ""
        left.plot(epochs, [row["train_loss"] for row in history], marker=mark)
        right.plot(epochs, [100 * (1 - row["accuracy"]) for row in history], marker=mark)
    left.set_ylabel("training loss")
    right.set_ylabel("validation error (%)")
    for axes in (left, right):
        _over_epochs(axes, list(histories))
    return figure


def grid(
    images: Tensor | Sequence[Tensor], titles: Sequence[str], colors: Sequence[str] = (), columns: int = 4
) -> Figure:
    """Return images [channels, height, width], uint8 or 0..255, each under its title."""
    count = max(len(images), 1)
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure = QuietFigure(figsize=(1.8 * columns, 2.05 * rows), layout="constrained")
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if i < len(images):
            picture = images[i].clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
            gray = picture.shape[2] == 1
            axes.imshow(picture[:, :, 0] if gray else picture, cmap="gray" if gray else None, vmin=0, vmax=255)
            title = "\n".join(textwrap.fill(line, TITLE, break_on_hyphens=False) for line in titles[i].split("\n"))
            axes.set_title(title, color=colors[i] if colors else "black", fontsize=8, parse_math=False)
    return figure


def confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """Return rows: what it is. Columns: what was predicted. Colours are shares of a row; numbers are counts."""
    names = [shown(name) for name in classes]
    count = len(names)
    side = max(3.2, min(12.0, 1.6 + 0.42 * count)) + 0.1 * max(0, *(len(name) - 10 for name in names))
    figure = QuietFigure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    share = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    if count <= 20:
        for i in range(count):
            for j in range(count):
                if int(matrix[i, j]):
                    color = "white" if share[i, j] > 0.5 else "black"
                    axes.text(j, i, f"{int(matrix[i, j])}", ha="center", va="center", color=color, fontsize=7)
        axes.set_xticks(range(count), names, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(count), names, parse_math=False)
    axes.grid(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return figure


def predictions(images: Tensor, labels: Tensor, found: Evaluation, classes: Sequence[str], count: int = 16) -> Figure:
    """Return the first images with what was predicted, wrong ones in orange."""
    predicted, true = found.predicted[:count].tolist(), labels[:count].tolist()
    both = list(zip(predicted, true, strict=True))
    titles = [f"Prediction: {shown(classes[p])}" + (f" ({shown(classes[t])})" if p != t else "") for p, t in both]
    colors = ["black" if p == t else ORANGE for p, t in both]
    return grid(images[:count], titles, colors)


def worst(images: Tensor, labels: Tensor, found: Evaluation, classes: Sequence[str], count: int = 12) -> Figure | None:
    """Return the mistakes with the highest loss: predicted / true, loss, confidence. None without mistakes."""
    order = found.losses.argsort(descending=True)
    order = order[found.predicted[order] != labels[order]][:count]
    if not len(order):
        return None
    titles = [
        f"{shown(classes[int(found.predicted[i])])} / {shown(classes[int(labels[i])])}\n"
        f"loss {float(found.losses[i]):.2f}, {100 * float(found.confidence[i]):.0f} % sure"
        for i in order.tolist()
    ]
    return grid(images[order], titles)


def masks(images: Tensor, labels: Tensor, classes: int, predicted: Tensor | None = None) -> Figure:
    """Return a row each: image, labels, and the prediction where there is one."""
    columns = {"image": images[:, 0], "labels": labels, **({} if predicted is None else {"prediction": predicted})}
    rows = len(images)
    figure = QuietFigure(figsize=(1.8 * len(columns), 1.85 * rows), layout="constrained")
    table: Any = figure.subplots(rows, len(columns), squeeze=False)
    for i in range(rows):
        for axes, (title, pictures) in zip(table[i], columns.items(), strict=True):
            picture = pictures[i]
            axes.axis("off")
            ink = title == "image"
            most = 255 if ink else max(classes - 1, 1)
            axes.imshow(picture.cpu().numpy(), cmap="gray" if ink else "tab20", vmin=0, vmax=most)
            if i == 0:
                axes.set_title(title, fontsize=8)
    return figure


def rates(lrs: Sequence[float], losses: Sequence[float], suggestions: Mapping[str, float]) -> Figure:
    """Return the learning-rate finder's curve with its suggestions."""
    figure = QuietFigure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(lrs, losses, color=BLUE)
    for (name, lr), color in zip(suggestions.items(), (ORANGE, GREEN), strict=False):
        axes.axvline(lr, color=color, linestyle="--", label=f"{name}: {lr:.2E}")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)
    return figure


def surfaces(found: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Return loss surfaces side by side, seen from the side and from above, on one logarithmic scale."""
    figure = QuietFigure(figsize=(4.6 * len(found), 8), layout="constrained")
    logs = {name: (steps, losses.clamp(min=1e-4).log10()) for name, (steps, losses) in found.items()}
    low = min(float(z.min()) for _, z in logs.values())
    high = max(low + 1e-3, *(float(z.max()) for _, z in logs.values()))  # a plain has some height, too
    for column, (name, (steps, z)) in enumerate(logs.items()):
        x, y = torch.meshgrid(steps, steps, indexing="xy")
        above: Any = figure.add_subplot(2, len(found), column + 1, projection="3d")
        above.plot_surface(x.numpy(), y.numpy(), z.numpy(), cmap="viridis", vmin=low, vmax=high)
        above.set_zlim(low, high)
        above.set_title(shown(name), parse_math=False)
        above.set_zlabel("log10 loss")
        above.set_box_aspect(None, zoom=0.85)  # room for the labels
        for axis in (above.xaxis, above.yaxis, above.zaxis):
            axis.set_major_locator(MaxNLocator(5, steps=[1, 5, 10]))
            axis.set_tick_params(labelsize=7)
        flat = figure.add_subplot(2, len(found), len(found) + column + 1)
        levels = [low + (high - low) * i / 20 for i in range(1, 20)]
        lines = flat.contour(x.numpy(), y.numpy(), z.numpy(), levels=levels)
        flat.clabel(lines, levels[::3], fontsize=6, fmt="%.2f")
        flat.plot(0, 0, "+", color=ORANGE)
        flat.set_aspect("equal")
        for axes in (above, flat):
            axes.set_xlabel("first direction")
            axes.set_ylabel("second direction")
    return figure
