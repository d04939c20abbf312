"""Tables: what a pipe gets is aligned, and a terminal gets the same within its width, whatever is in the cells."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from speczoo import console
from speczoo.specs.escaping import columns, safe
from speczoo.table import GAP, NARROW, Column, Table

WORD = st.one_of(
    st.text(max_size=30).filter(lambda text: cell_len(safe(text)) == columns(safe(text))),  # as wide to all
    st.sampled_from(
        ["layer4.2.conv1", "[bold]x[/bold]", "[red]", ":smile:", "漢字", "e\u0301", "\x1b[5m", "a\nb", "\U0001f600"]
    ),
)
SENTENCE = st.lists(WORD, min_size=1, max_size=8).map(" ".join)
WIDTHS = st.integers(1, 120)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows, others = draw(st.integers(1, 4)), draw(st.integers(0, 4))

    def column(cells: st.SearchStrategy[str], *, left: bool, spare: bool = False) -> Column:
        return Column(draw(WORD), draw(st.lists(cells, min_size=rows, max_size=rows)), left, spare)

    kinds = [draw(st.sampled_from(["figures", "words", "sentences"])) for _ in range(others)]
    made = [column(SENTENCE, left=True)]
    for kind in kinds:
        cells = {"figures": st.integers(0, 10**12).map("{:,}".format), "words": WORD, "sentences": SENTENCE}[kind]
        made.append(column(cells, left=kind != "figures", spare=draw(st.booleans())))
    return Table(made)


def drawn(table: Table, width: int, *, color: bool = False) -> list[str]:
    return console.rendered(*table.drawing(width), color=color)


def unpainted(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(tables())
def test_a_wide_terminal_gets_what_a_pipe_gets(table: Table) -> None:
    lines = drawn(table, 100_000)
    assert [line.rstrip(" ") for line in lines] == [line.rstrip(" ") for line in table.plain()]


@given(tables())
def test_columns_are_aligned(table: Table) -> None:
    _, rule, *rows = table.plain()
    assert rule == "─" * (sum(column.width for column in table.columns) + GAP * (len(table.columns) - 1))
    assert len(rows) == len(table.columns[0].cells)
    if not table.columns[-1].left:
        assert {cell_len(row) for row in rows} == {len(rule)}


@given(tables(), WIDTHS)
def test_a_terminal_gets_lines_that_fit(table: Table, width: int) -> None:
    """Unless the figures alone are wider; and colours change nothing else."""
    lines = drawn(table, width)
    assert unpainted(drawn(table, width, color=True)) == lines
    names, *others = [c for c in table.columns if not c.spare]
    whole = [c for c in others if not c.folds]
    beside = names.narrow + sum(c.width + GAP for c in whole)
    under = max([min(NARROW, names.width), *(c.width + GAP for c in whole)])
    assert max(map(cell_len, lines)) <= max(width, beside if len(whole) == len(others) else under)


@given(tables(), WIDTHS)
def test_what_has_no_space_beside_a_name_stands_under_it(table: Table, width: int) -> None:
    names, *others = [c for c in table.columns if not c.spare]
    kept = [names, *others]
    least = sum(c.narrow if c.folds or c is names else c.width for c in kept) + GAP * (len(kept) - 1)
    lines = drawn(table, width)
    if least > width and any(c.folds for c in others):
        reported = squeezed("".join(lines[2:]))
        assert all(squeezed(f"{c.texts[0]}: {cell}") in reported for c in others for cell in c.texts[1:] if cell)


@given(tables(), WIDTHS)
def test_a_terminal_gets_all_figures_whole_sentences_and_the_ends_of_names(table: Table, width: int) -> None:
    names, *others = table.columns
    _, _, *lines = drawn(table, width)
    for column in others:
        if not column.spare and not column.left:
            assert all(any(cell in line for line in lines) for cell in column.cells)
    one = Table([Column("n", ["name"] * len(names.cells), left=True), Column("s", names.cells, left=True)])
    _, _, *folded = drawn(one, max(width, len("name") + GAP + NARROW))
    assert squeezed("".join(line[len("name") :] for line in folded)) == squeezed("".join(map(safe, names.cells)))
    _, _, *alone = drawn(Table([names]), width)
    for line, cell in zip(alone, names.cells, strict=True):
        text = safe(cell)
        shown = line.rstrip(" ")
        assert text.rstrip(" ").endswith(shown if cell_len(text) <= cell_len(line) else shown.removeprefix("…"))
        assert cell_len(line) >= min(cell_len(text), NARROW - 1)
