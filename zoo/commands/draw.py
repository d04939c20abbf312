"""`zoo draw`: a network as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import (
    STANDARD,
    AskedNetwork,
    Networks,
    Place,
    Refused,
    emit,
    force_option,
    json_option,
    refuse_other,
    set_option,
    settings,
    shape_of,
    takes_networks,
)
from speczoo.drawing.formats import FORMATS, TEXTS

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph
    from speczoo.drawing.files import Drawing
    from speczoo.specs.errors import SpecError


@click.command()
@takes_networks
@click.option("-o", "--out", multiple=True, type=Place(), help=f"A file in .{', .'.join(FORMATS)}.")
@click.option("--format", "form", type=click.Choice([*TEXTS]), default="svg", show_default=True, help="Without -o.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="Blocks unfolded so deep: 1 for none.")
@click.option(
    "--from",
    "first",
    default="",
    metavar="PATH",
    shell_complete=shell_completion.entries,
    help="From this entry on: layer2, layer1.0.conv1.",
)
@click.option(
    "--to", "last", default="", metavar="PATH", shell_complete=shell_completion.entries, help="Up to this entry."
)
@click.option("--shapes/--no-shapes", "with_shapes", default=True, help="Shapes beside the lines.")
@click.option(
    "--against",
    metavar="NAME",
    shell_complete=shell_completion.networks,
    help="Show what changed since this network, as zoo diff finds it.",
)
@set_option("--set-against", help="A parameter of that network alone.")
@click.option("--input-against", multiple=True, metavar="SHAPE", help="Input of that network alone.")
@click.option("--horizontal", is_flag=True, help="From left to right.")
@click.option("--style", type=click.Choice(["boxes", "paper"]), default="boxes", show_default=True)
@click.option("--theme", type=click.Choice(["auto", "light", "dark"]), default="auto", show_default=True)
@force_option
@json_option
def command(
    networks: Networks,
    out: tuple[Path, ...],
    form: str,
    depth: int | None,
    first: str,
    last: str,
    with_shapes: bool,
    against: str | None,
    set_against: tuple[str, ...],
    input_against: tuple[str, ...],
    horizontal: bool,
    style: str,
    theme: str,
    force: bool,
    as_json: bool,
) -> None:
    """Draw a network: blocks are boxes that nest, equal neighbours one box.

    -o net.svg writes a file, -o net.svg -o net.png two; without it the picture's text goes to stdout. A shape, without
    the batch axis, stands where it changes. Without --depth as many blocks are unfolded as are readable. The theme auto
    follows the reader's in SVG and HTML, and is light elsewhere. PNG and PDF need matplotlib. The page of a wrong spec
    shows what is wrong, at its lines.

    --style paper draws volumes, to scale in channels and size, from left to right, and a U-Net as a U: in SVG, HTML,
    PNG, PDF and TikZ.

    --against NAME colours what was added, removed, changed and renamed since another network, which may be a name, a
    file, a variant, a file of a git revision (HEAD~1:net.yaml) or -; so may NAME then. Blocks are unfolded where
    something changed. --set and --input are for both.

    --json gives the size of the picture, what is in it, and the files.
    """
    from speczoo.drawing.files import Drawing, NoSuchPicture
    from speczoo.drawing.network import NoSuchPart
    from speczoo.specs.errors import SpecError

    if networks.several:
        raise click.UsageError("one network, one picture: name one")
    if (set_against or input_against) and against is None:
        raise click.UsageError("--set-against and --input-against are of the network that --against names")
    forms = {path: FORMATS.get(path.suffix[1:].lower(), "") for path in out}
    for path in [path for path, found in forms.items() if not found]:
        raise click.UsageError(f"-o {str(path)!a}: a picture ends in .{', .'.join(FORMATS)}")
    try:
        graph, old = _graphs(networks[0], against, set_against, input_against)
    except SpecError as error:
        pages = [path for path, found in forms.items() if found == "html"]
        _write(dict.fromkeys(pages, _wrong(str(networks[0].asked), error)), force)
        raise
    drawing = Drawing(graph, depth, first, last, with_shapes, horizontal, theme, style, old)  # type: ignore[arg-type]
    try:
        made = {path: drawing.file(found) for path, found in forms.items()}
        text = drawing.text(form) if not out and not as_json else ""
    except (NoSuchPart, NoSuchPicture) as error:
        raise click.UsageError(str(error.args[0])) from None
    except ModuleNotFoundError as error:
        message = f"PNG and PDF are drawn by {error.name}, which is not installed: pip install matplotlib"
        raise Refused(message) from None
    if drawing.difference is not None and not drawing.difference:
        console.say("no difference", err=True)
    _write(made, force)
    if as_json:
        emit(_data(drawing) | {"written": [*map(str, out)]})
    elif text:
        console.data(text)


def _graphs(
    network: AskedNetwork, against: str | None, params: Sequence[str], shapes: Sequence[str]
) -> tuple[Graph, Graph | None]:
    """Return the network, and the one that it is drawn against. Raises SpecError, and Refused where git knows no such
    revision.
    """
    if against is None:
        return network.graph(), None
    from speczoo import comparison, revisions

    if against == STANDARD and not isinstance(network.asked, str):
        raise click.UsageError("standard input is one network: name the other")
    own = comparison.Overlay(network.params, network.input, network.limits)
    given = comparison.Overlay(
        {**network.params, **settings(params)}, shape_of(shapes) or network.input, network.limits
    )
    try:
        sides = [comparison.side(against, given)]
        sides += [comparison.side(network.asked, own)] if isinstance(network.asked, str) else []
    except revisions.RevisionError as error:
        raise Refused(str(error)) from None
    old, *new = (side.graph(side.variant) for side in sides)
    return new[0] if new else network.graph(), old


def _write(made: Mapping[Path, bytes], force: bool) -> None:
    from speczoo.specs import files

    refuse_other(dict(made), force)
    for path, data in made.items():
        files.write(path, data, over=force)
        console.say(f"{path} written", err=True)


def _wrong(asked: str, error: SpecError) -> bytes:
    """Return the page of what is no network."""
    from speczoo.drawing.html import wrong
    from speczoo.specs import render

    return wrong(render.text(error.diagnostics), Path(asked).name).encode()


def _data(drawing: Drawing) -> dict[str, Any]:
    page = drawing.picture
    boxes = [
        {"path": box.path, "op": box.op, "count": box.count, "kind": box.kind, "unfolded": box.inside is not None}
        for box in drawing.boxes
    ]
    name, title = drawing.graph.name, drawing.description
    return {
        "name": name,
        "title": title,
        "width": round(page.width, 1),
        "height": round(page.height, 1),
        "boxes": boxes,
    }
