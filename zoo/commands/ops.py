"""`zoo ops`: the layers and functions of the language, a line each."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import json_option
from speczoo.table import Column, Table


@click.command()
@click.argument("glob", default="*", shell_complete=shell_completion.ops)
@json_option
def command(glob: str, as_json: bool) -> None:
    """List the ops whose names fit a GLOB, such as 'Conv*' or '*norm*', whatever the case of their letters."""
    from speczoo.compiler.layer import Layer
    from speczoo.compiler.reference import reference

    wanted = glob.lower() if any(c in glob for c in "*?[") else f"*{glob.lower()}*"
    ops = [reference(op) for op in Layer.registry if fnmatchcase(op.lower(), wanted)]
    if as_json:
        console.emit([{"op": op.op, "family": op.family, "summary": op.summary} for op in ops])
    elif ops:
        names, summaries = [op.op for op in ops], [op.summary for op in ops]
        arguments = [", ".join(a.name for a in op.arguments if a.required) for op in ops]
        columns = [Column("Op", names, left=True), Column("Requires", arguments, left=True, spare=True)]
        console.say(Table([*columns, Column("What it does", summaries, left=True)]))
    if not ops:
        console.say(f"no op fits `{glob}`; `zoo ops` lists all", err=True)
        sys.exit(2)
