"""Names and expressions as Hydra, Docker, Jinja and Python mark them in a text: `${x}`, `{{ x }}`, `%(x)s`, `{x}`,
`<x>`. A spec marks them by `$x` and `$(x)`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from speczoo.specs.expression.syntax import parse
from speczoo.specs.expression.tree import ExpressionError, names_of

_NAME = r"[A-Za-z_]\w{0,99}"
INTERPOLATION = re.compile(
    rf"\$\{{([^{{}}\r\n]{{1,200}})\}}|\{{\{{-?([^{{}}\r\n]{{1,200}}?)-?\}}\}}"
    rf"|%\(({_NAME})\)[sdifr]?|\{{({_NAME})\}}|<({_NAME})>",
    re.ASCII,
)
_RUNS_ON = re.compile(r"\w", re.ASCII)


class Respelling(NamedTuple):
    """A text as a spec says it, and the names that it reads, those of inputs without their attributes."""

    text: str
    names: frozenset[str]


def respelt(text: str) -> Respelling | None:
    """Return the text with all that such marks enclose marked as in a spec; None where there is no such mark, or what
    one encloses is no expression.
    """
    parts, done, names = [], 0, frozenset[str]()
    for match in INTERPOLATION.finditer(text):
        mark = respelt_mark(match)
        if mark is None:
            return None
        parts += [text[done : match.start()], mark.text]
        done, names = match.end(), names | mark.names
    return Respelling("".join((*parts, text[done:])), names) if parts else None


def respelt_mark(match: re.Match[str]) -> Respelling | None:
    """Return what one mark in a text encloses, as a spec marks it; None where that is no expression."""
    inner = next(filter(None, match.groups())).strip()
    try:
        names = frozenset(name.partition(".")[0] for name in names_of(parse(inner)))
    except ExpressionError:
        return None
    alone = inner.isidentifier() and not _RUNS_ON.match(match.string, match.end())
    return Respelling(f"${inner}" if alone else f"$({inner})", names)
