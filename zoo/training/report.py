"""The pictures of a run, and one HTML file that holds everything and asks for nothing else."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from speczoo import checking
from speczoo.drawing.files import Drawing
from speczoo.figures import save, shown
from speczoo.specs.diagnostics import Report
from speczoo.specs.escaping import safe
from speczoo.training import plots
from speczoo.training import recipe as r
from speczoo.training.dataset import Dataset, LabelledImages
from speczoo.training.evaluate import Evaluation, evaluate, main_output
from speczoo.training.loader import Batches
from speczoo.training.metric_text import NAMES, duration, figure
from speczoo.training.metrics import device_of
from speczoo.training.run import Run
from speczoo.training.transforms import centring

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .15rem .9rem .15rem 0; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
pre { background: #f5f5f5; padding: 1rem; overflow: auto; font-size: 13px; }
img { max-width: 100%; } figure { margin: 1.5rem 0; } figcaption { color: #555; }
.number { font-size: 2.2rem; font-weight: 600; }
.met { color: #3a8f5d; } .missed { color: #c0492f; }
"""


def write(run: Run, model: nn.Module, dataset: Dataset, recipe: r.Recipe, result: dict[str, Any]) -> Evaluation:
    """Draw everything into the run's folder and writes report.html beside it; returns what was measured.

    Of an unlabelled test set, test.csv says what each image is taken for.
    """
    found = evaluate(model, dataset, recipe)
    figures = pictures(model, dataset, recipe, found)
    if run.history:
        figures = {"Loss and accuracy": plots.curves(run.history, recipe.metrics), **figures}
    if dataset.test is not None:
        figures["Test images"] = _test(run, model, dataset, recipe, dataset.test)
    for title, drawn in figures.items():
        save(drawn, run.path / title.lower().replace(" ", "_"), replacing=run.replacing)
    run.write("report.html", page(run, recipe, found, result, figures))
    return found


def pictures(model: nn.Module, dataset: Dataset, recipe: r.Recipe, found: Evaluation) -> dict[str, Figure]:
    """Return the figures of a report by their titles: predictions, mistakes, confusion."""
    valid, classes = dataset.valid, dataset.classes
    figures: dict[str, Figure] = {}
    if valid.labels.ndim == 1:
        figures["Predictions"] = plots.predictions(valid.images, valid.labels, found, classes)
        mistakes = plots.worst(valid.images, valid.labels, found, classes)
        if mistakes is not None:
            figures["Worst mistakes"] = mistakes
    else:
        few = valid.take(torch.arange(min(6, len(valid))))
        predicted = _logits(model, dataset, recipe, few).argmax(1)
        figures["Predictions"] = plots.masks(few.images, few.labels, len(classes), predicted)
    figures["Confusion matrix"] = plots.confusion(found.confusion, classes)
    return figures


def _test(run: Run, model: nn.Module, dataset: Dataset, recipe: r.Recipe, test: LabelledImages) -> Figure:
    """Write test.csv and draws the first of those images."""
    confidence, predicted = _logits(model, dataset, recipe, test).softmax(1).max(1)
    labels = [dataset.classes[i] for i in predicted.tolist()]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "label", "probability"])
    writer.writerows(zip(test.names, labels, (f"{p:.4f}" for p in confidence.tolist()), strict=True))
    run.write("test.csv", table.getvalue())
    return plots.grid(test.images[:16], [shown(label) for label in labels[:16]])


def _logits(model: nn.Module, dataset: Dataset, recipe: r.Recipe, split: LabelledImages) -> Tensor:
    """Return what the network says of every image of a split."""
    device = device_of(model)
    model.eval()
    with torch.inference_mode():
        centre = centring(recipe.transforms.augment)
        batches = Batches(split, 250, dataset.mean, dataset.std, centre).to(device)
        return torch.cat([main_output(model, x).float().cpu() for x, _ in batches])


def page(run: Run, recipe: r.Recipe, found: Evaluation, result: dict[str, Any], figures: dict[str, Figure]) -> str:
    """Return one self-contained HTML page. Its headline is what the recipe expects, else the first of its metrics."""
    columns = ["epoch", "train_loss", "valid_loss", *recipe.metrics, "seconds"]
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = "".join("<tr>" + "".join(f"<td>{_cell(c, row[c])}</td>" for c in columns) + "</tr>" for row in run.history)
    shown = "".join(
        f"<figure><img alt='{title}' src='{_embed(figure)}'><figcaption>{title}</figcaption></figure>"
        for title, figure in figures.items()
    )
    published = "".join(f"<li>{_text(k)}: {v:g} %</li>" for k, v in recipe.published.items())
    text = "\n".join(map(_text, json.dumps(run.facts["recipe"], indent=2).split("\n")))
    name = _text(recipe.name)
    expected = recipe.expect.figures()
    first = next(iter(expected), recipe.metrics[0])
    others = {k: found.results[k] for k in dict.fromkeys(("accuracy", *recipe.metrics, *expected)) if k != first}
    measured = "".join(f"<tr><td>{NAMES[k]}</td><td>{figure(k, v)}</td></tr>" for k, v in others.items())
    measured += "".join(
        f"<tr><td>{k}</td><td>{_cell(k, result[k])}</td></tr>" for k in ("loss", "epochs", "seconds") if k in result
    )
    drawn = _network(run, recipe)
    network = f"<h2>Network</h2><figure><img alt='the network' src='{drawn}'></figure>\n" if drawn else ""
    goals = "".join(f"<p>Expected {_goal(k, v, found.results[k])}</p>" for k, v in expected.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title><style>{STYLE}</style>
<h1>{name}</h1><p>{_text(recipe.title)}</p>
<p><span class="number">{figure(first, found.results[first])}</span> {NAMES[first]} on the validation split
</p>{goals}
<table>{measured}</table>
{f"<p>Published:</p><ul>{published}</ul>" if published else ""}
{network}<h2>Pictures</h2>{shown}
<h2>Epochs</h2><table><tr>{head}</tr>{rows}</table>
<h2>Recipe</h2><pre>{text}</pre>
<p>torch {_text(run.facts.get("torch", ""))}, lightning {_text(run.facts.get("lightning", ""))}</p>
</html>
"""


def _network(run: Run, recipe: r.Recipe) -> str:
    """Return the picture of the recipe's network as the address of an image; nothing of a module from Python."""
    if "module" in run.facts or "input" not in run.facts:
        return ""
    network = recipe.network
    graph = checking.graph_into(
        Report(), network.name, input=network.input or run.facts["input"], params=network.params
    )
    return _address(Drawing(graph, theme="light").file("svg"), "svg+xml") if graph is not None else ""


def _text(value: object) -> str:
    """Return what a stranger wrote, as text of a page: no markup, and in the order it was written in."""
    return html.escape(safe(str(value)))


def _goal(name: str, wanted: float, reached: float) -> str:
    """Return a goal counts as met at the precision that it is stated in."""
    verdict = "met" if round(reached, 4) >= wanted else "missed"
    return f"{NAMES[name]}: {figure(name, wanted)}, <b class='{verdict}'>{verdict}</b>"


def _cell(column: str, value: float) -> str:
    match column:
        case "epoch" | "epochs":
            return f"{value:.0f}"
        case "seconds":
            return duration(value)
        case "loss" | "train_loss" | "valid_loss":
            return f"{value:.4f}"
    return figure(column, value)


def _embed(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return _address(buffer.getvalue(), "png")


def _address(data: bytes, form: str) -> str:
    """Return an image as an address that holds it."""
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"
