"""What the shell offers for a half-typed word: networks and what is in them, files, recipes, settings, limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.shell_completion import CompletionItem

from speczoo.limits import DataLimits
from speczoo.specs.limits import Limits

if TYPE_CHECKING:
    from speczoo.specs.loaded_spec import LoadedSpec

Items: TypeAlias = list[CompletionItem]
Complete: TypeAlias = Callable[[click.Context, click.Parameter, str], Items]


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


def limits(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return `NAME=` of each limit of specs."""
    return _starting((f"{field.name}=" for field in fields(Limits)), incomplete)


def file_limits(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return `NAME=` of each limit of weights, images and runs."""
    return _starting((f"{field.name}=" for field in fields(DataLimits)), incomplete)


def among(*known: str) -> Complete:
    """Return what completes one of these words, the last of several behind commas."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        before, comma, _ = incomplete.rpartition(",")
        left = (word for word in known if word not in before.split(","))
        return _starting((f"{before}{comma}{word}" for word in left), incomplete)

    return complete


accelerators = among("auto", "cpu", "gpu", "mps", "tpu")
strategies = among("auto", "ddp", "fsdp", "deepspeed")


def entries(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return the paths of the entries in the networks that were typed, as deep as the word is."""
    from speczoo.checking import graph_into
    from speczoo.specs.diagnostics import Report

    name, equals, path = incomplete.rpartition("=")
    deep, found = path.count(".") + 1, dict[str, None]()
    for word in _typed(ctx):
        graph = graph_into(Report(), word) if "\n" not in word else None
        paths = (at.split(".")[:deep] for at, _, _ in (graph.walk() if graph is not None else ()))
        found |= {".".join(steps): None for steps in paths}
    return _starting((f"{name}{equals}{at}" for at in found), incomplete)


def measures(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Return what `zoo sweep` measures."""
    from speczoo.exploration import MEASURES

    return among(*MEASURES)(ctx, param, incomplete)


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
