"""`zoo explain`: what a code means, with a spec that earns it and the same spec mended."""

from __future__ import annotations

import re
import sys

import click

from speczoo import console
from speczoo.specs.codes import CODES
from speczoo.specs.suggestions import nearest
from speczoo.table import Column, Table


@click.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(code: str | None, as_json: bool) -> None:
    """Explain a diagnostic's CODE, or list all codes."""
    if code is None:
        if as_json:
            console.emit([{"code": c.name, "severity": c.severity, "meaning": c.meaning} for c in CODES.values()])
            return
        meanings = [f"{each.meaning}{' (a warning)' * (each.severity == 'warning')}" for each in CODES.values()]
        console.say(Table([Column("Code", list(CODES), left=True), Column("Meaning", meanings, left=True)]))
        return
    name = re.sub(r"^(?:error|warning)\[(.*)\]$", r"\1", code)
    if name not in CODES:
        close = nearest(name, CODES)
        console.say(f"there is no code `{code}`" + (f"; did you mean `{close}`?" if close else ""), err=True)
        sys.exit(2)
    found = CODES[name]
    if as_json:
        data = {"code": found.name, "severity": found.severity, "meaning": found.meaning}
        console.emit({**data, "explanation": found.explanation, "bad": found.bad, "good": found.good})
    else:
        console.say(*found.explanation.rstrip().split("\n"))
