"""`zoo diff`: what changed from one network to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import (
    STANDARD,
    Place,
    Refused,
    emit,
    force_option,
    json_option,
    limit_option,
    read_limits,
    reads_files,
    set_option,
    settings,
    shape_of,
)
from speczoo.specs.errors import SpecError

if TYPE_CHECKING:
    from speczoo.comparison import Compared, Overlay, Side
    from speczoo.key_map import KeyMap

GIT = (7, 9)  # arguments that git gives to its external diff: nine of a file that has another name


@click.command()
@reads_files
@click.argument("names", nargs=-1, required=True, metavar="OLD NEW", shell_complete=shell_completion.networks)
@set_option("--set", "both", help="A parameter of both networks.")
@set_option("--set-old", help="A parameter of the first alone.")
@set_option("--set-new", help="A parameter of the second alone.")
@click.option("--input", "shapes", multiple=True, metavar="SHAPE", help="Input of both, as 3x64x64.")
@click.option("--input-old", multiple=True, metavar="SHAPE", help="Input of the first alone.")
@click.option("--input-new", multiple=True, metavar="SHAPE", help="Input of the second alone.")
@limit_option
@click.option("--map", "target", type=Place(standard=True), help="Write which weights of OLD are which of NEW.")
@click.option("--markdown", is_flag=True, help="As a table of GitHub's Markdown, for a pull request.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where anything changed.")
@force_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    both: tuple[str, ...],
    set_old: tuple[str, ...],
    set_new: tuple[str, ...],
    shapes: tuple[str, ...],
    input_old: tuple[str, ...],
    input_new: tuple[str, ...],
    limits: tuple[str, ...],
    target: Path | str | None,
    markdown: bool,
    exit_code: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Compare two networks, layer by layer: what changed from OLD to NEW.

    Each is a name of the zoo, a file (net.yaml, net.yaml:small), a file of a git revision (HEAD~1:net.yaml), or - for
    standard input; one file alone is compared with git's HEAD. Layers are told apart by what they are and where they
    stand, not by their lines: added, removed, renamed, changed in an argument or in what they take, put into a group.
    Two files with variants are compared variant by variant.

    --map writes which tensors of OLD fit which of NEW, as `--weights FILE --map KEYS` takes it. Where OLD
    is a file of weights (.pt, .safetensors), they are found by their names, else by shapes and order. `--map -` prints
    the map, in place of what changed.
    """
    if len(names) in GIT:
        _for_git(names)
        return
    from speczoo import catalogue, comparison, key_map, revisions

    if len(names) == 1 and catalogue.is_path(names[0]) and revisions.split(names[0]) is None:
        names = (f"HEAD:{names[0]}", names[0])
    if target == STANDARD and (markdown or as_json):
        raise click.UsageError(f"{'--json' if as_json else '--markdown'} and --map - are both of standard output")
    if len(names) != 2 or names == (STANDARD, STANDARD):
        raise click.UsageError("two networks are compared, OLD and NEW; or one file with what git has of it: net.yaml")
    allowed = read_limits(limits)
    common, shape = settings(both), shape_of(shapes)
    old = comparison.Overlay({**common, **settings(set_old)}, shape_of(input_old) or shape, allowed)
    new = comparison.Overlay({**common, **settings(set_new)}, shape_of(input_new) or shape, allowed)
    if names[0].endswith(key_map.SUFFIXES):
        if markdown or set_old or input_old:
            option = "--markdown" if markdown else "--set-old" if set_old else "--input-old"
            raise click.UsageError(f"{option} is of a network, and OLD is a file of weights")
        fits = _checkpoint(names[0], _side(names[1], new), target, force, as_json)
        ctx.exit(1 if exit_code and not fits else 0)
    found = comparison.compared(_side(names[0], old), _side(names[1], new))
    if target is not None:
        _write_map(found, target, force)
    if target != STANDARD:
        _print(found, markdown=markdown, as_json=as_json)
    if exit_code and any(each.diff is None or each.diff for each in found):
        ctx.exit(1)


def _side(asked: str, given: Overlay) -> Side:
    """Return the spec that is asked for. Raises SpecError, and Refused where git knows no such revision."""
    from speczoo import comparison, revisions

    try:
        return comparison.side(asked, given)
    except revisions.RevisionError as error:
        raise Refused(f"{asked}: {error}") from None


# -- what is printed --------------------------------------------------------------------------------------------------


