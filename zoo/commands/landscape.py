"""`zoo landscape`: the loss around what was found."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from speczoo import console
from speczoo.commands.common import force_option, json_option, reads_files, refuse_taken
from speczoo.commands.training_options import Finite, data_option, emit, guarded, out_option
from speczoo.table import Column, Table


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@data_option
@out_option
@force_option
@click.option("--points", default=21, show_default=True, type=click.IntRange(min=3), help="Along each direction.")
@click.option("--reach", default=1.0, show_default=True, type=Finite(min=0, min_open=True), help="How far.")
@click.option("--images", default=1000, show_default=True, type=click.IntRange(min=1), help="Of the training set.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the two directions.")
@json_option
@reads_files
@guarded
def command(
    runs: tuple[Path, ...],
    data: Path | None,
    out: Path | None,
    force: bool,
    points: int,
    reach: float,
    images: int,
    seed: int,
    as_json: bool,
) -> None:
    """Draw the filter-normalised loss surface (Li et al. 2018) of RUNS side by side, as with and without skips.

    Pictures go to -o (default landscape.png in the first run's folder), as PNG and SVG.
    """
    from speczoo import figures
    from speczoo.specs import files
    from speczoo.training import plots
    from speczoo.training.landscape import landscape
    from speczoo.training.run import Run

    opened = [Run.open(path) for path in runs]
    target, own = out or runs[0] / "landscape.png", out is None
    refuse_taken(figures.paths(target), force or own)
    names = plots.names([(run.recipe.name, run.path) for run in opened])
    found = {}
    for name, run in zip(names, opened, strict=True):
        console.say(f"{name}: {points} x {points} points", err=True)
        found[name] = landscape(run.model(), run.recipe, run.dataset(data), points, reach, images, seed)
    files.make_folder(target.parent)
    paths = figures.save(plots.surfaces(found), target, replacing=partial(files.replacing, over=force or own))
    facts = {
        "pictures": [str(path) for path in paths],
        "surfaces": {name: {"steps": s.tolist(), "losses": z.tolist()} for name, (s, z) in found.items()},
    }
    table = Table(
        [
            Column("Run", list(found), left=True),
            Column("Loss in the middle", [f"{float(z[len(s) // 2, len(s) // 2]):.4f}" for s, z in found.values()]),
            Column("at most", [f"{float(z.max()):.4g}" for _, z in found.values()]),
        ]
    )
    emit(facts, as_json, table, "", str(paths[0]))
