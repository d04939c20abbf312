"""`zoo list`: which networks there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import emit, expanded, json_option, limit_option, read_limits
from speczoo.table import Column, Table

if TYPE_CHECKING:
    from speczoo.conditions import Condition
    from speczoo.metadata import Metadata

COLUMNS = ("name", "family", "params", "macs", "input", "year")
WORDS = (*COLUMNS, "title")  # that a condition may ask for


@click.command()
@click.argument("patterns", nargs=-1, metavar="[GLOB]...", shell_complete=shell_completion.networks)
@click.option("--where", "condition", metavar="EXPR", help="Only where this is true: 'params < 10e6 and year >= 2015'.")
@click.option(
    "--sort",
    metavar="COLUMN",
    shell_complete=shell_completion.among(*COLUMNS),
    help=f"By {', '.join(COLUMNS)}; -params puts the largest first.",
)
@limit_option
@json_option
def command(
    patterns: tuple[str, ...], condition: str | None, sort: str | None, limits: tuple[str, ...], as_json: bool
) -> None:
    """Networks of the zoo: family, parameters, MACs, input, year.

    GLOB is over names ('resnet*'); a file lists its variants. In --where the names are those of the JSON: name, family,
    title, input, params, macs, year.
    """
    if sort is not None and sort.removeprefix("-") not in COLUMNS:
        raise click.UsageError(f"--sort is by {', '.join(COLUMNS)}, not {sort!a}")
    from speczoo import metadata

    wanted = None
    if condition is not None:
        from speczoo.conditions import Condition, ConditionError

        try:
            wanted = Condition(condition, WORDS)
        except ConditionError as error:
            raise click.UsageError(f"--where: {error}") from None
    allowed = read_limits(limits)
    asked = expanded(patterns, allowed)
    rows = [f for name in asked for f in metadata.of(name, allowed)] if patterns else metadata.everything()
    if wanted is not None:
        rows = [row for row in rows if _holds(wanted, row)]
    if sort is not None:
        rows = ordered(rows, sort.removeprefix("-"), largest_first=sort.startswith("-"))
    if as_json:
        emit([row.to_json() for row in rows])
        return
    from speczoo.commands import layout

    if not rows:
        console.say("no network is like that", err=True)
        return
    table = Table(
        [
            Column("Network", [row.name for row in rows], left=True),
            Column("Family", [row.family for row in rows], left=True, spare=True),
            Column("Parameters", [layout.count(row.params) for row in rows]),
            Column("MACs", [layout.short(row.macs) for row in rows]),
            Column("Input", [_sizes(row.input) for row in rows]),
            Column("Year", [layout.text(row.year) for row in rows]),
        ]
    )
    families = len({f.family for f in rows})
    shown = f"{len(rows)} network{'s' * (len(rows) > 1)} in {families} famil{'ies' if families > 1 else 'y'}"
    console.say(layout.title(shown), "", table)


def _sizes(given: list[int] | dict[str, list[int]]) -> str:
    """Return shapes without the names of several inputs, which a table of networks has no room for."""
    from speczoo.commands import layout

    return ", ".join(map(layout.shape, given.values())) if isinstance(given, dict) else layout.shape(given)


def _holds(wanted: Condition, row: Metadata) -> bool:
    """Return whether a condition is true of a row. Raises UsageError where it is neither true nor false."""
    from speczoo.conditions import ConditionError

    try:
        return wanted.holds({name: getattr(row, name) for name in wanted.names})
    except ConditionError as error:
        raise click.UsageError(f"--where: {error} (at {row.name})") from None


def ordered(rows: list[Metadata], column: str, *, largest_first: bool) -> list[Metadata]:
    """Return rows by a column, names as people count; what has no year comes last."""
    from speczoo import catalogue

    def key(row: Metadata) -> Any:
        value = getattr(row, column)
        if isinstance(value, str):
            return catalogue.natural(value)
        return list(value.values()) if isinstance(value, dict) else [value] if isinstance(value, list) else value

    known = [row for row in rows if getattr(row, column) is not None]
    return sorted(known, key=key, reverse=largest_first) + [row for row in rows if getattr(row, column) is None]