def _print(found: Sequence[Compared], *, markdown: bool, as_json: bool) -> None:
    from speczoo.commands import diff_report

    if as_json:
        data = [
            {"first": None if each.added else each.names[0], "second": each.names[1] if each.added else None}
            if each.diff is None
            else diff_report.as_json(each.diff)
            for each in found
        ]
        emit(data if len(found) > 1 else data[0])
        return
    changed = [each for each in found if each.diff is None or each.diff or len(found) == 1]
    if not changed:
        console.say(f"no difference in {len(found)} networks")
    for i, each in enumerate(changed):
        if markdown:
            text = f"{_alone(each)}\n" if each.diff is None else diff_report.markdown(each.diff, each.names)
            console.data("\n" * (i > 0) + text)
        else:
            lines = [_alone(each)] if each.diff is None else diff_report.lines(each.diff, each.names)
            console.say(*[""] * (i > 0), *lines)


def _alone(each: Compared) -> str:
    return f"{each.names[each.added]}: {'added' if each.added else 'removed'}"


def _write_map(found: Sequence[Compared], target: Path | str, force: bool) -> None:
    from speczoo.key_map import KeyMap

    if len(found) != 1 or found[0].diff is None:
        raise click.UsageError("--map is of two networks: name a variant of each file, as net.yaml:small")
    made = found[0].diff
    _write(KeyMap(made.keys, made.left, made.fresh), target, force)


def _write(keys: KeyMap, target: Path | str, force: bool) -> None:
    """Write a map of keys to a file, or to standard output."""
    from speczoo.specs import files

    if isinstance(target, Path):
        files.write(target, keys.text().encode(), over=force)
        console.say(f"{target} written", err=True)
    else:
        console.data(keys.text(), "json")


def _checkpoint(path: str, new: Side, target: Path | str | None, force: bool, as_json: bool) -> bool:
    """Print which tensors of a file of weights are which of a network; return whether all are, by their names."""
    from speczoo import key_map
    from speczoo.commands import layout
    from speczoo.table import Column, Table
    from speczoo.weights import WeightsError, shapes_in

    graph = new.graph(new.variant)
    try:
        came = shapes_in(graph, Path(path))
    except WeightsError as error:
        raise Refused(*error.lines) from None
    found = key_map.by_order(came, graph.state)
    if target is not None:
        _write(found, target, force)
    whole = not found.left and not found.fresh and all(old == new for old, new in found.keys.items())
    if target == STANDARD:
        return whole
    if as_json:
        emit({"keys": found.keys, "left": found.left, "fresh": found.fresh, "unsure": sorted(found.unsure)})
        return whole
    rows = [(old, new, "another is as likely" * (old in found.unsure)) for old, new in found.keys.items() if old != new]
    rows += [(old, "", "has no place") for old in found.left] + [("", new, "nothing fits") for new in found.fresh]
    modules: dict[tuple[str, str, str], list[str]] = {}
    for one, other, note in rows:
        heads = one.rpartition(".")[0], other.rpartition(".")[0]
        alike = not one or not other or one.removeprefix(heads[0]) == other.removeprefix(heads[1])
        shape = layout.shape(came[one] if one else graph.state[other])
        modules.setdefault((*(heads if alike and any(heads) else (one, other)), note), []).append(shape)
    theirs, own, notes = ([module[i] for module in modules] for i in range(3))
    shapes = [", ".join(dict.fromkeys(each)) for each in modules.values()]
    columns = [Column(path, theirs, left=True), Column(graph.name, own, left=True), Column("Shape", shapes)]
    columns += [Column("", notes, left=True)] if any(notes) else []
    count = f"{len(found.keys):,} of {len(came):,} tensors fit, of {len(graph.state):,} that {graph.name} has"
    if rows:
        console.say(Table(columns), "")
    console.say(count)
    return whole


# -- for git ----------------------------------------------------------------------------------------------------------


def _for_git(names: Sequence[str]) -> None:
    """Print what git asks its external diff for: path, old file, hash, mode, new file, hash, mode; and of a file with
    another name, that and what to say of it. What cannot be compared as networks is compared as text: git takes no
    failure.
    """
    from speczoo import comparison
    from speczoo.specs import edit

    path, old, new = names[0], names[1], names[4]
    shown = path if len(names) == GIT[0] else f"{path} -> {names[7]}"
    if "/dev/null" in (old, new):
        console.say(f"{shown}: {'added' if old == '/dev/null' else 'removed'}")
        return
    try:
        sides = (comparison.side(name, comparison.Overlay({})) for name in (old, new))
        paths = (f"a/{path}", f"b/{path if len(names) == GIT[0] else names[7]}")
        found = comparison.compared(*(side._replace(asked=at) for at, side in zip(paths, sides, strict=True)))
    except SpecError:
        texts = [Path(name).read_bytes().decode("utf-8", "replace") for name in (old, new)]
        console.data(edit.difference(shown, *texts))
        return
    if all(each.diff is not None and not each.diff for each in found):
        console.say(f"{shown}: the same network")
    else:
        _print(found, markdown=False, as_json=False)
