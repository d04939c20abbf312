"""`zoo fmt`: specs in the project's style, comments kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from speczoo import console
from speczoo.commands import common, shell_completion
from speczoo.specs import edit
from speczoo.specs import files as disk
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE|FOLDER|GLOB]...", shell_complete=shell_completion.files)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file would change.")
@click.option("--diff", is_flag=True, help="Show what would change; change nothing.")
@common.json_option
def command(files: tuple[str, ...], check: bool, diff: bool, as_json: bool) -> None:
    """Format specs and recipes: keys in one order, a layer a line with its columns aligned, comments where they were.

    What a spec says never changes. `-` reads from stdin and writes to stdout.
    """
    from speczoo import catalogue
    from speczoo.argument_order import argument_order
    from speczoo.specs.format import formatted
    from speczoo.training.recipe_loader import language_of

    files = files or common.paths_of(common.project())
    wrong: list[Diagnostic] = []
    changes: dict[str, bool] = {}
    names = catalogue.expand(files)
    if exported := [name for name in names if catalogue.is_exported(name)]:
        raise common.Refused(f"{exported[0]} is no file of a spec: `zoo show` prints the one that it carries")
    if not (check or diff) and (piped := next(filter(disk.is_piped, names), None)) is not None:
        reason = "is what a command prints, and has no place to write to"
        raise common.Refused(f"{piped} {reason}: `command | zoo fmt -` prints the formatted text, --diff what changes")
    for name in names:
        report = Report()
        source = console.stdin(report) if name == common.STANDARD else Source.read(Path(name), report)
        text = formatted(source, argument_order(source), language_of(source)) if source else None
        if source is None or text is None:
            wrong += [*report, *(explained(source) if source else [])]
            continue
        if name == common.STANDARD and not (check or diff or as_json):
            console.data(text)
            continue
        changes[source.name] = text != source.text
        if text == source.text:
            continue
        if diff and not as_json:
            console.data(edit.difference(source.name, source.text, text))
        if check and not as_json:
            console.say(f"{source.name} would change", err=True)
        if not (check or diff):
            edit.replace(name, text)
            console.say(f"formatted {source.name}", err=True)
    if as_json:
        common.emit({"ok": not wrong, "files": [{"file": file, "changed": new} for file, new in changes.items()]})
    if wrong:
        console.diagnostics(wrong, err=True)
        sys.exit(2 if any(d.code == "unreadable" for d in wrong) else 1)
    sys.exit(1 if check and any(changes.values()) else 0)


def explained(source: Source) -> Sequence[Diagnostic]:
    """Return why a text is no spec, or no recipe."""
    from speczoo.specs.document import parse
    from speczoo.specs.load import load
    from speczoo.training import recipe_loader

    report = Report()
    if recipe_loader.language_of(source) is not Spec:
        return recipe_loader.read(source).report.diagnostics
    document = parse(source, report)
    if document is not None:
        load(document, report)
    return report.diagnostics
