"""Any text as a tree, however wrong or half-typed it is.

Of a text that can be read it is what `specs.document` reads: the same values at the same places. Where that gives up,
this goes on: a bracket that is never closed ends with its line's entry, a key without its colon is a key without a
value, and what stands nowhere is passed over. Nothing here raises.
"""

from __future__ import annotations

import re

from speczoo.editor.tree import Listing, Mapping, Pair, TextNode, TextScalar

DEEPEST = 64  # values inside each other; what is deeper is passed over

_BLANKS = re.compile(r"[ \t]*")
_COMMENT = re.compile(r"#[^\r\n]*")
_BREAK = re.compile(r"\r\n?|\n")
_LINE_REST = re.compile(r"[^\r\n]*")
_DASH = re.compile(r"-(?=[ \t\r\n]|\Z)")
_COLON = re.compile(r"[ \t]*:(?=[ \t\r\n]|\Z)")
_FLOW_COLON = re.compile(r"\s*:(?=[\s,\[\]{}]|\Z)")
_ANY_COLON = re.compile(r"\s*:")  # behind quotes
_SINGLE = re.compile(r"'(?:[^']|'')*'")
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PROPERTY = re.compile(r"(?:&[^\s,\[\]{}]+|![^\s,\[\]{}]*)(?=[\s,\[\]{}]|\Z)")
_BLOCK_TEXT = re.compile(r"[|>][0-9+-]{0,2}[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
#: A key in block style, as far as one can be distinguished from other words.
_KEY = re.compile(
    r"""(?: '(?:[^'\r\n]|'')*' | "(?:[^"\\\r\n]|\\.)*"
      | (?![\s\#,\[\]{}&*!|>'"%@`-]|\Z) (?:[^\s:\#] | :(?=\S) | (?<=\S)\# | [ \t]+(?=[^\s:\#]|:\S))*
      | -[^\s:][^\r\n:]*? )
    [ \t]*:(?=[ \t\r\n]|\Z)""",
    re.VERBOSE,
)
_PLAIN_STOP = re.compile(r"(?<=\s)#|[\r\n]")
_FLOW_STOP = re.compile(r"[,\[\]{}\r\n]|:(?=[\s,\[\]{}]|\Z)|(?<=\s)#")
_EXPRESSION = re.compile(r"\$\(")
_PARENTHESIS = re.compile(r"[()\r\n]")


def read(text: str) -> TextNode:
    """Return the tree of a text; an empty mapping where nothing stands in it."""
    reader = _Reader(text)
    reader.skip()
    while text.startswith(("---", "%"), reader.at) and reader.column(reader.at) == 0:
        reader.at = _end_of_line(text, reader.at)
        reader.skip()
    if reader.at >= len(text):
        return Mapping(len(text), len(text), (), False)
    return reader.value(-1, 0)


def _end_of_line(text: str, at: int) -> int:
    return _LINE_REST.match(text, at).end()  # type: ignore[union-attr]


class _Reader:
    """Reads from `at` on."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.first = 0  # the place that was reached last over the end of a line

    def column(self, at: int) -> int:
        """Return how many characters of its line stand before a place."""
        return at - 1 - max(self.text.rfind("\n", 0, at), self.text.rfind("\r", 0, at))

    def skip(self) -> bool:
        """Pass over blanks, comments and ends of lines; return whether a line ended."""
        text, ended = self.text, False
        while True:
            self.at = _BLANKS.match(text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(text) and text[self.at] == "#" and (self.at == 0 or text[self.at - 1] in " \t\r\n"):
                self.at = _end_of_line(text, self.at)
            if not (found := _BREAK.match(text, self.at)):
                self.first = self.at if ended else self.first
                return ended
            self.at, ended = found.end(), True

    def missing(self, at: int) -> TextScalar:
        return TextScalar(at, at, "")

    # -- block style ----------------------------------------------------------------------------------------------

    def value(self, around: int, depth: int) -> TextNode:
        """Return what begins here, inside a block that is indented by `around`."""
        while found := _PROPERTY.match(self.text, self.at):
            self.at = found.end()
            if self.skip() and self.column(self.at) <= around:
                return self.missing(found.end())
        at, indent = self.at, self.column(self.at)
        if at >= len(self.text) or depth > DEEPEST:
            self.at = _end_of_line(self.text, at)
            return self.missing(at)
        if _DASH.match(self.text, at):
            return self.listing(indent, depth)
        if _KEY.match(self.text, at):
            return self.mapping(indent, depth)
        char = self.text[at]
        if char in "{[":
            return self.flow(around, depth)
        if char in "'\"":
            return self.quoted()
        if found := _BLOCK_TEXT.match(self.text, at):
            return self.block_text(found.end(), around)
        if around < 0:
            return self.mapping(indent, depth)
        return self.plain(around)

    def listing(self, indent: int, depth: int) -> Listing:
        """Return the items behind the dashes that are indented so."""
        start, items = self.at, list[TextNode]()
        end = start
        while self.at < len(self.text) and self.column(self.at) == indent and (dash := _DASH.match(self.text, self.at)):
            self.at = end = dash.end()
            line_ended = self.skip()
            if self.at >= len(self.text) or (line_ended and self.column(self.at) <= indent):
                items.append(self.missing(end))
                continue
            items.append(self.value(indent, depth + 1))
            end = items[-1].end
            self.finish(indent)
        return Listing(start, end, tuple(items), False)

    def mapping(self, indent: int, depth: int) -> Mapping:
        """Return the pairs whose keys are indented so."""
        start, pairs = self.at, list[Pair]()
        end = start
        while self.at < len(self.text) and self.column(self.at) == indent and not _DASH.match(self.text, self.at):
            pair = self.pair(indent, depth)
            pairs.append(pair)
            end = max(pair.key.end, pair.value.end)
            self.finish(indent)
        return Mapping(start, end, tuple(pairs), False)

    def pair(self, indent: int, depth: int) -> Pair:
        """Return a key of a block with its value; a line that has none is a key alone."""
        text, start = self.text, self.at
        if not (found := _KEY.match(text, start)):
            stop = _PLAIN_STOP.search(text, start)
            end = stop.start() if stop else len(text)
            word = text[start:end].rstrip()
            self.at = _end_of_line(text, start)
            return Pair(TextScalar(start, start + len(word), word), self.missing(start + len(word)), colon=False)
        written = text[start : found.end() - 1].rstrip()
        key = TextScalar(start, start + len(written), *_unquoted(written))
        self.at = found.end()
        if not self.skip():
            if self.at >= len(text):
                return Pair(key, self.missing(self.at))
            return Pair(key, self.inline(indent, depth))
        column = self.column(self.at)
        dashed = column == indent and _DASH.match(text, self.at)
        if self.at < len(text) and (column > indent or dashed):
            return Pair(key, self.value(indent, depth + 1))
        return Pair(key, self.missing(found.end()))

    def inline(self, indent: int, depth: int) -> TextNode:
        """Return the value on the line of its key."""
        while found := _PROPERTY.match(self.text, self.at):
            self.at = found.end()
            if self.skip():
                return self.value(indent, depth + 1) if self.column(self.at) > indent else self.missing(found.end())
        at = self.at
        char = self.text[at : at + 1]
        if char and char in "{[":
            return self.flow(indent, depth + 1)
        if char and char in "'\"":
            return self.quoted()
        if found := _BLOCK_TEXT.match(self.text, at):
            return self.block_text(found.end(), indent)
        return self.plain(indent)

    def finish(self, indent: int) -> None:
        """Pass over what stands behind a value on its line, and lines that are indented more than its block."""
        while True:
            self.skip()
            if self.at >= len(self.text) or self.column(self.at) <= indent:
                return
            self.at = _end_of_line(self.text, self.at)

    def block_text(self, at: int, around: int) -> TextScalar:
        """Return a text in lines of its own, below `|` or `>`."""
        start, end = self.at, at
        self.at = at
        while found := _BREAK.match(self.text, self.at):
            line = _end_of_line(self.text, found.end())
            words = self.text[found.end() : line]
            if words.strip() and len(words) - len(words.lstrip(" ")) <= around:
                break
            self.at = line
            end = line if words.strip() else end
        return TextScalar(start, end, self.text[at:end].strip(), self.text[start])

    def plain(self, around: int) -> TextScalar:
        """Return words without quotes in block style, which may go on in lines that are indented more."""
        text, start = self.text, self.at
        end, words = start, list[str]()
        while True:
            stop = _PLAIN_STOP.search(text, self.at)
            line = stop.start() if stop else len(text)
            word = text[self.at : line].rstrip()
            words.append(word)
            end = self.at + len(word)
            self.at = end
            if line < len(text) and text[line] == "#":
                break
            if not self.skip() or self.at >= len(text) or self.column(self.at) <= around:
                break
            if _KEY.match(text, self.at) or _DASH.match(text, self.at) or text[self.at - 1 : self.at] == "#":
                break
        return TextScalar(start, end, " ".join(words))

    def quoted(self) -> TextScalar:
        """Return a text in quotes; one that is never closed ends with its line."""
        found = (_SINGLE if self.text[self.at] == "'" else _DOUBLE).match(self.text, self.at)
        start = self.at
        end = found.end() if found else _end_of_line(self.text, start)
        self.at = end
        return TextScalar(start, end, *_unquoted(self.text[start:end]))

    # -- flow style -----------------------------------------------------------------------------------------------

    def flow(self, around: int, depth: int) -> TextNode:
        """Return what begins here in braces or brackets, or a word, inside a block that is indented by `around`."""
        while found := _PROPERTY.match(self.text, self.at):
            self.at = found.end()
            if self.skip() and self.lost(around):
                return self.missing(found.end())
        char = self.text[self.at : self.at + 1]
        if depth > DEEPEST:
            self.at = _end_of_line(self.text, self.at)
            return self.missing(self.at)
        if char == "{":
            return self.braces(around, depth)
        if char == "[":
            return self.brackets(around, depth)
        if char and char in "'\"":
            return self.quoted()
        return self.flow_plain(around)

    def lost(self, around: int) -> bool:
        """Return whether the line that begins here is no part of brackets that are open: it is one of the block around
        them.
        """
        if self.at >= len(self.text):
            return True
        if self.column(self.at) > around or self.text[self.at] in "]}":
            return False
        return bool(_DASH.match(self.text, self.at) or _KEY.match(self.text, self.at))

    def separated(self, closer: str, around: int) -> bool:
        """Pass over blanks and commas up to what comes next; return whether something does before the brackets end."""
        while True:
            self.skip()
            if self.at == self.first and self.lost(around):
                return False
            char = self.text[self.at : self.at + 1]
            if char == ",":
                self.at += 1
            elif char and char in "]}":
                if char == closer:
                    self.at += 1
                return False
            else:
                return bool(char)

    def braces(self, around: int, depth: int) -> Mapping:
        start, pairs = self.at, list[Pair]()
        self.at += 1
        while True:
            last = self.at
            if not self.separated("}", around):
                break
            pairs.append(self.flow_pair(around, depth))
            if self.at == last:  # what cannot begin anything
                self.at += 1
        return Mapping(start, self.closed(start, pairs[-1].value.end if pairs else start + 1), tuple(pairs), True)

    def flow_pair(self, around: int, depth: int) -> Pair:
        key = self.flow(around, depth + 1)
        if not isinstance(key, TextScalar):
            key = TextScalar(key.start, key.end, "")
        found = (_ANY_COLON if key.quote else _FLOW_COLON).match(self.text, self.at)
        if found is None:
            return Pair(key, self.missing(key.end), colon=False)
        self.at = found.end()
        if (self.skip() and self.lost(around)) or self.text[self.at : self.at + 1] in ("", ",", "}", "]"):
            return Pair(key, self.missing(found.end()))
        return Pair(key, self.flow(around, depth + 1))

    def brackets(self, around: int, depth: int) -> Listing:
        start, items = self.at, list[TextNode]()
        self.at += 1
        while True:
            last = self.at
            if not self.separated("]", around):
                break
            item = self.flow(around, depth + 1)
            if isinstance(item, TextScalar) and (found := _FLOW_COLON.match(self.text, self.at)):
                self.at = found.end()  # a pair that stands for a mapping of one
                self.skip()
                value = self.flow(around, depth + 1)
                item = Mapping(item.start, max(item.end, value.end), (Pair(item, value),), True)
            items.append(item)
            if self.at == last:
                self.at += 1
        return Listing(start, self.closed(start, items[-1].end if items else start + 1), tuple(items), True)

    def closed(self, start: int, last: int) -> int:
        """Return where brackets end: behind the one that closes them, or with their last value."""
        closer = {"{": "}", "[": "]"}[self.text[start]]
        return (
            self.at if self.at > last - 1 and self.text[self.at - 1 : self.at] == closer and self.at > start else last
        )

    def flow_plain(self, around: int) -> TextScalar:
        """Return words without quotes in flow style. An expression ends with its parenthesis, whatever stands in it."""
        text, start = self.text, self.at
        end, words = start, list[str]()
        while True:
            end = self.flow_words(end if words else start)
            words.append(text[self.at : end].strip())
            self.at = end
            if text[end : end + 1] not in ("\r", "\n"):
                break
            kept = self.at
            self.skip()
            if self.lost(around) or text[self.at] in ",[]{}#" or _FLOW_COLON.match(text, self.at):
                self.at = kept
                break
            end = self.at
        written = text[start:end].rstrip()
        self.at = start + len(written)
        return TextScalar(start, self.at, " ".join(filter(None, words)))

    def flow_words(self, at: int) -> int:
        """Return where the words of a line in flow style end."""
        text = self.text
        while True:
            stop = _FLOW_STOP.search(text, at)
            end = stop.start() if stop else len(text)
            opening = _EXPRESSION.search(text, at, end)
            closing = self.parenthesis(opening.end()) if opening else None
            if closing is None or closing <= end:
                return end
            at = closing

    def parenthesis(self, at: int) -> int | None:
        """Return the place behind the parenthesis that closes one before `at` on its line."""
        depth = 1
        for found in _PARENTHESIS.finditer(self.text, at):
            if found[0] not in "()":
                return None
            depth += 1 if found[0] == "(" else -1
            if not depth:
                return found.end()
        return None


def _unquoted(written: str) -> tuple[str, str]:
    """Return what a key or a text says, and its quotes."""
    quote = written[:1] if written[:1] in ("'", '"') else ""
    if not quote:
        return written, ""
    inner = written[1:-1] if len(written) > 1 and written.endswith(quote) else written[1:]
    if quote == "'":
        return inner.replace("''", "'"), quote
    return re.sub(r"\\(.)", _escaped, inner, flags=re.DOTALL), quote


def _escaped(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(found[1], found[1])
