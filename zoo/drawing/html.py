"""A picture as a page of its own, which works without a network: one walks around in it, unfolds blocks, searches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from speczoo.drawing import layout, picture
from speczoo.drawing.diagram import Box, Diagram, dashed
from speczoo.drawing.palette import CHANGES, KINDS
from speczoo.drawing.picture import BEHIND, HEAD, NORMAL, PAD, SMALL, STACKED, STRIP, Picture, Placed
from speczoo.drawing.svg import style, svg
from speczoo.drawing.text import FONT, width
from speczoo.specs.escaping import safe

LOOK = f"""
html,body{{margin:0;height:100%;font:13px {FONT};overflow:hidden}}
body{{display:grid;grid-template-rows:auto 1fr auto}}
header,footer{{display:flex;gap:.8em;align-items:center;flex-wrap:wrap;padding:.5em 1em}}
h1{{font-size:16px;margin:0}}
#view{{width:100%;height:100%;touch-action:none;cursor:grab;display:block}}
#about{{position:fixed;right:1em;top:4em;max-width:24em;padding:.6em .8em;border-radius:6px;pointer-events:none}}
#about:empty{{display:none}}
#found{{min-width:5em}}
.box{{cursor:pointer;outline:none}}
.box:focus>rect:first-of-type,.chosen>rect:first-of-type{{stroke-width:3}}
.hit>rect:first-of-type{{stroke-dasharray:none;stroke-width:2.5}}
.swatch{{display:inline-block;width:11px;height:11px;border:1px solid;border-radius:2px;margin-right:.4em}}
:root{{color-scheme:light dark}}
body,#about{{background:light-dark(#fff,#16181d);color:light-dark(#1a1a1a,#eceef2)}}
#about{{border:1px solid light-dark(#c9ced6,#454c59)}}
"""

HELP = "Drag to move, wheel to zoom, click a block to unfold it. Keys: arrows, +, -, 0, /, Tab and Enter."


def html(diagram: Diagram, unfolded: Diagram, title: str, subtitle: str = "", description: str = "") -> str:
    """Return the page of a diagram, of which those blocks are unfolded at first that are in `unfolded` too."""
    data = json.dumps(_data(diagram, unfolded), separators=(",", ":"))
    script = files("speczoo.drawing").joinpath("page.js").read_text(encoding="utf-8")
    legend = "".join(_swatch(name, there) for name, there in _kinds(diagram))
    heading = escape(safe(title))
    look = style({box.kind for box in diagram.walk()}) + LOOK
    top = _top(title, subtitle, description, look)
    return f"""{top}\
<input id="search" type="search" placeholder="find a layer" aria-label="find a layer">
<span id="found" role="status"></span>
<button id="out" aria-label="zoom out">&minus;</button><button id="in" aria-label="zoom in">+</button>
<button id="fit">fit</button><button id="unfold">unfold all</button><button id="fold">fold all</button>
</header>
<svg id="view" role="group" aria-label="{heading}"><g id="stage"></g></svg>
<footer>{legend}<small>{HELP}</small></footer>
<div id="about" role="status" aria-live="polite"></div>
<script>const DATA = {_inert(data)};
{script}</script>
</html>
"""


def still(picture: Picture, title: str, subtitle: str, description: str) -> str:
    """Return the page of a picture in which nothing unfolds, as wide as there is room."""
    look = LOOK + "html,body{overflow:auto;display:block}svg{max-width:100%;height:auto}"
    return f"""{_top(title, subtitle, description, look)}</header>
{svg(picture)}</html>
"""


def _top(title: str, subtitle: str, description: str, look: str) -> str:
    """Return what a page begins with, up to its heading, behind which more may stand."""
    heading = escape(safe(title))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{heading}</title>
<meta name="description" content="{escape(safe(description or subtitle))}">
<style>{look}</style>
<header>
<h1>{heading}</h1>
<span>{escape(safe(subtitle))}</span>
"""


