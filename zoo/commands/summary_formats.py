"""What `zoo summary` lists, as a table, CSV, Markdown and HTML."""

from __future__ import annotations

import csv as writer
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING, Any

from speczoo.commands import layout
from speczoo.compiler.analysis.memory import memory
from speczoo.compiler.analysis.residence import Unit
from speczoo.compiler.emit.summary_columns import COLUMNS, Line, lines, remark, totals
from speczoo.console import DIM, Styled
from speczoo.table import Column, Table

if TYPE_CHECKING:
    from speczoo.compiler.analysis.outline import OutlinePart
    from speczoo.compiler.emit.summary import Summary
    from speczoo.console import Line as Printed

NAME = "layer"


@dataclass(frozen=True)
class Shown:
    """A network, the parts of it that are listed, the columns of these, and what bytes are counted for."""

    summary: Summary
    parts: Sequence[OutlinePart]
    keys: Sequence[str]
    unit: Unit

    @cached_property
    def lines(self) -> list[Line]:
        return list(lines(self.parts))

    @property
    def title(self) -> str:
        return f"{self.summary.name}  {self.flow}"

    @property
    def flow(self) -> str:
        return layout.flow(self.summary.inputs, self.summary.outputs)

    @cached_property
    def totals(self) -> list[tuple[str, str]]:
        return totals(self.summary.graph, memory(self.summary.graph, self.unit.dtype, self.unit.batch))

    @property
    def remark(self) -> str:
        """What inference and training mean, and for what."""
        return remark(self.unit)

    def cells(self, key: str) -> list[str]:
        column = COLUMNS[key]
        return [line.label if key == NAME else column.show(column.value(line.part, self.unit)) for line in self.lines]

    def table(self) -> Iterator[Printed | Table]:
        """Yield what is printed for people."""
        yield layout.title(self.summary.name, self.flow)
        yield ""
        yield Table(
            [Column(COLUMNS[key].head, self.cells(key), COLUMNS[key].left, COLUMNS[key].spare) for key in self.keys]
        )
        yield ""
        wide = max(len(figure) for _, figure in self.totals)
        yield from (f"{name:<15} {figure:>{wide}}" for name, figure in self.totals)
        yield ""
        yield Styled(self.remark, DIM)

    def rows(self) -> Iterator[list[Any]]:
        """Yield the values of each line, numbers as they are."""
        for line in self.lines:
            yield [COLUMNS[key].value(line.part, self.unit) for key in self.keys]

    def markdown(self) -> str:
        """Return a heading, a table and the totals."""
        columns = [(COLUMNS[key], self.cells(key)) for key in self.keys]
        head = " | ".join(column.head for column, _ in columns)
        rule = " | ".join("---" if column.left else "---:" for column, _ in columns)
        rows = zip(*(map(_escaped, cells) for _, cells in columns), strict=True)
        body = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        figures = "".join(f"- {name.strip()}: {figure}\n" for name, figure in self.totals)
        return f"## {_escaped(self.title)}\n\n| {head} |\n| {rule} |\n{body}\n{figures}\n{self.remark}.\n"

    def html(self) -> str:
        """Return a part of a page."""
        from speczoo.compiler.emit.summary_html import page

        return page(self.title, self.parts, self.totals, self.keys, self.unit)


def csv(shown: Sequence[Shown]) -> str:
    """Return a head of the columns' names, and a line for each part; of several networks, with their names in front."""
    out = StringIO()
    several = len(shown) > 1
    write = writer.writer(out, lineterminator="\n")
    write.writerow(["network"] * several + list(shown[0].keys if shown else ()))
    for each in shown:
        write.writerows([each.summary.name] * several + [_plain(value) for value in row] for row in each.rows())
    return out.getvalue()


def _plain(value: Any) -> Any:
    """Return a shape as `3x224x224`, shapes one after the other, and nothing for what there is not."""
    if isinstance(value, list):
        return " ".join(map(_plain, value)) if value and isinstance(value[0], list) else "x".join(map(str, value))
    return "" if value is None else value


def _escaped(text: str) -> str:
    """Return a cell of Markdown that is text, deeper ones moved to the right."""
    blanks = len(text) - len(text.lstrip(" "))
    plain = "".join(f"\\{c}" if c in "\\`*_|<>[]" else c for c in text.strip(" "))
    return "&nbsp;" * blanks + plain
