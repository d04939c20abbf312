"""`zoo source`: a network as Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from speczoo import console
from speczoo.commands.common import (
    AskedNetwork,
    Networks,
    Place,
    emit,
    ending,
    force_option,
    json_option,
    refuse_other,
    takes_networks,
)

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph


@click.command()
@takes_networks
@click.option("-o", "--out", type=Place(standard=True), help="A .py file, or a folder.")
@click.option("--optimize", is_flag=True, help="For evaluation alone, as `zoo build --optimize` builds it.")
@force_option
@json_option
def command(networks: Networks, out: Path | str | None, optimize: bool, force: bool, as_json: bool) -> None:
    """Print a network as Python that needs torch alone.

    It is the very text that `zoo build` runs. A file that holds something else is not written over without --force.
    """
    from speczoo.compiler.emit.python import source
    from speczoo.specs import files

    folder = isinstance(out, Path) and ending(out, (".py",), several=networks.several) == "folder"
    made = [(n, g.name, source(_optimized(g) if optimize else g)) for n, g in networks.each(AskedNetwork.graph)]
    written: dict[str, str] = {}
    if isinstance(out, Path):
        targets = {out / f"{name}.py" if folder else out: (name, text.encode()) for _, name, text in made}
        refuse_other({target: data for target, (_, data) in targets.items()}, force)
        if folder:
            files.make_folder(out)
        for target, (name, data) in targets.items():
            files.write(target, data, over=force)
            written[name] = str(target)
            console.say(f"{target} written", err=True)
    if as_json:
        found = [{"name": name, "source": text, "written": written.get(name)} for _, name, text in made]
        emit(found if networks.several else found[0])
    elif not written:
        console.data("\n\n".join(text.rstrip("\n") for _, _, text in made) + "\n", "python")


def _optimized(graph: Graph) -> Graph:
    from speczoo.compiler.optimize import optimize

    return optimize(graph).graph