def wrong(report: str, title: str) -> str:
    """Return the page of a spec that is no network: what is wrong with it, at its lines, as a terminal shows it."""
    lines = "\n".join(map(safe, report.splitlines()))
    heading = escape(safe(title))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{heading}: wrong</title>
<style>{LOOK}html,body{{overflow:auto;display:block}}body{{padding:1em}}pre{{font-size:13px}}</style>
<h1>{heading} is no network yet</h1>
<pre role="alert">{escape(lines)}</pre>
</html>
"""


def _inert(data: str) -> str:
    """Return JSON that ends no script, and begins no comment in one."""
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _kinds(diagram: Diagram) -> Iterator[tuple[str, str]]:
    there = {box.kind for box in diagram.walk()}
    return ((name, kind.title) for name, kind in (KINDS | CHANGES).items() if name in there)


def _swatch(name: str, title: str) -> str:
    kind = (KINDS | CHANGES)[name]
    fill = f"light-dark({kind.light.fill},{kind.dark.fill})"
    line = f"light-dark({kind.light.line},{kind.dark.line})"
    return f'<span><i class="swatch" style="background:{fill};border-color:{line}"></i>{escape(title)}</span>'


def _data(diagram: Diagram, unfolded: Diagram) -> dict[str, Any]:
    lists: list[dict[str, Any]] = []
    opened: list[int] = []
    root = _list(picture.placed(diagram), unfolded, lists, opened)
    sizes = {
        "PAD": PAD, "HEAD": HEAD, "STRIP": STRIP, "BEHIND": BEHIND, "STACKED": STACKED, "SPACE": layout.SPACE,
        "LINE": layout.LINE, "GAP": layout.GAP, "WIDEST": layout.WIDEST_GAP, "SMALL": SMALL, "NORMAL": NORMAL,
    }  # fmt: skip
    return {"lists": lists, "root": root, "open": opened, "sizes": sizes}


def _list(placed: Placed, unfolded: Diagram | None, lists: list[dict[str, Any]], opened: list[int]) -> int:
    """Add a list to `lists`, after those that stand in it, and return its number."""
    boxes = []
    for i, box in enumerate(placed.diagram.boxes):
        inner, same = placed.inside[i], unfolded.boxes[i] if unfolded is not None else None
        number = None
        if inner is not None:
            number = _list(inner, same.inside if same is not None else None, lists, opened)
            if same is not None and same.inside is not None:
                opened.append(number)
        boxes.append(_box(box, number))
    cells = placed.grid
    standing, links = placed.diagram.boxes, placed.diagram.links
    thin = {i for i, link in enumerate(links) if dashed(standing[link.source], standing[link.target])}
    lists.append(
        {
            "boxes": boxes,
            "inputs": placed.diagram.inputs,
            "outputs": placed.diagram.outputs,
            "items": [[item.box, item.ranks.start, item.ranks.stop] for item in cells.items],
            "columns": cells.columns,
            "order": placed.order,
            "steps": [[s.source, s.target, s.port, s.position, int(thin.issuperset(s.links))] for s in cells.steps],
        }
    )
    return len(lists) - 1


def _box(box: Box, number: int | None) -> dict[str, Any]:
    wide, high = picture.size(box)
    texts = [
        [safe(text), long, style]
        for text, long, style in zip(picture.texts(box), picture.widths(box), ("f", "b", ""), strict=True)
        if text
    ]
    return {
        "path": safe(box.path),
        "label": safe(box.label),
        "kind": box.kind,
        "symbol": box.symbol,
        "count": box.count,
        "shape": "" if box.kind == "terminal" else safe(box.shape),
        "openShape": safe(box.beside) if number is not None else "",
        "shapeWidth": width(box.shape, SMALL),
        "texts": texts,
        "line": wide - 2 * PAD,
        "width": wide,
        "height": high,
        "facts": [*map(safe, box.facts)],
        "place": safe(box.place),
        "list": number,
    }
