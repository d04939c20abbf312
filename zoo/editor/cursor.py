"""Where a person is in a text: the value, the key or the blank at a place of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from speczoo.editor.positions import Range
from speczoo.editor.reader import read
from speczoo.editor.tree import Listing, Mapping, TextNode, TextScalar
from speczoo.specs.problem import Loc

#: Stands for what is about to be typed, where nothing else has it.
_MARKS = [chr(code) for code in range(0xE000, 0xE010)]
_OPEN_EXPRESSION = re.compile(r"\$(?:\(|(?P<name>[A-Za-z_]?\w*)\Z)", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][\w.]*\Z|\Z", re.ASCII)


class CursorPlace(NamedTuple):
    """What stands at a place: the path of a value, or of the mapping or list around it; `scalar` is the word there, of
    a key or a value, and None where neither is.
    """

    loc: Loc
    part: Literal["key", "value", "inside"]
    scalar: TextScalar | None


def place_at(node: TextNode, offset: int, loc: Loc = ()) -> CursorPlace:
    """Return what stands at a place of a tree."""
    if isinstance(node, TextScalar):
        return CursorPlace(loc, "value", node)
    if isinstance(node, Mapping):
        for pair in node.pairs:
            if pair.key.start <= offset <= pair.key.end:
                return CursorPlace((*loc, pair.key.text), "key", pair.key)
            if pair.value.start <= offset <= pair.value.end:
                return place_at(pair.value, offset, (*loc, pair.key.text))
    if isinstance(node, Listing):
        for i, item in enumerate(node.items):
            if item.start <= offset <= item.end:
                return place_at(item, offset, (*loc, i))
    return CursorPlace(loc, "inside", None)


@dataclass(frozen=True, slots=True)
class Typing:
    """What is being typed at a place: the tree of the text with a word there, whose part before the place is `before`.

    `replaces` is the stretch of text that a completion stands for, `lead` a blank that is missing before it. `own_line`
    says that nothing but dashes stands before the word on its line, `column` how many characters do, `flow` that it
    stands in brackets, `has_colon` that it is a key with its colon.
    """

    root: TextNode
    place: CursorPlace
    before: str
    replaces: Range
    lead: str
    own_line: bool
    column: int
    has_colon: bool
    flow: bool


def typing(text: str, offset: int) -> Typing | None:
    """Return what is being typed at a place of a text; None in a comment, and where nothing can be typed."""
    mark = next((char for char in _MARKS if char not in text), None)
    begin = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    line = text[begin:offset]
    if mark is None:
        return None
    lead = " " if line.endswith((":", ",")) or (line.endswith("-") and not line.strip(" -")) else ""
    root = read(text[:begin] + _hidden(line) + lead + mark + text[offset:])
    at = offset + len(lead)
    place = place_at(root, at)
    scalar = place.scalar
    if scalar is None or mark not in scalar.text:
        return None
    start, end = scalar.inner
    _, _, after = scalar.text.partition(mark)
    before = text[start:offset]
    colon, flow = _around(root, scalar)
    word = Range(max(start - (len(lead) if start > offset else 0), 0), max(end - 1 - len(lead), offset))
    if not before and after:  # what stands behind is another word
        word = Range(offset, offset)
    own_line = not text[begin : scalar.start].strip(" -") if begin <= scalar.start else False
    return Typing(
        _without(root, scalar, before + after), place, before, word, lead, own_line, scalar.start - begin, colon, flow
    )


def _hidden(line: str) -> str:
    """Return a line that is typed with what would end a word hidden in the expression that is open at its end."""
    opened = line.rfind("$(")
    if opened < 0 or line.count("(", opened) <= line.count(")", opened):
        return line
    return line[:opened] + re.sub(r"[,\[\]{}]", "_", line[opened:])


def _without(node: TextNode, marked: TextScalar, text: str) -> TextNode:
    """Return the tree with the word as it is without its mark."""
    if node is marked:
        return TextScalar(marked.start, marked.end - 1, text, marked.quote)
    if isinstance(node, Mapping) and node.start <= marked.start <= node.end:
        pairs = tuple(
            type(pair)(
                TextScalar(pair.key.start, pair.key.end - 1, text, pair.key.quote) if pair.key is marked else pair.key,
                _without(pair.value, marked, text),
                pair.colon,
            )
            for pair in node.pairs
        )
        return Mapping(node.start, node.end, pairs, node.flow)
    if isinstance(node, Listing) and node.start <= marked.start <= node.end:
        return Listing(node.start, node.end, tuple(_without(item, marked, text) for item in node.items), node.flow)
    return node


def _around(node: TextNode, scalar: TextScalar) -> tuple[bool, bool]:
    """Return whether a word is a key with its colon, and whether it stands in brackets."""
    flow = False
    while isinstance(node, Mapping | Listing):
        flow = node.flow
        if isinstance(node, Mapping):
            pair = next((p for p in node.pairs if p.key is scalar), None)
            if pair is not None:
                return pair.colon, flow
        inner = [pair.value for pair in node.pairs] if isinstance(node, Mapping) else node.items
        around = next((each for each in inner if each.start <= scalar.start and scalar.end <= each.end), None)
        if around is None:
            break
        node = around
    return False, flow


class TypedExpression(NamedTuple):
    """An expression that is being typed: the name so far, and whether it stands in parentheses."""

    name: str
    computes: bool


def expression(before: str) -> TypedExpression | None:
    """Return the expression that is open at the end of a text; None where none is."""
    opened = None
    for found in _OPEN_EXPRESSION.finditer(before.replace("$$", "  ")):
        opened = found
    if opened is None:
        return None
    if opened.group() == "$(" or opened.group().startswith("$("):
        inner = before[opened.end() :]
        if inner.count(")") > inner.count("("):
            return None
        name = _NAME.search(inner)
        return TypedExpression(name[0] if name else "", True)
    return TypedExpression(opened["name"] or "", False) if opened.end() == len(before) else None
