"""The front door: a text becomes plain data with a place for every value, or diagnostics.

Nothing here knows what a spec is; it knows what YAML 1.2 and JSON are, minus what makes them dangerous or ambiguous:
no tags, no merge keys, no repeated keys, no aliases that grow, no words that two readers take for two things.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from speczoo.specs.copying import plain_copy
from speczoo.specs.diagnostics import Report, Span
from speczoo.specs.errors import SpecError
from speczoo.specs.events import Event, yaml_events
from speczoo.specs.foreign import foreign_text
from speczoo.specs.json_events import NotJson, json_events
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.problem import Loc, Problem, Unparsed
from speczoo.specs.source import Source
from speczoo.specs.tree import NodeExtent, TreeBuilder
from speczoo.specs.unreadable import Colon, Unreadable
from speczoo.specs.yaml_masking import MaskedText, Torn

# what ends a line in YAML 1.1 and does not in YAML 1.2
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
# what YAML reads but a Python text cannot say, and what no editor shows
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None, and no subclass) and where each value stands.

    `placeholders` are the paths of values that were refused and stand in as what was probably intended: what is wrong
    with them is reported; `guesses` are those of them that can be computed with. What an alias repeats is the same
    object in several places.
    """

    source: Source
    data: dict[str, Any] = field(repr=False)
    placeholders: frozenset[Loc] = frozenset()
    guesses: frozenset[Loc] = frozenset()
    _mark: NodeExtent | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, data: object, name: str = "<data>", limits: Limits = DEFAULT) -> Document:
        """Return a document from Python data, copied; tuples become lists. It has no places.

        Raises SpecError for what JSON could not say (other types, other keys than str, NaN, a cycle) and for what
        passes the limits of a text.
        """
        copy, problems = plain_copy(data, limits)
        document = cls(Source(name, ""), copy)
        if problems:
            raise SpecError(problem.located(document) for problem in problems)
        return document

    @property
    def mark(self) -> NodeExtent:
        """Where everything stands, as offsets into the text."""
        assert self._mark is not None
        return self._mark

    def span(self, path: Loc, *, key: bool = False) -> Span | None:
        """Return the place of the value at `path`, or of its key; of the nearest value around it where there is
        none.
        """
        found = self._find(path, key)
        return self.source.span(*found[:2]) if found else None

    def part(self, path: Loc, start: int, end: int) -> Span | None:
        """Return the place of characters `start` to `end` of the text at `path`; of all of it where escapes or folding
        leave no such place.
        """
        found = self._find(path, False)
        if not found:
            return None
        raw = self.source.text[found[0] : found[1]]
        quoted = raw[:1] in ("'", '"')
        if "\n" in raw or (quoted and ("\\" in raw or raw[0] in raw[1:-1])):
            return self.source.span(*found[:2])
        first = found[0] + quoted
        last = found[1] - quoted
        return self.source.span(min(first + start, last), min(first + max(start, end), last))

    def also(self, path: Loc, name: str) -> None:
        """Let what stands at `path` be found under the key that it was intended to have, too."""
        around = self._find(path[:-1], False) if path[:-1] else self._mark
        if around is not None and len(around) > 2 and isinstance(around[2], dict) and path[-1] in around[2]:
            around[2].setdefault(name, around[2][path[-1]])

    def _find(self, path: Loc, key: bool) -> NodeExtent | None:
        mark = self._mark
        for depth, step in enumerate(path):
            if mark is None or len(mark) == 2:
                break
            inside = mark[2]
            if isinstance(inside, dict):
                entry = inside.get(step)
                if entry is None:
                    break
                if key and depth == len(path) - 1:
                    return entry[:2]  # type: ignore[no-any-return]
                mark = entry[2]
            elif type(step) is int and 0 <= step < len(inside):
                mark = inside[step]
            else:
                break
        return mark


def parse(source: Source, report: Report, limits: Limits = DEFAULT) -> Document | None:
    """Return the document of a text, YAML or JSON. None when there is none to go on with; the report says why."""
    problems, document = _parse(source, limits)
    if document is None and any(problem.code == "yaml-syntax" for problem in problems):
        foreign = foreign_text(source.text)
        problems = [foreign] if foreign is not None else problems
    text = Unparsed(source)
    for diagnostic in sorted((problem.located(text) for problem in problems), key=lambda d: d.span or (0,)):
        report.add(diagnostic)
    return document


def _parse(source: Source, limits: Limits) -> tuple[list[Problem], Document | None]:
    text, not_json = source.text, None
    if (unread := _unread(text, limits)) is not None:
        return [unread], None
    if text.lstrip().startswith("{"):
        builder = TreeBuilder(source, limits)
        try:
            return _build(builder, json_events(text))
        except NotJson as error:
            not_json = error
        except Unreadable as error:
            return [*builder.problems, error.problem], None
    if broken := _LINE_ENDS.search(text):
        help = (f'between "double quotes" it is \\u{ord(broken.group()):04X}',)
        message = f"U+{ord(broken.group()):04X} ends a line to some readers of YAML and not to others"
        return [Problem("yaml-syntax", message, help=help, extent=broken.span())], None
    masked = MaskedText(text)
    while True:
        builder = TreeBuilder(source, limits, masked)
        try:
            return _build(builder, yaml_events(masked.text, limits))
        except Torn:
            masked.hide_marked()
        except Unreadable as error:
            of_syntax = error.problem.code == "yaml-syntax"
            if isinstance(error, Colon) and masked.hide_colons():
                continue
            if of_syntax and masked.hide_marked():
                continue
            if not_json and source.name.endswith(".json") and of_syntax:
                error = Unreadable("yaml-syntax", str(not_json), not_json.index, not_json.index + 1)
            return [*builder.problems, error.problem], None


def _unread(text: str, limits: Limits) -> Problem | None:
    """Return what keeps a text from being read at all."""
    if len(text) > limits.bytes or (4 * len(text) > limits.bytes and len(text.encode(errors="replace")) > limits.bytes):
        return Problem("limit-exceeded", f"the text is larger than {limits.bytes:,} bytes", extent=(0, 0))
    if strange := _UNPRINTABLE.search(text):
        help = ('between "double quotes" an escape can stand for it',)
        message = f"a control character, U+{ord(strange.group()):04X}"
        return Problem("yaml-syntax", message, help=help, extent=strange.span())
    return None


def _build(builder: TreeBuilder, events: Iterator[Event]) -> tuple[list[Problem], Document | None]:
    if not builder.build(events):
        return builder.problems, None
    placeholders, guesses = frozenset(builder.placeholders), frozenset(builder.guesses)
    return builder.problems, Document(builder.source, builder.root, placeholders, guesses, builder.mark)
