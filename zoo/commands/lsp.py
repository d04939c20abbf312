"""`zoo lsp`: specs in an editor."""

from __future__ import annotations

import click


@click.command()
@click.option("--stdio", is_flag=True, help="Over standard input and output, as without any option.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="At this port of this machine instead.")
def command(stdio: bool, port: int | None) -> None:
    """Serve an editor by the Language Server Protocol: problems, shapes beside the lines, completion, and more.

    Editors start it themselves: zoo/editor/README.md says what each of them needs.
    """
    if stdio and port is not None:
        raise click.UsageError("--stdio or --port, not both")
    from speczoo.editor.server import serve

    serve(port)
