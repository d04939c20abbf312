"""`zoo completion`: commands, options and networks at the press of a key."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from speczoo import console
from speczoo.commands.common import emit, json_option

SHELLS = ("bash", "zsh", "fish")
#: click's own for bash offers files only where nothing else fits, and follows `NAME=` by a space.
BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value
    local typed="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        if [[ $type == plain ]]; then
            COMPREPLY+=("$value")
            [[ $value == *= ]] && compopt -o nospace
        else
            compopt -o filenames
            [[ $type == dir ]] && COMPREPLY+=($(compgen -d -- "$typed")) || COMPREPLY+=($(compgen -f -- "$typed"))
        fi
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


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
    script = (BASH if shell == "bash" else complete.source_template) % complete.source_vars()
    if as_json:
        emit({"shell": shell, "script": script})
    else:
        console.data(script + "\n")
