"""What kinds of layers there are in a picture, and their colours: light enough that black text on them is read in grey
print, and dark ones for a dark page.
"""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """Of a box, and of its border."""

    fill: str
    line: str


class Kind(NamedTuple):
    """What a legend calls it, and its colours on a light page and on a dark one."""

    title: str
    light: Colour
    dark: Colour


class Page(NamedTuple):
    """Colours of what is no layer: the page, text, text of less weight, lines, blocks and their heads."""

    background: str
    text: str
    faint: str
    line: str
    block: str
    head: str


LIGHT = Page("#ffffff", "#1a1a1a", "#5c6470", "#525a66", "#f5f6f8", "#e3e6eb")
DARK = Page("#16181d", "#eceef2", "#a3abb8", "#98a1b0", "#1f2229", "#2d323c")

KINDS: dict[str, Kind] = {
    "conv": Kind("convolution", Colour("#bcd7f5", "#2f6db3"), Colour("#1f4a7a", "#7fb3ea")),
    "linear": Kind("linear, embedding", Colour("#d9cbf2", "#6a4bb0"), Colour("#46307a", "#b79df0")),
    "attention": Kind("attention", Colour("#f3c6df", "#b03a7d"), Colour("#702650", "#ea92c2")),
    "recurrent": Kind("recurrent", Colour("#b9e6e0", "#1f8277"), Colour("#16574f", "#74d1c5")),
    "norm": Kind("normalisation", Colour("#fbeab0", "#9a7b10"), Colour("#5f4d0c", "#e2c65c")),
    "activation": Kind("activation", Colour("#fbd0b8", "#b5572a"), Colour("#703317", "#f0a27c")),
    "pool": Kind("pooling", Colour("#c8e8c0", "#3c8a2e"), Colour("#2a5a20", "#8fd680")),
    "dropout": Kind("dropout", Colour("#e6e6e6", "#7d7d7d"), Colour("#454545", "#b8b8b8")),
    "resize": Kind("resizing", Colour("#d3e9a9", "#6b8718"), Colour("#465a10", "#bdd977")),
    "shape": Kind("shape", Colour("#dde3ea", "#66788c"), Colour("#38444f", "#a8b8c8")),
    "parameter": Kind("parameter", Colour("#f0dcc4", "#8f6a3a"), Colour("#5b4323", "#d9b384")),
    "function": Kind("function", Colour("#ffffff", "#525a66"), Colour("#2a2e36", "#98a1b0")),
    "custom": Kind("custom", Colour("#f7c4c4", "#a33131"), Colour("#6b2121", "#ea8f8f")),
}

#: What became of a box from one network to another; signs say it in grey print.
CHANGES: dict[str, Kind] = {
    "added": Kind("+ added", Colour("#a9e5b5", "#1c7a33"), Colour("#1b5a2b", "#6fd98a")),
    "removed": Kind("\u2212 removed", Colour("#f8b9b4", "#b02a20"), Colour("#6e211b", "#f08d84")),
    "changed": Kind("~ changed", Colour("#ffe08a", "#946a00"), Colour("#66500b", "#edc75a")),
    "renamed": Kind("\u2192 renamed, moved", Colour("#c4dcff", "#2d62b3"), Colour("#20426e", "#84b2f2")),
    "same": Kind("unchanged", Colour("#ffffff", "#8b93a0"), Colour("#23262d", "#6c7584")),
}
SIGNS = {"added": "+", "removed": "\u2212", "changed": "~", "renamed": "\u2192"}

#: Families of layers that are drawn as another kind, and layers that are drawn as another than their family.
FAMILIES = {
    "axes": "shape",
    "reshape": "shape",
    "padding": "shape",
    "multihead": "attention",
    "transformer": "attention",
    "convolution": "conv",
    "recurrent_cells": "recurrent",
    "softmax": "activation",
}
OPS = {"Parameter": "parameter", "Buffer": "parameter"}


def kind_of(family: str, op: str) -> str:
    """Return the kind that a layer is drawn as."""
    kind = OPS.get(op) or FAMILIES.get(family, family)
    return kind if kind in KINDS else "custom" if family == "custom" else "function"
