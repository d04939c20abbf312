"""`zoo summary`: a network layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from speczoo import console
from speczoo.commands.common import Network, Networks, emit, json_option, takes_networks
from speczoo.specs.errors import SpecError
from speczoo.table import Column, Table

if TYPE_CHECKING:
    from speczoo.compiler.emit.summary import Summary


@click.command()
@takes_networks
@json_option
def command(networks: Networks, as_json: bool) -> None:
    """Layer by layer: output shape, parameters, MACs, and totals.

    Shapes are without the batch axis. MACs are the multiply-accumulates of one input in convolutions, linear layers
    and matrix products. --json gives one object, or a list where several networks were asked for.
    """
    made = networks.each(_summary)
    if as_json:
        found = [summary.to_json() for _, summary in made]
        emit(found if networks.several else found[0])
        return
    from speczoo.commands import layout

    for i, (_, s) in enumerate(made):
        trainable = [str(row.trainable > 0) if row.params else "" for row in s.layers]
        table = Table(
            [
                Column("Layer", [row.path for row in s.layers], left=True),
                Column("Type", [row.op for row in s.layers], left=True),
                Column("Output", [layout.shape(row.output) for row in s.layers]),
                Column("Parameters", [layout.count(row.params) for row in s.layers]),
                Column("Trainable", trainable, left=True, spare=True),
                Column("MACs", [layout.count(row.macs) for row in s.layers]),
            ]
        )
        totals = {
            "Parameters": s.params,
            "  trainable": s.trainable_params,
            "  not trainable": s.params - s.trainable_params,
            "MACs": s.macs,
        }
        wide = max(len(f"{n:,}") for n in totals.values())
        lines = [f"{name:<15} {n:>{wide},}" for name, n in totals.items()]
        console.say(*[""] * (i > 0), layout.title(s.name, layout.flow(s.inputs, s.outputs)), "", table, "", *lines)


def _summary(network: Network) -> Summary:
    """Raise SpecError, for a network with more layers than are listed too."""
    from speczoo.compiler.emit.summary import summarise
    from speczoo.specs.problem import Problem

    graph = network.graph()
    rows, most = graph.root.leaves, network.limits.rows
    if rows > most:
        message = f"the summary of `{graph.name}` would list {rows:,} layers; the limit is {most:,}"
        help = (f"`--limit rows={rows}` lists them all; `zoo list` and `zoo compare` print the totals alone",)
        problem = Problem("limit-exceeded", message, ("layers",), key=True, help=help)
        raise SpecError([problem.located(graph.unit.document)])
    return summarise(graph)
