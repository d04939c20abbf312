"""What mends a text: the repairs that diagnostics carry, one by one or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from speczoo.editor.analysis import Analysis
from speczoo.editor.positions import Range, extent
from speczoo.specs import edit
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.source import Source


class Repair(NamedTuple):
    """A repair: what it does, the edits, and what is mended."""

    title: str
    edits: tuple[tuple[Range, str], ...]
    mends: Diagnostic | None


def fixes(analysis: Analysis, start: int, end: int) -> tuple[Repair, ...]:
    """Return the repairs of what is wrong in a stretch of the text, and that of all the text where there are more."""
    source = analysis.source
    own = [d for d in analysis.diagnostics if d.fix and d.file in (None, source.name)]
    here = [d for d in own if d.span is not None and _meets(extent(source, d.span), start, end)]
    found = [Repair(_title(d, source), _edits(d, source), d) for d in here]
    if len(own) > 1 and here:
        found.append(Repair(f"Mend all {len(own)} that are certain", whole(source, own), None))
    return tuple(found)


def whole(source: Source, diagnostics: Sequence[Diagnostic]) -> tuple[tuple[Range, str], ...]:
    """Return all repairs as edits, as `zoo check --fix` applies them."""
    text = edit.mended(source, diagnostics)
    return ((Range(0, len(source.text)), text),) if text != source.text else ()


def _meets(at: Range, start: int, end: int) -> bool:
    return at.start <= end and start <= at.end


def _title(diagnostic: Diagnostic, source: Source) -> str:
    first = diagnostic.fix[0]
    old = extent(source, first.span)
    word, was = first.text.strip(), source.text[old.start : old.end].strip()
    return f"Write `{word}` in place of `{was}`" if word else f"Remove `{was}`"


def _edits(diagnostic: Diagnostic, source: Source) -> tuple[tuple[Range, str], ...]:
    return tuple((extent(source, each.span), each.text) for each in diagnostic.fix)
