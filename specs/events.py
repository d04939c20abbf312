"""Text into a flat stream of events, from YAML or from JSON, each with its place.

YAML comes from libyaml, event by event: loaders recurse and can be killed by nesting, events cannot. JSON has a scanner
of its own, because libyaml knows YAML 1.1, of which JSON is no subset (surrogate pairs, long keys, a colon on the next
line). Neither holds more of the document than the event at hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Any, Final, Literal, NamedTuple, TypeAlias

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
from speczoo.specs.problem import Mark, Problem, ProblemError

Kind: TypeAlias = Literal["scalar", "map", "list", "end", "alias", "tag"]


# kind; start and end, indices into the text; the text of a scalar or the name of an alias; whether a scalar stands
# without quotes, a container in flow style; the anchor
Event: TypeAlias = tuple[Kind, int, int, str, bool, str | None]


class Unreadable(ProblemError):
    """What ends the reading of a text, from `start` to `end` in it, and the place that explains it."""

    def __init__(
        self, code: str, message: str, start: int, end: int, help: str = "", label: tuple[int, int, str] | None = None
    ) -> None:
        marks = [Mark((), label[2], extent=label[:2])] if label is not None else []
        super().__init__(Problem(code, message, extent=(start, end), marks=marks, help=(help,) if help else ()))


class Colon(Unreadable):
    """libyaml refuses `a:b` without a space in flow style, which YAML 1.2 has as a text."""


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
        raise _explained(error, text) from None
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


_QUOTE: Final = "put quotes around the value"
_WORDS: tuple[tuple[str, str, str], ...] = (  # libyaml's words, ours, help
    ("mapping values are not allowed", "a colon stands where no key can be", "is this line indented too far?"),
    ("block sequence entries are not allowed", "a list cannot start here", "put `- ` on a line of its own"),
    ("mapping keys are not allowed", "a key cannot stand here", "is this line indented too far?"),
    ("did not find expected key", "this is neither a key of the mapping nor its end", "does it line up with the keys?"),
    ("did not find expected '-'", "this is neither an entry of the list nor its end", "does it line up with the `-`s?"),
    ("did not find expected ',' or '}'", "a comma or `}` is missing", ""),
    ("did not find expected ',' or ']'", "a comma or `]` is missing", ""),
    ("did not find expected node content", "a value is missing", ""),
    ("did not find expected <document start>", "this stands after the end of the document", "one file holds one spec"),
    ("could not find expected ':'", "a key without its colon", "write `key: value`"),
    ("found unexpected document indicator", "the document ends inside a quoted text", "close the quotes"),
    ("found unknown escape character", "unknown escape in a quoted text", r"write `\\` for a backslash, or use '...'"),
    ("found invalid Unicode character", "no such character", r"characters above FFFF are \UXXXXXXXX in YAML"),
    ("did not find expected hexdecimal", "an escape of too few hexadecimal digits", r"\xXX, \uXXXX or \UXXXXXXXX"),
)


class _Failure(NamedTuple):
    """What libyaml says, in its words, and the indices of where it stopped and of what it was reading."""

    text: str
    problem: str
    context: str
    at: int
    opened: int

    @property
    def one(self) -> int:
        """How many characters there are to mark at the place: none at the end of a line."""
        return 0 if self.text[self.at : self.at + 1] in ("", "\n", "\r") else 1

    def here(self, message: str, help: str = "", code: str = "yaml-syntax") -> Unreadable:
        return Unreadable(code, message, self.at, self.at + self.one, help)

    def there(self, message: str, help: str = "") -> Unreadable:
        return Unreadable("yaml-syntax", message, self.opened, self.opened + 1, help)


def _explained(error: MarkedYAMLError, text: str) -> Exception:
    problem, context = error.problem or str(error), error.context or ""
    at = error.problem_mark.index if error.problem_mark else 0
    failure = _Failure(text, problem, context, at, error.context_mark.index if error.context_mark else at)
    return _of_a_token(failure) or _of_a_key(failure) or _of_a_place(failure)


def _of_a_token(failure: _Failure) -> Exception | None:
    """Return what is wrong with a token of YAML's: a tag, an anchor, quotes, a tab; None where it is none of these."""
    text, problem, context, at, opened = failure
    if "unexpected ':'" in problem:
        return Colon("yaml-syntax", "a space is missing after the colon", at, at + 1, "write `key: value`")
    if " tag" in context or "tag handle" in problem:
        return failure.here("a tag; specs have none", "remove what starts with `!`", "unsafe-yaml")
    if context in ("while scanning an alias", "while scanning an anchor"):
        sign, what = text[opened : opened + 1], context.rpartition(" ")[2]
        word = re.compile(r"[^\s,\[\]{}#]*").match(text, opened)
        quoted = f'write `"{word[0]}"`' if word and 1 < len(word[0]) <= 40 else _QUOTE
        return failure.there(f"`{sign}` starts an {what} in YAML", quoted)
    if "unexpected end of stream" in problem:
        return failure.there("these quotes are never closed")
    if "tab character" in problem or ("cannot start any token" in problem and text[at] == "\t"):
        return failure.here("a tab indents this line", "YAML is indented by spaces")
    if "cannot start any token" in problem:
        message = f"a value cannot start with `{text[at]}`" if text[at].isprintable() else "a value cannot start so"
        return failure.here(message, _QUOTE)
    return None


