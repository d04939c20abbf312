"""`zoo build`: a network as an nn.Module, tried or written."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.catalogue import EXPORTED
from speczoo.commands import exports
from speczoo.commands.common import (
    AskedNetwork,
    Networks,
    Place,
    Refused,
    emit,
    ending,
    force_option,
    json_option,
    missing_companions,
    reads_files,
    refuse_other,
    takes_networks,
)
from speczoo.commands.weights_options import takes_weights
from speczoo.table import Column, Table

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph

WEIGHTS = (".pt", ".pth")
ENDINGS = (".py", *EXPORTED, *WEIGHTS)


@click.command()
@reads_files
@takes_networks
@takes_weights
@click.option("--seed", type=click.IntRange(min=0), help="Of the fresh weights.")
@click.option("--optimize", is_flag=True, help="For evaluation alone: norms folded, in place where that is safe.")
@click.option("-o", "--out", type=Place(), help="A file by its ending, or a folder.")
@force_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    networks: Networks,
    weights: str | None,
    names: Mapping[str, Any],
    seed: int | None,
    optimize: bool,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Build a network, run it, hold it to what was predicted; write it.

    Without -o the network is built and run once on random input, and its outputs, parameters and state_dict are held
    to what its spec predicts. With -o it is written: .py is its source, .pt its weights, .onnx, .pt2 and .safetensors
    what `zoo export` writes, and a folder gets spec, source and weights, each network its own folder where there are
    several. A file that is there and holds something else is not written over without --force.

    With --optimize it is the network for evaluation: batch norms are part of the layers before them, dropouts are left
    out, layers work in place where nothing reads what they write over, channels lie last where that is faster, and
    oneDNN computes on a CPU, with weights that are laid out once. No parameter trains. Its outputs are held to those
    of the network without --optimize; -o writes its source or its weights.
    """
    kind = ending(out, ENDINGS, several=networks.several) if out is not None else None
    if optimize and kind not in (None, ".py", *WEIGHTS):
        raise click.UsageError("--optimize goes with -o NET.py or NET.pt: other files hold the network of the spec")
    found: list[dict[str, Any]] = []
    for network, graph in networks.each(lambda network: network.graph()):
        facts: dict[str, Any] = {"name": graph.name, "params": graph.params, "macs": graph.macs}
        if out is not None and kind == ".py":
            facts["written"] = _write_source(_optimized(graph) if optimize else graph, out, force)
        else:
            graph, module, report = built(network, graph, weights, seed, **names)
            facts["weights"] = report.to_json() if report else None
            whole = module if optimize and out is None else None  # else its weights are written over
            if optimize:
                from speczoo.folding import optimized

                state = module.state_dict()
                graph, module = optimized(graph, deepcopy(state) if whole else state)
            if out is None:
                facts |= _try(graph, module, whole, quiet=as_json)
            elif kind == "folder":
                folder = out / graph.name if networks.several else out
                facts["written"] = _write_folder(network, graph, module, folder, force)
            elif kind in EXPORTED:
                facts |= exports.written(network, graph, module, out, force=force).to_json()
            else:
                facts["written"] = _write_weights(module, out, force)
        for path in facts.get("written", ()):
            console.say(f"{path} written", err=True)
        found.append(facts)
    if as_json:
        emit(found if networks.several else found[0])
    if not all(facts.get("ok", True) for facts in found):
        console.say(
            "error: a bug of zoo: what was built is not what was predicted; please report it with the spec", err=True
        )
        ctx.exit(3)


def built(
    network: AskedNetwork, graph: Graph, weights: str | None, seed: int | None, **names: Any
) -> tuple[Graph, Any, Any]:
    """Return the graph that a module was made of, the module, and what is printed of its weights."""
    from speczoo.compiler.emit.module import build
    from speczoo.limits import exhausted

    try:
        if weights is None:
            return graph, build(graph, seed=seed), None
        from speczoo.weights import build_with, params_with

        brought = {k: v for k, v in params_with(graph, weights).items() if k not in network.params}
        if brought:
            graph = replace(network, params={**network.params, **brought}).graph()
        module: Any = build_with(graph, weights, seed=seed, **names)
        first, *more = module.load_report.lines
        console.say(f"{graph.name}: {first}", *more, err=True)
        return graph, module, module.load_report
    except RuntimeError as error:
        if not exhausted(error):
            raise
        raise Refused(
            f"{graph.name} does not fit into memory: its parameters alone take {4 * graph.params:,} bytes"
        ) from None


def _optimized(graph: Graph) -> Graph:
    from speczoo.compiler.optimize import optimize

    return optimize(graph).graph


def _try(graph: Graph, module: Any, whole: Any, *, quiet: bool) -> dict[str, Any]:
    """Return what a module shows when it is tried; one that was optimized beside the `whole` one."""
    from speczoo.verify import verify_module

    made = verify_module(graph, module)
    if whole is not None:
        from speczoo.folding import agreement

        made = replace(made, findings=(*made.findings, agreement(graph, whole, module)))
    if not quiet:
        from speczoo.commands import layout

        verdicts = ["equal" if finding.ok else "DIFFERENT" for finding in made.findings]
        table = Table(
            [
                Column("", [finding.what for finding in made.findings], left=True),
                Column("Predicted", [finding.predicted for finding in made.findings]),
                Column("Built", [finding.built for finding in made.findings]),
                Column("", verdicts, left=True),
            ]
        )
        inputs = layout.shape({n: (made.batch, *v.shape) for n, v in graph.settings.inputs})
        where = "for its shapes alone" if made.seconds is None else f"in {made.seconds:.2f} s"
        shown = f"built, and run {where} on {inputs.removeprefix('input=')}"
        console.say(layout.title(graph.name, shown), "", table, "")
    return made.to_json()


def _write_source(graph: Graph, target: Path, force: bool) -> list[str]:
    from speczoo.compiler.emit.python import source
    from speczoo.specs import files

    files.write(target, source(graph).encode(), over=force)
    return [str(target)]


def _write_weights(module: Any, target: Path, force: bool) -> list[str]:
    from speczoo.specs import files
    from speczoo.verify import save

    with files.replacing(target, over=force) as file:
        save(module, file)
    return [str(target)]


def _write_folder(network: AskedNetwork, graph: Graph, module: Any, folder: Path, force: bool) -> list[str]:
    """Return spec, source and weights, named as the network; beside the spec the files that it uses."""
    from speczoo import specialize
    from speczoo.compiler.emit.python import source
    from speczoo.exporting.metadata import texts_of
    from speczoo.specs import files
    from speczoo.verify import safetensors

    written = specialize.text(graph, graph.name, network.params)
    spec = specialize.path_in(folder, graph.name, written)
    code, weights = (folder / f"{graph.name}{suffix}" for suffix in (".py", ".safetensors"))
    contents = {
        code: source(graph).encode(),
        weights: safetensors(module, texts_of(graph, network.params)),
        spec: written.encode(),
    }
    refuse_other(contents, force)
    copies = missing_companions(graph, folder, {spec, code, weights})
    files.make_folder(folder)
    for path, data in copies.items():
        files.create(path, data, below=folder)
    for path, data in contents.items():
        files.write(path, data, over=force)
    return [str(path) for path in (spec, code, weights, *copies)]
