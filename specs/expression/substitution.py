"""Other words in the places of names: found by the tree of an expression, not by what its text looks like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from speczoo.specs.expression.syntax import parse
from speczoo.specs.expression.template import Template
from speczoo.specs.expression.tree import Attribute, Expr, Name, readings


def substituted(text: str, words: Mapping[str, str]) -> str:
    """Return a template with these words in the places of the names that it reads, and of attributes, as
    `input.channels`. A word that is no name brings the parentheses that it needs inside an expression.

    Raises ExpressionError for a text that is none.
    """
    trees = (part for part in Template.of(text).parts if not isinstance(part, str))
    out, end = "", 0
    for start, stop, word in _places(trees, words):
        out += text[end:start] + (_marked(word) if text[start] == "$" else word)
        end = stop
    return out + text[end:]


def _marked(word: str) -> str:
    """Return a word in the place of a `$name`."""
    enclosed = word[:1] == "(" and Template.of(f"${word}").expression is not None
    return f"${word}" if enclosed or word.isidentifier() else f"$({word})"


def substituted_in(expression: str, words: Mapping[str, str]) -> str:
    """Return an expression, which stands in no `$(...)`, with these words in the places of the names that it reads.

    Raises ExpressionError for a text that is none.
    """
    out, end = "", 0
    for start, stop, word in _places([parse(expression)], words):
        out += expression[end:start] + word
        end = stop
    return out + expression[end:]


def _places(trees: Iterable[Expr], words: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Yield where names stand that give way, from and to, each with its word; an attribute's own, or its name's."""
    for tree in trees:
        for read in sorted(readings(tree), key=lambda each: each.at):
            start, end = read.at
            if isinstance(read, Attribute) and (whole := f"{read.name}.{read.attribute}") in words:
                yield start, end, words[whole]
            elif read.name in words:
                yield start, end if isinstance(read, Name) else start + len(read.name), words[read.name]
