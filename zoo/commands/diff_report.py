"""A diff of two networks as tables: for people, for a pull request's comment, and as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from speczoo.commands import layout
from speczoo.compiler.analysis.diff import Diff
from speczoo.compiler.analysis.diff_rows import DiffRow
from speczoo.console import Line
from speczoo.specs.escaping import safe
from speczoo.table import Column, Table

HEADS = ("Layer", "Change", "Output", "Parameters", "MACs")
NO_DIFFERENCE = "no difference"


def lines(found: Diff, names: Sequence[str]) -> list[Line | Table]:
    """Return what to print of a diff of networks that are called so."""
    title = " -> ".join(names)
    if not found:
        return [layout.title(title, NO_DIFFERENCE)]
    cells = [_cells(row) for row in found.rows]
    columns = [
        Column(head, [row[i] for row in cells], left=i < 2, spare=i == 2)  # shapes give way to words
        for i, head in enumerate(HEADS)
        if i < 2 or any(row[i] for row in cells)
    ]
    totals = _totals(found)
    wide = max(map(len, totals))
    return [
        layout.title(title, _flow(found)),
        "",
        Table(columns),
        "",
        *(f"{name:<{wide}}  {text}" for name, text in totals.items()),
    ]


def markdown(found: Diff, names: Sequence[str]) -> str:
    """Return a diff as a table of GitHub's Markdown, of networks that are called so."""
    title = f"**{' → '.join(map(_plain, names))}**"
    if not found:
        return f"{title}: {NO_DIFFERENCE}\n"
    arrow = [[cell.replace(" -> ", " → ") for cell in _cells(row)] for row in found.rows]
    rows = [[_code(row[0]), *map(_plain, row[1:])] for row in arrow]
    totals = [f"- {name}: {_plain(text.replace(' -> ', ' → '))}" for name, text in _totals(found).items()]
    table = [HEADS, ("---", "---", "---:", "---:", "---:"), *rows]
    text = [
        f"{title}: {_plain(_flow(found).replace(' -> ', ' → '))}",
        "",
        *(f"| {' | '.join(row)} |" for row in table),
        "",
        *totals,
    ]
    return "\n".join(text) + "\n"


def as_json(found: Diff) -> dict[str, Any]:
    """Return a diff as plain data, every change of its own."""
    changes = [
        {
            "change": change.kind,
            "before": change.before and asdict(change.before),
            "after": change.after and asdict(change.after),
            "details": [detail._asdict() for detail in change.details],
        }
        for change in found.changes
    ]
    return {
        "first": asdict(found.first),
        "second": asdict(found.second),
        "same": found.same,
        "changes": changes,
        "keys": dict(found.keys),
        "left": list(found.left),
        "fresh": list(found.fresh),
    }


def _flow(found: Diff) -> str:
    first, second = (layout.flow(totals.inputs, totals.outputs) for totals in (found.first, found.second))
    return first if first == second else f"{first}, then {second}"


def _totals(found: Diff) -> dict[str, str]:
    """Return what changed in all, by what it is."""
    first, second = found.first, found.second
    out = {"Parameters": _grown(first.params, second.params)}
    if any(totals.params != totals.trainable_params for totals in (first, second)):
        out["Trainable"] = _grown(first.trainable_params, second.trainable_params)
    out["MACs"] = _grown(first.macs, second.macs)
    out["Weights"] = _weights(found)
    if found.same:
        out["Computes"] = "the same"
    return out


def _weights(found: Diff) -> str:
    """Return which of the first network's tensors fit the second."""
    there, here = len(found.keys) + len(found.left), len(found.keys) + len(found.fresh)
    renamed = sum(old != new for old, new in found.keys.items())
    text = f"{len(found.keys):,} of {there:,} tensors fit"
    if renamed:
        text += f", {renamed:,} by another name"
    return text + (f"; {len(found.fresh):,} of {here:,} are new" if found.fresh else "")


def _grown(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} -> {after:,}  ({after - before:+,})"


def _cells(row: DiffRow) -> list[str]:
    outputs = [None if shape is None else layout.shape(shape) for shape in row.outputs]
    numbers = ([None if n is None else f"{n:,}" for n in pair] for pair in (row.params, row.macs))
    return [row.path, row.what, _both(outputs), *(_both(pair, "+", "-") for pair in numbers)]


def _both(pair: Sequence[str | None], more: str = "", less: str = "") -> str:
    """Return a cell of what was and what is; of what is there in one alone with the sign of that."""
    before, after = pair
    if before is None or after is None:
        alone = after if before is None else before
        signed = alone not in (None, "0")
        return "" if alone is None else f"{(more if before is None else less) if signed else ''}{alone}"
    return before if before == after else f"{before} -> {after}"


def _code(text: str) -> str:
    return f"`{safe(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`" if text else ""


def _plain(text: str) -> str:
    """Return a text in which Markdown and HTML find nothing of theirs."""
    return re.sub(r"([\\`*_\[\]<>|#@])", lambda found: f"&#{ord(found[1])};", safe(text))
