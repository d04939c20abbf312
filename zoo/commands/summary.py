"""`zoo summary`: a network layer by layer, or block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import AskedNetwork, Networks, emit, json_option, takes_networks
from speczoo.specs.errors import SpecError
from speczoo.specs.suggestions import did_you_mean

if TYPE_CHECKING:
    from speczoo.compiler.analysis.outline import OutlinePart
    from speczoo.compiler.analysis.residence import Unit
    from speczoo.compiler.emit.summary import Summary

FORMATS = ("table", "json", "csv", "markdown", "html")
#: Of `emit.summary_columns`, which is not imported for --help.
NAMES = (
    "layer", "type", "input", "output", "params", "trainable", "macs", "flops", "weights", "buffers", "activations",
    "receptive_field", "stride", "offset",
)  # fmt: skip
DTYPES = ("float32", "float64", "bfloat16", "float16")


@click.command()
@takes_networks
@click.option(
    "--columns",
    metavar="NAME,...",
    shell_complete=shell_completion.among(*NAMES),
    help=f"Which, of {', '.join(NAMES)}.",
)
@click.option(
    "--depth", type=click.IntRange(1), metavar="N", help="Blocks so deep, with sums; equal neighbours as one."
)
@click.option(
    "--sort",
    metavar="COLUMN",
    shell_complete=shell_completion.among(*NAMES),
    help="By a column; -macs puts the largest first.",
)
@click.option("--batch", type=click.IntRange(1), default=1, metavar="N", help="Memory for so many inputs at once.")
@click.option(
    "--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Bytes in these numbers."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to write it."
)
@click.option("--html", "as_html", is_flag=True, help="As a page of HTML that unfolds: as --format html.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    networks: Networks,
    columns: str | None,
    depth: int | None,
    sort: str | None,
    batch: int,
    dtype: str,
    form: str,
    as_html: bool,
    as_json: bool,
) -> None:
    """Layer by layer: output shape, parameters, MACs, and totals.

    Shapes are without the batch axis. MACs are the multiply-accumulates of one input in convolutions, linear layers
    and matrix products; FLOPs are twice as many. Inference is the most bytes that values take at once, training what
    autograd keeps; the network's weights, and what a backend takes to compute, are not in them. A receptive field is
    how many places of the input a place of the output sees on an axis, at most.

    --json gives one object, or a list where several networks were asked for: with every column, and with the blocks
    where --depth is given.
    """
    form = "json" if as_json else "html" if as_html else form
    ctx.meta["zoo.json"] = form == "json"
    keys, order = _columns(columns), _known(sort.removeprefix("-"), "--sort") if sort is not None else None
    made, wrong = _made(networks)
    if wrong is not None and (form == "json" or not made):
        raise wrong
    from speczoo.commands import summary_formats
    from speczoo.commands.summary_formats import Shown
    from speczoo.compiler.analysis.outline import cut
    from speczoo.compiler.analysis.residence import Unit
    from speczoo.compiler.emit.summary_columns import ordered

    unit, falling = Unit(dtype, batch), sort is not None and sort.startswith("-")

    def arranged(parts: Sequence[OutlinePart]) -> Sequence[OutlinePart]:
        return ordered(parts, order, unit, largest_first=falling) if order is not None else parts

    if form == "json":
        found = [_data(summary, unit, depth, arranged) for summary in made]
        emit(found if networks.several else found[0])
        return
    whole = form == "html" and depth is None and order is None  # which folds
    shown = [
        Shown(s, s.outline if whole else arranged(cut(s.outline, depth) if depth else s.parts), keys, unit)
        for s in made
    ]
    match form:
        case "table":
            for i, each in enumerate(shown):
                console.say(*[""] * (i > 0), *each.table())
        case "csv":
            console.data(summary_formats.csv(shown))
        case "markdown":
            console.data("\n".join(each.markdown() for each in shown), "markdown")
        case _:
            console.data("\n".join(each.html() for each in shown) + "\n", "html")
    if wrong is not None:
        raise wrong


def _made(networks: Networks) -> tuple[list[Summary], SpecError | None]:
    """Return the summaries of the networks that are right, and what is wrong with the others."""
    made: list[Summary] = []
    try:
        made.extend(summary for _, summary in networks.each(_summary))
    except SpecError as error:
        return made, error
    return made, None


def _columns(text: str | None) -> tuple[str, ...]:
    """Return the columns that are asked for. Raises UsageError."""
    from speczoo.compiler.emit.summary_columns import DEFAULT

    if text is None:
        return DEFAULT
    keys = tuple(dict.fromkeys(_known(name.strip(), "--columns") for name in text.split(",")))
    return keys if keys[0] == "layer" else ("layer", *(key for key in keys if key != "layer"))


def _known(name: str, option: str) -> str:
    if name not in NAMES:
        hint = " ".join(did_you_mean(name, NAMES)) or f"there are {', '.join(NAMES)}"
        raise click.UsageError(f"{option}: there is no column {name!a}: {hint}")
    return name


def _data(
    summary: Summary, unit: Unit, depth: int | None, arranged: Callable[[Sequence[OutlinePart]], Sequence[OutlinePart]]
) -> dict[str, Any]:
    from speczoo.compiler.analysis.memory import memory
    from speczoo.compiler.analysis.outline import cut

    found = summary.to_json(memory(summary.graph, unit.dtype, unit.batch))
    rows = {row["path"]: row for row in found["layers"]}
    found["layers"] = [rows[part.path] for part in arranged(summary.parts)]
    if depth is not None:
        found["blocks"] = [part.to_json() for part in arranged(cut(summary.outline, depth))]
    return found


def _summary(network: AskedNetwork) -> Summary:
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
