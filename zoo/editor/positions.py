"""Places of a text as editors count them: lines from 0, and in a line the units of an encoding, UTF-16 by default.

Inside the editor's core a place is the number of characters before it; lines and columns from 1 are those of
`specs.source`. A line ends with `\\n`, `\\r\\n` or `\\r` and nothing else, to all three alike.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from speczoo.specs.diagnostics import Span
from speczoo.specs.source import Source

Encoding: TypeAlias = Literal["utf-8", "utf-16", "utf-32"]


class Position(NamedTuple):
    """A line from 0, and how many units of its line stand before it."""

    line: int
    character: int


class Range(NamedTuple):
    """From one place up to another, of a text or as an editor counts; the end is exclusive."""

    start: int
    end: int


def units(text: str, encoding: Encoding) -> int:
    """Return how many units a text takes."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(char > "\uffff" for char in text)


def position(source: Source, at: int, encoding: Encoding = "utf-16") -> Position:
    """Return a place of the text as an editor counts it."""
    line, column = source.position(min(max(at, 0), len(source.text)))
    return Position(line - 1, units(source.lines[line - 1][: column - 1], encoding))


def offset(source: Source, at: Position, encoding: Encoding = "utf-16") -> int:
    """Return a place of an editor as characters before it: the end of the line, of what is beyond it, and the end of
    the text, of a line that is not there.
    """
    if at.line >= len(source.lines):
        return len(source.text)
    line = source.lines[max(at.line, 0)]
    start = source.index(max(at.line, 0) + 1, 1)
    if encoding == "utf-32" or line.isascii():
        return start + min(max(at.character, 0), len(line))
    left = at.character
    for number, char in enumerate(line):
        left -= units(char, encoding)
        if left < 0:
            return start + number
    return start + len(line)


def extent(source: Source, span: Span) -> Range:
    """Return a stretch of lines and columns as characters."""
    return Range(source.index(span.line, span.column), source.index(span.end_line, span.end_column))
