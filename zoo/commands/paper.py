"""How things look on paper: tables, numbers and shapes, in colour on a terminal and plain elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import click

from specs.render import safe
from zoo.commands.common import coloured

EVER = 1_000_000  # columns of what is no terminal
GAP = "  "


def width() -> int:
    """Columns of the terminal; elsewhere nothing is cut or wrapped."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else EVER


def show(*parts: str) -> None:
    """Prints parts below each other."""
    click.echo("\n".join(parts), color=coloured(sys.stdout))


def table(columns: Mapping[str, Sequence[str]], *, left: Collection[str] = (), spare: str = "") -> str:
    """A table without noise: a rule under its head, the first column and those of `left` to the left.

    Where it does not fit, the column `spare` goes first, then the beginnings of the first column's cells: names differ
    in their ends.
    """
    cells = {head: [safe(cell) for cell in column] for head, column in columns.items()}
    wide = {head: max(map(len, [head, *column])) for head, column in cells.items()}
    if spare in wide and sum(wide.values()) + len(GAP) * (len(wide) - 1) > width():
        del cells[spare], wide[spare]
    first, *others = wide
    room = max(12, width() - sum(wide[head] + len(GAP) for head in others))
    cells[first] = [cell if len(cell) <= room else "…" + cell[-(room - 1) :] for cell in cells[first]]
    wide[first] = min(wide[first], room)

    def line(row: Sequence[str]) -> list[str]:
        pairs = zip(wide, row, strict=True)
        return [c.ljust(wide[h]) if h == first or h in left else c.rjust(wide[h]) for h, c in pairs]

    rule = "─" * (sum(wide.values()) + len(GAP) * len(others))
    lines = [click.style(GAP.join(line(list(wide))).rstrip(), bold=True), click.style(rule, dim=True)]
    for name, *row in map(line, zip(*cells.values(), strict=True)):
        lines.append(GAP.join([click.style(name, fg="cyan"), *row]).rstrip())
    return "\n".join(lines)


def title(name: str, said: str = "") -> str:
    """The line above a table."""
    return click.style(safe(name), bold=True) + (GAP + click.style(safe(said), dim=True) if said else "")


def shape(sizes: Sequence[int] | Mapping[str, Sequence[int]]) -> str:
    """`3x224x224`, as --input takes it; several inputs by their names."""
    if isinstance(sizes, Mapping):
        return ", ".join(f"{name}={shape(own)}" for name, own in sizes.items())
    return "x".join(map(str, sizes)) or "scalar"


def count(number: int | None) -> str:
    """`11,689,512`."""
    return "" if number is None else f"{number:,}"


def short(number: int | None) -> str:
    """`1.81 G`, three digits and the power of a thousand."""
    if number is None:
        return ""
    for power, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power * 0.9995:
            value = number / power
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{number} "


def code(source: str, language: str) -> None:
    """A text in its language's colours. Lines are neither cut nor padded."""
    from rich.console import Console
    from rich.syntax import Syntax

    harmless = "\n".join(safe(line) for line in source.expandtabs().splitlines())
    text = Syntax("", language, theme="ansi_dark", background_color="default").highlight(harmless)
    text.rstrip()
    Console(file=sys.stdout, width=width(), highlight=False).print(text, soft_wrap=True)


def text(value: Any) -> str:
    """A printed figure as it was printed."""
    return "" if value is None else str(value)
