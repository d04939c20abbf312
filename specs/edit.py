"""Edits of a spec's text: applied by place, so that all comments and layout around them stay; written atomically."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

from speczoo.specs import files
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.source import Source

BOM = b"\xef\xbb\xbf"


def mended(source: Source, diagnostics: Iterable[Diagnostic]) -> str:
    """Return the text with every offered fix applied, but for those that would touch the place of another."""
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
    return replaced(source.text, taken)


def replaced(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return the text with other text at each of these places, none of which lie over each other."""
    out, at = [], 0
    for start, end, new in sorted(edits):
        out += [text[at:start], new]
        at = end
    return "".join([*out, text[at:]])


def difference(name: str, before: str, after: str) -> str:
    """Return a unified diff; empty where the texts are equal."""
    from speczoo.specs.comparison import LineChange, changes, hunks
    from speczoo.specs.escaping import safe

    old, new = (list(io.StringIO(text, newline="\n")) for text in (before, after))
    path = safe(name.lstrip("/"))
    out = [f"--- a/{path}\n", f"+++ b/{path}\n"] if before != after else []
    for shown, group in hunks(changes(old, new), len(old)):
        out.append(f"@@ -{_extent(shown.start, shown.end)} +{_extent(shown.new_start, shown.new_end)} @@\n")
        at = shown.start
        for change in (*group, LineChange(shown.end, shown.end, shown.new_end, shown.new_end)):
            out += (f" {line}" for line in old[at : change.start])
            out += (f"-{line}" for line in old[change.start : change.end])
            out += (f"+{line}" for line in new[change.new_start : change.new_end])
            at = change.end
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in out)


def _extent(start: int, end: int) -> str:
    """Return lines as a unified diff counts them: the first, and how many unless it is one; of none, the one before."""
    return f"{start + 1}" if end == start + 1 else f"{start + (end > start)},{end - start}"


def replace(path: str | os.PathLike[str], text: str) -> None:
    """Replace a file as a whole or not at all; its mode is kept, and a byte order mark at the start stays. Raises
    OSError, for a symbolic link too.
    """
    target, data = Path(path), text.encode("utf-8")
    with contextlib.suppress(FileNotFoundError, ValueError):
        if files.read(target, len(BOM)) == BOM:
            data = BOM + data
    files.write(target, data, over=True)
