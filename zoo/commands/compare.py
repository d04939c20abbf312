"""`zoo compare`: networks side by side."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.commands.common import AskedNetwork, Networks, emit, json_option, takes_networks
from speczoo.specs.escaping import safe
from speczoo.table import Column, Table

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph

#: Printed figures that stand beside a true number, under its heading.
BESIDE = {"params": "Parameters", "flop": "MACs"}
PRINTED = ("printed", "FLOP printed")
HEADS = (*BESIDE.values(), *PRINTED)
UNITS = {"params": "parameters", "flop": "FLOP"}
FEATURE = "feature"  # words among the figures: what is new about the network
#: What the table shows of a difference; where they are equal, layers are looked at.
NUMBERS = ("params", "macs", "inputs", "outputs")
TITLES = {"top1": "Top-1 %", "top5": "Top-5 %", "error": "Error %"}


@click.command()
@takes_networks
@click.option("--exit-code", is_flag=True, help="Exit with 1 where they do not compute the same.")
@json_option
@click.pass_context
def command(ctx: click.Context, networks: Networks, exit_code: bool, as_json: bool) -> None:
    """Networks side by side, true numbers beside printed ones.

    Parameters and MACs are counted; what stands under `printed` is what the network's own source says, in its own
    units: some call multiply-accumulates FLOP, some count each of them twice. Where a printed figure is another, a note
    below the table says why.

    Networks compute the same where inputs, layers, all their arguments, what each takes, the names of weights, their
    initial values and outputs are the same. What first differs is named where no number of the table shows it, and with
    --exit-code.
    """
    from speczoo.compiler.analysis.difference import difference

    graphs = [graph for _, graph in networks.each(AskedNetwork.graph)]
    found = [_row(graph) for graph in graphs]
    for row, graph in zip(found, graphs, strict=True):
        asked = as_json or exit_code or all(row[key] == found[0][key] for key in NUMBERS)
        differs = difference(graphs[0], graph) if asked else None
        row["difference"] = differs and differs._asdict()
    if as_json:
        emit(found)
    else:
        _show(found)
        _differences(found)
    if exit_code and any(row["difference"] for row in found):
        ctx.exit(1)


def _row(graph: Graph) -> dict[str, Any]:
    from speczoo import metadata

    word = {
        key: metadata.word(graph.unit.document.data, graph.settings.variant, key)
        for key in ("title", "year", "published", "notes")
    }
    return {
        "name": graph.name,
        "title": word["title"] or "",
        "year": word["year"],
        "params": graph.params,
        "macs": graph.macs,
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "outputs": {name: list(shape) for name, shape in graph.outputs.items()},
        "layers": graph.root.weighted,
        "published": word["published"] or {},
        "notes": word["notes"] or {},
    }


def _show(found: list[dict[str, Any]]) -> None:
    from speczoo.commands import layout

    printed = list(dict.fromkeys(key for row in found for key in row["published"]))
    columns = [
        Column("Network", [row["name"] for row in found], left=True),
        Column("Year", [layout.text(row["year"]) for row in found], spare=True),
    ]
    for key in printed:
        if key not in (*BESIDE, FEATURE):
            heading = _heading(key, [column.head for column in columns])
            columns.append(Column(heading, _figures([row["published"].get(key) for row in found])))
    for key, number, head in zip(BESIDE, ("params", "macs"), PRINTED, strict=True):
        columns.append(Column(BESIDE[key], [layout.count(row[number]) for row in found]))
        if key in printed:
            columns.append(Column(head, [layout.text(row["published"].get(key)) for row in found]))
    console.say(Table(columns))
    remarks = [line for row in found for line in _remarks(row)]
    if remarks:
        console.say("", *remarks)


def _differences(found: list[dict[str, Any]]) -> None:
    """Print what each first differs from the first network in, where that was asked."""
    first = found[0]
    for row in found[1:]:
        differs = row["difference"]
        if differs:
            names = first["name"], row["name"]
            if names[0] == names[1]:
                names = "the first", "this one"
            console.say(
                "", safe(f"{row['name']} does not compute what {first['name']} does, first at {differs['what']}:")
            )
            console.say(safe(f"  {differs['first']} in {names[0]}, {differs['second']} in {names[1]}"))


def _remarks(row: dict[str, Any]) -> list[str]:
    """Return what is new about a network, and what there is to say of its printed figures."""
    feature, printed = row["published"].get(FEATURE), row["published"]
    notes = []
    for key, text in row["notes"].items():
        figure = f"{printed[key]} " if key in printed else ""
        notes.append(f"  {safe(f'{figure}{UNITS.get(key, key)}: {text}')}")
    head = f"{safe(row['name'])}: {safe(str(feature))}" if feature is not None else safe(row["name"])
    return [head, *notes] if notes or feature is not None else []


def _heading(key: str, columns: Collection[str]) -> str:
    """Return what stands above printed figures; other words than above ours, and than those of other figures."""
    head = TITLES.get(key, key)
    while head in (*columns, *HEADS):
        head = f"{head} as printed"
    return head


def _figures(values: list[Any]) -> list[str]:
    """Return printed figures, all with as many decimals as the longest of them."""
    decimals = max((len(repr(v).partition(".")[2]) for v in values if isinstance(v, float)), default=0)
    return ["" if v is None else f"{v:.{decimals}f}" if isinstance(v, float) else str(v) for v in values]
