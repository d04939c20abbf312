"""`--limit` of the commands that read weights, data and runs: how large files of somebody else's may be."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from zoo.limits import NAMES, using

F = TypeVar("F", bound=Callable[..., Any])


def reads_files(command: F) -> F:
    """Gives a command --limit, where it has none, and takes from it what is said of files.

    What is left is for the command's own limits, those of a spec, where it has any.
    """
    params: list[click.Parameter] = getattr(command, "__click_params__", [])
    own = any("--limit" in param.opts for param in params)

    @functools.wraps(command)
    def run(*args: Any, limits: tuple[str, ...], **rest: Any) -> Any:
        others = [given for given in limits if given.partition("=")[0] not in NAMES]
        if others and not own:
            raise click.UsageError(f"--limit takes NAME=N with a name of {', '.join(NAMES)}; not {others[0]!a}")
        if own:
            rest["limits"] = tuple(others)
        with using(**_numbers([given for given in limits if given not in others])):
            return command(*args, **rest)

    if own:
        return run  # type: ignore[return-value]
    help = "Raise or lower a limit of files, as pixels=200000000."
    return click.option("--limit", "limits", multiple=True, metavar="NAME=N", help=help)(run)  # type: ignore[return-value]


def _numbers(limits: Sequence[str]) -> dict[str, int]:
    changed = {}
    for given in limits:
        name, _, said = given.partition("=")
        if not re.fullmatch("[0-9]{1,18}", said, re.ASCII):
            raise click.UsageError(f"--limit takes NAME=N, as pixels=200000000, not {given!a}")
        changed[name] = int(said)
    return changed
