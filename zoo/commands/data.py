"""`zoo data`: what a recipe's data looks like."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import force_option, json_option, reads_files, refuse_taken
from speczoo.commands.training_options import data_option, emit, guarded, out_option, recipe_of, set_option


@click.command()
@click.argument("recipe", shell_complete=shell_completion.recipes)
@set_option
@data_option
@out_option
@force_option
@click.option("--download", is_flag=True, help="Fetch what is missing, where torchvision knows from where.")
@json_option
@reads_files
@guarded
def command(
    recipe: str,
    overrides: tuple[str, ...],
    data: Path | None,
    out: Path | None,
    force: bool,
    download: bool,
    as_json: bool,
) -> None:
    """Look at RECIPE's data: splits, classes, statistics, a labelled batch, one image and eight augmentations of it.

    Pictures go to the folder of -o, by default data-RECIPE.
    """
    from speczoo.training import recipe_loader

    chosen = recipe_loader.load(recipe_of(recipe), overrides)
    from speczoo.training import data as datasets
    from speczoo.training import data_preview

    folder = out or Path(f"data-{chosen.name}")
    refuse_taken(data_preview.pictures(folder), force)
    dataset = datasets.load(chosen, data, download=download)
    facts = data_preview.describe(chosen, dataset)
    facts["pictures"] = [str(path) for path in data_preview.draw(chosen, dataset, folder, over=force)]
    console.say(f"pictures in {folder}", err=True)
    emit(facts, as_json, *data_preview.shown(facts))
