"""YAML as a flat stream of events, each with its place, as libyaml gives them: loaders recurse and can be killed by
nesting, events cannot. No more of the document is held than the event at hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from speczoo.specs.limits import Limits
from speczoo.specs.unreadable import Unreadable
from speczoo.specs.yaml_errors import explained

Kind: TypeAlias = Literal["scalar", "map", "list", "end", "alias", "tag"]


# kind; start and end, indices into the text; the text of a scalar or the name of an alias; whether a scalar stands
# without quotes, a container in flow style; the anchor
Event: TypeAlias = tuple[Kind, int, int, str, bool, str | None]


# libyaml counts an anchor or a tag into the value that follows
_PROPERTIES = re.compile(r"(?:(?:&[A-Za-z0-9_-]+|!<[^>\s]*>|![^\s,\[\]{}]*)(?:\s|(?<=\s)#[^\n]*)*)*")
_TAG = re.compile(r"!<[^>\s]*>|![^\s,\[\]{}]*")
_BLANK = re.compile(r"(?:\s++|#[^\r\n]*+)*+")


def yaml_events(text: str, limits: Limits) -> Iterator[Event]:
    """Yield the events of the one document in the text. Raises Unreadable, Colon."""
    if "%TAG" in text:
        _few_directives(text, limits)
    try:
        for event in YAML(typ="safe", pure=False).parse(_Stream(text)):
            kind = type(event)
            yield from _READ[kind](text, event, event.start_mark.index, event.end_mark.index)
            if kind is DocumentEndEvent:
                return
    except MarkedYAMLError as error:
        raise explained(error, text) from None
    except YAMLError as error:
        raise Unreadable("yaml-syntax", str(error), 0, 0) from None


class _Stream:
    """A text that is read piece by piece: of one given whole, the parser holds a copy for as long as it lives."""

    def __init__(self, text: str) -> None:
        self.text, self.index = text, 0

    def read(self, size: int) -> str:
        piece = self.text[self.index : self.index + size]
        self.index += len(piece)
        return piece


def _scalar(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    first, tag = start, event.tag
    if event.anchor is not None or tag is not None:
        first = _PROPERTIES.match(text, start, end).end()  # type: ignore[union-attr]
    last = first + len(text[first:end].rstrip()) if event.style in ("|", ">") else end
    scalar: Event = ("scalar", first, last, event.value, event.style == "", event.anchor)
    return (scalar,) if tag is None else (_tag(text, start, end), scalar)


def _container(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    first = start
    if event.anchor is not None or event.tag is not None:
        first = _PROPERTIES.match(text, start).end()  # type: ignore[union-attr]
    kind: Kind = "map" if type(event) is MappingStartEvent else "list"
    opened: Event = (kind, first, end, "", event.flow_style, event.anchor)
    return (opened,) if event.tag is None else (_tag(text, start, end), opened)


def _closed(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    return (("end", start, end, "", False, None),)


def _alias(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    return (("alias", start, end, event.anchor, False, None),)


def _document_start(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    if event.version not in (None, (1, 2)):
        raise Unreadable("yaml-syntax", "a spec is YAML 1.2", start, end, "remove the %YAML line")
    return ()


def _document_end(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    _nothing_more(text, end)
    return ()


def _stream_start(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    return ()


def _stream_end(text: str, event: Any, start: int, end: int) -> tuple[Event, ...]:
    raise Unreadable("yaml-syntax", "the file is empty", 0, 0, "`zoo new NAME` starts a spec")


#: What is read of each event of libyaml, whose text stands between two indices.
_READ: dict[type, Callable[[str, Any, int, int], tuple[Event, ...]]] = {
    StreamStartEvent: _stream_start,
    DocumentStartEvent: _document_start,
    ScalarEvent: _scalar,
    MappingStartEvent: _container,
    SequenceStartEvent: _container,
    MappingEndEvent: _closed,
    SequenceEndEvent: _closed,
    AliasEvent: _alias,
    DocumentEndEvent: _document_end,
    StreamEndEvent: _stream_end,
}


def _nothing_more(text: str, end: int) -> None:
    rest = _BLANK.match(text, end).end()  # type: ignore[union-attr]
    if rest < len(text):
        again = text.startswith("---", rest)
        message = "a second document starts here" if again else "this stands after the end of the document"
        raise Unreadable("yaml-syntax", message, rest, rest + 3, "one file holds one spec")


def _tag(text: str, start: int, end: int) -> Event:
    found = _TAG.search(text, start)
    start, end = found.span() if found else (start, end)
    return "tag", start, end, "", False, None


def _few_directives(text: str, limits: Limits) -> None:
    # libyaml compares every %TAG line with every other
    count = 0
    for line in text.splitlines():
        if line.startswith("%"):
            count += 1
            if count > limits.directives:
                message = f"more than {limits.directives} lines start with %"
                raise Unreadable("limit-exceeded", message, text.index("%TAG"), text.index("%TAG") + 4)
        elif line.strip() and not line.lstrip().startswith("#"):
            return
