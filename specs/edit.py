"""Edits of a spec's text: applied by place, so that all comments and layout around them stay; written atomically."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
from collections.abc import Iterable
from pathlib import Path

from specs import files
from specs.diagnostics import Diagnostic
from specs.source import Source

BOM = b"\xef\xbb\xbf"


def mended(source: Source, diagnostics: Iterable[Diagnostic]) -> str:
    """The text with every offered fix applied, but for those that would touch the place of another."""
    taken: list[tuple[int, int, str]] = []
    for diagnostic in diagnostics:
        if diagnostic.file not in (None, source.name):
            continue
        edits = [
            (source.index(e.span.line, e.span.column), source.index(e.span.end_line, e.span.end_column), e.text)
            for e in diagnostic.fix
        ]
        if not any(a[0] <= b[1] and b[0] <= a[1] and a != b for a in edits for b in taken):
            taken += [edit for edit in edits if edit not in taken]
    text = source.text
    for start, end, new in sorted(taken, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def difference(name: str, before: str, after: str) -> str:
    """A unified diff; empty where the texts are equal."""
    from specs.harmless import safe

    old, new = (list(io.StringIO(text, newline="\n")) for text in (before, after))
    path = safe(name.lstrip("/"))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def replace(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file as a whole or not at all; its mode is kept, and a byte order mark at the start stays. Raises
    OSError, for a symbolic link too."""
    target, data = Path(path), text.encode("utf-8")
    with contextlib.suppress(FileNotFoundError, ValueError):
        if files.read(target, len(BOM)) == BOM:
            data = BOM + data
    files.write(target, data)
