"""`zoo lr-find`: which learning rate to try."""

from __future__ import annotations

from pathlib import Path

import click

from zoo import console
from zoo.commands.common import json_option, reads_files
from zoo.training.cli import Finite, data_option, emit, guarded, out_option, set_option


@click.command()
@click.argument("recipe")
@set_option
@data_option
@out_option
@click.option("--start", default=1e-7, show_default=True, type=Finite(min=0, min_open=True), help="First rate.")
@click.option("--end", default=10.0, show_default=True, type=Finite(min=0, min_open=True), help="Last rate.")
@click.option("--steps", default=100, show_default=True, type=click.IntRange(min=20), help="Batches in between.")
@json_option
@reads_files
@guarded
def command(
    recipe: str,
    overrides: tuple[str, ...],
    data: Path | None,
    out: Path | None,
    start: float,
    end: float,
    steps: int,
    as_json: bool,
) -> None:
    """Train RECIPE's network for moments at growing rates, and suggest two.

    The curve goes to -o (default lr-find-RECIPE.png), as PNG and SVG.
    """
    if start >= end:
        raise click.UsageError(f"--start {start:g} is not below --end {end:g}")
    from zoo.training import cookbook

    chosen = cookbook.load(recipe, overrides)
    from specs import files
    from zoo.training import data as datasets
    from zoo.training import plots
    from zoo.training.engine import check
    from zoo.training.lr_find import lr_find
    from zoo.training.run import build

    dataset = datasets.load(chosen, data)
    shape = datasets.image_size(chosen, dataset)
    model = build(chosen, list(shape))
    check(model, shape, dataset)
    found = lr_find(model, chosen, dataset, start, end, steps)
    target = out or Path(f"lr-find-{chosen.name}.png")
    files.make_folder(target.parent)
    paths = plots.save(plots.rates(found.lrs, found.losses, found.suggestions), target)
    console.say(f"curve in {paths[0]}", err=True)
    facts = {
        "recipe": chosen.name,
        "suggestions": found.suggestions,
        "lrs": found.lrs,
        "losses": found.losses,
        "pictures": [str(path) for path in paths],
    }
    emit(facts, as_json, *(f"{name}: {lr:.2E}" for name, lr in found.suggestions.items()))
