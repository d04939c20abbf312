"""Words that the reader of a text refused, such as `no`: which of their meanings the grammar takes where they stand."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from speczoo.specs.copying import unshared
from speczoo.specs.diagnostics import Edit, Report
from speczoo.specs.document import Document
from speczoo.specs.spec import STRUCTURE, Loc, Spec
from speczoo.specs.value_kinds import at, placed


def settle(document: Document, report: Report) -> None:
    """Where the grammar takes only a text, that is the fix; where it takes a switch and a text, there is none."""
    words = {hole: value for hole in document.holes if type(value := at(document.data, hole)) in (bool, int, float)}
    if not words:
        return
    texts = unshared(document.data)
    for hole in words:
        at(texts, hole[:-1])[hole[-1]] = _word(document, hole)
    guess_is_wrong, text_is_wrong = _wrong(document.data), _wrong(texts)
    for hole, guess in words.items():
        span = document.span(hole)
        told = next((d for d in report.diagnostics if d.span == span and d.code == "bad-value" and d.fix), None)
        if told is None or span is None or hole in text_is_wrong:
            continue
        if hole in guess_is_wrong:
            word = f'"{_word(document, hole)}"'
            report.amend(told, help=(f"write `{word}`",), fix=(Edit(span, word),))
        elif type(guess) is bool and not _is_argument(document.data, hole):
            report.amend(told, fix=())


def _word(document: Document, hole: Loc) -> str:
    """What the text says there; a refused word stands on one line."""
    span = document.span(hole)
    return document.source.lines[span.line - 1][span.column - 1 : span.end_column - 1] if span else ""


def _is_argument(data: dict[str, Any], hole: Loc) -> bool:
    """Whether a layer takes the word: none takes it for a text."""
    if hole[:1] == ("defaults",) and len(hole) == 3:
        op = hole[1]
    elif len(hole) > 1 and isinstance(hole[-2], int) and hole[-1] not in STRUCTURE:
        op = at(data, (*hole[:-1], "op"))
    else:
        return False
    own = [at(data, (section,)) for section in ("blocks", "use")]
    return isinstance(op, str) and "$" not in op and not any(isinstance(names, dict) and op in names for names in own)


def _wrong(data: dict[str, Any]) -> set[Loc]:
    try:
        Spec.model_validate(data)
    except ValidationError as error:
        return {placed(data, detail["loc"]) for detail in error.errors(include_url=False)}
    return set()
