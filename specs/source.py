"""The text of a spec and where it came from: the first value of the pipeline."""

from __future__ import annotations

import codecs
import json
import os
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from speczoo.specs import files
from speczoo.specs.diagnostics import Diagnostic, Edit, Report, Span
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.scalars import is_text

_LINE_BREAK = re.compile(r"\r\n?|\n")
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class Source:
    """A text, the name that messages give it, and the file it was read from (None: it came from memory).

    Lines end with `\\n`, `\\r\\n` or `\\r` and nothing else, for positions and for `lines` alike.
    """

    name: str
    text: str = field(repr=False)
    path: Path | None = None

    @classmethod
    def of(cls, text: str, name: str = "<text>") -> Source:
        """Return a source from memory. A byte order mark at its start is dropped."""
        return cls(name, text.removeprefix("\ufeff"))

    @classmethod
    def read(cls, path: str | os.PathLike[str], report: Report, limits: Limits = DEFAULT) -> Source | None:
        """Read a UTF-8 file that a person named, never more of it than the limit and one byte.

        None, with an `unreadable` or `limit-exceeded` in the report, when that fails.
        """
        name = os.fspath(path)
        try:
            data = files.read(name, limits.bytes + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            report.add(Diagnostic("unreadable", f"cannot read {_shown(name)}: {reason}", file=name))
            return None
        return cls.decode(data, name, report, limits)

    @classmethod
    def decode(cls, data: bytes, name: str, report: Report, limits: Limits = DEFAULT) -> Source | None:
        """Return the source that the bytes of a file hold; None, reported, where that is no UTF-8 text within the
        limit.
        """
        if len(data) > limits.bytes:
            message = f"the file is larger than {limits.bytes:,} bytes"
            report.add(Diagnostic("limit-exceeded", message, Span(1, 1, 1, 1), file=name))
            return None
        wide = next((encoding for mark, encoding in _WIDE.items() if data.startswith(mark)), None)
        if wide or b"\0" in data[:4]:
            report.add(
                Diagnostic(
                    "unreadable",
                    f"the file is {wide or 'UTF-16 or binary'}; a spec is UTF-8",
                    Span(1, 1, 1, 1),
                    file=name,
                    help=("save it as UTF-8 in your editor, or convert it: iconv -f UTF-16 -t UTF-8",),
                )
            )
            return None
        data = data.removeprefix(codecs.BOM_UTF8)
        try:
            return cls(name, data.decode("utf-8"), Path(name))
        except UnicodeDecodeError as error:
            before = cls(name, data[: error.start].decode("utf-8"))
            line, column = before.position(len(before.text))
            report.add(
                Diagnostic(
                    "unreadable",
                    f"byte 0x{data[error.start]:02x} is not UTF-8",
                    Span(line, column, line, column + 1),
                    file=name,
                    help=("save the file as UTF-8 (if it is Latin-1: iconv -f LATIN1 -t UTF-8)",),
                )
            )
            return None

    @cached_property
    def _starts(self) -> list[int]:
        # by the string's own methods: a megabyte of empty lines is a million matches
        lines = self.text.replace("\r\n", " \n").replace("\r", "\n").split("\n")
        return [0, *accumulate(len(line) + 1 for line in lines)][:-1]

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text without their ends; line 1 is `lines[0]`."""
        return _LINE_BREAK.split(self.text)

    def position(self, index: int) -> tuple[int, int]:
        """Return line and column, from 1 and in characters, of the character at `index`."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def index(self, line: int, column: int) -> int:
        """Return where a line and column stand in the text: what `position` undoes."""
        return self._starts[line - 1] + column - 1

    def span(self, start: int, end: int) -> Span:
        """Return the stretch of text from `start` up to and without `end`, which ends where the text does."""
        start, end = (min(index, len(self.text)) for index in (start, max(start, end)))
        return Span(*self.position(start), *self.position(end))

    def instead(self, span: Span, word: str) -> Edit:
        """Return the repair that puts a word in place of the one at `span`: a text in the quotes that stand there, as
        JSON needs them.
        """
        start = self.index(span.line, span.column)
        quote = self.text[start : start + 1]
        if is_text(word) and quote == '"':
            return Edit(span, json.dumps(word, ensure_ascii=not word.isprintable()))
        if is_text(word) and quote == "'":
            word = "'" + word.replace("'", "''") + "'"
        return Edit(span, word)


def line_end(text: str) -> str:
    """How the lines of a text end, as the first one does: `\\n` where it has one line."""
    found = _LINE_BREAK.search(text)
    return found.group() if found else "\n"


def _shown(name: str) -> str:
    return f"`{name}`" if name.isprintable() else ascii(name)
