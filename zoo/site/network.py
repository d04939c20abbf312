"""The files of one network: its page, its pictures, and the page to walk around in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from speczoo import api, catalogue, metadata
from speczoo.compiler.emit.python import source
from speczoo.compiler.emit.summary import summarise
from speczoo.compiler.graph import Graph
from speczoo.drawing.files import Drawing
from speczoo.site.look import lines, page, text
from speczoo.specs.wording import by_axis


class RecipeResult(NamedTuple):
    """What a recipe reaches with a network: figures by the names of their metrics."""

    recipe: str
    title: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class ListedNetwork:
    """A network as the catalogue lists it."""

    name: str
    title: str
    family: str
    year: int | None
    params: int
    macs: int
    shape: str


class Made(NamedTuple):
    """A network's entry, and its files by their paths in the site."""

    entry: ListedNetwork
    files: Mapping[str, bytes]


def made(name: str, results: Sequence[RecipeResult] = (), *, documents: bool = False) -> Made:
    """Return what the site has of a network of the catalogue. Raises SpecError."""
    graph = api.graph(name)
    drawing = Drawing(graph)
    files = {
        f"pictures/{name}.svg": drawing.file("svg"),
        f"pictures/{name}.paper.svg": Drawing(graph, style="paper").file("svg"),
        f"networks/{name}.map.html": drawing.file("html"),
        f"networks/{name}.html": _page(name, graph, drawing, results, documents=documents).encode(),
    }
    shape = ", ".join(map(by_axis, graph.inputs.values()))
    facts = graph.unit.spec.name, _word(graph, "year"), graph.params, graph.macs, shape
    return Made(ListedNetwork(name, drawing.description, *facts), files)


def _word(graph: Graph, key: str) -> Any:
    return metadata.word(graph.unit.document.data, graph.settings.variant, key)


def _page(name: str, graph: Graph, drawing: Drawing, results: Sequence[RecipeResult], *, documents: bool) -> str:
    body = f"""<h1>{text(name)}</h1>
<p>{text(drawing.description)}</p>
{_facts(graph)}
<div class="wide"><img src="../pictures/{name}.paper.svg" alt="{text(name)}: {text(drawing.subtitle)}"></div>
<p><a href="{name}.map.html">Walk around in it</a>: unfold blocks, see arguments, shapes and costs, search.</p>
<details><summary>Picture</summary><div class="wide"><img loading="lazy" src="../pictures/{name}.svg"
alt="the layers of {text(name)}"></div></details>
{_results(graph, results)}
<h2>Summary</h2>
<div class="wide">{summarise(graph)._repr_html_()}</div>
<h2>Spec</h2>
<details><summary>{text(catalogue.split(name)[0])}: {_count(graph.unit.document.source.text)}</summary>
<pre>{lines(graph.unit.document.source.text)}</pre></details>
<h2>Source</h2>
<details><summary>Python, as <code>zoo source {text(name)}</code> prints it: {_count(source(graph))}</summary>
<pre>{lines(source(graph))}</pre></details>"""
    return page(f"{name} - the zoo", body, root="../", documents=documents)


def _count(value: str) -> str:
    return f"{len(value.splitlines())} lines"


def _facts(graph: Graph) -> str:
    reference = str(_word(graph, "reference") or "")
    link = f'<a href="{text(reference)}">{text(reference)}</a>' if reference.startswith("https://") else text(reference)
    rows = [
        ("Input", text(", ".join(map(by_axis, graph.inputs.values())))),
        ("Output", text(", ".join(map(by_axis, graph.outputs.values())))),
        ("Parameters", f"{graph.params:,}"),
        ("MACs", f"{graph.macs:,}"),
        ("Year", text(_word(graph, "year") or "")),
        ("Reference", link),
        ("Build", f"<code>zoo build {text(graph.name)}</code>"),
    ]
    return _list(rows)


def _list(rows: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{key}</dt><dd>{value}</dd>' for key, value in rows if value)}</dl>"


def _results(graph: Graph, results: Sequence[RecipeResult]) -> str:
    """Return what the network's source prints of it, and what recipes reach with it."""
    printed = {**(_word(graph, "published") or {})}
    rows = [(text(key), text(value)) for key, value in printed.items()]
    reached = [
        (f"<code>zoo train {text(result.recipe)}</code>", f"{text(result.title)}: {_figures(result.figures)}")
        for result in results
    ]
    parts = [("Printed", rows), ("Trained by recipes", reached)]
    return "".join(f"<h2>{head}</h2>{_list(there)}" for head, there in parts if there)


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{text(name)} {value:g}" for name, value in figures.items()) or "no figure"
