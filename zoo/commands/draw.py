"""`zoo draw`: a network as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo import console
from speczoo.commands.common import Networks, Refused, emit, force_option, json_option, refuse_other, takes_networks

#: Of `drawing.files`, which is not imported for --help: endings of files, and formats of text.
ENDINGS = ("svg", "png", "pdf", "mmd", "dot", "gv", "tex")
TEXTS = ("svg", "mermaid", "dot", "tikz")


@click.command()
@takes_networks
@click.option("-o", "--out", multiple=True, type=click.Path(path_type=Path), help=f"A file in .{', .'.join(ENDINGS)}.")
@click.option("--format", "form", type=click.Choice(TEXTS), default="svg", show_default=True, help="Without -o.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="Blocks unfolded so deep: 1 for none.")
@click.option("--from", "first", default="", metavar="PATH", help="From this entry on: layer2, layer1.0.conv1.")
@click.option("--to", "last", default="", metavar="PATH", help="Up to this entry.")
@click.option("--shapes/--no-shapes", "with_shapes", default=True, help="Shapes beside the lines.")
@click.option("--horizontal", is_flag=True, help="From left to right.")
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
    horizontal: bool,
    theme: str,
    force: bool,
    as_json: bool,
) -> None:
    """Draw a network: blocks are boxes that nest, equal neighbours one box.

    -o net.svg writes a file, -o net.svg -o net.png two; without it the picture's text goes to stdout. A shape, without
    the batch axis, stands where it changes. Without --depth as many blocks are unfolded as are readable. The theme auto
    follows the reader's in SVG, and is light elsewhere. PNG and PDF need matplotlib.

    --json tells the size of the picture, what is in it, and the files.
    """
    from speczoo.drawing.files import FORMATS, Drawing
    from speczoo.specs import files

    if networks.several:
        raise click.UsageError("one network, one picture: name one")
    for path in out:
        if path.suffix[1:].lower() not in FORMATS:
            raise click.UsageError(f"-o {str(path)!a}: a picture ends in .{', .'.join(FORMATS)}")
    (graph,) = (graph for _, graph in networks.each(lambda network: network.graph()))
    drawing = Drawing(graph, depth, first, last, with_shapes, horizontal, theme)  # type: ignore[arg-type]
    try:
        made = {path: drawing.file(FORMATS[path.suffix[1:].lower()]) for path in out}
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    except ModuleNotFoundError as error:
        raise Refused(
            f"PNG and PDF are drawn by {error.name}, which is not installed: pip install matplotlib"
        ) from None
    refuse_other(made, force)
    for path, data in made.items():
        files.write(path, data, over=force)
        console.say(f"{path} written", err=True)
    if as_json:
        page = drawing.picture
        boxes = [
            {"path": box.path, "op": box.op, "count": box.count, "kind": box.kind, "unfolded": box.inside is not None}
            for box in drawing.diagram.walk()
        ]
        emit(
            {
                "name": graph.name,
                "title": page.description,
                "width": page.width,
                "height": page.height,
                "boxes": boxes,
                "written": [*map(str, out)],
            }
        )
    elif not out:
        try:
            console.data(drawing.text(form), "")
        except LookupError as error:
            raise click.UsageError(str(error.args[0])) from None
