"""`zoo search`: training what fits a budget, for the best setting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import STANDARD, json_option
from speczoo.commands.training_options import accelerator_option, data_option, emit, guarded, out_option
from speczoo.commands.weights_options import takes_weights

if TYPE_CHECKING:
    from speczoo.exploration.study import Study
    from speczoo.exploration.task import StartWeights, Task

STUDY = "study.jsonl"  # in a search's folder
SHOWN = 10  # trials in the table
REASONS = 3  # why trainings failed, in the text


@click.command()
@click.argument("recipe", shell_complete=shell_completion.recipes)
@click.option(
    "--trials",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="To train, or that fail.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUES",
    shell_complete=shell_completion.recipe_settings,
    help="What is searched: width=8..64, act=ReLU,GELU, optimizer.lr=1e-4..1e-1; one value is all trials'.",
)
@click.option("--where", metavar="EXPR", help="The budget: 'params < 5e6 and macs < 1e9'. No other is built.")
@click.option(
    "--metric",
    metavar="NAME",
    shell_complete=shell_completion.among("accuracy", "top5", "iou", "valid_loss"),
    help="Of the recipe's metrics, its first without this; or valid_loss.",
)
@data_option
@takes_weights
@out_option
@click.option("--resume", is_flag=True, help="Go on with the search in the folder of -o.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of what is proposed.")
@click.option("--prune/--no-prune", default=True, show_default=True, help="End trials early that fall behind.")
@accelerator_option
@click.option("--storage", metavar="URL", help="Optuna's: a database for the study, in place of a file in the folder.")
@click.option("--on", "where_run", type=click.Choice(["optuna", "ray"]), default="optuna", help="ray: many machines.")
@click.option("--address", metavar="HOST:PORT", help="A Ray cluster's; without it, Ray starts here.")
@click.option("--cpus", default=1.0, show_default=True, type=click.FloatRange(min=0), help="Of a trial on Ray.")
@click.option("--gpus", default=0.0, show_default=True, type=click.FloatRange(min=0), help="Of a trial on Ray.")
@json_option
@click.pass_context
@guarded
def command(
    ctx: click.Context,
    recipe: str,
    trials: int,
    overrides: tuple[str, ...],
    where: str | None,
    metric: str | None,
    data: Path | None,
    weights: str | None,
    names: Mapping[str, Any],
    out: Path | None,
    resume: bool,
    seed: int,
    prune: bool,
    accelerator: str,
    storage: str | None,
    where_run: str,
    address: str | None,
    cpus: float,
    gpus: float,
    as_json: bool,
) -> None:
    """Train RECIPE under one setting after the other, and write the best into the network's spec as a variant.

    What is searched are the parameters that --set names, of the network (width) and of the recipe (optimizer.lr);
    without any, those that the spec declares with choices, or with min and max. What does not fit --where is never
    built. The study, the runs and the spec are in the folder of -o (default runs/RECIPE-search).

    \b
    zoo search mnist_cnn --set num_classes=10 --set optimizer.lr=1e-3..1e-1 --trials 20
    zoo search mine.yaml --where 'params < 50e3' --trials 40 -o runs/small
    zoo search mine.yaml --trials 80 -o runs/small --resume
    """
    if recipe == STANDARD:
        raise click.UsageError("`-` is read once: the recipe of a search, which others train and resume, is a file")
    from speczoo.conditions import ConditionError
    from speczoo.exploration.space import SpaceError
    from speczoo.exploration.task import StartWeights
    from speczoo.training.errors import TrainingError

    try:
        start = StartWeights(weights, names["rename"], names["keys"]) if weights is not None else None
        task = _task(recipe, overrides, where, metric, data, start, accelerator, ctx.meta.get("zoo.plugins", ()))
    except SpaceError as error:
        raise click.UsageError(f"--set {error}") from None
    except ConditionError as error:
        raise click.UsageError(f"--where: {error}") from None
    from speczoo.exploration.study import Study

    folder = out or Path("runs") / f"{Path(recipe).stem}-search"
    study = Study(task, storage or _file(folder, resume), seed=seed, prune=prune, resume=resume)
    if where_run == "ray":
        from speczoo.exploration import with_ray

        resources = {"CPU": cpus, **({"GPU": gpus} if gpus else {})}
        with_ray.search(study, trials, folder, address=address, resources=resources, prune=prune)
    else:
        from speczoo.exploration import with_optuna

        with_optuna.search(study, trials, folder, lambda text: console.say(text, err=True))
    facts = _facts(study, folder)
    emit(facts, as_json, *_lines(study, facts))
    if study.best is None and study.failures:
        ctx.exit(TrainingError.exit_code)


def _task(
    recipe: str,
    overrides: Sequence[str],
    where: str | None,
    metric: str | None,
    data: Path | None,
    start: StartWeights | None,
    accelerator: str,
    plugins: Any,
) -> Task:
    """Raise SpecError, SpaceError, ConditionError, TrainingError and UsageError."""
    from speczoo.exploration.task import LOSSES, Task, drawn_from, first_setting, unit_of
    from speczoo.training import recipe_loader

    given: dict[str, str] = {}
    for text in overrides:
        key, equals, values = text.partition("=")
        if not equals or not key or key in given:
            raise click.UsageError(f"--set {'says it twice' if key in given else 'takes KEY=VALUES'}: {text!a}")
        given[key] = values
    loaded = recipe_loader.load(recipe)
    searched, fixed = drawn_from(loaded, given)
    known = (*loaded.metrics, *LOSSES)
    if metric is not None and metric not in known:
        raise click.UsageError(f"--metric is one of {', '.join(known)}, not {metric!a}")
    is_file = Path(recipe).suffix in (".yaml", ".yml", ".json")
    task = Task(
        recipe=str(Path(recipe).absolute()) if is_file else recipe,
        params=frozenset(unit_of(loaded)[0].spec.params),
        distributions=searched,
        fixed=fixed,
        metric=metric or loaded.metrics[0],
        where=where,
        data=data.absolute() if data is not None else None,
        start=start.at_home() if start is not None else None,
        accelerator=accelerator,
        plugins=plugins,
    )
    _ = task.condition
    first = first_setting(searched)
    task.loaded(first)  # what is wrong with the recipe is reported before torch is loaded
    task = task.on_its_data()
    task.refusal(first)  # and that a condition is none, before there is a folder
    return task


def _file(folder: Path, resume: bool) -> Path:
    """Return the file of the study in a folder. Raises OptionError."""
    from speczoo.specs import files
    from speczoo.training.errors import OptionError

    if (folder / STUDY).is_symlink():
        raise OptionError(f"{folder / STUDY} is a symbolic link", "a search goes on in a folder of its own")
    there = (folder / STUDY).exists()
    if resume and not there:
        raise OptionError(f"there is no search in {folder}", "leave out --resume")
    if not resume and folder.exists() and any(folder.iterdir()):
        help = "--resume goes on with it, -o takes another folder" if there else "-o takes another folder"
        raise OptionError(f"{folder} is there already", help)
    files.make_folder(folder)
    return folder / STUDY


def _facts(study: Study, folder: Path) -> dict[str, Any]:
    """Return what came out, with the spec written that has the best setting as a variant."""
    from speczoo.exploration.study import setting_of

    rows = [
        {"number": t.number, "setting": setting_of(t), study.task.metric: t.value, "pruned": t.state.name == "PRUNED"}
        for t in study.ranked
    ]
    best = study.best
    facts: dict[str, Any] = {
        "metric": study.task.metric,
        "trials": rows,
        "refused": sum(study.refused.values()),
        "failed": study.failures.total(),
        "failures": dict(study.failures),
        "best": None,
        "spec": None,
    }
    if best is not None:
        setting = setting_of(best)
        graph = study.task.graph(setting)
        path = _written(study.task, setting, folder)
        facts["best"] = {
            "number": best.number,
            "setting": setting,
            study.task.metric: best.value,
            "params": graph.params,
            "macs": graph.macs,
        }
        facts["spec"] = str(path)
    return facts


def _written(task: Task, setting: Mapping[str, Any], folder: Path) -> Path:
    from speczoo.exploration.winner import VARIANT, companions_of, with_variant
    from speczoo.specialize import suffix
    from speczoo.specs import files

    unit, variant = task.variant(setting)
    text = with_variant(unit, VARIANT, variant)
    path = folder / f"{unit.spec.name}{suffix(text)}"
    for beside, data in {path: text.encode(), **companions_of(task.graph(setting), folder)}.items():
        files.make_folder(beside.parent)
        with files.replacing(beside, over=True) as file:
            file.write(data)
    return path


def _lines(study: Study, facts: Mapping[str, Any]) -> list[Any]:
    from speczoo.commands.sweep import cell
    from speczoo.exploration.winner import VARIANT
    from speczoo.table import Column, Table

    metric, rows = facts["metric"], facts["trials"][:SHOWN]
    more = [f"{facts['refused']:,} refused before they were built", f"{facts['failed']:,} failed"]
    lines: list[Any] = [
        f"{len(facts['trials']):,} trials; {', '.join(text for text in more if not text.startswith('0 '))}".rstrip("; ")
    ]
    reasons = Counter(facts["failures"]).most_common()
    lines += [f"  {count:,} x {reason}" for reason, count in reasons[:REASONS]]
    lines += [f"  and {len(reasons) - REASONS:,} more reasons, which --json lists"] * (len(reasons) > REASONS)
    if rows:
        columns = [Column("trial", [str(row["number"]) for row in rows])]
        columns += [
            Column(name, [cell(row["setting"][name]) for row in rows], left=True) for name in study.task.distributions
        ]
        columns.append(Column(metric, [f"{row[metric]:.4f}" for row in rows]))
        columns.append(Column("", ["pruned" if row["pruned"] else "" for row in rows], left=True))
        lines += ["", Table(columns), ""]
    if facts["spec"] is not None:
        lines.append(f"{facts['spec']}:{VARIANT} is the best")
    return lines
