"""What the commands share: networks and their options as arguments, data on stdout, what is wrong on stderr."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.limits import NAMES, using
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.errors import SpecError, raise_if_wrong
from speczoo.specs.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from speczoo.catalogue import NamedText
    from speczoo.compiler.graph import Graph
    from speczoo.project import Project

#: What a person writes for standard input, or standard output, where a file is wanted.
STANDARD = "-"
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Refused(click.ClickException):
    """What was asked for cannot be done, through no fault of a spec: reported in a line or several; with --json as an
    object on stdout, too.
    """

    exit_code = 2

    def __init__(self, message: str, *more: str) -> None:
        super().__init__(message)
        self.more = more
        context = click.get_current_context(silent=True)
        self.as_json = context is not None and bool(context.meta.get("zoo.json"))

    def show(self, file: Any = None) -> None:
        from speczoo.training.process_rank import leads

        console.say(f"error: {self.message}", *self.more, err=True)
        if self.as_json and leads():
            console.emit({"ok": False, "error": "\n".join((self.message, *self.more))})


class Place(click.Path):
    """A file or folder as a Path, `./-` too; `-` as `STANDARD` where a command reads or prints one text there."""

    def __init__(self, *, standard: bool = False, **options: Any) -> None:
        super().__init__(path_type=Path, **options)
        self.standard = standard

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value != STANDARD:
            return super().convert(value, param, ctx)
        if not self.standard:
            self.fail("`-` is standard output, and files are written here; ./- is a file of that name.", param, ctx)
        return STANDARD


@dataclass(frozen=True)
class AskedNetwork:
    """A network as it was asked for: a name, a path or what standard input has, what --set and --input lay over it, how
    large it may be, and which inner values are its outputs.
    """

    asked: str | NamedText
    params: Mapping[str, Any]
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None
    limits: Limits = DEFAULT
    taps: Mapping[str, str] | None = None

    def graph(self) -> Graph:
        """Raise SpecError."""
        from speczoo import checking

        report = Report()
        made = checking.graph_into(
            report, self.asked, input=self.input, taps=self.taps, limits=self.limits, params=self.params
        )
        raise_if_wrong(report)
        assert made is not None
        return made


class Networks(list[AskedNetwork]):
    """Networks that were asked for. `several`: by more than one name, or by a glob, however few it found."""

    several: bool = False

    def each(self, make: Callable[[AskedNetwork], T]) -> Iterator[tuple[AskedNetwork, T]]:
        """Yield what `make` gives for one after the other; when all are done, raises SpecError with all that was
        wrong.
        """
        wrong: list[Diagnostic] = []
        for network in self:
            try:
                made = make(network)
            except SpecError as error:
                wrong += [d for d in error.diagnostics if d not in wrong]
            else:
                yield network, made
        if wrong:
            raise SpecError(wrong)


def read_limits(limits: Sequence[str], default: Limits = DEFAULT) -> Limits:
    """Return the limits with those of the project and of the command line in place of the defaults. Raises UsageError,
    and Refused where the project raises some and is not trusted.
    """
    own = project()
    if own.raised and not click.get_current_context().find_root().meta.get("zoo.trust"):
        raise Refused(f"{own.folder / 'pyproject.toml'} raises limits ({', '.join(own.raised)}): --trust lets it")
    default = own.over(default)
    known = [field.name for field in fields(Limits)]
    changed = _numbers(limits, known, f" with a name of {', '.join(known)};")
    try:
        return replace(default, **changed)
    except ValueError as error:
        raise click.UsageError(f"--limit: {error}") from None


#: Gives a command `limits`, for `read_limits`.
limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=N",
    shell_complete=shell_completion.limits,
    help="Raise or lower a limit, as nodes=300000.",
)


def set_option(*names: str, help: str) -> Callable[[F], F]:
    """Return an option that takes parameters of a spec, `KEY=VALUE`, any number of times."""
    return click.option(*names, multiple=True, metavar="KEY=VALUE", help=help, shell_complete=shell_completion.settings)


def takes_networks(command: F) -> F:
    """Give a command NAME..., --set, --input and --limit; it is called with `networks`."""

    @click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=shell_completion.networks)
    @set_option("--set", "overrides", help="A parameter of the spec: num_classes=2.")
    @click.option("--input", "shapes", multiple=True, metavar="SHAPE", help="Input without the batch axis: 3x64x64.")
    @limit_option
    @functools.wraps(command)
    def run(
        names: tuple[str, ...],
        overrides: tuple[str, ...],
        shapes: tuple[str, ...],
        limits: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        params, input, allowed = settings(overrides), shape_of(shapes), read_limits(limits)
        networks = Networks(AskedNetwork(asked, params, input, allowed) for asked in expanded(names, allowed))
        networks.several = len(names) > 1 or any(c in names[0] for c in "*?[")
        return command(networks=networks, **rest)

    return run  # type: ignore[return-value]


def expanded(names: Iterable[str], limits: Limits = DEFAULT) -> list[str | NamedText]:
    """Return names and paths as the catalogue expands them, with what standard input has in place of `-`. Raises
    SpecError.
    """
    from speczoo import catalogue

    return [standard_input(limits) if name == STANDARD else name for name in catalogue.expand([*names])]


def standard_input(limits: Limits = DEFAULT) -> NamedText:
    """Return the text on standard input. Raises SpecError where that is none, or too long."""
    report = Report()
    source = console.stdin(report, limits)
    raise_if_wrong(report)
    assert source is not None
    from speczoo.catalogue import NamedText

    return NamedText(source)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta["zoo.json"] = value
    return value


json_option = click.option("--json", "as_json", is_flag=True, callback=_remember, help="As JSON.")


def reads_files(command: F) -> F:
    """Give a command --limit, where it has none, and takes from it the limits of files.

    What is left is for the command's own limits, those of a spec, where it has any.
    """
    params: list[click.Parameter] = getattr(command, "__click_params__", [])
    own = any("--limit" in param.opts for param in params)

    @functools.wraps(command)
    def run(*args: Any, limits: tuple[str, ...], **rest: Any) -> Any:
        others = [given for given in limits if given.partition("=")[0] not in NAMES]
        if others and not own:
            raise click.UsageError(f"--limit takes NAME=N with a name of {', '.join(NAMES)}; not {others[0]!a}")
        if own:
            rest["limits"] = tuple(others)
        with using(**_numbers([given for given in limits if given not in others], NAMES, ", as pixels=200000000,")):
            return command(*args, **rest)

    if own:
        return run  # type: ignore[return-value]
    help = "Raise or lower a limit of files, as pixels=200000000."
    complete = shell_completion.file_limits
    option = click.option("--limit", "limits", multiple=True, metavar="NAME=N", shell_complete=complete, help=help)
    return option(run)  # type: ignore[return-value]


def _numbers(limits: Sequence[str], known: Collection[str], usage: str) -> dict[str, int]:
    """Return `NAME=N` as numbers by name; `usage` says how to write it. Raises UsageError."""
    changed = {}
    for given in limits:
        name, _, digits = given.partition("=")
        if name not in known or not re.fullmatch("[0-9]{1,18}", digits, re.ASCII):
            raise click.UsageError(f"--limit takes NAME=N{usage} not {given!a}")
        changed[name] = int(digits)
    return changed


def settings(overrides: Sequence[str]) -> dict[str, Any]:
    """Return `--set depths=[2,2,2,2]` as values: what stands behind `=` is read as a spec would read it."""
    out: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key, re.ASCII):
            raise click.UsageError(f"--set takes KEY=VALUE, as num_classes=2, not {text!a}")
        if key in out:
            raise click.UsageError(f"--set says {key} twice")
        out[key] = _value(key, value)
    return out


def _value(key: str, text: str) -> Any:
    from speczoo.specs.document import parse
    from speczoo.specs.source import Source

    report = Report()
    document = parse(Source.of(f"{key}: {text}", "--set"), report)
    if not report.ok:
        first = report.errors[0]
        raise click.UsageError(": ".join((f"--set {key}", first.message, *first.help)))
    if document is None or set(document.data) != {key}:
        raise click.UsageError(f"--set {key}: {text!a} is not one value")
    return document.data[key]


def shape_of(shapes: Sequence[str]) -> list[int] | dict[str, list[int]] | None:
    """Return `--input 3x64x64`, or one for each of several inputs: `--input left=1x28x28 --input right=1x28x28`."""
    named: dict[str, list[int]] = {}
    plain: list[list[int]] = []
    for text in shapes:
        name, equals, sizes = text.rpartition("=")
        if not re.fullmatch(r"\d{1,10}([x,]\d{1,10})*" + "|scalar" * bool(equals), sizes, re.ASCII):
            raise click.UsageError(f"--input takes sizes without the batch axis, as 3x64x64, not {text!a}")
        shape = [] if sizes == "scalar" else [int(n) for n in re.split("[x,]", sizes)]
        if equals and name in named:
            raise click.UsageError(f"--input says {name!a} twice")
        if equals:
            named[name] = shape
        else:
            plain.append(shape)
    if len(plain) + bool(named) > 1:
        raise click.UsageError("several inputs are named: --input left=1x28x28 --input right=1x28x28")
    return plain[0] if plain else named or None


def project() -> Project:
    """Return what the project that one stands in says of its specs. Raises Refused."""
    from speczoo.project import ProjectError, find

    try:
        return find(Path.cwd())
    except ProjectError as error:
        raise Refused(str(error)) from None


def paths_of(own: Project) -> tuple[str, ...]:
    """Return what is looked at where a command names nothing. Raises UsageError where the project does not say."""
    if not own.paths:
        raise click.UsageError("name a file, a folder or a network, or `paths` in [tool.speczoo] of pyproject.toml")
    return tuple(os.path.relpath(own.folder / path) for path in own.paths)


def import_plugins(names: Sequence[str], arguments: Sequence[str], home: Path) -> None:
    """Import modules that are installed, or lie here, in the project's folder or beside a file among the arguments.
    Raises Refused.
    """
    from speczoo import catalogue, plugins

    paths = (catalogue.split(argument)[0] for argument in arguments if catalogue.is_path(argument))
    folders = dict.fromkeys([Path(), home, *(path.parent for path in paths if path.is_file())])
    meta = click.get_current_context().meta
    for name in names:
        try:
            plugins.load(name, folders)
        except plugins.PluginError as error:
            if error.__cause__ is not None and meta.get("zoo.debug"):
                console.failure()
            raise Refused(str(error)) from None
    meta["zoo.plugins"] = tuple((name, tuple(folders)) for name in names)  # for the processes of a command


#: Gives a command `force`: whether it writes over files that hold something else.
force_option = click.option("--force", is_flag=True, help="Write over files that are there.")


def refuse_taken(targets: Iterable[Path], force: bool) -> None:
    """Refuse before work whose result is not known yet: raise Refused for a file that is there, unless `force`."""
    from speczoo.specs import files

    if not force and (there := next((target for target in targets if os.path.lexists(target)), None)) is not None:
        raise Refused(f"{there}: {files.IN_THE_WAY if there.is_symlink() else files.TAKEN}")


def ending(out: Path, endings: Collection[str], *, several: bool) -> str:
    """Return which of the `endings` a file that is to be written has, or `folder`. Raises UsageError."""
    suffix = out.suffix.lower()
    if out.is_dir() or suffix == "":
        return "folder"
    if suffix not in endings:
        raise click.UsageError(f"-o writes {', '.join(endings)}, or a folder, not {suffix!a}")
    if several:
        raise click.UsageError("several networks go into a folder: -o FOLDER")
    return suffix


def refuse_other(contents: Mapping[Path, bytes], force: bool) -> None:
    """Refuse before the first of several files is written: raise Refused for one that is there and holds something
    else, unless `force`.
    """
    from speczoo.specs import files

    refuse_taken((path for path, data in contents.items() if not files.holds(path, data, path.parent)), force)


def missing_companions(graph: Graph, folder: Path, taken: Collection[Path]) -> dict[Path, bytes]:
    """Return the files that a spec uses and that are not in `folder` yet, by their paths there.

    Raises Refused where another file is in the way of one, or it is among those that are `taken`.
    """
    from speczoo import specialize
    from speczoo.specs import files

    try:
        used = {folder / path: data for path, data in specialize.companions(graph).items()}
    except ValueError as error:
        raise Refused(f"{error}; nothing was written") from None
    missing = {path: data for path, data in used.items() if path in taken or not files.holds(path, data, folder)}
    for path in missing:
        if path in taken or os.path.lexists(path):
            raise Refused(f"{path} is there already, and is not the file that the spec uses; nothing was written")
    return missing


def emit(value: Any) -> None:
    """Print JSON on stdout."""
    console.emit(value, indent=2)


def show_error(error: SpecError, *, as_json: bool = False) -> int:
    """Show what is wrong: text on stderr, the JSON of `zoo check` on stdout where JSON was asked for.

    Returns the exit code: 2 where a file cannot be read or there is no such network, else 1.
    """
    console.diagnostics(error.diagnostics, err=True)
    if as_json:
        from speczoo.specs import machine_formats

        files: dict[str, list[Diagnostic]] = {}
        for d in error.diagnostics:
            files.setdefault(d.file or "", []).append(d)
        console.document(
            machine_formats.as_json([machine_formats.Checked(file, found) for file, found in files.items()])
        )
    absent = (d.code == "unreadable" or (d.file is None and d.span is None) for d in error.diagnostics)
    return 2 if any(absent) else 1
