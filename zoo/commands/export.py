"""`zoo export`: a network as ONNX, as what torch.export makes of it, or as its weights, with its spec inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from speczoo import console
from speczoo.catalogue import EXPORTED
from speczoo.commands import exports, shell_completion
from speczoo.commands.build import built
from speczoo.commands.common import Networks, Place, emit, force_option, json_option, reads_files, takes_networks
from speczoo.commands.weights_options import takes_weights


@click.command()
@reads_files
@takes_networks
@takes_weights
@click.option("-o", "--out", type=Place(), required=True, help=f"A file in {', '.join(EXPORTED)}.")
@click.option(
    "--tap",
    "taps",
    multiple=True,
    metavar="[NAME=]PATH",
    shell_complete=shell_completion.entries,
    help="An inner value as an output: layer3.0.",
)
@click.option("--opset", type=click.IntRange(18), help="Of ONNX, where it is not to be its exporter's own.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the fresh weights.")
@force_option
@json_option
def command(
    networks: Networks,
    weights: str | None,
    names: Mapping[str, Any],
    out: Path,
    taps: Sequence[str],
    opset: int | None,
    seed: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a network as ONNX, torch.export's .pt2 or .safetensors, and hold it to the module before.

    The batch is left open, and height, width, depth or length where the network takes other sizes and the exporter can
    say so. Inputs and outputs are named as in the spec; spec, settings, versions and a fingerprint go into the file,
    and `zoo show net.onnx` gives the spec back. .onnx passes ONNX's checker; .onnx and .pt2 are run beside the module
    with weights drawn anew, at another batch and size too, and with their own. Nothing is written where they differ.
    """
    if networks.several:
        raise click.UsageError("one network, one file: name one")
    suffix = out.suffix.lower()
    if suffix not in EXPORTED:
        raise click.UsageError(f"-o writes {', '.join(EXPORTED)}, not {suffix!a}")
    if opset is not None and suffix != ".onnx":
        raise click.UsageError("--opset is ONNX's: of an .onnx file")
    tapping = Networks(replace(network, taps=_named(taps)) for network in networks)
    for network, graph in tapping.each(lambda network: network.graph()):
        graph, module, report = built(network, graph, weights, seed, **names)
        made = exports.written(network, graph, module, out, opset=opset, force=force)
        console.say(f"{out} written", err=True)
        if as_json:
            emit(made.to_json() | {"weights": report.to_json() if report else None})
            continue
        console.say(*(f"{word:<8} {text}" for word, text in made.lines))


def _named(taps: Sequence[str]) -> dict[str, str] | None:
    """Return taps as path by name: the path itself is the name of one that has no other."""
    pairs = [(name, path) if equals else (tap, tap) for tap in taps for name, equals, path in [tap.partition("=")]]
    if len(dict(pairs)) < len(pairs):
        raise click.UsageError("--tap says one name twice")
    return dict(pairs) or None
