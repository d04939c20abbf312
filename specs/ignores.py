"""Comments that take a warning back: `# zoo: ignore[unused-layer]` at the end of the line that it is reported at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from speczoo.specs.codes import CODES, WARNINGS
from speczoo.specs.diagnostics import Report, Span
from speczoo.specs.document import Document
from speczoo.specs.problem import Problem
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.tree import NodeExtent

_COMMENT = re.compile(r"(?<!\S)#[ \t]*zoo:[ \t]*ignore\[([^\]\r\n]*)\]")


@dataclass(frozen=True)
class Ignore:
    """A code that is ignored on the line of `span`, where it stands in a comment."""

    code: str
    span: Span


def heed(report: Report, since: int, document: Document, *, whole: bool) -> None:
    """Take back the warnings of a text that its comments ignore, of what was reported `since` so many.

    An error is never taken back. Where the `whole` file was checked and nothing is wrong, a comment that takes nothing
    back is a warning of its own.
    """
    ignores = list(_ignores(document))
    if not ignores:
        return
    file = str(document.source.path or document.source.name)
    places = {(file, ignore.span.line, ignore.code) for ignore in ignores if ignore.code in WARNINGS}
    found = report.diagnostics[since:]
    taken = [d for d in found if d.span is not None and (d.file, d.span.line, d.code) in places]
    report.diagnostics[since:] = [d for d in found if d not in taken]
    if whole and report.ok:
        used = {(d.code, d.span.line) for d in taken if d.span is not None}
        for ignore in ignores:
            if (ignore.code, ignore.span.line) not in used:
                report.add(_problem(ignore).at(file, ignore.span))


def _ignores(document: Document) -> Iterator[Ignore]:
    """Yield what comments ignore; what reads like one inside a text is none."""
    source = document.source
    comments = list(_COMMENT.finditer(source.text))
    texts = list(_texts(document.mark)) if comments else []
    for comment in comments:
        if any(start < comment.start() < end for start, end in texts):
            continue
        for code in re.finditer(r"[^\s,]+", comment[1]):
            start = comment.start(1) + code.start()
            yield Ignore(code[0], source.span(start, start + len(code[0])))


def _texts(mark: NodeExtent) -> Iterator[tuple[int, int]]:
    """Yield from where to where scalars stand."""
    if len(mark) == 2:
        yield mark
        return
    inside = mark[2]
    parts = [extent[2] for extent in inside.values()] if isinstance(inside, dict) else inside
    for part in parts:
        yield from _texts(part)


def _problem(ignore: Ignore) -> Problem:
    """Return what is wrong with a comment that takes nothing back."""
    code = ignore.code
    help: tuple[str, ...] = ("take it out",)
    if code in WARNINGS:
        message = f"there is no `{code}` on this line to ignore"
    elif code in CODES:
        message = f"`{code}` is an error: only warnings can be ignored"
    else:
        message, help = f"there is no warning `{code}`", did_you_mean(code, WARNINGS, limit=0)
    return Problem("unused-ignore", message, help=help, severity="warning")
