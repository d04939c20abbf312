"""The outline of a text, and what of it can be folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from speczoo.editor.positions import Range
from speczoo.editor.recipe_words import is_recipe
from speczoo.editor.tree import Listing, Mapping, Pair, TextNode, TextScalar, walk
from speczoo.specs.entry import Entry
from speczoo.specs.source import Source

SymbolSort: TypeAlias = Literal["network", "section", "block", "entry", "param", "variant", "input"]


@dataclass(frozen=True, slots=True)
class Outlined:
    """A part of a spec: its whole, the name in it, and the parts inside it."""

    name: str
    detail: str
    sort: SymbolSort
    whole: Range
    at: Range
    inside: tuple[Outlined, ...] = ()


def outline(root: TextNode) -> tuple[Outlined, ...]:
    """Return the parts of a spec: sections, blocks, parameters, entries, variants; of a recipe all its keys."""
    if is_recipe(root):
        return _inside(root)
    return tuple(_sections(root.pairs)) if isinstance(root, Mapping) else ()


def _inside(node: TextNode) -> tuple[Outlined, ...]:
    """Return what stands in a part of a recipe: keys, and what is chosen in a list."""
    if isinstance(node, Mapping):
        return tuple(
            _part(pair, "section" if _holds(pair.value) else "param", _inside(pair.value)) for pair in node.pairs
        )
    found = []
    for i, item in enumerate(node.items if isinstance(node, Listing) else ()):
        op = item.get("op") if isinstance(item, Mapping) else None
        if isinstance(op, TextScalar):
            at = Range(op.start, op.end)
            found.append(Outlined(op.text or str(i), "", "entry", Range(item.start, item.end), at, _inside(item)))
    return tuple(found)


def _holds(node: TextNode) -> bool:
    return not isinstance(node, TextScalar)


_NAMED: dict[str, SymbolSort] = {
    "params": "param",
    "let": "param",
    "use": "block",
    "defaults": "section",
    "variants": "variant",
}


def _sections(pairs: tuple[Pair, ...]) -> Iterator[Outlined]:
    for pair in pairs:
        key, value = pair.key.text, pair.value
        inside: Iterator[Outlined] = iter(())
        if key == "blocks" and isinstance(value, Mapping):
            inside = (_part(p, "block", tuple(_sections(p.value.pairs))) for p in value.pairs if _is_mapping(p))  # type: ignore[union-attr]
        elif key in ("layers", "inputs", "outputs") and isinstance(value, Listing):
            inside = _entries(value, "input" if key != "layers" else "entry")
        elif key in _NAMED and isinstance(value, Mapping):
            inside = (_part(p, _NAMED[key]) for p in value.pairs)
        name = isinstance(value, TextScalar) and key == "name"
        yield Outlined(
            key, _line(value), "network" if name else "section", _whole(pair), Range(pair.key.start, pair.key.end),
            tuple(inside),
        )  # fmt: skip


def _is_mapping(pair: Pair) -> bool:
    return isinstance(pair.value, Mapping)


def _part(pair: Pair, sort: SymbolSort, inside: tuple[Outlined, ...] = ()) -> Outlined:
    return Outlined(pair.key.text, _line(pair.value), sort, _whole(pair), Range(pair.key.start, pair.key.end), inside)


def _whole(pair: Pair) -> Range:
    return Range(pair.key.start, max(pair.key.end, pair.value.end))


def _line(node: TextNode) -> str:
    return node.text[:80] if isinstance(node, TextScalar) else ""


def _entries(entries: Listing, sort: SymbolSort) -> Iterator[Outlined]:
    """Yield the entries of a list: by their ids, else by their positions."""
    for i, item in enumerate(entries.items):
        if isinstance(item, TextScalar):
            yield Outlined(item.text or str(i), "", sort, Range(item.start, item.end), Range(item.start, item.end))
        if not isinstance(item, Mapping):
            continue
        id, op = item.get("id"), item.get("op") or item.get("share")
        given = id if isinstance(id, TextScalar) else op
        what = op.text if isinstance(op, TextScalar) else "do" if item.get("do") else ""
        inner = next((item.get(key) for key in Entry.LISTS if item.get(key)), None)
        inside = tuple(_entries(inner, "entry")) if isinstance(inner, Listing) else ()
        at = Range(given.start, given.end) if given is not None else Range(item.start, item.start)
        name = id.text if isinstance(id, TextScalar) and id.text else str(i)
        yield Outlined(name, what, sort, Range(item.start, item.end), at, inside)


class FoldableLines(NamedTuple):
    """Lines from 1 that fold into the first of them."""

    first: int
    last: int
    comment: bool = False


def folds(root: TextNode, source: Source) -> tuple[FoldableLines, ...]:
    """Return what can be folded: mappings, lists and entries of several lines, and runs of comments."""
    found = dict[tuple[int, int], bool]()
    for _, node in walk(root):
        pairs = [(pair.key.start, pair.value.end) for pair in node.pairs] if isinstance(node, Mapping) else []
        items = [(item.start, item.end) for item in node.items] if isinstance(node, Listing) else []
        for start, end in (*pairs, *items):
            first, last = source.position(start)[0], source.position(min(end, len(source.text)))[0]
            if last > first:
                found[first, last] = False
    comments = [number for number, line in enumerate(source.lines, 1) if line.lstrip().startswith("#")]
    for number in comments:
        if number - 1 not in comments:
            last = next(n for n in range(number, len(source.lines) + 2) if n + 1 not in comments)
            if last > number:
                found[number, last] = True
    return tuple(FoldableLines(first, last, comment) for (first, last), comment in sorted(found.items()))
