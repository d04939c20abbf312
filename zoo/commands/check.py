"""`zoo check`: everything that is wrong with specs, in one run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

import speczoo
from speczoo import console
from speczoo.commands import common, shell_completion, watching
from speczoo.specs import edit, files
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.errors import SpecError
from speczoo.specs.limits import Limits
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import UsedSpec
from speczoo.specs.source import Source

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph

FORMATS = ("text", "concise", "json", "github", "sarif")
FEW = 10  # of them nobody has to see how far it is
ROUNDS = 10  # fixes may uncover mistakes that have fixes of their own


class CheckedTarget(NamedTuple):
    """What there is to say against a target, and the networks that it is: of one among many only the files that they
    use beside their own.
    """

    target: str
    diagnostics: list[Diagnostic]
    graphs: Sequence[Graph] = ()
    source: Source | None = None  # what came from standard input
    used: Sequence[Path] = ()


@click.command()
@click.argument("targets", nargs=-1, metavar="[FILE|FOLDER|NAME|GLOB]...", shell_complete=shell_completion.networks)
@common.set_option("--set", "settings", help="A parameter's value, as num_classes=2.")
@click.option(
    "--input", "inputs", multiple=True, metavar="SHAPE", help="An input's shape without the batch axis, as 3x224x224."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to say it.")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--fix", is_flag=True, help="Apply the repairs that are certain to the files.")
@click.option("--diff", is_flag=True, help="Show what --fix would do; change nothing.")
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until Ctrl-C.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@common.limit_option
def command(
    targets: tuple[str, ...],
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    form: str,
    as_json: bool,
    fix: bool,
    diff: bool,
    watch: bool,
    strict: bool,
    limits: tuple[str, ...],
) -> None:
    """Check specs: files (net.yaml, net.yaml:small), folders of them, networks of the zoo by name, or globs.

    Without any, what `paths` of `[tool.speczoo]` in pyproject.toml names. A file is checked in all its variants, a
    recipe of training with the network that it names. Exit code 0: good; 1: something is wrong; 2: a file cannot be
    read or the command makes no sense.
    """
    form = "json" if as_json else form
    allowed, params, shapes = common.read_limits(limits), common.settings(settings), common.shape_of(inputs)
    own = common.project()
    targets = targets or common.paths_of(own)
    if common.STANDARD in targets and (fix or watch):
        option = "--fix writes files" if fix else "--watch waits for files to change"
        raise click.UsageError(f"{option}, and standard input is none; --diff shows what a repair would do")
    if fix and (piped := next(filter(files.is_piped, targets), None)) is not None:
        raise click.UsageError(
            f"--fix writes files, and {piped} is what a command prints; --diff shows what it would do"
        )
    if watch and form not in ("text", "concise"):
        raise click.UsageError(f"--watch prints one text after another, which is no {form}")
    while True:
        before = watching.stamps(_files(targets))
        found = _found(targets, params, shapes, allowed, repair="write" if fix else "show" if diff else "")
        if not diff:
            say(found, form)
        if not watch:
            sys.exit(exit_code(found, strict=strict or own.strict))
        used = [path for checked in found for path in checked.used if path not in before]
        more = watching.stamps(used)
        _say_what_is_waited_for(before | more)
        names = ", ".join(str(path) for path in watching.changed(before | more))
        console.say("", [console.Styled(f"{names} changed", console.DIM)], err=True)


def _say_what_is_waited_for(watched: watching.Stamps) -> None:
    """Say it where nobody would guess it: where none of the files is there yet. Raises Refused where there is none."""
    if not watched:
        raise common.Refused("--watch: there is nothing to watch: name a file or a folder")
    if not any(watched.values()):
        names = ", ".join(map(str, watched))
        console.say(
            "", [console.Styled(f"{names}: not there yet, and waited for; Ctrl-C ends it", console.DIM)], err=True
        )


def _found(
    targets: Sequence[str], params: dict[str, Any], shapes: Any, limits: Limits, *, repair: Literal["write", "show", ""]
) -> list[CheckedTarget]:
    """Return what there is to say of everything that was named; what can be repaired is written, or shown."""
    import speczoo.api  # noqa: F401  (once, before there are several processes)
    from speczoo import catalogue, processes

    wanted = catalogue.expand([*targets])
    if len(wanted) <= FEW:
        return [_one(params, shapes, limits, repair, target) for target in wanted]
    one = partial(_one_of_many, params, shapes, limits, repair)
    together = repair or any(target == common.STANDARD or files.is_piped(target) for target in wanted)
    done = map(one, wanted) if together else processes.forked(one, wanted)
    found: list[CheckedTarget] = []
    for number, target in enumerate(wanted, 1):
        console.progress(f"{number}/{len(wanted)} {target}")
        found.append(next(done))
    console.progress()
    return found


def _one(params: dict[str, Any], shapes: Any, limits: Limits, repair: str, target: str) -> CheckedTarget:
    checked = _check(target, params, shapes, limits)
    checked = _mend(checked, params, shapes, limits, show=repair == "show") if repair else checked
    return checked._replace(used=_used(checked.graphs))


def _one_of_many(params: dict[str, Any], shapes: Any, limits: Limits, repair: str, target: str) -> CheckedTarget:
    return _one(params, shapes, limits, repair, target)._replace(graphs=())


def _files(targets: Sequence[str]) -> list[Path]:
    """Return the files that were named, and the folders, to which more may come."""
    from speczoo import catalogue

    absent = [target for target in targets if catalogue.is_path(target) and not os.path.lexists(target)]
    named = [*targets, *map(_around_glob, absent), *catalogue.expand([*targets])]
    return [catalogue.split(target)[0] for target in named if catalogue.is_path(target) or os.path.isdir(target)]


def _around_glob(target: str) -> str:
    """Return the folder that the files of a glob lie in, as far as it is stated; a path that is no glob as it is."""
    first = next((i for i, char in enumerate(target) if char in "*?["), None)
    return target if first is None else os.path.dirname(target[:first]) or os.curdir


def _used(graphs: Sequence[Graph]) -> list[Path]:
    """Return the files of the specs that the networks use."""
    used = (each for graph in graphs for each in graph.used.values())
    units = (each.unit for each in used if isinstance(each, UsedSpec))
    return [unit.document.source.path for unit in units if unit is not None and unit.document.source.path is not None]


def _check(target: str, params: dict[str, Any], shapes: Any, limits: Limits) -> CheckedTarget:
    from speczoo import catalogue
    from speczoo.checking import check_into

    report = Report()
    if target == common.STANDARD:
        source = console.stdin(report, limits)
        if source is None:
            return CheckedTarget(console.STDIN, report.diagnostics)
        checked = _check_source(source, params, shapes, limits)
        return checked if checked.graphs else _as_recipe(checked, source, params)
    graphs = check_into(report, target, input=shapes, limits=limits, params=params)
    if report.ok or not catalogue.is_path(target) or catalogue.is_exported(target):
        return CheckedTarget(target, report.diagnostics, graphs)
    source = Source.read(catalogue.split(target)[0], Report(), limits)
    return _as_recipe(CheckedTarget(target, report.diagnostics), source, params)


def _as_recipe(checked: CheckedTarget, source: Source | None, params: dict[str, Any]) -> CheckedTarget:
    """Return what is wrong with a text that is no network but says how one is trained, of which nothing is repaired;
    where it does not say so, what there is to say already.
    """
    from speczoo.training import recipe_loader

    if source is None or not recipe_loader.is_recipe(source):
        return checked
    try:
        recipe_loader.load(source, params, with_network=True)
    except SpecError as error:
        return CheckedTarget(checked.target, [replace(diagnostic, fix=()) for diagnostic in error.diagnostics])
    return CheckedTarget(checked.target, [])


def _mend(checked: CheckedTarget, params: dict[str, Any], shapes: Any, limits: Limits, *, show: bool) -> CheckedTarget:
    """Apply what can be, until nothing more can be; what is left to say."""
    from speczoo import catalogue

    target, reported, original = checked.target, checked.diagnostics, checked.source
    path, variant = catalogue.split(target)
    if not any(d.fix for d in reported) or not (original or catalogue.is_path(target)) or catalogue.is_exported(target):
        return checked
    original = original or Source.read(path, Report(), limits)
    if original is None:
        return checked
    source, left = original, checked
    for _ in range(ROUNDS):
        text = edit.mended(source, left.diagnostics)
        if text == source.text:
            break
        source = Source(original.name, text, original.path)
        left = _check_source(source, params, shapes, limits, target, variant)
    if source.text == original.text:
        return checked
    if show:
        console.data(edit.difference(original.name, original.text, source.text))
        return left
    edit.replace(path, source.text)
    count = sum(1 for d in reported if d.fix)
    console.say(f"{original.name}: {count} fixed", err=True)
    return left


def _check_source(
    source: Source,
    params: dict[str, Any],
    shapes: Any,
    limits: Limits,
    target: str = console.STDIN,
    variant: str | None = None,
) -> CheckedTarget:
    from speczoo.checking import check_unit
    from speczoo.specs.loaded_spec import LoadedSpec

    report = Report()
    document = parse(source, report, limits)
    spec = load(document, report) if document else None
    if spec is None or document is None:
        return CheckedTarget(target, report.diagnostics, source=source)
    graphs = check_unit(report, LoadedSpec(spec, document), variant, input=shapes, limits=limits, params=params)
    return CheckedTarget(target, report.diagnostics, graphs, source)


# -- what is printed ----------------------------------------------------------------------------------------------


def say(found: Sequence[CheckedTarget], form: str = "text") -> None:
    """Print what was found; nothing of the rendering is loaded when a text has nothing to show."""
    reported = list(dict.fromkeys(d for checked in found for d in checked.diagnostics))
    if form == "text":
        if reported:
            console.diagnostics(reported)
            console.say("")
        console.say(_summary(found, reported))
        return
    from speczoo.specs import machine_formats

    if form == "json":
        console.document(
            machine_formats.as_json(machine_formats.Checked(each.target, each.diagnostics) for each in found)
        )
    elif form == "sarif":
        console.document(machine_formats.sarif(reported, speczoo.__version__))
    elif form == "github" and reported:
        console.workflow_commands(reported)
    elif reported:
        console.say(*machine_formats.concise(reported).split("\n"))


def _summary(found: Sequence[CheckedTarget], reported: Sequence[Diagnostic]) -> str:
    errors = sum(d.severity == "error" for d in reported)
    warnings = len(reported) - errors
    what = found[0].target if len(found) == 1 else f"{len(found)} networks and files"
    counts = [f"{n} {word}{'s' * (n > 1)}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    facts = _facts(found[0].graphs) if len(found) == 1 and not errors else []
    return "  ".join([f"{what}: {' and '.join(counts) or 'good'}", *facts])


def _facts(graphs: Sequence[Graph]) -> list[str]:
    """Return what there is to know of networks that are right: what flows into one and out of it, and its parameters;
    of several how many they are, and from how many parameters to how many.
    """
    from speczoo.commands import layout

    networks = [graph for graph in graphs if graph.settings.variant] or graphs  # a family is none by its own name
    params = sorted({graph.params for graph in networks})
    if not params:
        return []
    first = f"{len(networks)} networks"
    if len(networks) == 1:
        first = layout.flow(networks[0].inputs, networks[0].outputs)
    counted = " to ".join(layout.count(number) for number in dict.fromkeys((params[0], params[-1])))
    return [first, f"{counted} parameter{'s' * (params[-1] != 1)}"]


def exit_code(found: Sequence[CheckedTarget], *, strict: bool = False) -> int:
    """Return 2 where something cannot be read or is not there, 1 where something is wrong, a warning counted where that
    is `strict`, else 0.
    """
    wrong = [d for checked in found for d in checked.diagnostics if strict or d.severity == "error"]
    if any(d.code == "unreadable" or (d.file is None and d.span is None) for d in wrong):
        return 2
    return 1 if wrong else 0
