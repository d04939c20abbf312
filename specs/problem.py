"""What is wrong with a spec: one value, from every stage, before the reporter finds its place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from speczoo.specs.diagnostics import Diagnostic, Edit, Label, Span
from speczoo.specs.document import Document
from speczoo.specs.spec import Loc


class Mark(NamedTuple):
    """A secondary place, and what to show there: `128 is set here`; in another document where one is given."""

    loc: Loc
    text: str
    elsewhere: Document | None = None

    def located(self, document: Document) -> Label | None:
        """The mark with its place in the text; None where there is none."""
        span = (self.elsewhere or document).span(self.loc)
        file = self.elsewhere.source.name if self.elsewhere is not None else None
        return Label(span, self.text, file) if span is not None else None


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with what stands at `loc` in the data of a spec; with its key, where `key` is true.

    `path` is the layer's path in its list; `text` stands under the caret; `notes` explain, `help` mends. `replacement`
    is the word that would be right in place of the one there. `span` narrows the place, and `fix` is the repair, where
    more is known than a word. `given_at` is where a wrong value was given that arrives here from elsewhere: one problem
    is reported once for each.
    """

    code: str
    message: str
    loc: Loc = ()
    key: bool = False
    path: str = ""
    text: str = ""
    marks: Sequence[Mark] = ()
    notes: Sequence[str] = ()
    help: Sequence[str] = ()
    severity: Literal["error", "warning"] = "error"
    replacement: str | None = None
    span: Span | None = None
    fix: Sequence[Edit] = ()
    given_at: Loc | None = None

    def located(self, document: Document) -> Diagnostic:
        """The problem as it is shown: with the places and texts of its document."""
        span = self.span or (document.span(self.loc, key=self.key) if self.loc else None)
        fix = tuple(self.fix)
        if self.replacement is not None and span is not None and not fix:
            fix = (document.source.instead(span, self.replacement),)
        labels = tuple(dict.fromkeys(filter(None, (mark.located(document) for mark in self.marks))))
        path = self.path.rstrip(".") or None
        return Diagnostic(
            self.code,
            self.message,
            span,
            self.severity,
            document.source.name,
            path,
            self.text,
            labels,
            tuple(self.notes),
            tuple(self.help),
            fix,
        )

    def below(self, loc: Loc, **more: Any) -> Problem:
        """The problem of a part, whose place counts from the part, in the whole: `loc` is where the part stands."""
        return replace(self, loc=(*loc, *self.loc), **more)


class ProblemError(Exception):
    """Raised with a problem by whoever is asked for a part, and does not know where that stands in the whole."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
