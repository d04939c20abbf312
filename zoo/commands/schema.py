"""`zoo schema`: the JSON Schema of specs, or of recipes, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo import console
from speczoo.commands import common


@click.command()
@click.option("-o", "--output", type=common.Place(standard=True, dir_okay=False), help="Write it to a file instead.")
@click.option("--recipe", is_flag=True, help="The schema of training recipes.")
@common.force_option
@click.option("--json", is_flag=True, expose_value=False, help="It is JSON already.")
def command(output: Path | str | None, recipe: bool, force: bool) -> None:
    """Print the JSON Schema (draft-07) of specs, or of recipes.

    Editors that speak yaml-language-server read it from a line in the spec:
    # yaml-language-server: $schema=zoo.schema.json
    """
    from speczoo.compiler.emit import schema

    whole = None
    if recipe:
        from speczoo.training.recipe_schema import recipe_schema

        whole = recipe_schema()
    text = schema.text(whole)
    if not isinstance(output, Path):
        console.data(text, "json")
    else:
        from speczoo.specs import files

        files.write(output, text.encode(), over=force)
        console.say(f"wrote {output}", err=True)
