"""`zoo source`: a network as Python."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo import console
from speczoo.commands.common import Networks, emit, json_option, refuse_foreign, takes_networks


@click.command()
@takes_networks
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A .py file; a folder where there are several.")
@json_option
def command(networks: Networks, out: Path | None, as_json: bool) -> None:
    """A network as Python that needs torch alone.

    It is the very text that `zoo build` runs.
    """
    from speczoo.compiler.emit.python import source
    from speczoo.specs import files

    made = [(n, g.name, source(g)) for n, g in networks.each(lambda network: network.graph())]
    written: dict[str, str] = {}
    if out is not None:
        folder = out.is_dir() or networks.several
        for _, name, text in made:
            target = out / f"{name}.py" if folder else out
            if folder:
                refuse_foreign(name, target)
            files.write(target, text.encode())
            written[name] = str(target)
            console.say(f"{target} written", err=True)
    if as_json:
        found = [{"name": name, "source": text, "written": written.get(name)} for _, name, text in made]
        emit(found if networks.several else found[0])
    elif out is None:
        console.data("\n\n".join(text.rstrip("\n") for _, _, text in made) + "\n", "python")
