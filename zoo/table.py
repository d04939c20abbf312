"""Tables: aligned columns in a pipe, drawn by rich on a terminal, within its width."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, NamedTuple

from speczoo.specs.escaping import columns as columns_of
from speczoo.specs.escaping import safe

if TYPE_CHECKING:
    from rich.table import Table as Drawing

GAP = 2
NARROW = 12  # columns of the screen that names and sentences keep


class Column(NamedTuple):
    """A head and a cell a row: figures, to the right, or words, to the `left`.

    `spare`: left out where the screen has no room for it.
    """

    head: str
    cells: Sequence[str]
    left: bool = False
    spare: bool = False

    @property
    def texts(self) -> list[str]:
        """The head and the cells, each on one line, whatever is in them."""
        return [safe(text) for text in (self.head, *self.cells)]

    @property
    def width(self) -> int:
        return max(1, *map(columns_of, self.texts))

    @property
    def folds(self) -> bool:
        """Whether it holds sentences, which go on in the next line."""
        return self.left and any(" " in cell for cell in self.cells)

    @property
    def narrow(self) -> int:
        """The width that is left where it gives way to others: its head is whole."""
        return min(self.width, max(NARROW, columns_of(safe(self.head))))


class Table(NamedTuple):
    """Columns of equal length, of which the first has the names of the rows."""

    columns: Sequence[Column]

    def plain(self) -> list[str]:
        """Return its lines: nothing is folded, cut or coloured."""
        widths = [column.width for column in self.columns]
        padded = [_padded(column, width) for column, width in zip(self.columns, widths, strict=True)]
        head, *rows = [(" " * GAP).join(row).rstrip() for row in zip(*padded, strict=True)]
        return [head, "─" * _whole(widths), *rows]

    def drawing(self, width: int) -> tuple[Drawing, int]:
        """Return what rich draws on a terminal of so many columns, and how many it takes.

        Where it is too wide, spare columns go, then sentences are folded, the last column first, then names lose their
        beginnings: they differ in their ends; where there is no room for sentences beside each other, they stand under
        their names. Figures and single words are whole, if need be beyond the width.
        """
        from rich.text import Text

        columns, widths = _fitted(self.columns, width)
        if _whole(widths) > width and any(column.folds for column in columns[1:]):
            return _stacked(columns, width)
        drawing = _empty()
        for i, (column, wide) in enumerate(zip(columns, widths, strict=True)):
            head = Text(column.texts[0])
            drawing.add_column(
                head, justify="left" if column.left else "right", style="" if i else "cyan", width=wide, overflow="fold"
            )
        names, *others = (column.texts[1:] for column in columns)
        for name, *cells in zip((_end(name, widths[0]) for name in names), *others, strict=True):
            drawing.add_row(*map(Text, (name, *cells)))
        return drawing, _whole(widths)


def _empty() -> Drawing:
    from rich import box
    from rich.table import Table as Drawing

    drawing = Drawing(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    drawing.border_style, drawing.header_style = "dim", "bold"
    return drawing


def _stacked(columns: Sequence[Column], width: int) -> tuple[Drawing, int]:
    """Return a table of one column, in which what belongs to a name stands below it."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    names, *others = columns
    whole = max((columns_of(text) for column in others if not column.folds for text in column.texts[1:]), default=0)
    wide = max(width, whole + GAP, min(NARROW, names.width))
    drawing = _empty()
    drawing.add_column(Text(names.texts[0]), width=wide, overflow="fold")
    heads = [column.texts[0] for column in others]
    for name, *cells in zip(*(column.texts[1:] for column in columns), strict=True):
        below = [Text(f"{head}: {cell}", overflow="fold") for head, cell in zip(heads, cells, strict=True) if cell]
        drawing.add_row(Group(Text(_end(name, wide), style="cyan"), *(Padding(each, (0, 0, 0, GAP)) for each in below)))
    return drawing, wide


def _padded(column: Column, width: int) -> list[str]:
    blanks = [" " * (width - columns_of(text)) for text in column.texts]
    return [text + more if column.left else more + text for text, more in zip(column.texts, blanks, strict=True)]


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _fitted(columns: Sequence[Column], width: int) -> tuple[list[Column], list[int]]:
    """Return the columns that are shown on so many columns of the screen, and how wide each is."""
    kept = list(columns)
    for column in reversed(columns):
        if column.spare and _whole([each.width for each in kept]) > width:
            kept = [each for each in kept if each is not column]
    widths = [column.width for column in kept]
    sentences = [i for i, column in enumerate(kept) if i and column.folds]
    for i in (*reversed(sentences), 0):
        widths[i] = max(kept[i].narrow, widths[i] - max(0, _whole(widths) - width))
    return kept, widths


def _end(text: str, width: int) -> str:
    """Return as much of the end of a text as so many columns hold, behind an ellipsis where that is not all."""
    if columns_of(text) <= width:
        return text
    widths = accumulate(columns_of(character) for character in reversed(text))
    fit = sum(1 for _ in takewhile(lambda used: used < width, widths))
    return "…" + text[len(text) - fit :]
