"""What libyaml says of a text that it cannot read, in the language's own words, at the place that is at fault.

libyaml has no codes, so that its words are all there is to go by.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ruamel.yaml.error import MarkedYAMLError

from speczoo.specs.unreadable import Colon, Unreadable

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


def explained(error: MarkedYAMLError, text: str) -> Exception:
    """Return what to raise instead."""
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
