"""What stands above a network and its variants: what it costs, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from speczoo.editor.analysis import Analysis
from speczoo.editor.hints import totals
from speczoo.specs.diagnostics import Span

if TYPE_CHECKING:
    from speczoo.training.recipe_loader import RecipeReading

Action: TypeAlias = Literal["run", "draw", "source", "view", ""]


class Lens(NamedTuple):
    """A line above another, and what happens where one chooses it; `variant` is what it is about."""

    line: int
    title: str
    action: Action
    variant: str | None


def lenses(analysis: Analysis) -> tuple[Lens, ...]:
    """Return what stands above the lines of a text."""
    if analysis.recipe is not None:
        return tuple(_of_recipe(analysis, analysis.recipe))
    return tuple(_lenses(analysis)) if analysis.unit is not None else ()


def _of_recipe(analysis: Analysis, recipe: RecipeReading) -> Iterator[Lens]:
    """Yield what the network of a recipe costs, and what can be seen of it; it is trained from a terminal."""
    span = recipe.document.span(("network",), key=True) or Span(1, 1, 1, 1)
    yield Lens(span.line, _totals(analysis), "", None)
    if analysis.graph is not None:
        yield from (Lens(span.line, action, action, None) for action in ("draw", "source"))


def _lenses(analysis: Analysis) -> Iterator[Lens]:
    assert analysis.unit is not None
    document, variants = analysis.unit.document, analysis.variants
    span = document.span(("name",), key=True) or Span(1, 1, 1, 1)
    yield Lens(span.line, _totals(analysis), "", analysis.variant)
    if analysis.graph is not None:
        yield from (Lens(span.line, action, action, analysis.variant) for action in ("run", "draw", "source"))
    for variant in variants:
        place = document.span(("variants", variant), key=True)
        if place is not None and variant != analysis.variant:
            yield Lens(place.line, "show its shapes", "view", variant)
        elif place is not None:
            yield Lens(place.line, "its shapes are shown", "", variant)


def _totals(analysis: Analysis) -> str:
    """Return what the network in view costs, or that it is none yet."""
    name = f"{analysis.variant}: " if analysis.variant is not None else ""
    if analysis.graph is None:
        errors = sum(diagnostic.severity == "error" for diagnostic in analysis.diagnostics)
        return f"{name}{errors} error{'s' * (errors != 1)}"
    return name + totals(analysis.graph)
