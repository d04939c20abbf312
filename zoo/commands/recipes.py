"""`zoo recipes`: what can be trained."""

from __future__ import annotations

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import json_option
from speczoo.commands.training_options import emit, guarded
from speczoo.table import Column, Table


@click.command()
@click.argument("name", required=False, shell_complete=shell_completion.recipes)
@json_option
@guarded
def command(name: str | None, as_json: bool) -> None:
    """List the recipes, or show and check one (NAME or a file), with the network that it names."""
    from speczoo.training import recipe_loader

    if name is not None:
        recipe = recipe_loader.load(name, with_network=True)
        if as_json:
            emit(recipe.model_dump(mode="json"), as_json)
        else:
            written = recipe_loader.find(name).read_text(encoding="utf-8")
            console.data(written.rstrip() + "\n", "json" if written.startswith("{") else "yaml")
        return
    found = [recipe_loader.load(each) for each in recipe_loader.names()]
    rows = [
        {
            "name": recipe.name,
            "network": recipe.network.name,
            "dataset": recipe.data.dataset,
            "epochs": recipe.epochs,
            "expect": recipe.expect.figures(),
            "title": recipe.title,
        }
        for recipe in found
    ]
    table = Table(
        [
            Column("Recipe", [recipe.name for recipe in found], left=True),
            Column("Expected", [_expected(recipe.expect.figures()) for recipe in found]),
            Column("Epochs", [str(recipe.epochs) for recipe in found]),
            Column("Title", [recipe.title for recipe in found], left=True),
        ]
    )
    emit(rows, as_json, table)


def _expected(expect: dict[str, float]) -> str:
    shown = {"accuracy": "{:.2%}", "top5": "top5 {:.2%}", "iou": "IoU {:.2f}"}
    return " ".join(shown[name].format(value) for name, value in expect.items())
