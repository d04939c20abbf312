"""`zoo explain`: what a word of the language means, with an example that runs."""

from __future__ import annotations

import sys

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.specs.codes import CODES
from speczoo.table import Column, Table


@click.command()
@click.argument("word", required=False, shell_complete=shell_completion.words)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; a list of them of several meanings.")
def command(word: str | None, as_json: bool) -> None:
    """Explain a WORD: a diagnostic's code, an op, an argument, a key of specs or recipes; without one, list all codes.

    `zoo ops` lists the ops.
    """
    if word is None:
        _codes(as_json)
        return
    from speczoo import glossary

    found = glossary.meanings(word)
    if not found:
        console.say(" ".join(filter(None, (f"`{word}` means nothing here:", glossary.suggestion(word)))), err=True)
        sys.exit(2)
    if as_json:
        console.emit(found[0].data if len(found) == 1 else [meaning.data for meaning in found])
        return
    for number, meaning in enumerate(found):
        console.say(*[""] * bool(number), *meaning.page)


def _codes(as_json: bool) -> None:
    if as_json:
        console.emit([{"code": c.name, "severity": c.severity, "meaning": c.meaning} for c in CODES.values()])
        return
    meanings = [f"{each.meaning}{' (a warning)' * (each.severity == 'warning')}" for each in CODES.values()]
    console.say(Table([Column("Code", list(CODES), left=True), Column("Meaning", meanings, left=True)]))
