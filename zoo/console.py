"""The one door to the terminal and to logs: all that `zoo` prints goes through here.

What is printed is lines. Breaks between them and colours in them are the caller's; the rest of a line is text, and of
text nothing is obeyed, whoever wrote it: what a terminal would act on is escaped (`specs.escaping`), and no line is a
workflow command to whoever reads the log. Only data that a file is to hold (a spec, source, a diff) goes as it is, and
only where it meets no terminal.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

import click

from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.escaping import columns, inert, safe
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.table import Table

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

    from speczoo.specs.source import Source

EVER = 1_000_000  # columns of what is no terminal
BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
CLEAR = "\r\x1b[K"
#: What stands for characters of ours where a stream's encoding has none of them.
STDIN = "<stdin>"  # what it is called in messages
_stdin: Source | None = None  # what was read from it
_POOR = str.maketrans({"─": "-", "…": "~"})


@dataclass(frozen=True)
class Styled:
    """A text with the code of its colour, which goes along only where colours are wanted."""

    text: str
    style: str


Line: TypeAlias = "str | Styled | Sequence[str | Styled]"


def say(*parts: Line | Table, err: bool = False) -> None:
    """Print lines and tables on stdout, or on stderr where messages go."""
    stream = sys.stderr if err else sys.stdout
    color = coloured(stream)
    lines = (line for part in parts for line in _lines(part, stream, color=color))
    _write(stream, "".join(f"{inert(line)}\n" for line in lines))


def _lines(part: Line | Table, stream: TextIO, *, color: bool) -> list[str]:
    if isinstance(part, Table):
        return rendered(*part.drawing(_columns()), color=color) if stream.isatty() else part.plain()
    return [_painted(part, color)]


def diagnostics(found: Iterable[Diagnostic], *, err: bool = False) -> None:
    """Print what is wrong, for people."""
    from speczoo.specs import render

    stream = sys.stderr if err else sys.stdout
    text = render.text(
        found, color=coloured(stream), lines=_lines_of
    )  # whose colours are its own, and all else is safe
    _write(stream, "".join(f"{inert(line)}\n" for line in text.split("\n")))


def workflow_commands(found: Iterable[Diagnostic]) -> None:
    """Print what is wrong as commands to GitHub: the only ones that are intended."""
    from speczoo.specs import machine_formats

    _write(sys.stdout, f"{machine_formats.github(found)}\n")


def emit(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON on stdout."""
    document(json.dumps(value, indent=indent))


def document(text: str) -> None:
    """Print a JSON text of ASCII; where `##` would begin a workflow command, JSON has other words for it."""
    _write(sys.stdout, text.replace("##", r"#\u0023") + "\n")


def data(text: str, language: str = "") -> None:
    """Print a text that is data: to a pipe or a file as it is, in UTF-8; on a terminal harmlessly, line by line, and
    in its language's colours where it has one and they are wanted.
    """
    if not sys.stdout.isatty():
        exact = hasattr(sys.stdout, "buffer")  # what stands in for stdout may take text alone
        click.echo(_bytes(text) if exact else text, file=sys.stdout, nl=False)
        return
    if text.count("\n") == text.count("\r\n"):
        text = text.replace("\r\n", "\n")
    lines = [inert(safe(line)) for line in text.expandtabs().removesuffix("\n").split("\n")] if text else []
    if language and lines and coloured(sys.stdout):
        lines = _highlighted(lines, language)
    _write(sys.stdout, "".join(f"{line}\n" for line in lines))


def _bytes(text: str) -> bytes:
    """Return the text in UTF-8.

    Bytes of file names that are not UTF-8 go back as they came; other surrogates are escaped.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def stdin(report: Report, limits: Limits = DEFAULT) -> Source | None:
    """Return the text on standard input; None, reported, where that is no UTF-8 or too long."""
    from speczoo.specs.source import Source

    global _stdin
    _stdin = Source.decode(stdin_bytes(limits.bytes + 1), STDIN, report, limits)
    return _stdin


def _lines_of(file: str) -> Sequence[str] | None:
    """Return the lines of a file, or of what standard input had, for those that are shown with what is wrong."""
    from speczoo.specs import render

    return _stdin.lines if file == STDIN and _stdin is not None else render.lines_of(file)


def stdin_bytes(most: int) -> bytes:
    """Return so many bytes of standard input, at most."""
    if hasattr(sys.stdin, "buffer"):  # what stands in for stdin may have text alone
        return sys.stdin.buffer.read(most)
    return sys.stdin.read(most).encode("utf-8", "surrogateescape")[:most]


def progress(text: str = "") -> None:
    """Say on a terminal's last line how far things are, in place of what stood there before; nothing clears it."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        shown = inert(safe(text))[: _columns()]
        while columns(shown) >= _columns():
            shown = shown[:-1]
        _write(sys.stderr, CLEAR + shown)


def failure() -> None:
    """Print the traceback of what is being handled on stderr."""
    say(*traceback.format_exc().rstrip("\n").split("\n"), err=True)


@contextmanager
def listening() -> Iterator[None]:
    """Listen to Python's warnings: they and the logs of other packages are printed here, too."""
    handler = _Handler(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warned
            yield
    finally:
        logging.getLogger().removeHandler(handler)


def coloured(stream: Any) -> bool:
    """Return whether a stream takes colour: a terminal, unless NO_COLOR is set."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _columns() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _painted(line: Line, color: bool) -> str:
    parts = [line] if isinstance(line, str | Styled) else line
    return "".join(
        safe(part) if isinstance(part, str) else f"{part.style}{safe(part.text)}{PLAIN}" if color else safe(part.text)
        for part in parts
    )


def _highlighted(lines: Sequence[str], language: str) -> list[str]:
    from rich.syntax import Syntax

    text = Syntax("", language, theme="ansi_dark", background_color="default").highlight("\n".join(lines))
    text.rstrip()
    return rendered(text, EVER, color=True)


def rendered(drawing: ConsoleRenderable, width: int, *, color: bool) -> list[str]:
    """Return the lines that rich draws on so many columns."""
    from io import StringIO

    from rich.console import Console

    page = StringIO()
    screen = Console(
        file=page,
        width=width,
        height=1,
        color_system="standard" if color else None,
        force_terminal=color,
        force_jupyter=False,
        legacy_windows=False,
        highlight=False,
    )
    screen.print(drawing)
    return page.getvalue().rstrip("\n").split("\n")


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_POOR).encode(encoding, "backslashreplace").decode(encoding)
    click.echo(text, file=stream, nl=False, color=True)


# -- of others ----------------------------------------------------------------------------------------------------


def _indented(text: str) -> list[str]:
    """Return a message of another package: it may have lines of its own, which do not look like ours."""
    first, *rest = re.split(r"\r?\n", text.strip("\n"))
    return [first, *(f"  {line}" for line in rest)]


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    say(*_indented(f"{filename}:{lineno}: {category.__name__}: {message}"), err=True)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(*_indented(f"{record.name}: {self.format(record)}"), err=True)
