"""`zoo import`: a model in code as a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from speczoo import console
from speczoo.commands.common import Refused, emit, force_option, json_option, refuse_taken, shape_of


@click.command()
@click.argument("target", metavar="MODULE:NAME")
@click.option("--input", "shapes", multiple=True, required=True, metavar="SHAPE", help="What flows in: 3x224x224.")
@click.option("--dtype", type=click.Choice(["float32", "int64", "bool"]), default="float32", help="Of what flows in.")
@click.option("--args", "arguments", default="{}", metavar="JSON", help="What it is called with: '{\"width\": 32}'.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The file to write; without it, it is printed.")
@force_option
@json_option
def command(
    target: str, shapes: tuple[str, ...], dtype: str, arguments: str, out: Path | None, force: bool, as_json: bool
) -> None:
    """Write the spec of a model in code: of a class or function of a module of Python, which is called.

    It runs that code, so name what you trust. The spec builds the same network, with the same names in its state_dict
    and the same outputs, which is tried before anything is written. What no spec can say is told with its line.
    """
    from speczoo.importing import ImportRefused, NotTheSame, from_module
    from speczoo.importing.targets import TargetError, model_of, targets_of
    from speczoo.specs import files

    if out is not None:
        refuse_taken([out], force)
    inputs = _inputs(shape_of(shapes), dtype)
    try:
        (wanted, *others) = targets_of(target)
        if others:
            raise TargetError(f"one model at a time, not {target!a}")
        model = model_of(wanted, _arguments(arguments))
        made = from_module(model, inputs, name=wanted.name.rpartition(".")[2].lower())
    except (TargetError, ImportRefused, NotTheSame) as error:
        first, *more = str(error).split("\n")
        raise Refused(first, *more) from None
    if out is not None:
        files.write(out, str(made).encode(), over=force)
    if as_json:
        emit({"name": made.name, "params": made.graph.params, "spec": str(made), "written": out and str(out)})
    elif out is None:
        console.data(str(made), "yaml")
    else:
        sizes = "" if made.sizes else ", at this size of its input"
        console.say(f"{out} written: {made.graph.params:,} parameters, the same outputs{sizes}", err=True)


def _inputs(shapes: Any, dtype: str) -> Any:
    """Return shapes with their kind, as `from_module` takes them."""
    if shapes is None:
        raise click.UsageError("--input says what flows in, without the batch axis: 3x224x224")
    if isinstance(shapes, dict):
        return {name: (tuple(shape), dtype) for name, shape in shapes.items()}
    return [(tuple(shapes), dtype)]


def _arguments(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise click.UsageError(f"--args takes a mapping in JSON, as '{{\"width\": 32}}', not {text!a}")
    return given
