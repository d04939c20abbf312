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
from speczoo.specs.diagnostics import Edit, Report, Span
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.problem import Problem, Unparsed
from speczoo.specs.scalars import is_text

_LINE_BREAK = re.compile(r"\r\n?|\n")
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
#: How files begin that are no texts in any encoding.
_BINARY = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "packed by gzip",
    b"PK\x03\x04": "an archive, as torch.save writes",
    b"\x89HDF": "HDF5, as Keras writes",
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
            report.add(Problem("unreadable", f"cannot read {_shown(name)}: {reason}").at(name))
            return None
        return cls.decode(data, name, report, limits)

    @classmethod
    def decode(cls, data: bytes, name: str, report: Report, limits: Limits = DEFAULT) -> Source | None:
        """Return the source that the bytes of a file hold; None, reported, where that is no UTF-8 text within the
        limit.
        """
        text, problem = _decoded(data, limits)
        if problem is None:
            return cls(name, text, Path(name))
        report.add(problem.located(Unparsed(cls(name, text))))
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
        quote = self.text[start : start + 1] if is_text(word) and not word.startswith("[") else ""
        if quote == '"':
            return Edit(span, json.dumps(word, ensure_ascii=not word.isprintable()))
        if quote == "'":
            word = "'" + word.replace("'", "''") + "'"
        return Edit(span, word)


def _decoded(data: bytes, limits: Limits) -> tuple[str, Problem | None]:
    """Return the text that bytes hold; with what is wrong with them, the part of it that can be read."""
    if len(data) > limits.bytes:
        return "", Problem("limit-exceeded", f"the file is larger than {limits.bytes:,} bytes", extent=(0, 0))
    if kind := next((kind for mark, kind in _BINARY.items() if data.startswith(mark)), None):
        return "", Problem("unreadable", f"the file is {kind}, and no text", extent=(0, 0))
    wide = next((encoding for mark, encoding in _WIDE.items() if data.startswith(mark)), None)
    if wide or b"\0" in data[:4]:
        message = f"the file is {wide or 'UTF-16 or binary'}; a spec is UTF-8"
        help = ("save it as UTF-8 in your editor, or convert it: iconv -f UTF-16 -t UTF-8",)
        return "", Problem("unreadable", message, help=help, extent=(0, 0))
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        text = data[: error.start].decode("utf-8")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        help = ("save the file as UTF-8 (if it is Latin-1: iconv -f LATIN1 -t UTF-8)",)
        extent = (len(text), len(text) + 1)
        return text + "\ufffd", Problem("unreadable", message, help=help, extent=extent)


def line_end(text: str) -> str:
    """How the lines of a text end, as the first one does: `\\n` where it has one line."""
    found = _LINE_BREAK.search(text)
    return found.group() if found else "\n"


def _shown(name: str) -> str:
    return f"`{name}`" if name.isprintable() else ascii(name)
