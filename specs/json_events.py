"""JSON as a stream of events, by a scanner of its own: libyaml knows YAML 1.1, of which JSON is no subset (surrogate
pairs, long keys, a colon on the next line)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]

from speczoo.specs.events import Event
from speczoo.specs.unreadable import Unreadable


class NotJson(Exception):
    """The text is not strict JSON; it may still be YAML."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(
    r"(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|NaN|-?Infinity)(?=[\s,\]}]|$)"
)


def json_events(text: str) -> Iterator[Event]:
    """Yield the events of a JSON text; numbers are left as words.

    Raises Unreadable, and NotJson at the first place that is none.
    """
    closers: list[str] = []
    expected = "value"  # or: first value, key, first key, colon, comma
    index = 0
    while True:
        index = _SPACE.match(text, index).end()  # type: ignore[union-attr]
        char = text[index : index + 1]
        if expected == "comma" and not closers:
            if char:
                raise NotJson("this stands after the end of the document", index)
            return
        if expected in ("comma", "colon") and (follows := _separated(expected, char, closers, index)) is not None:
            expected = follows
            index += 1
            continue
        event = _json_event(text, index, char, closers, expected)
        expected = _EXPECTED.get(event[0]) or ("colon" if expected.endswith("key") else "comma")
        index = event[2]
        yield event


#: What is expected after an event; after a scalar it depends on what the scalar was.
_EXPECTED = {"map": "first key", "list": "first value", "end": "comma"}


def _separated(expected: str, char: str, closers: list[str], index: int) -> str | None:
    """Return what is expected behind a comma or a colon; None where a bracket closes instead. Raises NotJson."""
    if expected == "colon":
        if char != ":":
            raise NotJson("a colon is missing after the key", index)
        return "value"
    if char == ",":
        return "key" if closers[-1] == "}" else "value"
    if char != closers[-1]:
        raise NotJson(f"a comma or `{closers[-1]}` is missing", index)
    return None


def _json_event(text: str, index: int, char: str, closers: list[str], expected: str) -> Event:
    """Return the event that begins here, the open brackets brought up to date. Raises Unreadable and NotJson."""
    if char == '"':
        return _json_string(text, index)
    if closers and char == closers[-1] and expected not in ("key", "value"):
        closers.pop()
        return "end", index, index + 1, "", False, None
    if expected.endswith("key"):
        raise NotJson('a key in "quotes" is missing', index)
    if char == "{" or char == "[":
        closers.append("}" if char == "{" else "]")
        return "map" if char == "{" else "list", index, index + 1, "", True, None
    word = _WORD.match(text, index)
    if word is None:
        raise NotJson("this is not a JSON value", index)
    return "scalar", index, word.end(), word.group(), True, None


def _json_string(text: str, start: int) -> Event:
    try:
        value, end = scanstring(text, start + 1, True)
    except JSONDecodeError as error:
        raise NotJson(error.msg, start) from None
    if not value.isascii() and _SURROGATE.search(value):
        raise Unreadable("yaml-syntax", "half of a surrogate pair in this text", start, end)
    return "scalar", start, end, value, False, None
