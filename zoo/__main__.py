"""The command line: `zoo COMMAND ...`, also as `python -m speczoo`.

Exit codes: 0 good, 1 the spec is wrong, 2 wrong usage or an unreadable file, 3 a bug of ours,
130 Ctrl-C, 143 SIGTERM, 141 nobody reads on.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

import speczoo
from speczoo import console, termination
from speczoo.collector import YOUNG
from speczoo.commands import ALIASES, SECTIONS, module_of
from speczoo.specs.errors import SpecError

DISTRIBUTION = "speczoo"
THRESHOLD = gc.get_threshold()[0]
UNREAD = 128 + 13  # as shells tell of what SIGPIPE has ended
#: Which extra brings a module that is not among the core dependencies.
EXTRAS = {
    **dict.fromkeys(("torch", "numpy", "safetensors"), "torch"),
    **dict.fromkeys(("torchvision", "PIL"), "vision"),
    **dict.fromkeys(("lightning", "matplotlib"), "train"),
    **dict.fromkeys(("onnx", "onnx_ir", "onnxruntime", "onnxscript"), "export"),
    **dict.fromkeys(("optuna", "ray"), "search"),
    **dict.fromkeys(("pygls", "lsprotocol"), "editor"),
}


class Zoo(click.Group):
    """Commands by name, each imported when it is called; their failures as messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not any(cmd_name in commands for commands in SECTIONS.values()):
            return None
        command: click.Command = import_module(f"speczoo.commands.{module_of(cmd_name)}").command
        command.name = cmd_name
        if all(param.name != "debug" for param in command.params):
            command.params.append(_debug())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = _translated(args)
        if args[0] in ("--help", "--version"):
            self.parse_args(ctx, args)  # which prints and ends
        if not any(args[0] in commands for commands in SECTIONS.values()) and not args[0].startswith("-"):
            from speczoo.specs.suggestions import did_you_mean

            hint = " ".join(did_you_mean(args[0], self.list_commands(ctx), limit=0)) or "`zoo --help` lists them"
            ctx.fail(f"there is no command `{args[0]}`: {hint}")
        ctx.meta["zoo.arguments"] = tuple(args)  # for `--plugin`: click has taken them from the context by then
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()), col_max=12)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run as click does, but report what a person gets wrong on the command line as everything else is reported."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        with console.listening(), termination.orderly():
            try:
                code = super().main(args, prog_name, complete_var, False, **extra)
            except click.ClickException as error:
                _refuse(error)
                code = error.exit_code
            except click.Abort as stopped:
                _say("stopped")
                code = termination.exit_code(stopped.__cause__)
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except SpecError as error:
            from speczoo.commands.common import show_error

            ctx.exit(show_error(error, as_json=bool(ctx.meta.get("zoo.json"))))
        except BrokenPipeError:  # the reader has seen enough, and what was left to say is not known to be good
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(UNREAD)
        except KeyboardInterrupt as stopped:
            _say("stopped")
            ctx.exit(termination.exit_code(stopped))
        except Exception as error:
            _leave(ctx, error)


def _translated(args: list[str]) -> list[str]:
    """Return the arguments with the command under the name that it has here; `zoo help check` is `zoo check --help`."""
    name, *rest = args
    if name == "version":
        return ["--version"]
    if name == "help":
        return [*rest[:1], "--help"]
    if name not in ALIASES:
        return args
    _say(f"`zoo {name}` is `zoo {ALIASES[name]}`")
    return [ALIASES[name], *rest]


def _leave(ctx: click.Context, error: Exception) -> NoReturn:
    """Exit with a line on what stands between a command and its end, with the traceback only where it was asked for."""
    if ctx.meta.get("zoo.debug"):
        console.failure()
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in EXTRAS:
        training = ctx.invoked_subcommand in SECTIONS["Train"] and EXTRAS[missing] != "search"
        extra = "train" if training else EXTRAS[missing]
        _say(f"error: this needs {missing}, which is not installed: pip install '{DISTRIBUTION}[{extra}]'")
        ctx.exit(2)
    if isinstance(error, OSError):
        where = f"{error.filename!a}: " if error.filename is not None else ""
        _say(f"error: {where}{error.strerror or error}")
        ctx.exit(2)
    from speczoo.limits import exhausted

    shown = str(error)
    if exhausted(error):
        first = shown.partition("\n")[0]
        _say(f"error: this takes more memory than there is{': ' if first else ''}{first}")
        ctx.exit(2)
    _say(f"error: a bug of zoo: {type(error).__name__}{': ' if shown else ''}{shown}")
    _say("please report it, with the spec, the command, and what the same command says with --debug")
    ctx.exit(3)


def _refuse(error: click.ClickException) -> None:
    """Print how a command is used, and what is wrong with this use of it; what else is refused says so itself."""
    if not isinstance(error, click.UsageError):
        error.show()
        return
    shown = error.format_message()
    if error.ctx is None:
        _say(f"Error: {shown}")
    elif shown == error.ctx.get_help():  # nothing was asked for
        console.say(*shown.split("\n"), err=True)
    else:
        hint = f"Try '{error.ctx.command_path} --help' for help."
        console.say(*error.ctx.get_usage().split("\n"), hint, "", f"Error: {shown}", err=True)


def _say(text: str) -> None:
    console.say(text, err=True)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["zoo.debug"] = True


def _debug() -> click.Option:
    help = "Show the traceback of a failure."
    return click.Option(["--debug"], is_flag=True, is_eager=True, expose_value=False, callback=_remember, help=help)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        console.say(f"zoo {speczoo.__version__}")
        ctx.exit()


@click.group(cls=Zoo, params=[_debug()], context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="MODULE",
    help="Import a Python module that registers layers of its own, installed or beside the spec; it runs as code.",
)
@click.option(
    "--trust",
    is_flag=True,
    envvar="ZOO_TRUST",
    help="Import the plugins that pyproject.toml names, and let it raise limits.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, plugins: tuple[str, ...], trust: bool) -> None:
    """Neural networks as specs: look at them, check them, build them, train them.

    A network is a name of the zoo (resnet34), a glob over names ('resnet*'), a file (net.yaml), or a file's variant
    (net.yaml:small).
    """
    if ctx.invoked_subcommand in SECTIONS["Train"]:  # a cycle may hold tensors, whose size the collector does not count
        gc.set_threshold(THRESHOLD)
        atexit.unregister(gc.freeze)
    if trust:
        ctx.meta["zoo.trust"] = True
    if plugins or trust:
        from speczoo.commands.common import import_plugins, project

        own = project()
        import_plugins([*(own.plugins if trust else ()), *plugins], ctx.meta["zoo.arguments"], own.folder)


def main() -> None:
    """Run the `zoo` command."""
    gc.set_threshold(YOUNG)
    atexit.register(gc.freeze)  # at the end all goes with the process: looking for cycles first is a quarter of a check
    cli(prog_name="zoo")


if __name__ == "__main__":
    main()
