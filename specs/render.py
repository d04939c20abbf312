"""Diagnostics as text for people.

Whatever a stranger wrote is shown harmlessly: control and formatting characters are replaced in source lines and
escaped in messages, here and in `machine_formats`, and nothing of it is markup to anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from speczoo.specs.diagnostics import Diagnostic, Report, Span
from speczoo.specs.escaping import COMMAND, safe, shows, width
from speczoo.specs.source import Source

WIDTH = 140  # characters of a source line that are shown
TAB = 4

BOLD, RED, YELLOW, BLUE, CYAN, PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;36m", "\x1b[0m"


def lines_of(file: str) -> Sequence[str] | None:
    """Return the lines of a file, or None where it cannot be read (any more)."""
    source = _read(file)
    return source.lines if source else None


@lru_cache(maxsize=16)
def _read(file: str) -> Source | None:
    return None if file.startswith("<") else Source.read(file, Report())


def text(
    diagnostics: Iterable[Diagnostic],
    *,
    color: bool = False,
    lines: Callable[[str], Sequence[str] | None] | None = None,
) -> str:
    """Return what a terminal shows: message, place, the lines with what is wrong underlined, the arithmetic, help.

    `lines` gives the lines of a file by its name; they are read from disk otherwise.
    """
    _read.cache_clear()
    return "\n\n".join(_one(d, _Paint(color), lines or lines_of) for d in diagnostics)


class _Paint:
    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if self.color and text else text


def _one(d: Diagnostic, paint: _Paint, lines: Callable[[str], Sequence[str] | None]) -> str:
    alarm = RED if d.severity == "error" else YELLOW
    out = [paint(alarm, f"{d.severity}[{d.code}]") + paint(BOLD, f": {safe(d.message)}")]
    if d.file:
        out.append(f"{paint(BLUE, '  -->')} {place(d)}")
    if d.file and d.span and (source := lines(d.file)):
        marks = [(d.span, d.text, True), *((m.span, m.text, False) for m in d.labels if m.file in (None, d.file))]
        out += _excerpt(source, marks, paint, alarm)
    for label in d.labels:
        if label.file not in (None, d.file) and (source := lines(str(label.file))):
            out.append(f"{paint(BLUE, '  -->')} {safe(str(label.file))}:{label.span.line}:{label.span.column}")
            out += _excerpt(source, [(label.span, label.text, False)], paint, alarm)
    out += [f"   {paint(BLUE, '=')} {safe(note)}" for note in d.notes]
    out += [f"   {paint(BLUE, '=')} {paint(CYAN, 'help')}: {safe(line)}" for line in d.help]
    return "\n".join(out)


def place(d: Diagnostic) -> str:
    """Return `net.yaml:9:31`."""
    return safe(d.file or "<spec>") + (f":{d.span.line}:{d.span.column}" if d.span else "")


def _excerpt(source: Sequence[str], marks: list[tuple[Span, str, bool]], paint: _Paint, alarm: str) -> list[str]:
    """Return the lines that are spoken of, each with its marks under it; of a long line the part that matters."""
    by_line: dict[int, list[tuple[Span, str, bool]]] = {}
    for mark in marks:
        by_line.setdefault(mark[0].line, []).append(mark)
    out: list[str] = []
    gutter = max(4, len(str(max(by_line))) + 1)
    for number in sorted(by_line):
        if not 1 <= number <= len(source):
            continue
        shown, columns = _visible(source[number - 1], by_line[number])
        out.append(f"{paint(BLUE, f'{number:>{gutter}} |')} {shown}".rstrip())
        out += [f"{paint(BLUE, ' ' * gutter + ' |')} {row}" for row in _under(columns, paint, alarm)]
    return out


class _Under(NamedTuple):
    """A mark under a line, in columns of the screen from 0."""

    start: int
    width: int
    text: str
    main: bool


def _visible(line: str, marks: list[tuple[Span, str, bool]]) -> tuple[str, list[_Under]]:
    ends = [(s.column - 1, s.end_column - 1 if s.end_line == s.line else len(line)) for s, _, _ in marks]
    first, last = min(a for a, _ in ends), max(b for _, b in ends)
    begin = 0
    line = COMMAND.sub("\N{REPLACEMENT CHARACTER}", line)
    if len(line) > WIDTH:
        begin = max(0, min(first - 20, max(last + 20, WIDTH) - WIDTH, len(line) - WIDTH))
        begin = min(begin, first)
    stop = min(len(line), begin + WIDTH)
    cells: list[str] = []
    columns = [0]
    for char in line[begin:stop]:
        cell, width = _cell(char)
        cells.append(cell)
        columns.append(columns[-1] + width)
    lead = 3 if begin else 0
    shown = ("..." if begin else "") + "".join(cells) + ("..." if stop < len(line) else "")

    def screen(index: int) -> int:
        index -= begin
        return (
            lead
            + columns[max(0, min(index, len(columns) - 1))]
            + max(0, index - len(columns) + 1 if stop == len(line) else 0)
        )

    out = []
    for (start, end), (_, text, main) in zip(ends, marks, strict=True):
        at = screen(start)
        out.append(_Under(at, max(1, screen(end) - at), safe(text), main))
    return shown, out


def _cell(char: str) -> tuple[str, int]:
    """Return what stands for a character on the screen, and how many columns it takes."""
    if char == "\t":
        return " " * TAB, TAB
    return (char, width(char)) if shows(char) else ("\N{REPLACEMENT CHARACTER}", 1)


def _under(marks: list[_Under], paint: _Paint, alarm: str) -> list[str]:
    """Return the rows under a line: the strokes with the last mark's text, then the other texts, each under its
    stroke.
    """
    marks = sorted(marks, key=lambda m: (m.start, not m.main))
    strokes: list[tuple[int, str, str]] = []
    end = 0
    for m in marks:
        start = max(m.start, end)
        width = m.start + m.width - start
        if width > 0:
            strokes.append((start, ("^" if m.main else "-") * width, alarm if m.main else BLUE))
            end = start + width
    texts = [m for m in marks if m.text]
    rows = []
    if texts and texts[-1] is marks[-1]:
        last = texts.pop()
        rows.append([*strokes, (end + 1, last.text, alarm if last.main else BLUE)])
    else:
        rows.append(strokes)
    rows += [[(m.start, m.text, alarm if m.main else BLUE)] for m in reversed(texts)]
    out = []
    for row in rows:
        line, at = "", 0
        for start, text, code in row:
            line += " " * (start - at) + paint(code, text)
            at = start + len(text)
        out.append(line)
    return out
