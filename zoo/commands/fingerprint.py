"""`zoo fingerprint`: a hash of what a network computes."""

from __future__ import annotations

import click

from speczoo import console
from speczoo.commands.common import AskedNetwork, Networks, emit, json_option, takes_networks


@click.command()
@takes_networks
@json_option
def command(networks: Networks, as_json: bool) -> None:
    """Print a hash of what a network computes, a line for each: FINGERPRINT  NAME.

    It is the same for two networks that compute the same: layout, comments, order of keys, blocks, names of parameters
    and ids of what has no weights do not change it. Inputs, layers, their arguments and wiring, names of weights,
    what they start as, which of them train, and outputs do. It starts with its version, `v1:`.
    """
    from speczoo.compiler.analysis.fingerprint import fingerprint

    found = [(graph.name, fingerprint(graph)) for _, graph in networks.each(AskedNetwork.graph)]
    if as_json:
        rows = [{"name": name, "fingerprint": made} for name, made in found]
        emit(rows if networks.several else rows[0])
    else:
        console.say(*(f"{made}  {name}" for name, made in found))
