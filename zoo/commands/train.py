"""`zoo train`: from a recipe to a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from speczoo.commands import shell_completion
from speczoo.commands.common import STANDARD, Place, json_option, reads_files
from speczoo.commands.training_options import accelerator_option, data_option, emit, guarded, recipe_of, set_option
from speczoo.commands.weights_options import takes_weights


@click.command()
@click.argument("recipe", required=False, shell_complete=shell_completion.recipes)
@set_option
@data_option
@click.option("-o", "--out", type=Place(), help="The run's folder; default runs/RECIPE.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on after its last finished epoch.")
@takes_weights
@click.option("--seed", type=click.IntRange(min=0), help="In place of the recipe's.")
@click.option("--devices", default="1", show_default=True, help="How many, or `auto`.")
@click.option("--num-nodes", default=1, show_default=True, type=click.IntRange(min=1), help="Machines.")
@click.option(
    "--strategy",
    default="auto",
    show_default=True,
    shell_complete=shell_completion.strategies,
    help="Lightning's: ddp, fsdp, ...",
)
@accelerator_option
@click.option("--logger", type=click.Choice(["csv", "tensorboard"]), help="Log below the run's folder as well.")
@click.option("--stop-after", type=click.IntRange(min=1), metavar="N", help="Stop after N epochs; --resume goes on.")
@click.option("--report/--no-report", default=True, show_default=True, help="Pictures and report.html.")
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress.")
@json_option
@reads_files
@guarded
def command(
    recipe: str | None,
    overrides: tuple[str, ...],
    data: Path | None,
    out: Path | None,
    resume: Path | None,
    weights: str | None,
    names: Mapping[str, Any],
    seed: int | None,
    devices: str,
    num_nodes: int,
    strategy: str,
    accelerator: str,
    logger: str | None,
    stop_after: int | None,
    report: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a network by RECIPE: a name out of `zoo recipes`, a file, or `-` for one on standard input.

    \b
    zoo train mnist_cnn
    zoo train mnist_resnet --set epochs=3 --data ~/data -o runs/try
    zoo train --resume runs/try
    zoo train mine.yaml --weights old.pt --map keys.json
    """
    if (recipe is None) == (resume is None):
        raise click.UsageError("wanted is a RECIPE, or --resume RUN")
    if recipe == STANDARD and (devices, num_nodes) != ("1", 1):
        raise click.UsageError("`-` is read once: a recipe for several processes is a file")
    from speczoo.training import recipe_loader

    given = recipe_of(recipe) if recipe is not None else None
    if given is not None:
        recipe_loader.load(given, overrides)  # what is wrong with it is reported before torch is loaded
    from speczoo.training.engine import train

    result = train(
        given,
        set=overrides,
        data=data,
        out=out,
        resume=resume,
        weights=weights,
        **names,
        seed=seed,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        accelerator=accelerator,
        logger=logger,
        stop_after=stop_after,
        report=report,
        quiet=quiet,
    )
    shown = "  ".join(f"{name} {value:.4f}" for name, value in result.metrics.items())
    text = f"{shown}  loss {result.loss:.4f}  {result.epochs} epochs in {result.seconds:.0f} s  {result.run}"
    emit(result.json(), as_json, text)
