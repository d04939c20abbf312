"""A tree as HTML that folds, without style sheets or scripts: what a notebook shows of a network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from speczoo.specs.escaping import safe


class FoldedLine(NamedTuple):
    """A line, and what is shown below it when it is unfolded."""

    line: str
    inside: Iterable[FoldedLine] = ()


def folded(title: str, folds: Iterable[FoldedLine]) -> str:
    """Return a heading that unfolds into a tree. It is ASCII, other characters as references."""
    return _ascii(f"<details><summary><b>{_text(title)}</b></summary>{_items(folds)}</details>")


def folded_text(title: str, text: str) -> str:
    """Return a heading that unfolds into a text of several lines."""
    lines = "\n".join(map(_text, text.splitlines()))
    return _ascii(f"<details><summary><b>{_text(title)}</b></summary><pre>{lines}</pre></details>")


def _items(folds: Iterable[FoldedLine]) -> str:
    return f'<ul style="list-style:none;padding-left:1.4em;margin:0">{"".join(map(_item, folds))}</ul>'


def _item(fold: FoldedLine) -> str:
    inside = [*fold.inside]
    if not inside:
        return f"<li><code>{_text(fold.line)}</code></li>"
    return f"<li><details><summary><code>{_text(fold.line)}</code></summary>{_items(inside)}</details></li>"


def _text(text: str) -> str:
    return escape(safe(text))


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()
