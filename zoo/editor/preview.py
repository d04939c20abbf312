"""A picture of the network that a text describes, while it is typed."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from speczoo.compiler.graph import Graph
from speczoo.drawing.files import Drawing
from speczoo.editor.analysis import Analysis
from speczoo.specs import render


class Preview(NamedTuple):
    """A picture as SVG and as a page of HTML; `wrong` says what keeps the text from being a network, whose picture is
    then that of the last one.
    """

    title: str
    svg: str
    html: str
    wrong: str = ""


def preview(graph: Graph | None, analysis: Analysis) -> Preview:
    """Return the picture of a graph, the last that there was, beside what is wrong with the text now."""
    wrong = ""
    if analysis.graph is None or graph is None:
        lines = analysis.source.lines
        wrong = render.text(analysis.diagnostics, lines=lambda file: lines if file == analysis.source.name else None)
    if graph is None:
        from speczoo.drawing.html import wrong as page

        return Preview(analysis.source.name, "", page(wrong, analysis.source.name), wrong)
    drawing = Drawing(graph)
    return Preview(graph.name, drawing.text("svg"), drawing.text("html"), wrong)


def watched(shown: Preview) -> str:
    """Return a page that shows the picture and asks for itself anew every second, for browsers."""
    wrong = f'<pre role="alert">{escape(shown.wrong)}</pre>' if shown.wrong else ""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="1">
<title>{escape(shown.title)}</title>
<style>:root{{color-scheme:light dark}}body{{font:13px sans-serif}}pre{{color:light-dark(#a40000,#ff9a9a)}}</style>
{wrong}
{shown.svg}
</html>
"""
