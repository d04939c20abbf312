"""`zoo sweep`: many settings of a network, checked and costed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speczoo import console, processes
from speczoo.commands import shell_completion
from speczoo.commands.common import (
    Place,
    Refused,
    emit,
    expanded,
    force_option,
    json_option,
    limit_option,
    read_limits,
    refuse_taken,
    shape_of,
)

if TYPE_CHECKING:
    from speczoo.catalogue import NamedText
    from speczoo.exploration import Candidate, Space
    from speczoo.exploration.engine import Sweep

FEW = 512  # settings that one process is done with before others have started
REASONS = 5  # of what is no network, in the text


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=shell_completion.networks)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUES",
    shell_complete=shell_completion.settings,
    help="A parameter's values: width=16,32 or depth=2..6; KEY alone: all that the spec declares.",
)
@click.option("--input", "shapes", multiple=True, metavar="SHAPE", help="An input, 3x64x64; several are all tried.")
@click.option("--where", metavar="EXPR", help="Only where this is true: 'params < 5e6 and macs < 1e9'.")
@click.option(
    "--columns",
    default="params,macs",
    show_default=True,
    metavar="A,B",
    shell_complete=shell_completion.measures,
    help="What is measured.",
)
@click.option(
    "--sort",
    metavar="COLUMN",
    shell_complete=shell_completion.measures,
    help="By a measure or a parameter; -macs puts the largest first.",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="N settings of all, drawn by --seed.")
@click.option("--seed", default=0, show_default=True, help="Of --sample.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes; without it, one for each core.")
@click.option(
    "--plot",
    metavar="X,Y",
    shell_complete=shell_completion.measures,
    help="Draw two columns and what no other beats in both; -X: more is better.",
)
@click.option("-o", "--out", type=Place(), help="Where to draw to: sweep.png without it.")
@force_option
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, with why a setting is no network.")
@limit_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    overrides: tuple[str, ...],
    shapes: tuple[str, ...],
    where: str | None,
    columns: str,
    sort: str | None,
    top: int | None,
    sample: int | None,
    seed: int,
    jobs: int | None,
    plot: str | None,
    out: Path | None,
    force: bool,
    as_csv: bool,
    limits: tuple[str, ...],
    as_json: bool,
) -> None:
    """Every combination of settings of NAME, checked and costed without torch; those that are no network, and why.

    VALUES are values (16,32), ranges (2..6, 16..64:16 in steps of 16, 16..256*2 doubling), or lists with ranges in them
    ([1..3,2,2,2]: three lists). What --where and --sort read are measures, parameters and `network`.
    """
    from speczoo.conditions import ConditionError
    from speczoo.exploration import MEASURES, SpaceError
    from speczoo.exploration.engine import Sweep

    if as_csv and as_json:
        raise click.UsageError("--csv or --json, not both")
    allowed = read_limits(limits)
    networks = tuple(expanded(names, allowed))
    measured = tuple(columns.split(","))
    axes = _axes_of_plot(plot)
    extra = {name.removeprefix("-") for name in (*axes, *([sort] if sort else ()))} & {*MEASURES}
    try:
        space = _space(networks[0], overrides, shapes, allowed)
        measures = (*measured, *sorted(extra - {*measured}))
        sweep = Sweep(networks, space, measures, where, allowed, ctx.meta.get("zoo.plugins", ()))
        _hold_columns([*axes, *([sort] if sort else ())], space, MEASURES)
        found = _run(sweep, sample, seed, jobs)
    except SpaceError as error:
        raise click.UsageError(str(error)) from None
    except ConditionError as error:
        raise click.UsageError(f"--where: {error}") from None
    tried = min(sweep.size, sample or sweep.size)
    whole, refused = [c for c in found if c.error is None], [c for c in found if c.error is not None]
    if sort is not None:
        whole = _sorted(whole, sort)
    pictures = _draw(whole, axes, out or Path("sweep.png"), force) if plot is not None else []
    whole = whole[:top]
    if as_json:
        emit([candidate.to_json() for candidate in (*whole, *refused)])
    elif as_csv:
        console.data(_csv(whole + refused, space, sweep, len(networks) > 1))
    else:
        _say(whole, refused, sweep, tried, measured)
        console.say(*pictures)


def _space(network: str | NamedText, overrides: Sequence[str], shapes: Sequence[str], limits: Any) -> Space:
    """Return the space that `--set` and `--input` say. Raises SpaceError, SpecError and UsageError."""
    from speczoo import catalogue
    from speczoo.exploration.space import ListedValues, Space, SpaceError, ValueSequence, declared, read, written
    from speczoo.specs.suggestions import did_you_mean

    known = catalogue.found(network, limits)[0].spec.params
    axes: dict[str, ValueSequence] = {}
    for text in overrides:
        key, equals, values = text.partition("=")
        if not key:
            raise click.UsageError(f"--set takes KEY=VALUES, as width=16,32, not {text!a}")
        if key in axes:
            raise SpaceError(f"--set says {key!a} twice")
        if equals:
            axes[key] = read(key, written(key, values), known.get(key))
        elif key in known:
            axes[key] = declared(key, known[key])
        else:
            hint = " ".join(did_you_mean(key, known)) or "--set takes KEY=VALUES, as width=16,32"
            raise SpaceError(f"there is no parameter {key!a}: {hint}")
    if any("=" in text for text in shapes):
        axes["input"] = ListedValues((shape_of(shapes),))
    elif shapes:
        axes["input"] = ListedValues(tuple(shape_of([text]) for text in shapes))
    return Space(axes)


def _axes_of_plot(plot: str | None) -> tuple[str, ...]:
    axes = tuple(plot.split(",")) if plot is not None else ()
    if len(axes) not in (0, 2):
        raise click.UsageError(f"--plot takes two columns, as params,macs, not {plot!a}")
    return axes


def _hold_columns(names: Sequence[str], space: Space, measures: Any) -> None:
    known = [*measures, *space.names, "network"]
    for name in names:
        if name.removeprefix("-") not in known:
            raise click.UsageError(f"there is no column {name!a}: there is {', '.join(known)}")


def _run(sweep: Sweep, sample: int | None, seed: int, jobs: int | None) -> list[Candidate]:
    from speczoo.exploration.engine import run

    several = min(sweep.size, sample or sweep.size) > FEW
    jobs = jobs or processes.cores()
    try:
        return list(run(sweep, sample=sample, seed=seed, jobs=jobs if several else 1, progress=_progress))
    finally:
        console.progress()


def _progress(done: int, size: int) -> None:
    console.progress(f"{done:,} of {size:,} settings")


def _sorted(rows: list[Candidate], column: str) -> list[Candidate]:
    name = column.removeprefix("-")

    def key(candidate: Candidate) -> tuple[Any, ...]:
        value = candidate.row[name]
        return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))

    return sorted(rows, key=key, reverse=column.startswith("-"))


def _draw(rows: Sequence[Candidate], axes: Sequence[str], out: Path, force: bool) -> list[str]:
    from functools import partial

    from speczoo import figures
    from speczoo.exploration.picture import scatter
    from speczoo.specs import files

    for name in axes:
        if not all(isinstance(c.row[name.removeprefix("-")], int | float) for c in rows):
            raise click.UsageError(f"--plot draws numbers, and {name.removeprefix('-')} has others")
    if not rows:
        raise Refused("no setting is like that: there is nothing to draw")
    refuse_taken(figures.paths(out), force)
    files.make_folder(out.parent)
    written = figures.save(scatter(rows, *axes), out, replacing=partial(files.replacing, over=force))
    return [str(path) for path in written]


def _csv(rows: Sequence[Candidate], space: Space, sweep: Sweep, several: bool) -> str:
    """Return rows as CSV: settings, measures, and why a setting is no network."""
    import csv
    import io

    from speczoo.specs.escaping import safe

    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    head = [*(["network"] if several else []), *space.names, *sweep.measures]
    writer.writerow([*map(safe, head), "error"])
    for candidate in rows:
        row = candidate.row
        writer.writerow([*(safe(cell(row.get(name, ""))) for name in head), safe(candidate.reason)])
    return page.getvalue()


def _say(
    whole: Sequence[Candidate], refused: Sequence[Candidate], sweep: Sweep, tried: int, measured: Sequence[str]
) -> None:
    from speczoo.commands import layout
    from speczoo.table import Column, Table

    fit = f"{len(whole):,} of {tried:,} settings"
    drawn = f", drawn of {sweep.size:,}" if tried < sweep.size else ""
    names = list(dict.fromkeys(candidate.network for candidate in (*whole, *refused)))
    console.say(layout.title(", ".join(names) or "no network", fit + drawn))
    if whole:
        several = len(sweep.networks) > 1
        columns = [Column("network", [c.network for c in whole], left=True)] if several else []
        columns += [Column(name, [cell(c.setting[name]) for c in whole], left=True) for name in sweep.space.names]
        columns += [Column(name, [f"{c.measures[name]:,}" for c in whole]) for name in measured]
        console.say("", Table(columns))
    if refused:
        reasons = Counter(candidate.reason for candidate in refused)
        first = {candidate.reason: candidate for candidate in reversed(refused)}
        console.say("", f"{len(refused):,} {'is' if len(refused) == 1 else 'are'} no network:")
        for reason, count in reasons.most_common(REASONS):
            setting = " ".join(f"{name}={cell(value)}" for name, value in first[reason].setting.items())
            console.say(f"  {count:,} x {reason}", f"    as {setting}")
        if len(reasons) > REASONS:
            console.say(f"  and {len(reasons) - REASONS:,} more reasons, which --csv and --json list")


def cell(value: Any) -> str:
    """Return a setting's value as `--set` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(cell, value))}]"
    if isinstance(value, dict):
        return " ".join(f"{key}={cell(each)}" for key, each in value.items())
    return str(value)
