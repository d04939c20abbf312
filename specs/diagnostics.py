"""What is reported of a wrong spec: plain frozen data, rendered elsewhere.

A stage that finds mistakes adds `Diagnostic`s to a `Report` and returns its value with placeholders, so that one run
reports everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple


class Span(NamedTuple):
    """A stretch of text. Lines and columns count from 1, in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Label:
    """A secondary place and what stands there: `128 is set here`."""

    span: Span
    text: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A definite repair: replace the text at `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake.

    `code` is one of `codes.CODES`; `path` is the layer's path in the network (`layer2.0.sum`); `notes` are the
    lines that explain (the arithmetic, where a block was used), `help` the lines that mend. `pointer` is the place in
    the spec's data (`/layers/2/from/0`, a JSON Pointer), of a value or a key, be it in a text or not. `parameter` is
    one that a caller gave, where that is what is wrong.
    """

    code: str
    message: str
    span: Span | None = None
    severity: Literal["error", "warning"] = "error"
    file: str | None = None
    path: str | None = None
    text: str = ""  # shown at the primary place, under the caret
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fix: tuple[Edit, ...] = ()
    pointer: str | None = None
    parameter: str | None = None


@dataclass(slots=True)
class Report:
    """Diagnostics in the order found, without repeats: a place of the text is reported once per code, and once per
    place that its value was given at, where that is another (`apart`)."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    wrong: int = 0  # errors found, those found before too
    heard: int = 0  # all that was found, what was found before too
    _places: set[tuple[object, ...]] = field(default_factory=set)

    def add(self, diagnostic: Diagnostic, apart: Span | None = None) -> None:
        self.heard += 1
        self.wrong += diagnostic.severity == "error"
        key = (diagnostic.code, diagnostic.file, diagnostic.span, apart) if diagnostic.span else (diagnostic,)
        if key not in self._places:
            self._places.add(key)
            self.diagnostics.append(diagnostic)

    def has(self, code: str, file: str, span: Span | None) -> bool:
        """Return whether this is reported at this very place already, and would not be reported again."""
        return span is not None and (code, file, span, None) in self._places

    def amend(self, reported: Diagnostic, **changes: Any) -> None:
        """Say better what is reported already, at the same place."""
        self.diagnostics[self.diagnostics.index(reported)] = replace(reported, **changes)

    def withdraw(self, file: str, span: Span | None) -> None:
        """Take back the repair of what is reported at a place: it does not fit there."""
        for reported in [d for d in self.diagnostics if d.fix and (d.file, d.span) == (file, span)]:
            self.amend(reported, fix=())

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    @property
    def ok(self) -> bool:
        return not self.errors

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)
