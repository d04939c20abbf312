"""What the recipes of the zoo reach with its networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from speczoo.site.network import RecipeResult
from speczoo.training import recipe_loader


def results() -> Mapping[str, Sequence[RecipeResult]]:
    """Return the results of recipes, by the names of networks, in the order of the recipes' names."""
    found: dict[str, list[RecipeResult]] = defaultdict(list)
    for name in recipe_loader.names():
        recipe = recipe_loader.load(name)
        found[recipe.network.name].append(RecipeResult(name, recipe.title, recipe.expect.figures()))
    return found
