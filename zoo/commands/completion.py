"""`zoo completion`: commands, options and networks at the press of a key."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from speczoo import console
from speczoo.commands.common import emit, json_option

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@json_option
@click.pass_context
def command(ctx: click.Context, shell: str | None, as_json: bool) -> None:
    """Print the script that completes commands and networks in your shell.

    \b
    bash:  eval "$(zoo completion bash)"               in ~/.bashrc
    zsh:   eval "$(zoo completion zsh)"                in ~/.zshrc
    fish:  zoo completion fish > ~/.config/fish/completions/zoo.fish
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise click.UsageError(f"which shell? {', '.join(SHELLS)}")
    complete = kind(ctx.find_root().command, {}, "zoo", "_ZOO_COMPLETE")
    script = complete.source_template % complete.source_vars()
    if as_json:
        emit({"shell": shell, "script": script})
    else:
        console.data(script + "\n")
