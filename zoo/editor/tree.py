"""A text as a tree of its values with their places: `reader` makes it of any text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from speczoo.specs.problem import Loc
from speczoo.specs.scalars import ImplicitWord, resolve


@dataclass(frozen=True, slots=True)
class TextScalar:
    """A word or a text; `quote` is what it stands in. One that is missing is empty, where it would stand."""

    start: int
    end: int
    text: str
    quote: str = ""

    @property
    def inner(self) -> tuple[int, int]:
        """Where its text begins and ends, without quotes."""
        quoted = len(self.quote) if self.quote in ("'", '"') else 0
        closed = quoted if self.end - self.start > 1 else 0
        return self.start + quoted, max(self.start + quoted, self.end - closed)


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its value; `colon` says whether a colon stands between them."""

    key: TextScalar
    value: TextNode
    colon: bool = True


@dataclass(frozen=True, slots=True)
class Mapping:
    """Pairs in braces, or lines of them."""

    start: int
    end: int
    pairs: tuple[Pair, ...]
    flow: bool

    def get(self, key: str) -> TextNode | None:
        """Return the value of a key, the first of that name."""
        return next((pair.value for pair in self.pairs if pair.key.text == key), None)

    def pair(self, key: str) -> Pair | None:
        """Return a key with its value, the first of that name."""
        return next((pair for pair in self.pairs if pair.key.text == key), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """Items in brackets, or behind dashes."""

    start: int
    end: int
    items: tuple[TextNode, ...]
    flow: bool


TextNode: TypeAlias = TextScalar | Mapping | Listing


def children(node: TextNode) -> Iterator[tuple[str | int, TextNode]]:
    """Yield what stands in a value, each with the step that leads to it."""
    if isinstance(node, Mapping):
        yield from ((pair.key.text, pair.value) for pair in node.pairs)
    elif isinstance(node, Listing):
        yield from enumerate(node.items)


def find(node: TextNode | None, loc: Loc) -> TextNode | None:
    """Return the value at a path; None where there is none."""
    for step in loc:
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def walk(node: TextNode, loc: Loc = ()) -> Iterator[tuple[Loc, TextNode]]:
    """Yield a value and all that stand in it, each with its path."""
    yield loc, node
    for step, inner in children(node):
        yield from walk(inner, (*loc, step))


def plain(node: TextNode | None) -> Any:
    """Return a value as plain data; what is missing is None, of a key that stands twice the first."""
    if isinstance(node, Mapping):
        data: dict[str, Any] = {}
        for pair in node.pairs:
            data.setdefault(pair.key.text, plain(pair.value))
        return data
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    if node is None or node.quote:
        return node.text if node is not None else None
    try:
        return resolve(node.text)
    except ImplicitWord as refused:
        return refused.guess
