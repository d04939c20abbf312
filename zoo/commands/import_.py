"""`zoo import`: a model in code, or in another library's file, as a spec."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import (
    STANDARD,
    Place,
    Refused,
    emit,
    force_option,
    json_option,
    read_limits,
    refuse_taken,
    shape_of,
)

DTYPES = ("float32", "int64", "bool")
PROGRAM = ".pt2"
NO_ARGUMENTS = "{}"


#: How the file of a spec ends that is written here.
WRITTEN = (".yaml", ".yml")


@click.command()
@click.argument("target", metavar="MODULE:NAME|FILE", shell_complete=shell_completion.files)
@click.option("--input", "shapes", multiple=True, metavar="SHAPE", help="What flows in: 3x224x224.")
@click.option("--dtype", "dtypes", multiple=True, metavar="[NAME=]KIND", help="float32, int64 or bool, of each input.")
@click.option("--args", "arguments", metavar="JSON", help="What code is called with: '{\"width\": 32}'.")
@click.option("-o", "--out", type=Place(standard=True), help="The .yaml file to write; without it, it is printed.")
@click.option("--custom", type=Place(), help="What no spec can say as custom layers: the file for their classes.")
@force_option
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=N",
    shell_complete=shell_completion.limits,
    help="Raise or lower a limit of FILE's.",
)
@json_option
def command(
    target: str,
    shapes: tuple[str, ...],
    dtypes: tuple[str, ...],
    arguments: str | None,
    out: Path | str | None,
    custom: Path | None,
    force: bool,
    limits: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write the spec of a model in code, or in another library's file.

    MODULE:NAME is a class or function of a module of Python, which is called: it runs that code, so name what you
    trust. The spec builds the same network, with the same names in its state_dict and the same outputs, which is tried
    before anything is written. MODULE:NAME,NAME makes one spec of several models, each a variant.

    FILE is a model's YAML of Ultralytics or the config.json of a Keras model; it is read as data, and nothing that it
    names is imported. --input says what it leaves open. A .pt2 file of torch.export is read by torch, as one of your
    own, and stands for the model in it.

    What no spec can say is reported with its line, all of it in one run, and nothing is written then. With --custom,
    the smallest module around it becomes a layer of its own: its class goes into that file, which is the plug-in that
    the spec needs; several models have theirs together.
    """
    from speczoo.importing.sources import formats
    from speczoo.specs import files

    if isinstance(out, Path) and out.suffix.lower() not in WRITTEN:
        raise click.UsageError(f"-o writes {', '.join(WRITTEN)}, not {out.suffix!a}")
    refuse_taken([each for each in (out, custom) if isinstance(each, Path)], force)
    if formats.is_file(target) and not target.endswith(PROGRAM):
        if dtypes or arguments is not None or custom is not None:
            raise click.UsageError("--dtype, --args and --custom are for models in code")
        text, facts, note = _of_file(target, shapes, limits)
    else:
        if limits:
            raise click.UsageError("--limit is for files")
        text, facts, note = _of_code(target, shapes, dtypes, arguments or NO_ARGUMENTS, out, custom is not None)
    if custom is not None and facts["plugin"]:
        files.write(custom, facts["plugin"].encode(), over=force)
        console.say(f"{custom} written: `zoo --plugin {custom.stem} check` and the like import it", err=True)
    if isinstance(out, Path):
        files.write(out, text.encode(), over=force)
    if as_json:
        emit({**facts, "spec": text, "written": str(out) if isinstance(out, Path) else None})
    elif not isinstance(out, Path):
        console.data(text, "yaml")
    else:
        console.say(f"{out} written: {note}", err=True)


