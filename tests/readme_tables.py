"""The tables of zoo/README.md, generated from the catalogue."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from speczoo import catalogue, metadata
from speczoo.metadata import Metadata

README = Path(__file__).parents[1] / "zoo" / "README.md"
BEGIN, END = "<!-- networks: written by `python -m tests.regenerate` -->", "<!-- end of networks -->"


def tables() -> str:
    """A heading, a line of words and a table for each family, as Markdown."""
    return "\n\n".join(
        _family(name, list(rows)) for name, rows in groupby(metadata.everything(), key=lambda f: f.family)
    )


def _family(family: str, rows: list[Metadata]) -> str:
    path = catalogue.index()[rows[0].name][0]
    spec, data = catalogue.own(path).spec, catalogue.own_document(path).data
    references = [spec.reference] if isinstance(spec.reference, str) else spec.reference or []
    title = f"[{_plain(spec.title or family)}]({references[0]})" if references else _plain(spec.title or family)
    printed = {row.name: metadata.word(data, row.name if spec.variants else None, "published") or {} for row in rows}
    keys = list(dict.fromkeys(key for published in printed.values() for key in published))
    head = ["network", "parameters", "MACs", "input", *(f"printed: {key}" for key in keys)]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for row in rows:
        cells = [f"`{row.name}`", f"{row.params:,}", f"{row.macs:,}", _shape(row.input)]
        cells += [_plain(str(printed[row.name].get(key, ""))) for key in keys]
        lines.append(f"| {' | '.join(cells)} |")
    year = f", {spec.year}" if spec.year else ""
    return "\n".join([f"### {family}", "", f"{title}{year}. [{path.name}](networks/{path.name})", "", *lines])


def _shape(input: Any) -> str:
    if isinstance(input, dict):
        return ", ".join(f"{name} {_shape(sizes)}" for name, sizes in input.items())
    return " x ".join(map(str, input))


def _plain(text: str) -> str:
    return re.sub(r"([|<\[\]`\\])", r"\\\1", text.replace("\n", " "))


def renewed() -> str:
    """The text of the README with its tables as the catalogue has them now. Raises ValueError without the markers."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no place for the tables: {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"
