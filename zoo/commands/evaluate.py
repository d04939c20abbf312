"""`zoo evaluate`: measures a run again, on its own data or on other."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo import console
from speczoo.commands.common import json_option, reads_files
from speczoo.commands.training_options import data_option, emit, guarded
from speczoo.table import Column, Table


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@data_option
@click.option("--split", default="valid", show_default=True, type=click.Choice(["train", "valid"]))
@click.option("--report/--no-report", default=False, show_default=True, help="Draw the pictures and report.html anew.")
@json_option
@reads_files
@guarded
def command(run: Path, data: Path | None, split: str, report: bool, as_json: bool) -> None:
    """Measure the network that was trained in RUN: accuracy, loss, and how well each class is recognised."""
    from speczoo.training.evaluate import evaluate
    from speczoo.training.run import Run

    opened = Run.open(run)
    recipe = opened.recipe
    model = opened.model()
    dataset = opened.dataset(data)
    found = evaluate(model, dataset, recipe, split)
    results = {"accuracy": found.results["accuracy"], "loss": found.results["valid_loss"]}
    results |= {name: found.results[name] for name in recipe.metrics}
    recall = (found.confusion.diagonal() / found.confusion.sum(1).clamp(min=1)).tolist()
    facts = {**results, "split": split, "run": str(run), "images": len(getattr(dataset, split))}
    facts |= {"classes": dict(zip(dataset.classes, recall, strict=True)), "confusion": found.confusion.tolist()}
    if report:
        from speczoo.training.report import write

        with opened.locked():
            write(opened, model, dataset, recipe, results)
        console.say(f"report in {run / 'report.html'}", err=True)
    measured = "  ".join(f"{name} {value:.4f}" for name, value in results.items())
    shares = [f"{100 * value:.2f} %" for value in recall]
    table = Table([Column("Class", dataset.classes, left=True), Column("Recall", shares)])
    emit(facts, as_json, measured, "", table)
