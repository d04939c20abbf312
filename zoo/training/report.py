"""The pictures of a run, and one HTML file that holds everything and asks for nothing else."""

from __future__ import annotations

import base64
import html
import io
import json
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import nn

from . import plots
from . import recipe as r
from .dataset import Dataset
from .evaluate import Evaluation, evaluate
from .loader import Batches
from .metrics import outputs
from .run import Run

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .15rem .9rem .15rem 0; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
pre { background: #f5f5f5; padding: 1rem; overflow: auto; font-size: 13px; }
img { max-width: 100%; } figure { margin: 1.5rem 0; } figcaption { color: #555; }
.number { font-size: 2.2rem; font-weight: 600; }
"""


def write(run: Run, model: nn.Module, dataset: Dataset, recipe: r.Recipe, result: dict[str, Any]) -> Evaluation:
    """Draws everything into the run's folder and writes report.html beside it; returns what was measured."""
    found = evaluate(model, dataset, recipe)
    figures = pictures(model, dataset, recipe, found)
    if run.history:
        figures = {"Loss and accuracy": plots.curves(run.history, recipe.metrics), **figures}
    for title, figure in figures.items():
        plots.save(figure, run.path / title.lower().replace(" ", "_"))
    run.write("report.html", page(run, recipe, result, figures))
    return found


def pictures(model: nn.Module, dataset: Dataset, recipe: r.Recipe, found: Evaluation) -> dict[str, Figure]:
    valid, classes = dataset.valid, dataset.classes
    figures: dict[str, Figure] = {}
    if valid.labels.ndim == 1:
        figures["Predictions"] = plots.predictions(valid.images, valid.labels, found, classes)
        mistakes = plots.worst(valid.images, valid.labels, found, classes)
        if mistakes is not None:
            figures["Worst mistakes"] = mistakes
    else:
        said = _masks(model, dataset, 6)
        figures["Predictions"] = plots.masks(valid.images[:6], valid.labels[:6], len(classes), said)
    figures["Confusion matrix"] = plots.confusion(found.confusion, classes)
    return figures


def _masks(model: nn.Module, dataset: Dataset, count: int) -> torch.Tensor:
    device = next(p.device for p in model.parameters())
    batches = Batches(dataset.valid.take(torch.arange(count)), count, dataset.mean, dataset.std).to(device)
    model.eval()
    with torch.inference_mode():
        return outputs(model(next(iter(batches))[0]))[0].argmax(1).cpu()


def page(run: Run, recipe: r.Recipe, result: dict[str, Any], figures: dict[str, Figure]) -> str:
    """One self-contained HTML page."""
    columns = ["epoch", "train_loss", "valid_loss", *recipe.metrics, "seconds"]
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = "".join("<tr>" + "".join(f"<td>{row[c]:.6g}</td>" for c in columns) + "</tr>" for row in run.history)
    shown = "".join(
        f"<figure><img alt='{title}' src='{_embed(figure)}'><figcaption>{title}</figcaption></figure>"
        for title, figure in figures.items()
    )
    published = "".join(f"<li>{html.escape(k)}: {v:g} %</li>" for k, v in recipe.published.items())
    text = html.escape(json.dumps(run.facts["recipe"], indent=2))
    name = html.escape(recipe.name)
    measured = "".join(
        f"<tr><td>{html.escape(k)}</td><td>{result[k]:.6g}</td></tr>"
        for k in ("loss", "epochs", "seconds")
        if k in result
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title><style>{STYLE}</style>
<h1>{name}</h1><p>{html.escape(recipe.title)}</p>
<p><span class="number">{100 * result["accuracy"]:.2f} %</span> of the validation split</p>
<table>{measured}</table>
{f"<p>Published:</p><ul>{published}</ul>" if published else ""}
<h2>Pictures</h2>{shown}
<h2>Epochs</h2><table><tr>{head}</tr>{rows}</table>
<h2>Recipe</h2><pre>{text}</pre>
<p>torch {html.escape(run.facts.get("torch", ""))}, lightning {html.escape(run.facts.get("lightning", ""))}</p>
</html>
"""


def _embed(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
