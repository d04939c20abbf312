"""What a message is made of: a stranger's words, fit to be shown, values, and lists of words."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: object) -> str:
    """Return the text of a stranger on one line, shortened, with nothing in it that a terminal would act on."""
    shown = str(text)
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if len(shown) <= 80 else shown[:77] + "..."


def enumerated(words: Sequence[str]) -> str:
    """Return `3, 3 and 5`."""
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def listed(names: Sequence[str]) -> str:
    """Return `a`, `b` and `c`."""
    return enumerated([f"`{name}`" for name in names])


def printed(value: object) -> str:
    """Return a value in the spec's own words, shortened."""
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).replace("True", "true").replace("False", "false").replace("None", "null")
    )
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 60 else text[:57] + "..."
