"""`zoo check`: everything that is wrong with specs, in one run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import speczoo
from speczoo import console
from speczoo.commands import common
from speczoo.specs import edit
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.errors import SpecError
from speczoo.specs.limits import Limits
from speczoo.specs.load import load
from speczoo.specs.source import Source

FORMATS = ("text", "concise", "json", "github", "sarif")
FEW = 10  # of them nobody has to be told how far it is
ROUNDS = 10  # fixes may uncover mistakes that have fixes of their own


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="FILE|NAME|GLOB...")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter's value, as num_classes=2.")
@click.option(
    "--input", "inputs", multiple=True, metavar="SHAPE", help="An input's shape without the batch axis, as 3x224x224."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to say it.")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--fix", is_flag=True, help="Apply the repairs that are certain to the files.")
@click.option("--diff", is_flag=True, help="Show what --fix would do; change nothing.")
@common.limit_option
def command(
    targets: tuple[str, ...],
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    form: str,
    as_json: bool,
    fix: bool,
    diff: bool,
    limits: tuple[str, ...],
) -> None:
    """Check specs: files (net.yaml, net.yaml:small), networks of the zoo by name, or globs over either.

    A file is checked in all its variants, a recipe of training with the network that it names. Exit code 0: good;
    1: something is wrong; 2: a file cannot be read or the command makes no sense.
    """
    from speczoo import catalogue

    form = "json" if as_json else form
    allowed, params, shapes = common.read_limits(limits), common.settings(settings), common.shape_of(inputs)
    found: list[tuple[str, list[Diagnostic]]] = []
    wanted = catalogue.expand(targets)
    for number, target in enumerate(wanted, 1):
        if len(wanted) > FEW:
            console.progress(f"{number}/{len(wanted)} {target}")
        found.append((target, _check(target, params, shapes, allowed)))
        if fix or diff:
            found[-1] = (target, _mend(target, found[-1][1], params, shapes, allowed, show=diff))
    if len(wanted) > FEW:
        console.progress()
    if not diff:
        say(found, form)
    sys.exit(exit_code(found))


def _check(target: str, params: dict[str, Any], shapes: Any, limits: Limits) -> list[Diagnostic]:
    from speczoo import catalogue
    from speczoo.api import check_into

    report = Report()
    check_into(report, target, input=shapes, limits=limits, params=params)
    if report.ok or not catalogue.is_path(target):
        return report.diagnostics
    from speczoo.training import recipe_loader

    path = catalogue.split(target)[0]
    return _of_recipe(path, params) if recipe_loader.is_recipe(path) else report.diagnostics


def _of_recipe(path: Path, params: dict[str, Any]) -> list[Diagnostic]:
    """Return what is wrong with a file that is no network but says how one is trained. Nothing of it is repaired."""
    from speczoo.training import recipe_loader

    try:
        recipe_loader.load(path, params, with_network=True)
    except SpecError as error:
        return [replace(diagnostic, fix=()) for diagnostic in error.diagnostics]
    return []


def _mend(
    target: str, reported: list[Diagnostic], params: dict[str, Any], shapes: Any, limits: Limits, *, show: bool
) -> list[Diagnostic]:
    """Apply what can be, until nothing more can be; what is left to say."""
    from speczoo import catalogue

    path = catalogue.split(target)[0]
    if not catalogue.is_path(target) or not any(d.fix for d in reported):
        return reported
    original = Source.read(path, Report(), limits)
    if original is None:
        return reported
    source, left = original, reported
    for _ in range(ROUNDS):
        text = edit.mended(source, left)
        if text == source.text:
            break
        source = Source(original.name, text, original.path)
        left = _check_source(source, target, params, shapes, limits)
    if source.text == original.text:
        return reported
    if show:
        console.data(edit.difference(original.name, original.text, source.text))
        return left
    edit.replace(path, source.text)
    count = sum(1 for d in reported if d.fix)
    console.say(f"{original.name}: {count} fixed", err=True)
    return left


def _check_source(source: Source, target: str, params: dict[str, Any], shapes: Any, limits: Limits) -> list[Diagnostic]:
    from speczoo import catalogue
    from speczoo.api import check_unit
    from speczoo.specs.loaded_spec import LoadedSpec

    report = Report()
    document = parse(source, report, limits)
    spec = load(document, report) if document else None
    if spec is None or document is None:
        return report.diagnostics
    variant = catalogue.split(target)[1]
    check_unit(report, LoadedSpec(spec, document), variant, input=shapes, limits=limits, params=params)
    return report.diagnostics


# -- what is printed ----------------------------------------------------------------------------------------------


def say(found: Sequence[tuple[str, list[Diagnostic]]], form: str = "text") -> None:
    """Print what was found; nothing of the rendering is loaded when a text has nothing to show."""
    reported = list(dict.fromkeys(d for _, diagnostics in found for d in diagnostics))
    if form == "text":
        if reported:
            console.diagnostics(reported)
            console.say("")
        console.say(_summary(found, reported))
        return
    from speczoo.specs import render

    if form == "json":
        console.document(render.as_json(render.Checked(file, diagnostics) for file, diagnostics in found))
    elif form == "sarif":
        console.document(render.sarif(reported, speczoo.__version__))
    elif form == "github" and reported:
        console.workflow_commands(reported)
    elif reported:
        console.say(*render.concise(reported).split("\n"))


def _summary(found: Sequence[tuple[str, list[Diagnostic]]], reported: Sequence[Diagnostic]) -> str:
    errors = sum(d.severity == "error" for d in reported)
    warnings = len(reported) - errors
    what = found[0][0] if len(found) == 1 else f"{len(found)} networks and files"
    counts = [f"{n} {word}{'s' * (n > 1)}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return f"{what}: {' and '.join(counts) or 'good'}"


def exit_code(found: Sequence[tuple[str, list[Diagnostic]]]) -> int:
    """Return 2 where something cannot be read or is not there, 1 where something is wrong, else 0."""
    wrong = [d for _, reported in found for d in reported if d.severity == "error"]
    if any(d.code == "unreadable" or (d.file is None and d.span is None) for d in wrong):
        return 2
    return 1 if wrong else 0
