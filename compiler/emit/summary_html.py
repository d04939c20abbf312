"""The summary of a network as HTML that folds, without style sheets or scripts: for a notebook, or a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from speczoo.compiler.analysis.outline import OutlinePart
from speczoo.compiler.analysis.residence import Unit
from speczoo.compiler.emit.summary_columns import COLUMNS, remark

CELL = "padding:0 .8em;text-align:right;white-space:nowrap"
WORD = "padding:0 .8em;text-align:left;white-space:nowrap"


def page(
    title: str, parts: Sequence[OutlinePart], totals: Iterable[tuple[str, str]], keys: Sequence[str], unit: Unit
) -> str:
    """Return a heading, totals, and a table of parts in which a block with parts unfolds into theirs.

    It is ASCII, other characters as references: so it reads the same whatever encoding a page that holds it says.
    """
    figures = " · ".join(f"{escape(name.strip())} {escape(value)}" for name, value in totals)
    text = f"<div><p><b>{escape(title)}</b><br>{figures}<br>{remark(unit)}</p>{_table(parts, keys, unit)}</div>"
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _table(parts: Sequence[OutlinePart], keys: Sequence[str], unit: Unit) -> str:
    heads = "".join(f'<th style="{_style(key)}">{escape(COLUMNS[key].head)}</th>' for key in keys)
    rows = "".join(_rows(part, keys, unit) for part in parts)
    return f'<table style="border-collapse:collapse"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _rows(part: OutlinePart, keys: Sequence[str], unit: Unit) -> str:
    cells = "".join(f'<td style="{_style(key)}">{escape(_text(part, key, unit))}</td>' for key in keys)
    row = f"<tr>{cells}</tr>"
    if not part.parts:
        return row
    summary = f"<summary>in {escape(part.name)}</summary>"
    inner = f'<details style="margin-left:1.6em">{summary}{_table(part.parts, keys, unit)}</details>'
    return f'{row}<tr><td colspan="{len(keys)}">{inner}</td></tr>'


def _text(part: OutlinePart, key: str, unit: Unit) -> str:
    column = COLUMNS[key]
    return part.name if key == "layer" else column.show(column.value(part, unit))


def _style(key: str) -> str:
    return WORD if COLUMNS[key].left else CELL
