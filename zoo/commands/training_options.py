"""What the training commands have in common: options, and errors as messages with exit codes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import STANDARD, Place
from speczoo.specs.diagnostics import Report
from speczoo.specs.errors import SpecError
from speczoo.specs.source import Source
from speczoo.table import Table
from speczoo.training.errors import TrainingError
from speczoo.training.process_rank import leads, rank

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data; else $ZOO_DATA, else the recipe's root.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=shell_completion.recipe_settings,
    help="Override, as epochs=3.",
)
out_option = click.option("-o", "--out", type=Place(), help="Where to write.")
accelerator_option = click.option(
    "--accelerator",
    default="auto",
    show_default=True,
    shell_complete=shell_completion.accelerators,
    help="Lightning's: cpu, gpu, mps, ...",
)


class Finite(click.FloatRange):
    """A range that NaN and the infinities are outside of."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Reported(click.ClickException):
    """A TrainingError on its way out: on stderr for people, and with --json as an object on stdout.

    Processes beside the first say which one they are, and leave stdout to it.
    """

    def __init__(self, error: TrainingError, as_json: bool) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code  # type: ignore[misc]
        self.lines = error.lines
        self.as_json = as_json

    def show(self, file: Any = None) -> None:
        shown, *more = self.lines
        console.say(f"error: {shown}" if leads() else f"error in process {rank()}: {shown}", *more, err=True)
        if self.as_json and leads():
            console.emit({"ok": False, "error": self.message})


def recipe_of(asked: str) -> str | Source:
    """Return a recipe's name or path, or the text on standard input for `-`: a network that this names by a path lies
    in the folder where one is. Raises SpecError where that is no text.
    """
    if asked != STANDARD:
        return asked
    report = Report()
    source = console.stdin(report)
    if source is None:
        raise SpecError(report.diagnostics)
    return source


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what a person can mend into a message and the exit code that scripts rely on."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except TrainingError as error:
            raise Reported(error, bool(kwargs.get("as_json"))) from error

    return run


def emit(value: Any, as_json: bool, *parts: console.Line | Table) -> None:
    """Print data on stdout: JSON on one line, in which a number that is none is null; or text for people."""
    if as_json:
        console.emit(_finite(value))
    else:
        console.say(*parts)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inside) for inside in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
