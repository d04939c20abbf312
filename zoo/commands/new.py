"""`zoo new`: a spec file to start from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import click

import speczoo
from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import (
    STANDARD,
    AskedNetwork,
    Refused,
    emit,
    json_option,
    limit_option,
    missing_companions,
    read_limits,
    set_option,
    settings,
    shape_of,
    standard_input,
)
from speczoo.specs.source import line_end

#: What `zoo schema -o` writes into a project.
SCHEMA = "zoo.schema.json"
TEMPLATE = """\
# Then: zoo check {name}.yaml, zoo summary {name}.yaml, zoo build {name}.yaml
spec: 1
name: {name}
title: A small residual network # in one line, what it is
input: [3, 32, 32] # channels, height, width; the batch axis is never written
params: # what can be set from outside, as in `zoo build {name}.yaml --set num_classes=2`
  widths: [32, 64, 128] # channels of each stage
  num_classes: 10
defaults: # arguments that every Conv2d below starts from
  Conv2d: {{kernel_size: 3, padding: 1, bias: false}} # batch norm follows, and its shift serves as bias

blocks:
  Residual: # a list with parameters of its own; `int` is required, a value is a default
    params: {{channels: int, stride: 1}}
    layers: # each entry takes the output of the one before it, unless it says `from`
      - {{id: conv1, op: Conv2d, out_channels: $channels, stride: $stride}} # in_channels follow from what flows in
      - {{id: bn1,   op: BatchNorm2d}}
      - {{id: relu1, op: ReLU}}
      - {{id: conv2, op: Conv2d, out_channels: $channels}}
      - {{id: bn2,   op: BatchNorm2d}}
      - id: shortcut # where `when` is false, it stands for its input
        op: Conv2d
        from: input # the block's own
        out_channels: $channels
        kernel_size: 1
        stride: $stride
        padding: 0
        when: $(stride != 1 or in_channels != channels)
      - {{id: sum,   op: add, from: [bn2, shortcut]}} # shapes must agree: nothing is broadcast
      - {{id: relu2, op: ReLU}}

layers: # a list is an nn.Sequential; an id is the module's name in the state_dict
  - {{id: conv, op: Conv2d, out_channels: "$(widths[0])"}} # quotes around what holds a bracket or a comma
  - {{id: bn,   op: BatchNorm2d}}
  - {{id: relu, op: ReLU, shape: ["$(widths[0])", 32, 32]}} # `shape` is held to, never needed
  - for: {{i: 1..$(len(widths)), channels: $widths}} # an entry per turn; lists are taken side by side
    id: stage$i
    op: Residual
    channels: $channels
    stride: $(1 if i == 1 else 2)
  - {{id: pool,    op: AdaptiveAvgPool2d, output_size: 1}}
  - {{id: flatten, op: Flatten}}
  - {{id: fc,      op: Linear, out_features: $num_classes}}

expect: {{output: [10]}} # what `zoo check` holds the network to; params and macs can stand here too

# Named settings, addressed as `{name}.yaml:small`:
# variants:
#   small: {{params: {{widths: [16, 32, 64]}}, expect: {{output: [10]}}}}
"""


@click.command()
@click.argument("name")
@click.option(
    "--from", "origin", metavar="NETWORK", shell_complete=shell_completion.networks, help="A network to start from."
)
@set_option("--set", "overrides", help="A parameter of that network.")
@click.option("--input", "shapes", multiple=True, metavar="SHAPE", help="Another input for it: 3x64x64.")
@limit_option
@json_option
def command(
    name: str,
    origin: str | None,
    overrides: tuple[str, ...],
    shapes: tuple[str, ...],
    limits: tuple[str, ...],
    as_json: bool,
) -> None:
    """Start a spec file, commented or from a network of the zoo.

    Writes NAME.yaml in the current folder, never over a file that is there. With --from it is that network's spec,
    its variant's values filled in.
    """
    from speczoo.specs.grammar import NETWORK

    name = re.sub(r"\.ya?ml$", "", name)
    if named := re.fullmatch(r"(.*)\.[A-Za-z]{1,5}", name):
        raise click.UsageError(f"{name} is no file of YAML, which a new spec is: zoo new {named[1]}")
    if {"/", "\\"} & set(name):
        raise click.UsageError(
            f"a new spec is written where this runs: `cd` to its folder and give its name alone, not {name!a}"
        )
    if not re.fullmatch(NETWORK, name, re.ASCII) or len(name) > 100:
        raise click.UsageError(
            f"a network's name is of letters, digits, `_`, `-` and `.`, and starts with a letter, not {name!a}"
        )
    if origin is None and (overrides or shapes or limits):
        raise click.UsageError("--set, --input and --limit are of the network that --from names")
    copies: dict[Path, bytes] = {}
    if origin is None:
        written, path = TEMPLATE.format(name=name), Path(f"{name}.yaml")
    else:
        from speczoo import specialize

        allowed = read_limits(limits)
        asked = standard_input(allowed) if origin == STANDARD else origin
        network = AskedNetwork(asked, settings(overrides), shape_of(shapes), allowed)
        graph = network.graph()
        written = specialize.text(graph, name, network.params, fresh=True)
        path = specialize.path_in(Path(), name, written)
        copies = missing_companions(graph, Path(), {path})
    if path.suffix == ".yaml":
        written = f"# yaml-language-server: $schema={_schema()}{line_end(written)}{written}"
    _create(path, written.encode(), copies)
    if as_json:
        emit({"name": name, "file": str(path), "files": [str(path), *map(str, copies)]})
    else:
        console.say(f"{path} written: zoo check {path}", err=True)


def _schema() -> str:
    """Return where an editor finds the schema: the project's own, in this folder or one around it, else the one that
    is installed.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / SCHEMA).is_file():
            return Path(os.path.relpath(folder / SCHEMA)).as_posix()
    return (Path(speczoo.__file__).parent / "schema.json").resolve().as_posix()


def _create(spec: Path, written: bytes, copies: Mapping[Path, bytes]) -> None:
    """Write the files that the spec uses, and the spec, where there are none."""
    from speczoo.specs import files

    if os.path.lexists(spec):
        raise Refused(f"{spec} is there already; nothing was written")
    for path, data in {**copies, spec: written}.items():
        files.create(path, data, below=Path())
