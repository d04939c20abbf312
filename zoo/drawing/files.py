"""Pictures in the formats of files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from speczoo import api, checking
from speczoo.compiler.analysis.diff import Diff, diff
from speczoo.compiler.graph import Graph
from speczoo.drawing.changes import changes, focused
from speczoo.drawing.diagram import Box, Diagram, folded, readable, without_shapes
from speczoo.drawing.formats import FORMATS
from speczoo.drawing.network import between, diagram
from speczoo.drawing.paper import fits, paper
from speczoo.drawing.picture import Picture, picture
from speczoo.drawing.volumes import Volumes, volumes
from speczoo.metadata import word
from speczoo.specs import files as disk
from speczoo.specs.wording import by_axis

Theme: TypeAlias = Literal["auto", "light", "dark"]
Style: TypeAlias = Literal["boxes", "paper"]

#: Between the parts of a line: some formats take several spaces for one.
SEPARATOR = " \u00b7 "


class NoSuchPicture(ValueError):
    """What is asked for together is nothing that there are pictures of."""


def draw(
    what: checking.What | Graph,
    *,
    depth: int | None = None,
    first: str = "",
    last: str = "",
    shapes: bool = True,
    horizontal: bool = False,
    theme: Theme = "auto",
    style: Style = "boxes",
    against: checking.What | Graph | None = None,
) -> Drawing:
    """Return the drawing of a network, which shows itself in a notebook, and writes files: `.save("net.svg")`.

    A network under parameters of its own is drawn as a graph: `draw(speczoo.graph("net.yaml", width=32))`. The other
    arguments are those of `Drawing`. Raises SpecError; what it is asked for shows when it is drawn.
    """
    graph, old = (each if isinstance(each, Graph | None) else api.graph(each) for each in (what, against))
    assert graph is not None
    return Drawing(graph, depth, first, last, shapes, horizontal, theme, style, old)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A network as it is to be drawn.

    `depth` is how many levels of blocks are unfolded, as many as are readable where it is None. `first` and `last` are
    paths of the entries, in one list, from which and up to which it is drawn; empty for all. `style` is `boxes` that
    nest, or `paper`: volumes to scale, from left to right. Of another network, `against`, which is an older one, it
    shows what changed since, and unfolds blocks where something did.
    """

    graph: Graph
    depth: int | None = None
    first: str = ""
    last: str = ""
    shapes: bool = True
    horizontal: bool = False
    theme: Theme = "auto"
    style: Style = "boxes"
    against: Graph | None = None

    def __repr__(self) -> str:
        return f"<Drawing of {self.graph.name}>"

    @cached_property
    def whole(self) -> Diagram:
        """What is drawn with all blocks unfolded. Raises NoSuchPart where `first` or `last` names nothing, or no way
        leads from one to the other.
        """
        part = between(self.graph, self.first, self.last) if self.first or self.last else None
        if self.difference is not None and self.against is not None:
            made = changes(self.against, self.graph, self.difference, part)
        else:
            made = diagram(self.graph, part)
        return made if self.shapes else without_shapes(made)

    @cached_property
    def difference(self) -> Diff | None:
        """What changed from the other network, if there is one."""
        return None if self.against is None else diff(self.against, self.graph)

    @cached_property
    def diagram(self) -> Diagram:
        """Raise NoSuchPart, as `whole` does."""
        if self.against is not None:
            return focused(self.whole, self.depth)
        return folded(self.whole, self.depth) if self.depth is not None else readable(self.whole)

    @cached_property
    def volumes(self) -> Volumes:
        """What the style `paper` draws. Raises NoSuchPart, as `whole` does."""
        return volumes(self.whole, self.depth, lambda made: fits(made, shapes=self.shapes))

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes that are drawn. Raises NoSuchPart, as `whole` does."""
        if self.style == "paper":
            return tuple(volume.box for volume in self.volumes.volumes)
        return tuple(self.diagram.walk())

    @cached_property
    def picture(self) -> Picture:
        """Raise NoSuchPart, as `whole` does."""
        if self.style == "paper":
            return paper(self.volumes, self.graph.name, self.description or self.subtitle, shapes=self.shapes)
        return picture(self.diagram, self.graph.name, self.subtitle, self.description, horizontal=self.horizontal)

    @property
    def description(self) -> str:
        """The spec's own title."""
        return str(word(self.graph.unit.document.data, self.graph.settings.variant, "title") or "")

    @property
    def subtitle(self) -> str:
        """What goes in and comes out, and what it costs; against another network, how much more."""
        if self.against is not None:
            params, macs = self.graph.params - self.against.params, self.graph.macs - self.against.macs
            return SEPARATOR.join([f"against {self.against.name}", f"{params:+,} parameters", f"{macs:+,} MACs"])
        flow = " \u2192 ".join(
            ", ".join(map(by_axis, shapes.values())) for shapes in (self.graph.inputs, self.graph.outputs)
        )
        return SEPARATOR.join([flow, f"{self.graph.params:,} parameters", f"{self.graph.macs:,} MACs"])

    def save(self, *paths: str | os.PathLike[str], over: bool = False) -> None:
        """Write files, each in the format of its ending.

        Raises ValueError for another ending, FileExistsError for a file that holds something else unless `over` says
        that it may be replaced, OSError, and what `file` raises.
        """
        targets = [Path(path) for path in paths]
        for path in targets:
            if path.suffix[1:].lower() not in FORMATS:
                raise ValueError(f"{str(path)!a}: a picture ends in .{', .'.join(FORMATS)}")
        made = [(path, self.file(FORMATS[path.suffix[1:].lower()])) for path in targets]
        for path, data in made:
            disk.write(path, data, over=over)

    def _repr_svg_(self) -> str:
        return self.text("svg")

    def file(self, form: str) -> bytes:
        """Return the bytes of a file of one of FORMATS' values.

        Raises NoSuchPart and NoSuchPicture, as `text` does, and ModuleNotFoundError where matplotlib is missing.
        """
        if form in ("png", "pdf") and not (self.style == "paper" and self.against is not None):
            from speczoo.drawing.raster import raster

            return raster(self.picture, form, dark=self.theme == "dark")
        return self.text(form).encode()

    def text(self, form: str) -> str:
        """Return the text of a file of `svg`, `html`, `dot`, `mermaid` or `tikz`. Raises NoSuchPart, and NoSuchPicture
        for a format that is laid out by others, and so has no volumes.
        """
        if self.style == "paper" and self.against is not None:
            raise NoSuchPicture("what changed is drawn as boxes that nest, not in the style paper")
        if self.style == "paper" and form in ("dot", "mermaid"):
            raise NoSuchPicture(f"{form} has boxes alone: the style paper is for SVG, HTML, PNG, PDF and TikZ")
        if form == "html":
            from speczoo.drawing.html import html, still

            if self.style == "paper":
                return still(self.picture, self.graph.name, self.subtitle, self.description)
            return html(self.whole, self.diagram, self.graph.name, self.subtitle, self.description)
        if form == "dot":
            from speczoo.drawing.dot import dot

            return dot(self.diagram, self.graph.name, horizontal=self.horizontal)
        if form == "mermaid":
            from speczoo.drawing.mermaid import mermaid

            return mermaid(self.diagram, horizontal=self.horizontal)
        if form == "tikz":
            from speczoo.drawing.tikz import tikz

            return tikz(self.picture)
        from speczoo.drawing.svg import svg

        return svg(self.picture, self.theme)
