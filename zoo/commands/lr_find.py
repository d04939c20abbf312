"""`zoo lr-find`: which learning rate to try."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import force_option, json_option, reads_files, refuse_taken
from speczoo.commands.training_options import Finite, data_option, emit, guarded, out_option, recipe_of, set_option
from speczoo.commands.weights_options import takes_weights


@click.command()
@click.argument("recipe", shell_complete=shell_completion.recipes)
@set_option
@data_option
@out_option
@force_option
@takes_weights
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
    force: bool,
    weights: str | None,
    names: Mapping[str, Any],
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
    from speczoo.training import recipe_loader
    from speczoo.training.recipe import LARGEST

    if end > LARGEST:
        raise click.UsageError(f"--end {end:g} is above {LARGEST:g}, the largest rate there is")
    chosen = recipe_loader.load(recipe_of(recipe), overrides)
    from speczoo import figures
    from speczoo.specs import files
    from speczoo.training import data as datasets
    from speczoo.training import plots
    from speczoo.training.engine import check
    from speczoo.training.lr_find import lr_find
    from speczoo.training.start import network_of

    target = out or Path(f"lr-find-{chosen.name}.png")
    refuse_taken(figures.paths(target), force)
    dataset = datasets.load(chosen, data)
    shape = datasets.image_size(chosen, dataset)
    chosen, model = network_of(chosen, shape, weights, **names)
    check(model, shape, dataset)
    found = lr_find(model, chosen, dataset, start, end, steps)
    files.make_folder(target.parent)
    replacing = partial(files.replacing, over=force)
    paths = figures.save(plots.rates(found.lrs, found.losses, found.suggestions), target, replacing=replacing)
    console.say(f"curve in {paths[0]}", err=True)
    facts = {
        "recipe": chosen.name,
        "suggestions": found.suggestions,
        "lrs": found.lrs,
        "losses": found.losses,
        "pictures": [str(path) for path in paths],
    }
    emit(facts, as_json, *(f"{name}: {lr:.2E}" for name, lr in found.suggestions.items()))