def _of_a_key(failure: _Failure) -> Unreadable | None:
    """Return what is wrong with a key and its colon; None where it is none of that."""
    text, problem, _, at, opened = failure
    if "could not find expected ':'" in problem:
        stop = re.compile(r"[^\r\n#]*").match(text, opened)
        end = opened + len(stop.group().rstrip()) if stop else opened
        return Unreadable("yaml-syntax", "a key without its colon", opened, end, "write `key: value`")
    if "mapping values" not in problem:
        return None
    line = text[:at].rpartition("\n")[2]
    if ": " in line:
        return failure.here("a second colon on this line", "put quotes around a text that holds a colon")
    above = text[: at - len(line)].rstrip()
    above = above[above.rfind("\n") + 1 :]
    start, end = _entry(above), _entry(line)
    if start == end and start < len(above) and ":" not in above and above[start] not in "#'\"|>[{":
        last = len(text[: at - len(line)].rstrip())
        first = last - len(above) + start
        return Unreadable("yaml-syntax", "a key without its colon", first, last, "write `key: value`")
    return None


def _of_a_place(failure: _Failure) -> Unreadable:
    """Return what is wrong in the end: something stands where it cannot, or a bracket is never closed."""
    text, problem, context, at, opened = failure
    ours, help = next(((ours, help) for theirs, ours, help in _WORDS if theirs in problem), (problem, ""))
    if "a flow" not in context:
        return failure.here(ours, help)
    if opened >= len(text):  # libyaml ran over a comment
        opened = max(text.rfind("{"), text.rfind("["))
    if not text[at:].strip() or (_indent(text, at) <= _indent(text, opened) and "\n" in text[opened:at]):
        message = f"this `{text[opened : opened + 1]}` is never closed"
        return Unreadable("yaml-syntax", message, opened, opened + 1)
    if failure.one and text[at] in "[{" and text[at - 1 : at].isalnum():
        help = f"in flow style `{text[at]}` ends a value: put quotes around it"
    elif failure.one and text[at] == ":" and text[:at].rstrip()[-1:] not in ('"', "'"):
        help = "is the comma before this key missing?"
    return Unreadable("yaml-syntax", ours, at, at + failure.one, help, (opened, opened + 1, "opened here"))


def _indent(text: str, index: int) -> int:
    line = text[text.rfind("\n", 0, index) + 1 :][:1000]
    return len(line) - len(line.lstrip(" "))


def _entry(line: str) -> int:
    """Return the column, from 0, at which what a line says begins, after the `- ` of a list."""
    return len(line) - len(line.lstrip(" -"))


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
