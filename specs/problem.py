"""What is wrong with a spec: one value, from every stage, before the reporter finds its place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from speczoo.specs.diagnostics import Diagnostic, Edit, Label, Span

#: A place in the data of a spec: the keys and indices that lead there.
Loc: TypeAlias = tuple[str | int, ...]


def pointer(loc: Loc, data: Any) -> str | None:
    """Return a place in data as a JSON Pointer, as far as it leads to what is there; None where that is all of it."""
    steps = []
    for step in loc:
        if not (step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))):
            break
        data = data[step]
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in steps) or None


class Text(Protocol):
    """What problems need to know of a text: a Source."""

    @property
    def name(self) -> str: ...
    def span(self, start: int, end: int) -> Span: ...
    def instead(self, span: Span, word: str) -> Edit: ...


class Places(Protocol):
    """What problems need to know of where the data of a spec stand in its text: a Document."""

    @property
    def source(self) -> Text: ...
    @property
    def data(self) -> Any: ...
    def span(self, path: Loc, *, key: bool = False) -> Span | None: ...
    def part(self, path: Loc, start: int, end: int) -> Span | None: ...


class Unparsed(NamedTuple):
    """The places of a text that is no data: its characters alone."""

    source: Text
    data: None = None

    def span(self, path: Loc, *, key: bool = False) -> Span | None:
        return None

    def part(self, path: Loc, start: int, end: int) -> Span | None:
        return None


class Mark(NamedTuple):
    """A secondary place, and what to show there: `128 is set here`; with its key, where `key` is true; in another
    document where one is given. `extent` is for a text that is no data yet, as a problem's is."""

    loc: Loc
    text: str
    elsewhere: Places | None = None
    key: bool = False
    extent: tuple[int, int] | None = None

    def located(self, document: Places) -> Label | None:
        """Return the mark with its place in the text; None where there is none."""
        places = self.elsewhere or document
        span = places.span(self.loc, key=self.key) if self.extent is None else places.source.span(*self.extent)
        file = places.source.name if self.elsewhere is not None or self.extent is not None else None
        return Label(span, self.text, file) if span is not None else None


class Fix(NamedTuple):
    """A way to mend a problem, in words: to let layers keep the size, or in place of that to crop an input or drop a
    layer. `resize` is another size of the network's input, which is searched for; its text is for where none is found.
    """

    kind: Literal["resize", "keep", "crop", "drop"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with what stands at `loc` in the data of a spec; with its key, where `key` is true.

    `path` is the layer's path in its list; `text` stands under the caret; `notes` explain, `help` mends, and so do
    `fixes`, of which one is enough. `part` narrows the place to the characters from and to of the text there.
    `replacement` is the word that would be right in place of what stands there, or of the word `replaces` that ends the
    part. `given_at` is where a wrong value was given that arrives here from elsewhere: one problem is reported once for
    each. `extent` is the place of a problem with a text that is no data yet: from and to which of its characters.
    `parameter` is one that a caller gave, and that is wrong: it stands in no text.
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
    fixes: Sequence[Fix] = ()
    severity: Literal["error", "warning"] = "error"
    replacement: str | None = None
    part: tuple[int, int] | None = None
    replaces: str = ""
    given_at: Loc | None = None
    extent: tuple[int, int] | None = None
    parameter: str | None = None

    def located(self, document: Places) -> Diagnostic:
        """Return the problem as it is shown: with the places and texts of its document."""
        part = document.part(self.loc, *self.part) if self.part is not None else None
        span = part or (document.span(self.loc, key=self.key) if self.loc else None)
        if self.extent is not None:
            span = document.source.span(*self.extent)
        fix = self._fix(document, part if self.replaces else span)
        labels = tuple(dict.fromkeys(filter(None, (mark.located(document) for mark in self.marks))))
        return self.at(document.source.name, span, labels, fix, pointer(self.loc, document.data))

    def at(
        self,
        file: str | None = None,
        span: Span | None = None,
        labels: tuple[Label, ...] = (),
        fix: tuple[Edit, ...] = (),
        pointer: str | None = None,
    ) -> Diagnostic:
        """Return the problem as it is shown at a place that is known; without one, of what stands in no text."""
        path, notes, help = self.path.rstrip(".") or None, tuple(self.notes), self.advice()
        return Diagnostic(
            self.code, self.message, span, self.severity, file, path, self.text, labels, notes, help, fix,
            pointer, self.parameter,
        )  # fmt: skip

    def advice(self, sizes: str = "") -> tuple[str, ...]:
        """Return the lines that mend it: `sizes` are those of the input that do, in words, and the fixes stand in one
        line.
        """
        ways = [sizes] if sizes else []
        for fix in self.fixes:
            if fix.kind != "resize":
                ways.append(f"or {fix.text}" if ways and fix.kind != "keep" else fix.text)
        without = [fix.text for fix in self.fixes if fix.kind == "resize" and fix.text and not sizes]
        return (*(["; ".join(ways)] if ways else []), *self.help, *without)

    def _fix(self, document: Places, span: Span | None) -> tuple[Edit, ...]:
        """Return the replacement as an edit; none where the wrong word is not as it stands in the text."""
        if self.replacement is None or span is None:
            return ()
        if not self.replaces:
            return (document.source.instead(span, self.replacement),)
        if span.end_column - span.column - len(self.replaces) not in (0, 1):  # `name` or `$name`
            return ()
        return (Edit(span._replace(column=span.end_column - len(self.replaces)), self.replacement),)

    def below(self, loc: Loc, **more: Any) -> Problem:
        """Return the problem of a part, whose place counts from the part, in the whole: `loc` is where the part
        stands.
        """
        return replace(self, loc=(*loc, *self.loc), **more)


class ProblemError(Exception):
    """Raised with a problem by whoever is asked for a part, and does not know where that stands in the whole."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
