"""Words that the reader of a text refused, such as `no`: which of their meanings the grammar takes where they stand."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from speczoo.specs.copying import unshared
from speczoo.specs.diagnostics import Edit, Report
from speczoo.specs.document import Document
from speczoo.specs.entry import STRUCTURE
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Spec
from speczoo.specs.value_kinds import at, placed


def settle(document: Document, report: Report) -> None:
    """Settle the fix: a text, where the grammar takes only that; none, where it takes a switch and a text."""
    words = {
        placeholder: value
        for placeholder in document.placeholders
        if type(value := at(document.data, placeholder)) in (bool, int, float)
    }
    if not words:
        return
    texts = unshared(document.data)
    for placeholder in words:
        at(texts, placeholder[:-1])[placeholder[-1]] = _word(document, placeholder)
    guess_is_wrong, text_is_wrong = _wrong(document.data), _wrong(texts)
    for placeholder, guess in words.items():
        span = document.span(placeholder)
        reported = next((d for d in report.diagnostics if d.span == span and d.code == "bad-value" and d.fix), None)
        if reported is None or span is None or placeholder in text_is_wrong:
            continue
        if placeholder in guess_is_wrong:
            word = f'"{_word(document, placeholder)}"'
            report.amend(reported, help=(f"write `{word}`",), fix=(Edit(span, word),))
        elif type(guess) is bool and not _is_argument(document.data, placeholder):
            report.amend(reported, fix=())


def _word(document: Document, placeholder: Loc) -> str:
    """Return what the text says there; a refused word stands on one line."""
    span = document.span(placeholder)
    return document.source.lines[span.line - 1][span.column - 1 : span.end_column - 1] if span else ""


def _is_argument(data: dict[str, Any], placeholder: Loc) -> bool:
    """Return whether a layer takes the word: none takes it for a text."""
    if placeholder[:1] == ("defaults",) and len(placeholder) == 3:
        op = placeholder[1]
    elif len(placeholder) > 1 and isinstance(placeholder[-2], int) and placeholder[-1] not in STRUCTURE:
        op = at(data, (*placeholder[:-1], "op"))
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
