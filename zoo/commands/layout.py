"""How things look on paper: tables, numbers and shapes, in colour on a terminal and plain elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from speczoo.console import BOLD, CYAN, DIM, Line, Styled, width
from speczoo.specs.escaping import columns as columns_of
from speczoo.specs.escaping import safe

GAP = "  "


def table(columns: Mapping[str, Sequence[str]], *, left: Collection[str] = (), spare: str = "") -> list[Line]:
    """Return the lines of a table without noise: a rule under its head, the first column and those of `left` to the
    left.

    Where it does not fit, the column `spare` goes first, then the beginnings of the first column's cells: names differ
    in their ends.
    """
    cells = {head: [safe(text) for text in (head, *column)] for head, column in columns.items()}
    wide = {head: max(map(columns_of, column)) for head, column in cells.items()}
    if spare in wide and sum(wide.values()) + len(GAP) * (len(wide) - 1) > width():
        del cells[spare], wide[spare]
    first, *others = wide
    space = max(12, width() - sum(wide[head] + len(GAP) for head in others))
    wide[first] = min(wide[first], space)
    padded = [[_padded(c, wide[h], h == first or h in left) for c in column] for h, column in cells.items()]
    head, *rows = zip(*padded, strict=True)
    rule = "─" * (sum(wide.values()) + len(GAP) * len(others))
    lines: list[Line] = [Styled(GAP.join(head).rstrip(), BOLD), Styled(rule, DIM)]
    for name, *row in rows:
        rest = GAP.join(["", *row]).rstrip()
        lines.append([Styled(name if rest else name.rstrip(), CYAN), rest])
    return lines


def _padded(cell: str, wide: int, left: bool) -> str:
    """Return the cell with blanks to as many columns; of one that is wider, the end."""
    cut = cell
    while columns_of(cut) > wide - (cut is not cell):
        cut = cut[1:]
    shown = cut if cut is cell else f"…{cut}"
    blanks = " " * (wide - columns_of(shown))
    return shown + blanks if left else blanks + shown


def title(name: str, detail: str = "") -> Line:
    """Return the line above a table."""
    head = Styled(name, BOLD)
    return [head, GAP, Styled(detail, DIM)] if detail else head


def shape(sizes: Sequence[int] | Mapping[str, Sequence[int]]) -> str:
    """Return `3x224x224`, as --input takes it; several inputs by their names."""
    if isinstance(sizes, Mapping):
        return ", ".join(f"{name}={shape(own)}" for name, own in sizes.items())
    return "x".join(map(str, sizes)) or "scalar"


def flow(inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]) -> str:
    """Return `3x224x224 -> 1000`, what goes into a network and what comes out of it; several by their names."""
    return " -> ".join(shape(own if len(own) > 1 else next(iter(own.values()))) for own in (inputs, outputs))


def count(number: int | None) -> str:
    """Return `11,689,512`."""
    return "" if number is None else f"{number:,}"


def short(number: int | None) -> str:
    """Return `1.81 G`, three digits and the power of a thousand."""
    if number is None:
        return ""
    for power, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power * 0.9995:
            value = number / power
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{number} "


def text(value: Any) -> str:
    """Return a printed figure as it was printed."""
    return "" if value is None else str(value)
