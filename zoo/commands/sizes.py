"""`zoo sizes`: which sizes of its input a network takes, and what comes out."""

from __future__ import annotations

import click

from speczoo import console
from speczoo.commands.common import Networks, emit, json_option, takes_networks


@click.command()
@takes_networks
@json_option
def command(networks: Networks, as_json: bool) -> None:
    """Which sizes of its input a network takes, what comes out, and which layers say so.

    As it is built for its declared input, or for --input: weights that followed from that size stay as they are. An n
    is a size of the input on the axis in question. --json gives one object, or a list where several networks were
    asked for.
    """
    from speczoo.compiler.analysis.sizes import Sizes
    from speczoo.compiler.emit.sizes import lines, to_json

    made = networks.each(lambda network: Sizes(network.graph()))
    if as_json:
        found = [to_json(sizes) for _, sizes in made]
        emit(found if networks.several else found[0])
        return
    from speczoo.commands import layout

    for i, (_, sizes) in enumerate(made):
        graph = sizes.graph
        console.say(*[""] * (i > 0), layout.title(graph.name, layout.flow(graph.inputs, graph.outputs)), "")
        before = ""
        for word, text in lines(sizes):
            console.say(f"{word if word != before else '':<9} {text}")
            before = word
