"""`zoo curves`: the training of several runs in one picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from speczoo.commands.common import force_option, json_option, reads_files, refuse_taken
from speczoo.commands.training_options import emit, guarded, out_option
from speczoo.table import Column, Table


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_option
@force_option
@json_option
@reads_files
@guarded
def command(runs: tuple[Path, ...], out: Path | None, force: bool, as_json: bool) -> None:
    """Draw training loss and validation error of RUNS over epochs, as for networks with and without skips.

    Pictures go to -o (default curves.png in the first run's folder), as PNG and SVG.
    """
    from speczoo import figures
    from speczoo.specs import files
    from speczoo.training import plots
    from speczoo.training.errors import RunError
    from speczoo.training.run import Run

    opened = [Run.open(path) for path in runs]
    names = plots.names([(run.recipe.name, run.path) for run in opened])
    found = [run.history for run in opened]
    for run, history in zip(opened, found, strict=True):
        if not history:
            raise RunError(f"{run.path} has no finished epoch yet")
    histories = dict(zip(names, found, strict=True))
    target, own = out or runs[0] / "curves.png", out is None
    refuse_taken(figures.paths(target), force or own)
    files.make_folder(target.parent)
    paths = figures.save(plots.compare(histories), target, replacing=partial(files.replacing, over=force or own))
    last = {name: {k: history[-1][k] for k in ("train_loss", "accuracy")} for name, history in histories.items()}
    table = Table(
        [
            Column("Run", list(last), left=True),
            Column("Training loss", [f"{row['train_loss']:.4f}" for row in last.values()]),
            Column("Accuracy", [f"{row['accuracy']:.4f}" for row in last.values()]),
        ]
    )
    emit({"pictures": [str(path) for path in paths], "last": last}, as_json, table, "", str(paths[0]))
