"""`zoo source`: a network as Python."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zoo.commands.common import Networks, coloured, emit, json_option, refuse_foreign, takes_networks


@click.command()
@takes_networks
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A .py file; a folder where there are several.")
@json_option
def command(networks: Networks, out: Path | None, as_json: bool) -> None:
    """A network as Python that needs torch alone.

    It is the very text that `zoo build` runs.
    """
    from compiler.emit.python import source
    from specs import files

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
            click.echo(f"{target} written", err=True)
    if as_json:
        found = [{"name": name, "source": text, "written": written.get(name)} for _, name, text in made]
        emit(found if networks.several else found[0])
    elif out is None:
        text = "\n\n".join(text.rstrip("\n") for _, _, text in made) + "\n"
        if not coloured(sys.stdout):
            click.echo(text, nl=False)
            return
        from zoo.commands import paper

        paper.code(text, "python")
