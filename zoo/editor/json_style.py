"""What is offered as JSON has it: with keys and texts in double quotes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from speczoo.editor.offers import OfferedItem
from speczoo.editor.reader import read
from speczoo.editor.tree import Listing, Mapping, TextNode, TextScalar, plain

_STOP = re.compile(r"\$(?:(\d+)|\{(\d+)(?::((?:[^}\\]|\\.)*))?\})")
_HELD = re.compile(r'"?\ue0f0(\d+)\ue0f1"?')


def is_json(text: str) -> bool:
    """Return whether a text is JSON, by how it begins: with a brace, and a quote behind it where anything is."""
    return re.match(r"\s*\{\s*(?:\"|\Z)", text) is not None


def in_json(item: OfferedItem) -> OfferedItem:
    """Return an item as it is written where nothing stands in quotes yet; its stops, and what stands at them, stay."""
    stops: list[str] = []

    def held(stop: re.Match[str]) -> str:
        stops.append(f"${{{stop[1] or stop[2]}{f':{_value(stop[3])}' if stop[3] else ''}}}")
        return f"\ue0f0{len(stops) - 1}\ue0f1"

    text = item.insert or item.label
    marked = _STOP.sub(held, text) if item.snippet else text
    key = re.match(r"([\w.-]+):(?=\s|\Z)", marked)
    head, rest = (f"{json.dumps(key[1])}: ", marked[key.end() :].strip()) if key is not None else ("", marked)
    written = head + _json(rest)
    return replace(item, insert=_HELD.sub(lambda found: stops[int(found[1])], written))


def in_quotes(item: OfferedItem) -> OfferedItem | None:
    """Return an item as it is written between quotes that are there: its name alone; None for what is no text."""
    text = item.insert or item.label
    if item.sort == "entry" or text[:1] in ("{", "[", "\n"):
        return None
    text = (
        re.sub(r":(?:\s.*)?\Z", "", text, flags=re.DOTALL) if item.sort in ("key", "argument", "op", "block") else text
    )
    return replace(item, insert=text, snippet=item.snippet and item.sort == "function")


def _value(default: str) -> str:
    """Return what stands at a stop as JSON, escaped as stops are."""
    text = re.sub(r"\\(.)", r"\1", default)
    return re.sub(r"([\\$}])", r"\\\1", _json(text))


def _json(text: str) -> str:
    """Return a value of YAML in flow style as JSON; of nothing nothing."""
    root = read(f"[{text}]") if text else None
    item = root.items[0] if isinstance(root, Listing) and root.items else None
    return _dumped(item) if item is not None else ""


def _dumped(node: TextNode) -> str:
    if isinstance(node, Mapping):
        return f"{{{', '.join(f'{json.dumps(pair.key.text)}: {_dumped(pair.value)}' for pair in node.pairs)}}}"
    if isinstance(node, Listing):
        return f"[{', '.join(map(_dumped, node.items))}]"
    return (
        json.dumps(plain(node), ensure_ascii=False)
        if isinstance(node, TextScalar) and (node.text or node.quote)
        else ""
    )
