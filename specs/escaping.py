"""Texts of a stranger on one line: what a terminal, or a reader of logs, would act on is escaped.

A terminal acts on control characters, and shows text in another order after bidirectional ones. Who reads the logs of
builds acts on workflow commands: `::error::` at the start of a line, `##[error]` and `##vso[...]` anywhere in it.
"""

from __future__ import annotations

import re
import unicodedata

#: Characters that count as printable, and show nothing: fillers and selectors of variants.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
#: The second `#` of a command that may stand anywhere in a line.
COMMAND = re.compile(r"(?<=#)#(?=\w*\[)")
_STYLE = r"\x1b\[[0-9;]*m"
_AT_START = re.compile(rf"^((?:\s|{_STYLE})*):(?=:)")


def safe(text: str) -> str:
    """Return the text on one line, with all that does not show as itself escaped, and no command of the kind `##[` in
    it.
    """
    if not shows(text):
        text = "".join(c if shows(c) else c.encode("unicode_escape").decode() for c in text)
    return COMMAND.sub(r"\\x23", text)


def shows(text: str) -> bool:
    """Return whether every character shows as itself and does nothing else."""
    return text.isprintable() and (text.isascii() or not _INVISIBLE.search(text))


def inert(line: str) -> str:
    """Return a whole line as it is printed, colours included, that is no workflow command."""
    return _AT_START.sub(r"\1\\x3a", COMMAND.sub(r"\\x23", line))


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes, which shows as itself."""
    return len(text) if text.isascii() else sum(map(width, text))


def width(character: str) -> int:
    """Return how many columns one character takes: none for what combines with the one before it, two for wide ones."""
    if unicodedata.category(character)[0] == "M":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
