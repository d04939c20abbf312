"""`zoo lsp`: specs in an editor."""

from __future__ import annotations

import click

from speczoo.commands import common


@click.command()
@click.option("--stdio", is_flag=True, help="Over standard input and output, as without any option.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="At this port of this machine instead.")
@common.limit_option
@common.json_option
def command(stdio: bool, port: int | None, limits: tuple[str, ...], as_json: bool) -> None:
    """Serve an editor by the Language Server Protocol: problems, shapes beside the lines, completion, and more.

    Editors start it themselves: zoo/editor/README.md says what each of them needs. --json says what it answers, and
    serves nobody.
    """
    if stdio and port is not None:
        raise click.UsageError("--stdio or --port, not both")
    from speczoo.editor.server import offered, serve

    if as_json:
        common.emit(offered())
    else:
        serve(port, common.read_limits(limits))