def _of_file(file: str, shapes: tuple[str, ...], limits: tuple[str, ...]) -> tuple[str, dict[str, Any], str]:
    """Return the spec of a file, facts for JSON, and what to say when it is written."""
    from speczoo.importing.sources import formats
    from speczoo.specs.diagnostics import Report
    from speczoo.specs.errors import raise_if_wrong
    from speczoo.specs.source import Source

    allowed, report = read_limits(limits, formats.LIMITS), Report()
    source = console.stdin(report, allowed) if file == STANDARD else Source.read(file, report, allowed)
    raise_if_wrong(report)
    assert source is not None
    made = formats.imported(source, shape_of(shapes), allowed)
    counts = {graph.name: graph.params for graph in made.graphs}
    note = ", ".join(f"{name} {count:,} parameters" for name, count in counts.items())
    return made.text, {"name": made.name, "params": counts}, note


def _of_code(
    target: str, shapes: tuple[str, ...], dtypes: Sequence[str], arguments: str, out: Path | str | None, custom: bool
) -> tuple[str, dict[str, Any], str]:
    """Return the spec of one model in code or of several, facts for JSON, and what to say when it is written."""
    from speczoo.importing import (
        ImportRefused,
        ModelFailed,
        NotTheSame,
        ProgramError,
        from_module,
        from_modules,
        from_program,
    )
    from speczoo.importing.targets import TargetError, called, models_of, targets_of

    program = target.endswith(PROGRAM)
    if program and (dtypes or custom or arguments != NO_ARGUMENTS):
        raise click.UsageError("--dtype, --args and --custom are for models in code")
    inputs = None if program and not shapes else _inputs(shape_of(shapes), dtypes)
    made: Any
    try:
        with redirect_stdout(sys.stderr):  # what that code prints is no part of the spec
            models = {} if program else models_of(targets_of(target), _arguments(arguments))
            if program:
                made = from_program(Path(target), inputs)
            elif len(models) > 1:
                made = from_modules(models, inputs, name=called([*models], out), custom=custom)
            else:
                ((name, model),) = models.items()
                made = from_module(model, inputs, name=name, custom=custom)
    except (TargetError, ProgramError, ImportRefused, ModelFailed, NotTheSame) as error:
        first, *more = str(error).split("\n")
        if isinstance(error, ImportRefused) and not program:
            more += _customs(custom, all(each.path for each in error.refusals))
        raise Refused(first, *more) from None
    name = made.name
    graphs = made.graphs if len(models) > 1 else {name: made.graph}
    for each in made.notes:
        console.say(f"note: {each}", err=True)
    counts = {each: graph.params for each, graph in graphs.items()}
    params: Any = counts if len(models) > 1 else counts[name]
    sums = ", ".join(f"{each} {count:,}" for each, count in counts.items()) if len(models) > 1 else f"{params:,}"
    note = f"{sums} parameters, the same outputs{'' if made.sizes else ', at this size of its input'}"
    return made.text, {"name": name, "params": params, "notes": [*made.notes], "plugin": made.plugin}, note


def _customs(custom: bool, inside: bool) -> list[str]:
    """Return the help for what no spec can say: whether it is all `inside` modules, which may be custom layers."""
    if not inside:
        return [
            "  = help: put such lines of the model itself into a module, which `--custom FILE.py` makes a custom layer"
        ]
    return [] if custom else ["  = help: `--custom FILE.py` makes the modules around these custom layers"]


def _inputs(shapes: Any, dtypes: Sequence[str]) -> Any:
    """Return shapes with their kinds, as `from_module` takes them."""
    if shapes is None:
        raise click.UsageError("--input says what flows in, without the batch axis: 3x224x224")
    kinds = {name: kind for text in dtypes for name, _, kind in [text.rpartition("=")]}
    names = {*shapes} if isinstance(shapes, dict) else set()
    for name, kind in kinds.items():
        if kind not in DTYPES or (name and name not in names):
            wanted = f"one of {', '.join(DTYPES)}, behind the name of an input where there are several"
            raise click.UsageError(f"--dtype takes {wanted}, not {f'{name}={kind}' if name else kind!a}")
    plain = kinds.get("", "float32")
    if isinstance(shapes, dict):
        return {name: (tuple(shape), kinds.get(name, plain)) for name, shape in shapes.items()}
    return [(tuple(shapes), plain)]


def _arguments(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise click.UsageError(f"--args takes a mapping in JSON, as '{{\"width\": 32}}', not {text!a}")
    return given
