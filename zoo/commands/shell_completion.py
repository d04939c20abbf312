"""What the shell is told of a half-typed word: networks, files, recipes, settings, words and ops."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from speczoo.specs.loaded_spec import LoadedSpec

Items = list[CompletionItem]


def _starting(words: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return that files stand here, which the shell finds itself."""
    return [CompletionItem(incomplete, type="file")]


def networks(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return names of the catalogue, but where a path is typed, and files."""
    from speczoo import catalogue

    path = os.sep in incomplete or incomplete.startswith((".", "~"))
    return [*([] if path else _starting(catalogue.names(), incomplete)), *files(ctx, param, incomplete)]


def recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return names of the zoo's recipes, and files."""
    from speczoo.training import recipe_loader

    return [*_starting(recipe_loader.names(), incomplete), *files(ctx, param, incomplete)]


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return `NAME=` of each parameter of the networks that were typed."""
    names = dict.fromkeys(name for unit in _networks(ctx) for name in unit.spec.params)
    return _starting((f"{name}=" for name in names), incomplete)


def _networks(ctx: click.Context) -> Iterator[LoadedSpec]:
    """Yield the specs that are named on the command line, as far as they can be read."""
    from speczoo import catalogue
    from speczoo.specs.diagnostics import Report

    for word in _typed(ctx):
        found = catalogue.find(word, Report()) if "\n" not in word else None
        if found is not None:
            yield found[0]


def _typed(ctx: click.Context) -> Iterator[str]:
    for each in (*ctx.params.values(), *ctx.args):
        yield from (word for word in (each if isinstance(each, tuple | list) else [each]) if isinstance(word, str))


def recipe_settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return `KEY=` of each value of the recipes that were typed: `epochs=`, `optimizer.lr=`."""
    from speczoo.specs.errors import SpecError
    from speczoo.training import recipe_loader

    keys: list[str] = []
    for word in _typed(ctx):
        try:
            keys += _values(recipe_loader.load(word).model_dump(mode="json"))
        except (SpecError, OSError):
            continue
    return _starting((f"{key}=" for key in dict.fromkeys(keys)), incomplete)


def _values(data: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of what is no mapping."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def ops(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return the names of ops."""
    import speczoo.compiler.layers  # noqa: F401  (fills the registry)
    from speczoo.compiler.layer import Layer

    return _starting(Layer.registry, incomplete)


def words(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return what `zoo explain` explains."""
    from speczoo import glossary

    return _starting(glossary.words(), incomplete)
